//! What comes in goes out, byte for byte, whatever the network does that loses nothing.

use overt::service::Echo;
use overt::sim::{Faults, Seeds, Simulation, Status, seeds};
use overt::{Config, Context, Handler, Never, Reason, Result, Timer};

use crate::{assert_closes, small_limits, some_spin};

pub(crate) fn scenario(sim: &mut Simulation) {
    let unix = sim.random(4) == 0;
    let at = if unix { "unix:/run/echo.sock" } else { "10.0.0.1:7000" };
    let (limits, spin) = (small_limits(sim), some_spin(sim));
    let engine = sim.engine(Config { limits, spin, ..Config::default() });
    engine.listen(at, || Echo).unwrap();
    let handle = engine.handle();
    let clients: Vec<_> = (0..1 + sim.random(4))
        .map(|_| {
            let size = if sim.random(10) == 0 { sim.random(30_000) } else { sim.random(500) };
            let sent: Vec<u8> = (0..size).map(|at| (at * 7 + size) as u8).collect();
            let client = sim.connect(at);
            client.send(&sent);
            client.finish();
            (client, sent)
        })
        .collect();
    sim.run_until(|| clients.iter().all(|(client, _)| client.is_over()));
    for (client, sent) in &clients {
        assert_eq!(client.status(), Status::Ended);
        assert!(client.received() == *sent, "{} of {}", client.received().len(), sent.len());
    }
    sim.run_until(|| handle.connections() == 0);
    // An end that nobody saw would be found by a deadline.
    assert_closes(sim, &[Reason::ByPeer]);
}

#[test]
fn echo_is_exact_to_the_byte() {
    seeds(500, scenario);
}

#[test]
fn what_a_cut_stream_gave_is_a_part_of_what_was_sent() {
    Seeds::new(500).faults(Faults::havoc()).run(|sim| {
        let engine = sim.engine(Config::default());
        engine.listen("10.0.0.1:7000", || Echo).unwrap();
        let handle = engine.handle();
        let sent: Vec<u8> = (0..20_000).map(|at| (at * 7 + at / 256) as u8).collect();
        let client = sim.connect("10.0.0.1:7000");
        client.send(&sent);
        client.finish();
        let cut_or_done = || client.is_over() || handle.connections() == 0;
        sim.run_for(std::time::Duration::from_secs(300));
        assert!(cut_or_done());
        assert!(sent.starts_with(&client.received()));
        assert_eq!(handle.connections(), 0);
    });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut sim = Simulation::new(seed);
        scenario(&mut sim);
        (sim.trace_hash(), sim.now())
    };
    for seed in 0..50 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(1), run(2));
}

/// Goes on for a while after its peer's end.
struct Late {
    ended: bool,
}

impl Handler for Late {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert!(!self.ended, "bytes after the end");
        cx.output.append(cx.input);
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert!(!std::mem::replace(&mut self.ended, true), "the end was told twice");
        cx.effects.arm_every(Timer::new(0), std::time::Duration::from_millis(5));
        Ok(())
    }

    fn on_timer(&mut self, _timer: Timer, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b".");
        if cx.effects.now().as_millis().is_multiple_of(4) {
            cx.effects.close();
        }
        Ok(())
    }
}

#[test]
fn an_end_is_told_once_and_after_all_bytes() {
    seeds(300, |sim| {
        let limits = small_limits(sim);
        let engine = sim.engine(Config { limits, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Late { ended: false }).unwrap();
        let handle = engine.handle();
        let client = sim.connect("10.0.0.1:7000");
        client.send(&[b'x'; 3000]);
        client.finish();
        sim.run_until(|| client.is_over());
        assert!(client.received().starts_with(&[b'x'; 3000]));
        sim.run_until(|| handle.connections() == 0);
        assert_closes(sim, &[Reason::ByPeer]);
    });
}
