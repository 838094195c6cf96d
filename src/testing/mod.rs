//! For tests of handlers: [`Bench`] holds one handler in its hands. To test whole engines under
//! faults, see [`sim`](crate::sim).

mod bench;
mod mail;
mod tap;
mod view;
mod world;

pub use bench::{Bench, Dialed};
