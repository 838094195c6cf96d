//! WebSocket on the engine: [`WebSocket`], the handler of a connection, and [`WebSocketHandler`],
//! the state machine that it stands under. What is sent is in [`wire`](crate::wire::websocket).

mod closed;
mod config;
mod handler;
mod heartbeat;
mod shared;
mod socket;
mod talk;

pub use closed::{Closed, Side};
pub use config::{Drain, Heartbeat, Origins, WebSocketConfig};
pub use handler::{WebSocket, WebSocketContext, WebSocketHandler};
