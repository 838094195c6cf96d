//! A chapter on testing: a counter server, and the tests that found what was wrong with it.
//!
//! ```text
//! cargo run --release --example 08_simulation            a hundred seeds
//! cargo run --release --example 08_simulation broken     what a bug looks like
//! ```
//!
//! Real sockets on one machine are too kind: what one side writes in one piece, the other reads in
//! one piece, nearly always. So a handler that is wrong passes its tests, and fails in production.
//! In a simulation the same handler meets a network that is made of a seed, and every
//! seed is another one: bytes come one by one, events come late, peers are slow, loops and workers
//! take turns in any order. Nothing about the handler changes, and nothing in it has to be mocked.

use overt::sim::{self, Simulation, Status};
use overt::{Config, Context, Handler, Never, Result};

/// Answers each line with its length.
struct Counter {
    broken: bool,
}

impl Handler for Counter {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if self.broken {
            // "What one read gives is a line": true on one's own machine, for short lines.
            let length = cx.input.trim_ascii_end().len();
            cx.input.clear();
            cx.output.put(format!("{length}\n").as_bytes());
            return Ok(());
        }
        while let Some(end) = cx.input.iter().position(|byte| *byte == b'\n') {
            cx.input.consume(end + 1);
            cx.output.put(format!("{end}\n").as_bytes());
        }
        Ok(())
    }
}

/// What must hold, whatever the seed: each line is answered, in order.
fn scenario(sim: &mut Simulation, broken: bool) {
    // An engine as any other, but for the world that it is in. The seed says how many loops.
    let engine = sim.engine(Config::default());
    engine.listen("10.0.0.1:7000", move || Counter { broken }).expect("nobody listens there");
    let handle = engine.handle();
    // Clients are not overt: they send what they are told, and keep what they receive.
    let clients: Vec<_> = (0..3).map(|_| sim.connect("10.0.0.1:7000")).collect();
    for client in &clients {
        client.send(b"hello\nsimulated\nworld\n");
        client.finish();
    }
    // The clock jumps from event to event, so a minute of waiting takes no time.
    sim.run_until(|| clients.iter().all(|client| client.is_over()));
    for client in &clients {
        assert_eq!(client.status(), Status::Ended);
        assert_eq!(String::from_utf8_lossy(&client.received()), "5\n9\n5\n");
    }
    sim.run_until(|| handle.connections() == 0);
}

fn main() {
    let broken = std::env::args().nth(1).as_deref() == Some("broken");
    // In a test of one's own this line is all of the body. If a seed fails, it prints which, the
    // smallest set of faults with which it fails, and the command that repeats it.
    sim::seeds(100, |sim| scenario(sim, broken));
    println!("a hundred seeds, and each line was answered in each of them");
}

/// `cargo test --example 08_simulation`
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_answered_in_order() {
        sim::seeds(100, |sim| scenario(sim, false));
    }
}
