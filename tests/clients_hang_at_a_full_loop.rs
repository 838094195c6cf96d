//! With a listening socket for each loop, the kernel also picks a loop that is full. Those who come
//! there are served by one that is not; when all are full they wait, and are served in their turn.

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use overt::{Balance, Engine, Limits, Spread, WhenFull};
use serving::{Echo, address, connect, count, echoes, loops, wait_until};
use std::io::Read;

const SPREADS: [Spread; 5] = [
    Spread::ReusePort,
    Spread::HandOff(Balance::RoundRobin),
    Spread::HandOff(Balance::LeastConnections),
    Spread::HandOff(Balance::PowerOfTwo),
    Spread::HandOff(Balance::SourceHash),
];

#[test]
fn every_place_of_every_loop_is_used_and_those_who_wait_come_in_later() {
    for spread in SPREADS {
        let mut config = loops(3);
        config.spread = spread;
        config.limits.connections_per_loop = 4;
        let mut engine = Engine::new(config).unwrap();
        let at = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
        let running = engine.start().unwrap();
        let mut served: Vec<_> = (0..12).map(|_| connect(at)).collect();
        assert!(served.iter_mut().all(echoes), "{spread:?}");
        let on_each = running.handle().snapshot(0, serving::PATIENCE);
        assert!(on_each.iter().all(|one| one.connections == 4), "{spread:?}");
        let mut waiting: Vec<_> = (0..12).map(|_| connect(at)).collect();
        wait_until("a listener waits", || count(running.handle(), |l| l.accepts_paused) > 0);
        assert_eq!(running.handle().connections(), 12);
        drop(served);
        assert!(waiting.iter_mut().all(echoes), "{spread:?}");
        drop(waiting);
        wait_until("all are gone", || running.handle().connections() == 0);
        running.shut_down().unwrap();
    }
}

#[test]
fn a_bound_holds_with_many_loops_that_accept_at_once() {
    let mut config = loops(4);
    config.limits.connections = 5;
    let mut engine = Engine::new(config).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
    let running = engine.start().unwrap();
    let mut clients: Vec<_> = (0..60).map(|_| connect(at)).collect();
    // Whoever is in is served and goes; so all are, a few at a time, in whatever order.
    for client in &mut clients {
        client.set_nonblocking(true).unwrap();
        let _ = std::io::Write::write(client, b"x");
    }
    while !clients.is_empty() {
        wait_until("somebody is served", || {
            assert!(running.handle().connections() <= 5);
            let before = clients.len();
            clients.retain_mut(|client| client.read(&mut [0]).is_err());
            clients.len() < before
        });
    }
    running.shut_down().unwrap();
}

#[test]
fn those_who_are_refused_are_told_at_once() {
    let mut config = loops(2);
    config.limits = Limits { connections: 2, when_full: WhenFull::Refuse, ..Limits::default() };
    let mut engine = Engine::new(config).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
    let running = engine.start().unwrap();
    let mut served = [connect(at), connect(at)];
    assert!(served.iter_mut().all(echoes));
    assert!(!echoes(&mut connect(at)));
    assert_eq!(count(running.handle(), |ledger| ledger.refused), 1);
    drop(served);
    wait_until("there is room", || running.handle().connections() == 0);
    assert!(echoes(&mut connect(at)));
    running.shut_down().unwrap();
}
