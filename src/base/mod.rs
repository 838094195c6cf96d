//! Floor 0: plain data structures. No socket, clock, thread or log; time comes in as an argument.

pub mod buffer;
pub mod wheel;
