//! An event-loop networking engine: one reactor per core on mio, no async runtime.
#![forbid(unsafe_code)]

pub mod base;
mod engine;
mod handler;
pub mod net;
pub mod wire;

pub use base::{Input, Output};
pub use engine::*;
pub use handler::*;
