//! An edge-triggered listener whose process runs out of descriptors gets no further edge for those
//! who wait already: they must be served as soon as there are descriptors again, without anybody
//! new having to come.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "shared")]
#[path = "common/child.rs"]
mod child;
#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use child::{Child, IS_CHILD};
use overt::{Engine, WhenFull};
use serving::{Echo, address, connect, echoes, loops, wait_until};

/// The server, in a process with few descriptors: says what it counts, a line a change.
#[test]
fn server() {
    if std::env::var_os(IS_CHILD).is_none() {
        return;
    }
    let mut engine = Engine::new(loops(2)).unwrap();
    println!("at={}", address(&engine.listen("127.0.0.1:0", || Echo).unwrap()));
    let running = engine.start().unwrap();
    let (mut told, mut open) = (0, 0);
    loop {
        // A look every tenth of a second, so that it is not this that costs processor time.
        std::thread::park_timeout(Duration::from_millis(100));
        let now = serving::count(running.handle(), |ledger| ledger.accepts_exhausted);
        let connections = running.handle().connections();
        if (now, connections) != (told, open) {
            (told, open) = (now, connections);
            println!("open={open} failed={told}.");
            std::io::stdout().flush().unwrap();
        }
    }
}

#[test]
fn all_who_wait_are_served_when_there_are_descriptors_again() {
    let mut child = Child::run("server", "ulimit -n 60;");
    let at = child.says("at=").parse().unwrap();
    let mut clients: Vec<_> = (0..100).map(|_| connect(at)).collect();
    let failed = |child: &mut Child| {
        let said = child.says(" failed=");
        said.trim_end_matches('.').parse::<u64>().unwrap()
    };
    let mut first = 0;
    while first == 0 {
        first = failed(&mut child);
    }
    let (began, ticks) = (Instant::now(), ticks(child.id()));
    let mut last = first;
    while last < first + 30 {
        last = failed(&mut child);
    }
    let spent = self::ticks(child.id()) - ticks;
    let share = spent as f64 / began.elapsed().as_secs_f64();
    println!("exhausted: {} tries in {:?}, {share:.1} % of a core", last - first, began.elapsed());
    // A tick is 10 ms: far more than a failing accept takes, far less than a loop that spins.
    assert!(spent <= 30, "{spent} ticks for {} tries", last - first);

    // Those who are in go, half of the rest is served, and so on; nobody new comes.
    let mut served = 0;
    wait_until("all were served", || {
        clients.retain_mut(|client| {
            client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let is_served = echoes(client);
            served += usize::from(is_served);
            !is_served
        });
        clients.is_empty()
    });
    assert_eq!(served, 100);
    assert!(echoes(&mut connect(at)));
}

/// As [`server`], but who comes when there are no descriptors is refused.
#[test]
fn refusing_server() {
    if std::env::var_os(IS_CHILD).is_none() {
        return;
    }
    let mut config = loops(1);
    config.limits.when_full = WhenFull::Refuse;
    let mut engine = Engine::new(config).unwrap();
    println!("at={}", address(&engine.listen("127.0.0.1:0", || Echo).unwrap()));
    std::io::stdout().flush().unwrap();
    let _running = engine.start().unwrap();
    loop {
        std::thread::park(); // Until it is killed.
    }
}

#[test]
fn who_is_refused_instead_is_told_by_a_reset() {
    let mut child = Child::run("refusing_server", "ulimit -n 40;");
    let at = child.says("at=").parse().unwrap();
    let mut clients: Vec<_> = (0..60).map(|_| connect(at)).collect();
    let (mut served, mut reset) = (0, 0);
    for client in &mut clients {
        match client.write_all(b"x").and_then(|()| client.read(&mut [0])) {
            Ok(1) => served += 1,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => reset += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(served > 10 && reset > 10, "{served} served, {reset} reset");
}

/// Processor time of a process, in hundredths of a second.
fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}
