//! A graceful shutdown under load: what was asked is answered, and then it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use overt::ShutdownPhase;
use overt::sim::{Faults, Reading, Seeds, Simulation, Status, seeds};
use overt::wire::{Codec, LengthPrefixed};
use overt::{Close, Config, Context, Dial, Grace, Handler, Limits, Never, Outgoing, Result};

/// Answers each frame with itself, by a worker.
struct Framed(LengthPrefixed);

impl Handler for Framed {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(frame) = self.0.decode(cx.input)? {
            cx.effects.answer(frame, |frame, output| {
                output.put(&(frame.len() as u32).to_be_bytes());
                output.put(frame);
            })?;
        }
        Ok(())
    }
}

/// Never closes of itself.
struct Stubborn;

impl Handler for Stubborn {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"hello");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }

    fn on_drain(&mut self, _cx: &mut Context<'_, Self>) -> Result {
        Ok(())
    }
}

/// Each client gets whole answers, in order, and all to what the server had received when it was
/// told to end: its answers were being computed.
pub(crate) fn under_load(sim: &mut Simulation) {
    let workers = 1 + sim.random(2);
    let lame_duck = Duration::from_millis(sim.random(3) as u64 * 20);
    let grace = Grace { lame_duck, ..Grace::default() };
    let engine = sim.engine(Config { workers, grace, ..Config::default() });
    engine.listen("10.0.0.1:7001", || Framed(LengthPrefixed::MIB)).unwrap();
    let handle = engine.handle();
    let clients: Vec<_> = (0..1 + sim.random(4))
        .map(|_| {
            let client = sim.connect("10.0.0.1:7001");
            let count = 1 + sim.random(50) as u32;
            (0..count).for_each(|number| {
                client.send(&4u32.to_be_bytes());
                client.send(&number.to_be_bytes());
            });
            client
        })
        .collect();
    sim.run_for(Duration::from_millis(sim.random(60) as u64));
    let received: u64 = sim.ledgers().iter().map(|ledger| ledger.bytes_read).sum();
    match sim.random(2) {
        0 => sim.signal(0),
        _ => handle.shut_down(),
    }
    sim.run_until(|| clients.iter().all(|client| client.is_over()));
    clients.iter().for_each(|client| client.close());
    sim.run_for(Duration::from_secs(3));
    let report = sim.report().expect("the engine has not ended");
    assert_eq!((report.cut, report.jobs_cut, report.bytes_cut), (0, 0, 0), "{report:?}");
    let mut answered = 0;
    for client in &clients {
        for (number, answer) in client.received().chunks(8).enumerate() {
            assert_eq!(answer[4..], (number as u32).to_be_bytes(), "an answer is not whole");
        }
        answered += client.received_in_all();
    }
    assert!(
        answered >= (received / 8).saturating_sub(clients.len() as u64) * 8,
        "{answered} of {received}"
    );
    assert!(sim.snapshots(0).iter().all(|one| one.phase == ShutdownPhase::Ended.name()));
}

#[test]
fn a_shutdown_under_load_loses_no_answer() {
    seeds(300, under_load);
}

pub(crate) fn forced(sim: &mut Simulation) {
    let grace = Grace {
        lame_duck: Duration::from_secs(5),
        drain: Duration::from_secs(10),
        forced: Duration::from_secs(1),
    };
    let engine = sim.engine(Config { grace, ..Config::default() });
    engine.listen("10.0.0.1:7000", || Stubborn).unwrap();
    let handle = engine.handle();
    let clients: Vec<_> = (0..3).map(|_| sim.connect("10.0.0.1:7000")).collect();
    sim.run_until(|| clients.iter().all(|client| client.received() == b"hello"));
    clients[0].set_reading(Reading::Never);
    handle.shut_down();
    sim.run_for(Duration::from_secs(1));
    assert_eq!(handle.phase(), ShutdownPhase::LameDuck);
    let late = sim.connect("10.0.0.1:7000");
    sim.run_until(|| late.received() == b"hello");
    if sim.random(2) == 0 {
        sim.signal(0);
        sim.run_for(Duration::from_secs(2));
    } else {
        sim.run_for(Duration::from_secs(5));
        assert_eq!(handle.phase(), ShutdownPhase::Draining);
        let later = sim.connect("10.0.0.1:7000");
        sim.run_until(|| later.is_over());
        assert_eq!(later.status(), Status::Failed);
        sim.run_for(Duration::from_secs(11));
    }
    let report = sim.report().expect("the engine has not ended");
    assert_eq!((report.finished, report.cut), (0, 4), "{report:?}");
    assert_eq!(handle.connections(), 0);
}

#[test]
fn who_does_not_end_is_cut_when_the_time_is_over_or_at_the_second_signal() {
    seeds(100, forced);
}

/// Ends itself by a panic when it is told to end.
struct Brittle;

impl Handler for Brittle {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }

    fn on_drain(&mut self, _cx: &mut Context<'_, Self>) -> Result {
        // One that prints nothing.
        std::panic::resume_unwind(Box::new("as the test wants it"))
    }
}

#[test]
fn a_panic_during_a_shutdown_does_not_make_it_wait_for_nobody() {
    seeds(50, |sim| {
        let engine = sim.engine(Config::default());
        engine.listen("10.0.0.1:7000", || Brittle).unwrap();
        let handle = engine.handle();
        let clients: Vec<_> =
            (0..1 + sim.random(3)).map(|_| sim.connect("10.0.0.1:7000")).collect();
        clients.iter().for_each(|client| client.send(b"hello"));
        sim.run_until(|| clients.iter().all(|client| client.received() == b"hello"));
        handle.shut_down();
        sim.run_until(|| handle.phase() == ShutdownPhase::Draining);
        sim.run_for(Duration::from_secs(1));
        let report = sim.report().expect("the engine has not ended");
        assert_eq!((report.finished, report.cut), (clients.len() as u64, 0), "{report:?}");
    });
}

/// Takes byte by byte, and says goodbye when it is told to end.
struct Polite;

impl Handler for Polite {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while cx.input.take(1).is_some() {}
        Ok(())
    }

    fn on_drain(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"bye");
        cx.effects.close();
        Ok(())
    }
}

#[test]
fn who_floods_is_told_of_the_shutdown_when_half_of_the_time_is_over() {
    Seeds::new(10).faults(Faults::calm()).run(|sim| {
        let grace = Grace { drain: Duration::from_millis(4), ..Grace::default() };
        let limits = Limits { frames_per_visit: 1, read_per_visit: 64, ..Limits::default() };
        let engine = sim.engine(Config { loops: 1, limits, grace, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Polite).unwrap();
        let handle = engine.handle();
        let client = sim.connect("10.0.0.1:7000");
        client.send(&[b'x'; 100_000]);
        sim.run_until(|| handle.connections() == 1);
        handle.shut_down();
        sim.run_until(|| client.is_over());
        assert_eq!((client.status(), client.received()), (Status::Ended, b"bye".to_vec()));
    });
}

/// Is told to end while it has something else to do, and passes that on to its successor.
struct Busy;

impl Handler for Busy {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.upgrade(Polite);
        Ok(())
    }

    fn on_drain(&mut self, _cx: &mut Context<'_, Self>) -> Result {
        Ok(())
    }
}

#[test]
fn who_takes_over_during_a_shutdown_is_told_of_it() {
    seeds(50, |sim| {
        let engine = sim.engine(Config::default());
        engine.listen("10.0.0.1:7000", || Busy).unwrap();
        let handle = engine.handle();
        let client = sim.connect("10.0.0.1:7000");
        sim.run_until(|| handle.connections() == 1);
        handle.shut_down();
        sim.run_for(Duration::from_secs(1));
        assert_eq!(handle.connections(), 1);
        client.send(b"x");
        sim.run_until(|| client.is_over());
        assert_eq!((client.status(), client.received()), (Status::Ended, b"bye".to_vec()));
    });
}

#[test]
fn what_came_before_a_shutdown_is_answered_though_no_event_told_of_it_yet() {
    Seeds::new(20).faults(Faults::calm()).run(|sim| {
        let engine = sim.engine(Config { loops: 1, workers: 1, ..Config::default() });
        engine.listen("10.0.0.1:7001", || Framed(LengthPrefixed::MIB)).unwrap();
        let handle = engine.handle();
        let client = sim.connect("10.0.0.1:7001");
        sim.run_until(|| handle.connections() == 1);
        sim.run_for(Duration::from_secs(1));
        sim.set_faults(Faults { late_events: 1000, ..Faults::calm() });
        client.send(b"\0\0\0\x03one");
        sim.run_until(|| client.unsent() == 0);
        sim.run_for(Duration::from_micros(20));
        handle.shut_down();
        sim.run_for(Duration::from_micros(200));
        sim.set_faults(Faults::calm());
        sim.run_until(|| client.is_over());
        assert_eq!(client.received(), b"\0\0\0\x03one");
    });
}

/// Hears that it can't be opened.
struct TooLate(Arc<AtomicUsize>);

impl Handler for TooLate {
    type Message = Never;

    fn on_data(&mut self, _cx: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        assert!(matches!(why, Close::Shutdown));
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn whoever_is_dialled_when_a_loop_ends_is_told() {
    seeds(20, |sim| {
        let grace = Grace { forced: Duration::ZERO, ..Grace::default() };
        let limits = Limits { messages_per_turn: 2, ..Limits::default() };
        let engine = sim.engine(Config { loops: 1, grace, limits, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Stubborn).unwrap();
        let handle = engine.handle();
        let client = sim.connect("10.0.0.1:7000");
        sim.run_until(|| client.received() == b"hello");
        let told = Arc::new(AtomicUsize::new(0));
        (0..2).for_each(|_| handle.shut_down());
        for _ in 0..20 {
            handle.connect(Dial::host("example.org", 80), TooLate(told.clone()));
        }
        sim.run_for(Duration::from_secs(1));
        assert!(sim.report().is_some());
        assert_eq!(told.load(Relaxed), 20);
    });
}

#[test]
fn a_shutdown_waits_for_jobs_whose_connection_is_gone() {
    Seeds::new(30).faults(Faults::calm()).run(|sim| {
        sim.set_faults(Faults { work_max: Duration::from_secs(20), ..sim.faults() });
        let engine = sim.engine(Config { loops: 1, workers: 1, ..Config::default() });
        engine.listen("10.0.0.1:7001", || Framed(LengthPrefixed::MIB)).unwrap();
        let handle = engine.handle();
        let client = sim.connect("10.0.0.1:7001");
        client.send(b"\0\0\0\x03one");
        let jobs = |sim: &Simulation| sim.snapshots(0)[0].workers[0].jobs;
        sim.run_for(Duration::from_micros(500));
        client.reset();
        sim.run_for(Duration::from_micros(500));
        let (waits, connections) = (jobs(sim) > 0, handle.connections());
        handle.shut_down();
        sim.run_for(Duration::from_micros(500));
        assert_eq!(connections, 0);
        assert_eq!(sim.report().is_none(), waits && jobs(sim) > 0);
        sim.run_for(Duration::from_secs(20));
        assert_eq!(sim.report().map(|report| report.jobs_cut), Some(0));
    });
}
