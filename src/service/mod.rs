//! Floor 5: handlers that join what stands below to something of use.

mod chat;
mod echo;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http")]
pub mod origin;
mod pace;
#[cfg(all(feature = "json", feature = "websocket"))]
mod page;
mod reconnect;
#[cfg(feature = "json")]
mod room_protocol;
pub mod rooms;
mod tunnel;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use chat::{Chat, ChatLimits};
pub use echo::{DatagramEcho, Echo, FramesByWorkers, FramesOnLoop};
#[cfg(all(feature = "json", feature = "websocket"))]
pub use page::room_page;
pub use reconnect::Reconnect;
#[cfg(all(feature = "json", feature = "websocket"))]
pub use room_protocol::RoomsByWebSocket;
#[cfg(feature = "json")]
pub use room_protocol::{RoomProtocol, RoomsByFrames};
pub use tunnel::{Passed, Tunnel};
