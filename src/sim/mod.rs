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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Config;
    use crate::handler::{Address, Context, Handler, Result};
    use std::sync::{Arc, Mutex};

    /// Echoes, and says what it is told.
    struct Member(Arc<Mutex<Vec<Address<u8>>>>);

    impl Handler for Member {
        type Message = u8;

        fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
            self.0.lock().unwrap().push(cx.effects.address());
            Ok(())
        }

        fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
            cx.output.append(cx.input);
            Ok(())
        }

        fn on_message(&mut self, message: u8, cx: &mut Context<'_, Self>) -> Result {
            cx.output.put(&[message]);
            Ok(())
        }
    }

    #[test]
    fn connections_are_told_apart_when_their_generations_come_round() {
        seeds(50, |sim| {
            let engine = sim.engine(Config { loops: 1, ..Config::default() });
            engine.loops[0].generation = i32::MAX as u32 - 10;
            let addresses = Arc::new(Mutex::new(Vec::new()));
            let all = addresses.clone();
            engine.listen("10.0.0.1:7000", move || Member(all.clone())).unwrap();
            let handle = engine.handle();
            let stays = sim.connect("10.0.0.1:7000");
            stays.send(b".");
            sim.run_until(|| stays.received() == b".");
            for number in 1..20 {
                let client = sim.connect("10.0.0.1:7000");
                client.send(b"x");
                sim.run_until(|| client.received() == b"x");
                // All that ever lived are told; those who live hear of it.
                addresses.lock().unwrap().iter().for_each(|address| address.send(number).unwrap());
                sim.run_until(|| client.received() == [b'x', number]);
                client.finish();
                sim.run_until(|| handle.connections() == 1);
            }
            sim.run_until(|| stays.received_in_all() == 20);
            let told: Vec<u8> = [b'.'].into_iter().chain(1..20).collect();
            assert_eq!(stays.received(), told);
            let newest = addresses.lock().unwrap().last().map(|address| address.id());
            assert!(newest.is_some_and(|id| id.generation < 20), "{newest:?}");
        });
    }
}
