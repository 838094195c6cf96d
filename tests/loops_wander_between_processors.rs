//! Loops stay on a processor each if they are told to, and poll before they sleep.

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::time::Duration;

use overt::Engine;
use serving::{Echo, address, connect, count, echoes, loops, wait_until};

#[cfg(all(target_os = "linux", feature = "linux"))]
#[test]
fn a_pinned_loop_stays_on_one_processor_and_the_next_loop_on_the_next() {
    let mut config = loops(2);
    config.pin = true;
    let mut engine = Engine::new(config).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
    let running = engine.start().unwrap();
    assert!(echoes(&mut connect(at)));
    let mut processors = Vec::new();
    wait_until("both loops are pinned", || {
        processors = ["loop-0", "loop-1"].map(processors_of).concat();
        processors.len() == 2
    });
    let available = std::thread::available_parallelism().unwrap().get();
    assert_eq!(processors[0] == processors[1], available == 1);
    running.shut_down().unwrap();
}

/// The processors that a thread of this process may run on; none if there is no such thread.
#[cfg(all(target_os = "linux", feature = "linux"))]
fn processors_of(thread: &str) -> Vec<usize> {
    let status = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.unwrap().path().join("status")).ok()
    };
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().filter_map(status);
    let field = |status: &str, name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let named = tasks.filter(|status| field(status, "Name:") == thread);
    let lists = named.map(|status| field(&status, "Cpus_allowed_list:"));
    lists.flat_map(|list| list.split(',').flat_map(range).collect::<Vec<_>>()).collect()
}

/// `3`, or `0-3`.
#[cfg(all(target_os = "linux", feature = "linux"))]
fn range(text: &str) -> std::ops::RangeInclusive<usize> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    first.parse().unwrap()..=last.parse().unwrap()
}

#[test]
fn a_loop_that_polls_before_it_sleeps_is_spared_sleeps() {
    let mut config = loops(1);
    config.spin = Duration::from_millis(2);
    let mut engine = Engine::new(config).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
    let running = engine.start().unwrap();
    let mut client = connect(at);
    wait_until("a poll came in time", || {
        assert!(echoes(&mut client));
        count(running.handle(), |ledger| ledger.spins_won) > 0
    });
    drop(client);
    running.shut_down().unwrap();
}
