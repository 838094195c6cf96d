//! Nine thousand connections are open at once, and every one of them is served.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::fs;

use overt::Engine;
use serving::{Echo, address, connect, count, echoes, loops, wait_until};

const CONNECTIONS: usize = 9_000;
/// Both ends of each are here; and a few for the loops and the test itself.
const DESCRIPTORS: u64 = 2 * CONNECTIONS as u64 + 200;

#[test]
fn every_one_of_nine_thousand_is_served() {
    let allowed = descriptors_allowed();
    assert!(
        allowed >= DESCRIPTORS,
        "this test needs {DESCRIPTORS} descriptors and may open {allowed}: see `ulimit -n`"
    );
    let mut engine = Engine::new(loops(2)).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
    let running = engine.start().unwrap();
    let mut clients: Vec<_> = (0..CONNECTIONS).map(|_| connect(at)).collect();
    wait_until("all are accepted", || running.handle().connections() == CONNECTIONS as u32);
    for (number, client) in clients.iter_mut().enumerate() {
        assert!(echoes(client), "connection {number}");
    }
    drop(clients);
    wait_until("all are gone", || running.handle().connections() == 0);
    let held: usize = running.handle().snapshot(0, serving::PATIENCE).iter().map(left).sum();
    assert_eq!(held, 0, "an idle loop remembers nobody");
    assert_eq!(count(running.handle(), |ledger| ledger.accepted), CONNECTIONS as u64);
    let report = running.shut_down().unwrap();
    assert_eq!((report.cut, report.finished), (0, 0));
}

/// What a loop still holds.
fn left(snapshot: &overt::LoopSnapshot) -> usize {
    snapshot.connections + snapshot.runnable + snapshot.reminders
}

/// The soft limit, which is what counts.
fn descriptors_allowed() -> u64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).unwrap();
    soft.parse().unwrap_or(u64::MAX)
}
