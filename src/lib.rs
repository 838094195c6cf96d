//! An event-loop networking engine: one reactor per core on mio, no async runtime.

pub mod base;
pub mod net;
pub mod wire;
