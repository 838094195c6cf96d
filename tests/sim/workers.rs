//! Frames that workers answer: in order, and all of them, whatever the interleaving.

use std::time::Duration;

use overt::sim::{Faults, Seeds, Simulation, Status, seeds};
use overt::wire::{Codec, LengthPrefixed};
use overt::{Config, Context, Deadlines, Handler, Never, Reason, Result};

use crate::{assert_closes, small_limits, some_spin};

/// Answers each frame with itself, by a worker.
struct Framed(LengthPrefixed);

impl Handler for Framed {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(frame) = self.0.decode(cx.input)? {
            cx.effects.answer(frame, |frame, output| {
                // A frame that was decoded is short enough to be encoded.
                let _ = LengthPrefixed::new(1 << 20).encode(frame, output);
            })?;
        }
        Ok(())
    }
}

/// Answers each frame with its size, once it has thought better of a longer answer.
struct Hesitant(LengthPrefixed);

impl Handler for Hesitant {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(frame) = self.0.decode(cx.input)? {
            cx.effects.answer(frame, |frame, output| {
                output.put(frame);
                assert_eq!(output.to_vec(), frame, "an answer to somebody else");
                output.clear();
                output.put(&[frame.len() as u8]);
            })?;
        }
        Ok(())
    }
}

/// Gives the workers one frame at a time, and leaves the rest where it is.
struct OneByOne(LengthPrefixed);

impl Handler for OneByOne {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if let Some(frame) = self.0.decode(cx.input)? {
            cx.effects.answer(frame, |frame, output| output.put(frame))?;
        }
        Ok(())
    }
}

/// Counts what it offloaded, and answers with the results.
struct Offloads(u32);

impl Handler for Offloads {
    type Message = u32;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        for _ in 0..cx.input.len() {
            let number = self.0;
            self.0 += 1;
            cx.effects.offload(move || number)?;
        }
        cx.input.clear();
        Ok(())
    }

    fn on_message(&mut self, number: u32, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(&number.to_be_bytes());
        Ok(())
    }
}

fn config(sim: &Simulation) -> Config {
    let (workers, limits, spin) = (1 + sim.random(3), small_limits(sim), some_spin(sim));
    Config { workers, limits, spin, ..Config::default() }
}

pub(crate) fn frames(sim: &mut Simulation) {
    let config = config(sim);
    let engine = sim.engine(config);
    engine.listen("10.0.0.1:7001", || Framed(LengthPrefixed::MIB)).unwrap();
    let handle = engine.handle();
    let clients: Vec<_> = (0..1 + sim.random(4))
        .map(|_| {
            let mut sent = Vec::new();
            for number in 0..sim.random(40) {
                let size = if sim.random(12) == 0 { sim.random(6000) } else { sim.random(60) };
                sent.extend((size as u32).to_be_bytes());
                sent.extend((0..size).map(|at| (at + number) as u8));
            }
            let client = sim.connect("10.0.0.1:7001");
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
    assert_closes(sim, &[Reason::ByPeer]);
}

pub(crate) fn offloaded(sim: &mut Simulation) {
    let config = config(sim);
    let engine = sim.engine(config);
    engine.listen("10.0.0.1:7001", || Offloads(0)).unwrap();
    let handle = engine.handle();
    let clients: Vec<_> = (0..1 + sim.random(3))
        .map(|_| {
            let count = sim.random(60);
            let client = sim.connect("10.0.0.1:7001");
            client.send(&vec![b'.'; count]);
            client.finish();
            (client, count as u32)
        })
        .collect();
    sim.run_until(|| clients.iter().all(|(client, _)| client.is_over()));
    for (client, count) in &clients {
        let expected: Vec<u8> = (0..*count).flat_map(u32::to_be_bytes).collect();
        assert_eq!(client.received(), expected);
    }
    sim.run_until(|| handle.connections() == 0);
    assert_closes(sim, &[Reason::ByPeer]);
    assert!(sim.snapshots(0).iter().all(|one| one.workers.iter().all(|worker| worker.jobs == 0)));
}

#[test]
fn answers_of_workers_come_in_order_and_complete() {
    seeds(400, frames);
}

#[test]
fn results_of_workers_come_in_order_and_complete() {
    seeds(400, offloaded);
}

#[test]
fn who_clears_an_answer_clears_no_other() {
    seeds(100, |sim| {
        let config = config(sim);
        let engine = sim.engine(config);
        engine.listen("10.0.0.1:7001", || Hesitant(LengthPrefixed::MIB)).unwrap();
        let clients: Vec<_> = (0..3).map(|_| sim.connect("10.0.0.1:7001")).collect();
        let sizes: Vec<u8> = (0..20).map(|_| sim.random(100) as u8).collect();
        for client in &clients {
            for size in &sizes {
                client.send(&u32::from(*size).to_be_bytes());
                client.send(&vec![b'x'; usize::from(*size)]);
            }
            client.finish();
        }
        sim.run_until(|| clients.iter().all(|client| client.is_over()));
        assert!(clients.iter().all(|client| client.received() == sizes));
        assert_closes(sim, &[Reason::ByPeer]);
    });
}

#[test]
fn what_is_left_in_the_input_of_a_held_connection_is_not_forgotten() {
    seeds(200, |sim| {
        let mut config = config(sim);
        config.limits.jobs_per_connection = 1;
        let engine = sim.engine(config);
        engine.listen("10.0.0.1:7001", || OneByOne(LengthPrefixed::MIB)).unwrap();
        let clients: Vec<_> =
            (0..1 + sim.random(3)).map(|_| sim.connect("10.0.0.1:7001")).collect();
        for client in &clients {
            client.send(b"\0\0\0\x03one\0\0\0\x03two\0\0\0\x05three");
        }
        // They wait with the connection open: nothing that comes later reminds of what is there.
        sim.run_until(|| clients.iter().all(|client| client.received() == b"onetwothree"));
        assert_closes(sim, &[]);
    });
}

#[test]
fn who_waits_for_a_worker_is_not_idle() {
    Seeds::new(30).faults(Faults::calm()).run(|sim| {
        sim.set_faults(Faults { work_max: Duration::from_secs(300), ..sim.faults() });
        let deadlines = Deadlines { idle: Duration::from_secs(1), ..Deadlines::default() };
        let engine = sim.engine(Config { workers: 1, deadlines, ..Config::default() });
        engine.listen("10.0.0.1:7001", || Framed(LengthPrefixed::MIB)).unwrap();
        let client = sim.connect("10.0.0.1:7001");
        client.send(b"\0\0\0\x03one");
        sim.run_until(|| client.received() == b"\0\0\0\x03one");
        sim.run_for(Duration::from_secs(2));
        assert_closes(sim, &[Reason::LateIdle]);
        assert!(client.is_over(), "then it is");
    });
}
