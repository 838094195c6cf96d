//! Floor 0: plain data structures. No socket, clock, thread or log; time comes in as an argument.

mod budget;
pub(crate) mod buffer;
pub(crate) mod input;
pub(crate) mod output;
mod stub;
pub mod wheel;

pub use budget::Budget;
pub use input::Input;
pub use output::Output;
pub use stub::*;
pub use wheel::Wheel;
