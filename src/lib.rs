//! An event-loop networking engine: one reactor per core on mio, no async runtime.
//!
//! # Reading path
//!
//! 1. `src/lib.rs`: this map.
//! 2. `src/handler/handler.rs`: the contract between the engine and everything above it.
//! 3. `src/engine/event_loop.rs`: the turn of a loop.
//! 4. `src/engine/connection.rs`: a visit to a connection.
//! 5. `src/net/mod.rs`: the seam to the operating system.
//! 6. `src/net/doorbell.rs`: not sleeping through mail.
#![forbid(unsafe_code)]

pub mod base;
#[cfg(feature = "command")]
#[doc(hidden)]
pub mod command;
mod engine;
mod handler;
pub mod net;
pub mod service;
pub mod sim;
pub mod testing;
pub mod wire;

pub use base::{Input, Output};
pub use engine::*;
pub use handler::*;
