//! Floor 5: handlers that join what stands below to something of use.
//!
//! | for | there is |
//! | --- | --- |
//! | web servers, clients and reverse proxies | `http`, with the feature of this name |
//! | WebSockets, of servers and clients | `websocket`, with the feature of this name |
//! | telling many the same, in order, with a history | [`rooms`], whatever the protocol |
//! | the same by the protocol of `docs/rooms.md` | `RoomsByWebSocket`, `RoomsByFrames`, a page |
//! | a client that comes back | [`Reconnect`] |
//! | carrying bytes on to somebody else | [`Tunnel`] |
//! | a server to test HTTP clients against | `origin`, with the feature `http` |

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
