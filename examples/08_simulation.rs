//! Testing a handler of your own: a thousand worlds, each made of a seed, in a moment.
//!
//! ```text
//! cargo run --release --example 08_simulation                 holds in all of them
//! cargo run --release --example 08_simulation naive           fails, and says how to repeat it
//! OVERT_SEED=7 cargo run --release --example 08_simulation    begins with seed 7
//! ```
//!
//! Over loopback both handlers below pass any test: what a client writes at once is read at once.
//! In the world it is not, and nor is it here. The simulation runs the real engine, with its loops
//! and deadlines, on a network that cuts and delays everything and a clock that jumps; a seed makes
//! every choice, so what failed once fails again.

use overt::sim::{self, Simulation};
use overt::wire::{Codec, Lines};
use overt::{Config, Context, Handler, Never, Result};

/// Says what it heard, a line at a time.
struct Parrot(Lines);

impl Handler for Parrot {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(line) = self.0.decode(cx.input)? {
            cx.output.put(b"heard ");
            self.0.encode(line, cx.output)?;
        }
        Ok(())
    }
}

/// The same, by somebody who takes a read for a line.
struct Naive;

impl Handler for Naive {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"heard ");
        cx.output.append(cx.input);
        Ok(())
    }
}

/// What is to hold in every world: two clients are heard, each in full and in order.
fn scenario(sim: &mut Simulation, naive: bool) {
    let engine = sim.engine(Config { loops: 2, ..Config::default() });
    let at = match naive {
        true => engine.listen("10.0.0.1:7000", || Naive),
        false => engine.listen("10.0.0.1:7000", || Parrot(Lines::new(1000))),
    };
    let at = at.expect("nobody else listens here").to_string();
    let clients = [sim.connect(&at), sim.connect(&at)];
    for client in &clients {
        client.send(b"one\ntwo\n");
        client.finish();
    }
    sim.run_until(|| clients.iter().all(|client| client.is_over()));
    for client in &clients {
        let heard = client.received();
        assert_eq!(String::from_utf8_lossy(&heard), "heard one\nheard two\n");
    }
}

fn main() {
    let naive = std::env::args().any(|argument| argument == "naive");
    sim::seeds(1000, |sim| scenario(sim, naive));
    println!("heard in full and in order, in every world");
}
