//! A peer that does not read costs nobody else anything, and holds no more than `Limits` allow.

use std::time::Duration;

use overt::service::Echo;
use overt::sim::{Faults, Reading, Seeds, Simulation, Status, seeds};
use overt::{Config, Context, Deadlines, Handler, Limits, Never, Reason, Result};

use crate::{assert_closes, closes};

/// Gives a million bytes, as fast as they are taken.
struct Fountain {
    left: usize,
}

impl Fountain {
    fn flow(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while self.left > 0 && !cx.output.is_congested() {
            let count = self.left.min(1000);
            cx.output.put(&vec![b'.'; count]);
            self.left -= count;
        }
        if self.left == 0 {
            cx.effects.close();
        }
        Ok(())
    }
}

impl Handler for Fountain {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.flow(cx)
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        Ok(())
    }

    fn on_eof(&mut self, _cx: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.flow(cx)
    }
}

fn limits() -> Limits {
    Limits { output_high: 4096, output_low: 1024, read_per_visit: 4096, ..Limits::default() }
}

pub(crate) fn others_finish(sim: &mut Simulation) {
    let deadlines = Deadlines { drain: Duration::from_secs(30), ..Deadlines::default() };
    let engine = sim.engine(Config { limits: limits(), deadlines, ..Config::default() });
    engine.listen("10.0.0.1:7000", || Echo).unwrap();
    let handle = engine.handle();
    let greedy = sim.connect("10.0.0.1:7000");
    greedy.set_reading(Reading::Never);
    greedy.send(&vec![b'x'; 4 << 20]);
    let others: Vec<_> = (0..4).map(|_| sim.connect("10.0.0.1:7000")).collect();
    for other in &others {
        other.send(&vec![b'y'; 10_000]);
        other.finish();
    }
    sim.run_until(|| others.iter().all(|other| other.is_over()));
    // One visit's bytes come on top of the mark, since it is looked at between visits.
    let held: u64 = sim
        .snapshots(9)
        .iter()
        .flat_map(|one| &one.some_connections)
        .map(|one| (one.unread + one.unsent) as u64)
        .sum();
    assert!(held <= 16 * 1024, "{held} bytes");
    assert!(others.iter().all(|other| other.received_in_all() == 10_000));
    assert!(greedy.unsent() > 0, "it was read from without end");
    sim.run_for(Duration::from_secs(120));
    assert_eq!(handle.connections(), 0);
    assert_closes(sim, &[Reason::ByPeer, Reason::LateDrain, Reason::LateRate]);
    // If the last that it took was little, it was too slow rather than silent.
    assert_eq!(closes(sim, Reason::LateDrain) + closes(sim, Reason::LateRate), 1);
}

pub(crate) fn fountain(sim: &mut Simulation) {
    const ALL: usize = 300_000;
    let engine = sim.engine(Config { limits: limits(), ..Config::default() });
    engine.listen("10.0.0.1:7000", || Fountain { left: ALL }).unwrap();
    let handle = engine.handle();
    let clients: Vec<_> = (0..2).map(|_| sim.connect("10.0.0.1:7000")).collect();
    clients[0].set_reading(Reading::Slow { bytes: 5000, every: Duration::from_millis(20) });
    sim.run_until(|| clients.iter().all(|client| client.is_over()));
    for client in &clients {
        assert_eq!((client.status(), client.received_in_all()), (Status::Ended, ALL as u64));
        client.close();
    }
    sim.run_until(|| handle.connections() == 0);
    assert_closes(sim, &[Reason::ByUs]);
}

#[test]
fn who_does_not_read_costs_nobody_else_anything() {
    seeds(100, others_finish);
}

#[test]
fn a_writer_goes_on_whenever_its_reader_does() {
    seeds(50, fountain);
}

#[test]
fn what_a_process_holds_is_bounded() {
    Seeds::new(20).faults(Faults::calm()).run(|sim| {
        let limits = Limits { memory_max: 1 << 20, ..Limits::default() };
        let engine = sim.engine(Config { loops: 2, limits, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Echo).unwrap();
        let clients: Vec<_> = (0..40).map(|_| sim.connect("10.0.0.1:7000")).collect();
        for client in &clients {
            client.set_reading(Reading::Never);
            client.send(&vec![b'x'; 2 << 20]);
        }
        sim.run_for(Duration::from_secs(10));
        assert!(closes(sim, Reason::OverMemory) > 0);
        // Exact to 64 KiB for each loop, and to one connection's output.
        let memory = sim.snapshots(0).iter().map(|one| one.memory).max();
        assert!(memory <= Some(2 << 20), "{memory:?}");
    });
}

/// Between the marks nothing is read, though events tell that something could be.
#[test]
fn who_is_congested_is_not_read_from_until_it_is_below_low_water() {
    Seeds::new(20).faults(Faults::calm()).run(|sim| {
        sim.set_faults(Faults { window: 1024, ..sim.faults() });
        let limits = Limits { output_high: 40_000, ..limits() };
        let engine = sim.engine(Config { loops: 1, limits, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Echo).unwrap();
        let client = sim.connect("10.0.0.1:7000");
        client.set_reading(Reading::Never);
        client.send(&[b'x'; 200_000]);
        sim.run_for(Duration::from_secs(1));
        let read = |sim: &Simulation| sim.ledgers()[0].bytes_read;
        let full = read(sim);
        client.set_reading(Reading::Slow { bytes: 1000, every: Duration::from_millis(10) });
        sim.run_for(Duration::from_millis(300));
        assert!((20_000..38_000).contains(&client.received_in_all()), "it is between the marks");
        assert_eq!(read(sim), full, "it was read from");
        client.set_reading(Reading::Eager);
        sim.run_until(|| client.received_in_all() == 200_000);
    });
}

/// Gives without end, until it is told to stop.
struct Firehose;

impl Firehose {
    fn flow(cx: &mut Context<'_, Self>) -> Result {
        while !cx.output.is_congested() {
            cx.output.put(&[b'.'; 1000]);
        }
        Ok(())
    }
}

impl Handler for Firehose {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        Self::flow(cx)
    }

    fn on_data(&mut self, _cx: &mut Context<'_, Self>) -> Result {
        Err(overt::Close::ByUs)
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        Self::flow(cx)
    }
}

#[test]
fn who_gives_as_fast_as_it_is_taken_still_hears() {
    seeds(30, |sim| {
        // As much as it has marks apart, or more, or less.
        sim.set_faults(Faults { window: 500 << sim.random(7), ..sim.faults() });
        let engine = sim.engine(Config { limits: limits(), ..Config::default() });
        engine.listen("10.0.0.1:7000", || Firehose).unwrap();
        let client = sim.connect("10.0.0.1:7000");
        sim.run_until(|| client.received_in_all() > 100_000);
        client.send(b"stop");
        sim.run_until(|| client.is_over());
    });
}
