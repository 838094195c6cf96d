//! Floor 5: whole engines in a simulated network, in one thread, with a clock that jumps: every
//! choice that the world has is made by a seed. For testing handlers as well as the engine.
//!
//! ```
//! use overt::sim;
//! use overt::{Config, Context, Handler, Never, Result};
//!
//! struct Echo;
//!
//! impl Handler for Echo {
//!     type Message = Never;
//!
//!     fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
//!         cx.output.append(cx.input);
//!         Ok(())
//!     }
//! }
//!
//! sim::seeds(100, |sim| {
//!     sim.engine(Config::default()).listen("10.0.0.1:7000", || Echo).unwrap();
//!     let client = sim.connect("10.0.0.1:7000");
//!     client.send(b"hello");
//!     client.finish();
//!     sim.run_until(|| client.is_over());
//!     assert_eq!(client.received(), b"hello");
//! });
//! ```
//!
//! Each seed gives the same handlers another world: reads and writes cut to pieces, events that
//! come late, twice or for nothing, mail that changes places, slow peers and slow workers. What
//! fails, fails again with the same seed; the failing seed says how to repeat it, and which of the
//! [`Faults`] it takes.
//!
//! # Environment
//!
//! `OVERT_SEED` is the first seed, instead of 0. `OVERT_SIM_SECONDS` is for how long seed after
//! seed is run, in place of the number that the test gives.

mod peer;
mod seeds;
mod simulation;

pub use crate::net::sim::{Faults, Reading, Status, World};
pub use peer::{DatagramPeer, Peer};
pub use seeds::{Seeds, seeds};
pub use simulation::Simulation;
