//! Datagram sockets and their sessions: each datagram is answered once, whatever the network does
//! that loses nothing, and each session ends once, whatever it does at all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use overt::net::Bind;
use overt::service::DatagramEcho;
use overt::sim::{DatagramPeer, Faults, Seeds, Simulation, seeds};
use overt::{Close, Config, Crowded, Limits, Never, Outgoing, Reason, Result, Session};
use overt::{SessionContext, Sessions, Timer};

use crate::{closes, counted};

const SERVER: &str = "10.0.0.1:7003";
const IDLE: Duration = Duration::from_secs(5);

fn config(sim: &mut Simulation) -> Config {
    let datagrams_per_visit = 1 + sim.random(100) as u32;
    Config { limits: Limits { datagrams_per_visit, ..Limits::default() }, ..Config::default() }
}

fn peers(sim: &mut Simulation, count: usize) -> Vec<DatagramPeer> {
    let at = |number| SocketAddr::from(([10, 0, 1, number as u8], 5000));
    (0..count).map(|number| sim.bind(&Bind::at(at(number)))).collect()
}

fn server() -> SocketAddr {
    SERVER.parse().unwrap()
}

/// Sends up to thirty datagrams; gives them in the order of their bytes.
fn send_some(sim: &mut Simulation, peer: &DatagramPeer) -> Vec<Vec<u8>> {
    // Often of one size, as those that leave together are.
    let usual = sim.random(1300);
    let mut sent: Vec<Vec<u8>> = (0..sim.random(30) as u8)
        .map(|number| {
            let size = if sim.random(3) == 0 { sim.random(1300) } else { usual };
            vec![number; size]
        })
        .collect();
    sent.iter().for_each(|datagram| peer.send(server(), datagram).unwrap());
    sent.sort();
    sent
}

pub(crate) fn echo(sim: &mut Simulation) {
    let config = config(sim);
    let engine = sim.engine(config);
    engine.bind(SERVER, || DatagramEcho).unwrap();
    let handle = engine.handle();
    let count = 1 + sim.random(5);
    let peers = peers(sim, count);
    for _ in 0..1 + sim.random(3) {
        for peer in &peers {
            let (sent, mut came) = (send_some(sim, peer), Vec::new());
            let mut receive = || {
                came.extend(std::iter::from_fn(|| peer.receive()).map(|(_, bytes)| bytes));
                came.len()
            };
            sim.run_until(|| receive() == sent.len());
            came.sort();
            assert!(came == sent, "{} of {}", came.len(), sent.len());
        }
    }
    // What is on its way when a shutdown begins is answered, if it came before the socket closed.
    handle.shut_down();
    sim.run_until(|| handle.phase() > overt::ShutdownPhase::Ready);
    sim.run_for(Duration::from_secs(60));
    assert!(sim.report().is_some(), "the engine did not end");
    assert_eq!(counted(sim, "datagrams_sent"), counted(sim, "datagrams_received"));
}

#[test]
fn each_datagram_is_answered_once() {
    let waited = std::cell::Cell::new(0);
    seeds(500, |sim| {
        echo(sim);
        waited.set(waited.get() + counted(sim, "sends_would_block"));
    });
    assert!(waited.get() > 0, "no socket's buffer was ever full");
}

/// How many sessions began, and how many ended.
#[derive(Clone, Default)]
struct Lives(Arc<AtomicU64>, Arc<AtomicU64>);

/// Dies of some datagrams.
struct Mortal(Lives);

impl Session for Mortal {
    type Message = Never;

    fn on_open(&mut self, cx: &mut SessionContext<'_, Never>) -> Result {
        self.0.0.fetch_add(1, Relaxed);
        cx.arm_every(Timer::new(0), Duration::from_secs(1));
        Ok(())
    }

    fn on_datagram(&mut self, datagram: &[u8], cx: &mut SessionContext<'_, Never>) -> Result {
        match datagram.len() {
            1 => cx.close(),
            2 => return Err(Close::Protocol("two bytes")),
            // A panic that prints nothing: there are thousands.
            3 => std::panic::resume_unwind(Box::new("three bytes")),
            _ => {}
        }
        cx.send(datagram)
    }

    fn on_timer(&mut self, _: Timer, cx: &mut SessionContext<'_, Never>) -> Result {
        cx.send(b"tick")
    }

    fn on_close(self, _: Close, _: &mut Outgoing<'_>) {
        self.0.1.fetch_add(1, Relaxed);
    }
}

pub(crate) fn silence(sim: &mut Simulation) {
    let (config, lives) = (config(sim), Lives::default());
    let counters = lives.clone();
    let sessions = Sessions { idle: IDLE, ..Sessions::default() };
    let engine = sim.engine(config);
    engine.bind_sessions(SERVER, sessions, move |_| Mortal(counters.clone())).unwrap();
    let count = 1 + sim.random(5);
    let peers = peers(sim, count);
    for _ in 0..20 {
        // Never silent for as long as it takes to be forgotten.
        peers.iter().for_each(|peer| peer.send(server(), b"alive").unwrap());
        sim.run_for(IDLE / 2);
    }
    assert_eq!(counted(sim, "sessions_opened"), count as u64);
    assert_eq!(lives.1.load(Relaxed), 0);
    let silent_since = sim.now();
    sim.run_until(|| lives.1.load(Relaxed) == count as u64);
    let after = sim.now() - silent_since;
    assert!(after > IDLE / 4 && after < IDLE, "{after:?}");
    assert_eq!(closes(sim, Reason::LateIdle), count as u64);
    // No timer outlives its session.
    let timers = counted(sim, "timers");
    sim.run_for(Duration::from_secs(60));
    assert_eq!(counted(sim, "timers"), timers);
}

#[test]
fn a_session_ends_by_silence_and_not_before() {
    seeds(100, silence);
}

pub(crate) fn crowd(sim: &mut Simulation) {
    let (config, lives) = (config(sim), Lives::default());
    let counters = lives.clone();
    let when_full = [Crowded::Refuse, Crowded::EvictIdle][sim.random(2)];
    let sessions = Sessions { idle: IDLE, max: 3, when_full, ..Sessions::default() };
    let engine = sim.engine(config);
    engine.bind_sessions(SERVER, sessions, move |_| Mortal(counters.clone())).unwrap();
    let handle = engine.handle();
    let peers = peers(sim, 10);
    for _ in 0..100 {
        let (peer, size) = (sim.random(peers.len()), sim.random(8));
        peers[peer].send(server(), &vec![7; size]).unwrap();
        let pause = Duration::from_millis(10 << sim.random(8));
        sim.run_for(pause);
        let now: usize = sim.snapshots(0).iter().map(|each| each.sessions).sum();
        assert!(now <= 3 * sim.snapshots(0).len());
        assert_eq!(lives.0.load(Relaxed) - lives.1.load(Relaxed), now as u64);
    }
    handle.shut_down();
    sim.run_for(Duration::from_secs(60));
    assert!(sim.report().is_some(), "the engine did not end");
    assert_eq!(lives.0.load(Relaxed), lives.1.load(Relaxed));
    assert_eq!(counted(sim, "sessions_opened"), lives.0.load(Relaxed));
}

#[test]
fn each_session_ends_once_whatever_happens() {
    Seeds::new(200).faults(Faults::havoc()).run(crowd);
}

#[test]
fn what_a_full_socket_cannot_answer_waits_in_the_kernel() {
    let faults =
        Faults { would_block: 250, delay_max: Duration::from_millis(20), ..Faults::calm() };
    Seeds::new(40).run(|sim| {
        // What one call may give fits, and not what may wait.
        let limits =
            Limits { datagrams_per_visit: 1, datagrams_unsent: 7_000, ..Limits::default() };
        let engine = sim.engine(Config { loops: 1, limits, ..Config::default() });
        engine.bind(SERVER, || DatagramEcho).unwrap();
        let peer = peers(sim, 1).remove(0);
        for _ in 0..5 {
            sim.set_faults(Faults::calm());
            (0..200).for_each(|_| peer.send(server(), &[7; 100]).unwrap());
            sim.set_faults(faults.clone());
            let mut came = 0;
            sim.run_until(|| {
                came += std::iter::from_fn(|| peer.receive()).count();
                came == 200
            });
        }
        assert_eq!(counted(sim, "datagrams_dropped"), 0);
    });
}

/// Has a worker answer.
struct Asks;

impl Session for Asks {
    type Message = ();

    fn on_datagram(&mut self, _: &[u8], cx: &mut SessionContext<'_, ()>) -> Result {
        Ok(cx.offload(|| ())?)
    }

    fn on_message(&mut self, (): (), cx: &mut SessionContext<'_, ()>) -> Result {
        cx.send(b"done")
    }
}

#[test]
fn a_session_that_waits_for_a_worker_is_not_idle() {
    Seeds::new(30).faults(Faults::calm()).run(|sim| {
        sim.set_faults(Faults { work_max: Duration::from_secs(300), ..sim.faults() });
        let sessions = Sessions { idle: Duration::from_secs(1), ..Sessions::default() };
        let engine = sim.engine(Config { loops: 1, workers: 1, ..Config::default() });
        engine.bind_sessions(SERVER, sessions, |_| Asks).unwrap();
        let peer = peers(sim, 1).remove(0);
        peer.send(server(), b"?").unwrap();
        sim.run_until(|| peer.receive().is_some());
        sim.run_for(Duration::from_secs(3));
        assert_eq!(closes(sim, Reason::LateIdle), 1);
    });
}

#[test]
fn who_was_silent_for_longest_has_to_go() {
    // Eight are drawn, perhaps not the idlest among them.
    let gone = std::cell::Cell::new(0);
    Seeds::new(50).faults(Faults::calm()).run(|sim| {
        let sessions = Sessions { max: 4, when_full: Crowded::EvictIdle, ..Sessions::default() };
        let engine = sim.engine(Config { loops: 1, ..Config::default() });
        engine.bind_sessions(SERVER, sessions, |_| Mortal(Lives::default())).unwrap();
        let peers = peers(sim, 5);
        for peer in &peers[..4] {
            peer.send(server(), b"alive").unwrap();
            sim.run_for(Duration::from_secs(1));
        }
        peers[4].send(server(), b"alive").unwrap();
        sim.run_for(Duration::from_secs(1));
        let before = counted(sim, "sessions_opened");
        peers[0].send(server(), b"alive").unwrap();
        sim.run_for(Duration::from_secs(1));
        gone.set(gone.get() + counted(sim, "sessions_opened") - before);
    });
    assert!(gone.get() > 35, "{} of 50", gone.get());
}
