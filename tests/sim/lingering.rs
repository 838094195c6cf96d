//! An orderly close destroys nothing: a socket that is closed while bytes of the peer are on their
//! way answers them with a reset, and a reset may overtake what was sent.

use std::time::Duration;

use overt::sim::{Simulation, Status, seeds};
use overt::{Config, Context, Handler, Never, Reason, Result};

use crate::{assert_closes, small_limits};

/// Answers the first byte with a lot, and wants to hear no more.
struct Once;

const ANSWER: usize = 5000;

impl Handler for Once {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        cx.output.put(&[b'.'; ANSWER]);
        cx.effects.close();
        Ok(())
    }
}

pub(crate) fn scenario(sim: &mut Simulation) {
    let limits = small_limits(sim);
    let engine = sim.engine(Config { limits, ..Config::default() });
    engine.listen("10.0.0.1:7000", || Once).unwrap();
    let handle = engine.handle();
    let client = sim.connect("10.0.0.1:7000");
    // Goes on sending while it is answered, and ends when it has seen the end.
    client.send(&vec![b'x'; 1 + sim.random(10_000)]);
    sim.run_until(|| client.is_over());
    assert_eq!((client.status(), client.received_in_all()), (Status::Ended, ANSWER as u64));
    client.finish();
    sim.run_until(|| handle.connections() == 0);
    assert_closes(sim, &[Reason::ByUs]);
}

#[test]
fn an_answer_arrives_though_its_reader_goes_on_sending() {
    seeds(300, scenario);
}

#[test]
fn a_peer_that_never_ends_is_not_waited_for_without_end() {
    seeds(50, |sim| {
        let engine = sim.engine(Config::default());
        engine.listen("10.0.0.1:7000", || Once).unwrap();
        let handle = engine.handle();
        let client = sim.connect("10.0.0.1:7000");
        client.send(b"x");
        sim.run_until(|| client.is_over());
        // `Deadlines::linger` is two seconds.
        sim.run_for(Duration::from_millis(1500));
        assert_eq!(handle.connections(), 1);
        sim.run_for(Duration::from_millis(600));
        assert_eq!(handle.connections(), 0);
        assert_closes(sim, &[Reason::ByUs]);
    });
}
