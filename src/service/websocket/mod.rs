//! WebSocket on the engine: [`WebSocket`], the handler of a connection, and [`WebSocketHandler`],
//! the state machine that it stands under. What is sent is in [`wire`](crate::wire::websocket).

mod accept;
mod client;
mod closed;
mod config;
mod handler;
mod heartbeat;
mod server;
mod shared;
mod site;
mod socket;
mod talk;

pub use accept::{Refusal, accept};
pub use client::{WebSocketClient, WebSocketRequest};
pub use closed::{Closed, Side};
pub use config::{Drain, Heartbeat, Origins, WebSocketConfig};
pub use handler::{WebSocket, WebSocketContext, WebSocketHandler};
pub use server::WebSocketServer;
pub use site::{WebSocketOpening, WebSocketSite};
