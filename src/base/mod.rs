//! Floor 0: plain data structures. No socket, clock, thread or log; time comes in as an argument.

mod access;
mod backoff;
mod budget;
pub(crate) mod buffer;
pub(crate) mod input;
pub(crate) mod output;
pub(crate) mod peer_table;
pub mod wheel;

pub use access::{AccessList, Prefix, PrefixError};
pub use backoff::Backoff;
pub use budget::Budget;
pub use input::Input;
pub use output::Output;
pub use wheel::Wheel;
