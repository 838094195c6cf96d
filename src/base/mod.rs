//! Floor 0: plain data structures. No socket, clock, thread or log; time comes in as an argument.

pub(crate) mod buffer;
pub(crate) mod input;
pub(crate) mod output;

pub use input::Input;
pub use output::Output;
