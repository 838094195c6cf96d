//! Who is let in, and that the counts of who is in never leak.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use overt::service::Echo;
use overt::sim::{Faults, Seeds, Simulation, Status, seeds};
use overt::{Admission, Balance, Config, Limits, Reason, Spread, WhenFull};

use crate::{closes, counted};

fn spread(sim: &mut Simulation) -> Spread {
    [
        Spread::ReusePort,
        Spread::HandOff(Balance::RoundRobin),
        Spread::HandOff(Balance::LeastConnections),
        Spread::HandOff(Balance::PowerOfTwo),
        Spread::HandOff(Balance::SourceHash),
    ][sim.random(5)]
}

/// Descriptors run out, and come back as those who have them go: all who wait are served.
pub(crate) fn exhausted(sim: &mut Simulation) {
    sim.limit_descriptors(1 + sim.random(4));
    let spread = spread(sim);
    let engine = sim.engine(Config { spread, ..Config::default() });
    engine.listen("10.0.0.1:7000", || Echo).unwrap();
    let handle = engine.handle();
    let clients: Vec<_> = (0..12)
        .map(|_| {
            let client = sim.connect("10.0.0.1:7000");
            client.send(b"hello");
            client.finish();
            client
        })
        .collect();
    sim.run_until(|| clients.iter().all(|client| client.is_over()));
    for client in &clients {
        assert_eq!((client.status(), client.received()), (Status::Ended, b"hello".to_vec()));
    }
    sim.run_until(|| handle.connections() == 0);
}

#[test]
fn when_descriptors_ran_out_all_who_wait_are_served() {
    seeds(200, exhausted);
}

#[test]
fn while_descriptors_are_exhausted_nobody_spins() {
    Seeds::new(20).faults(Faults::calm()).run(|sim| {
        sim.limit_descriptors(2);
        let engine = sim.engine(Config { loops: 1, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Echo).unwrap();
        let clients: Vec<_> = (0..4).map(|_| sim.connect("10.0.0.1:7000")).collect();
        sim.run_for(Duration::from_secs(1));
        let before = counted(sim, "turns");
        sim.run_for(Duration::from_secs(10));
        // At most every 10 ms, mostly every 100 ms.
        let turns = counted(sim, "turns") - before;
        assert!(turns < 1000, "{turns} turns");
        assert!(counted(sim, "accepts_exhausted") > 10);
        clients.iter().for_each(|client| client.finish());
        sim.run_until(|| clients.iter().all(|client| client.status() == Status::Ended));
    });
}

#[test]
fn a_place_that_is_free_again_is_known_to_all_loops_at_once() {
    Seeds::new(30).faults(Faults::calm()).run(|sim| {
        let limits = Limits { connections: 1, ..Limits::default() };
        let engine = sim.engine(Config { loops: 3, limits, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Echo).unwrap();
        let mut first = sim.connect("10.0.0.1:7000");
        for _ in 0..5 {
            first.send(b"hello");
            sim.run_until(|| first.received() == b"hello");
            // Whichever loop has it, it waits for the place of another.
            let next = sim.connect("10.0.0.1:7000");
            sim.run_for(Duration::from_secs(10));
            first.finish();
            sim.run_until(|| first.is_over());
            first.close();
            next.send(b"hello");
            sim.run_for(Duration::from_millis(1));
            assert_eq!(next.received(), b"hello");
            next.take();
            first = next;
        }
    });
}

/// With a place for one, and `WhenFull::Refuse`, who comes then learns at once that it is in vain;
/// and who comes when there are descriptors again is served.
#[test]
fn who_is_refused_for_want_of_descriptors_is_told_at_once() {
    Seeds::new(50).faults(Faults::calm()).run(|sim| {
        sim.limit_descriptors(1);
        let limits = Limits { when_full: WhenFull::Refuse, ..Limits::default() };
        let engine = sim.engine(Config { loops: 1, limits, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Echo).unwrap();
        let first = sim.connect("10.0.0.1:7000");
        first.send(b"hello");
        sim.run_until(|| first.received() == b"hello");
        let others: Vec<_> = (0..1 + sim.random(5)).map(|_| sim.connect("10.0.0.1:7000")).collect();
        sim.run_for(Duration::from_millis(1));
        assert!(others.iter().all(|other| other.status() == Status::Reset));
        assert_eq!(counted(sim, "refused"), others.len() as u64);
        first.finish();
        sim.run_until(|| first.is_over());
        first.close();
        sim.run_for(Duration::from_millis(1));
        let last = sim.connect("10.0.0.1:7000");
        last.send(b"again");
        sim.run_until(|| last.received() == b"again");
    });
}

/// Whatever becomes of those who come, in the end nobody is in.
pub(crate) fn nobody_is_left(sim: &mut Simulation) {
    sim.set_faults(Faults { reset: 20, ..sim.faults() });
    let when_full = match sim.random(2) {
        0 => WhenFull::StopAccepting,
        _ => WhenFull::Refuse,
    };
    let spread = spread(sim);
    let limits = Limits { connections: 1 + sim.random(6) as u32, when_full, ..Limits::default() };
    let per_address = (sim.random(2) == 0).then_some(2);
    let listener = (sim.random(2) == 0).then_some(3);
    let admission = Admission { per_address, connections: listener, ..Admission::default() };
    let engine = sim.engine(Config { spread, limits, ..Config::default() });
    engine.listen_with("10.0.0.1:7000", admission, || Echo).unwrap();
    let handle = engine.handle();
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let from = IpAddr::V4(Ipv4Addr::new(192, 0, 2, sim.random(4) as u8));
            let client = sim.connect_from(from, "10.0.0.1:7000");
            client.send(b"hello");
            match sim.random(4) {
                0 => client.reset(),
                1 => client.close(),
                _ => client.finish(),
            }
            client
        })
        .collect();
    sim.run_for(Duration::from_secs(300));
    assert_eq!(handle.connections(), 0);
    assert!(sim.snapshots(0).iter().all(|one| one.connections == 0));
    // If a count had leaked, these would wait, or be turned away.
    sim.set_faults(Faults::calm());
    let served = closes(sim, Reason::ByPeer);
    for _ in 0..3 {
        for from in 0..4 {
            let from = IpAddr::V4(Ipv4Addr::new(192, 0, 2, from));
            let client = sim.connect_from(from, "10.0.0.1:7000");
            client.send(b"again");
            client.finish();
            sim.run_until(|| client.is_over());
            assert_eq!(client.received(), b"again");
            sim.run_until(|| handle.connections() == 0);
        }
    }
    assert_eq!(closes(sim, Reason::ByPeer), served + 12);
    drop(clients);
}

#[test]
fn counts_of_who_is_in_never_leak() {
    seeds(200, nobody_is_left);
}
