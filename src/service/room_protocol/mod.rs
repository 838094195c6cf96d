//! The protocol of rooms: JSON messages, the same over WebSocket and over frames with a length
//! before them. `docs/rooms.md` describes it.
//!
//! [`RoomsByFrames`] is the handler of a connection that speaks it in frames, `RoomsByWebSocket`
//! of one that speaks it over WebSocket. Both own a `Session`, which hears messages and answers
//! them, whatever carries them.

mod config;
mod frames;
mod heard;
mod session;
#[cfg(feature = "websocket")]
mod socket;
mod teller;
mod told;

pub use config::RoomProtocol;
pub use frames::RoomsByFrames;
#[cfg(feature = "websocket")]
pub use socket::RoomsByWebSocket;
