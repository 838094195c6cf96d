//! Whoever has much to do does some of it in each turn, and the others are not kept waiting.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use overt::sim::{Faults, Seeds, Simulation};
use overt::{Config, Context, Handler, Limits, Result};

/// Who had a turn, in order: a byte for each piece of work.
type Turns = Arc<Mutex<Vec<u8>>>;

/// Of so many pieces of work, …
const MUCH: usize = 3000;
/// … at most so many are done before somebody else has a turn: a few turns' worth.
const SOME: usize = 100;

/// Says what it wants, and does it piece by piece: by bytes, by frames, or by messages to itself.
struct Worker {
    turns: Turns,
}

impl Worker {
    fn note(&self, what: u8, count: usize) {
        self.turns.lock().unwrap().extend(vec![what; count]);
    }
}

impl Handler for Worker {
    type Message = ();

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        match cx.input.first() {
            Some(b'f') => {
                while cx.input.take(1).is_some() {
                    self.note(b'f', 1);
                }
            }
            Some(b'm') => {
                cx.input.clear();
                (0..MUCH).for_each(|_| cx.effects.address().send(()).unwrap());
            }
            first => {
                self.note(first.copied().unwrap_or_default(), cx.input.len());
                cx.input.clear();
            }
        }
        Ok(())
    }

    fn on_message(&mut self, (): (), _cx: &mut Context<'_, Self>) -> Result {
        self.note(b'm', 1);
        Ok(())
    }
}

/// One does much, and another something small, which come at the same time. Tells how much was done
/// before the small thing was.
fn done_before(sim: &mut Simulation, limits: Limits, much: &[u8]) -> usize {
    let turns = Turns::default();
    let noted = turns.clone();
    let engine = sim.engine(Config { loops: 1, limits, ..Config::default() });
    engine.listen("10.0.0.1:7000", move || Worker { turns: noted.clone() }).unwrap();
    let handle = engine.handle();
    let (busy, other) = (sim.connect("10.0.0.1:7000"), sim.connect("10.0.0.1:7000"));
    sim.run_until(|| handle.connections() == 2);
    sim.run_for(Duration::from_secs(1));
    busy.send(much);
    other.send(b"!");
    sim.run_until(|| turns.lock().unwrap().len() == MUCH + 1);
    let place = turns.lock().unwrap().iter().position(|what| *what == b'!');
    place.expect("it was never done")
}

#[test]
fn many_frames_of_one_do_not_keep_others_waiting() {
    Seeds::new(50).faults(Faults::calm()).run(|sim| {
        let limits = Limits { frames_per_visit: 2, ..Limits::default() };
        let before = done_before(sim, limits, &[b'f'; MUCH]);
        assert!(before < SOME, "{before}");
    });
}

#[test]
fn many_bytes_of_one_do_not_keep_others_waiting() {
    Seeds::new(20).faults(Faults::calm()).run(|sim| {
        let limits = Limits { read_per_visit: 10, ..Limits::default() };
        let before = done_before(sim, limits, &[b'b'; MUCH]);
        assert!(before < SOME, "{before}");
    });
}

#[test]
fn many_messages_to_one_do_not_keep_others_waiting() {
    Seeds::new(20).faults(Faults::calm()).run(|sim| {
        let limits = Limits { messages_per_turn: 2, ..Limits::default() };
        let before = done_before(sim, limits, b"m");
        assert!(before < SOME, "{before}");
    });
}
