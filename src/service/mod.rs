//! Floor 5: handlers that join what stands below to something of use.

mod chat;
mod echo;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http")]
pub mod origin;
mod pace;
mod reconnect;
pub mod rooms;
mod tunnel;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use chat::{Chat, ChatLimits};
pub use echo::{DatagramEcho, Echo, FramesByWorkers, FramesOnLoop};
pub use reconnect::Reconnect;
pub use tunnel::{Passed, Tunnel};
