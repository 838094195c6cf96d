//! Deadlines and timers: each fires when it is due, and not before; however long the loop stood
//! still, and however old it is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use overt::sim::{Faults, Reading, Seeds, Simulation, seeds};
use overt::wire::{Codec, LengthPrefixed};
use overt::{
    Close, Config, Context, Deadlines, Handler, Never, Outgoing, Phase, Reason, Result, Timer,
};

use crate::{assert_closes, closes};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a loop may be late by: its clock counts milliseconds, and somebody else may be at work.
const SLACK: Duration = Duration::from_millis(20);

/// Decodes frames, gives a lot when asked, and notes when it opened and closed.
struct Patient {
    times: Arc<Mutex<Vec<Duration>>>,
    opened: Duration,
    read_deadline: Option<Duration>,
}

impl Patient {
    fn new(times: &Arc<Mutex<Vec<Duration>>>) -> Self {
        Self { times: times.clone(), opened: Duration::ZERO, read_deadline: None }
    }
}

impl Handler for Patient {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.opened = cx.effects.now();
        if let Some(after) = self.read_deadline {
            cx.effects.set_read_deadline(Some(self.opened + after));
        }
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let mut codec = LengthPrefixed::MIB;
        while let Some(frame) = codec.decode(cx.input)? {
            if frame == b"give" {
                cx.output.put(&vec![b'.'; 2 << 20]);
            }
        }
        Ok(())
    }

    fn on_close(self, _why: Close, outgoing: &mut Outgoing<'_>) {
        self.times.lock().unwrap().push(outgoing.now() - self.opened);
    }
}

/// One connection that does as `client` says. Tells why and when it ended.
fn ends(
    sim: &mut Simulation,
    deadlines: Deadlines,
    read_deadline: Option<Duration>,
    client: impl FnOnce(&overt::sim::Peer),
) -> (Reason, Duration) {
    let times = Arc::new(Mutex::new(Vec::new()));
    let engine = sim.engine(Config { loops: 1, deadlines, ..Config::default() });
    let noted = times.clone();
    let handler = move || Patient { read_deadline, ..Patient::new(&noted) };
    engine.listen("10.0.0.1:7000", handler).unwrap();
    let peer = sim.connect("10.0.0.1:7000");
    client(&peer);
    sim.run_until(|| !times.lock().unwrap().is_empty());
    let reason = Reason::ALL.iter().find(|reason| closes(sim, **reason) > 0);
    let after = times.lock().unwrap()[0];
    (*reason.expect("it has closed"), after)
}

fn assert_about(after: Duration, expected: Duration, slack: Duration) {
    assert!(expected <= after && after <= expected + slack, "{after:?} for {expected:?}");
}

fn long() -> Deadlines {
    let ever = 20 * DAY;
    Deadlines {
        idle: ever,
        frame: ever,
        drain: ever,
        rate: 0,
        lifetime: ever,
        ..Deadlines::default()
    }
}

#[test]
fn silence_ends_when_the_idle_deadline_is_due() {
    seeds(50, |sim| {
        let idle = Duration::from_secs(60);
        let (reason, after) = ends(sim, Deadlines { idle, ..long() }, None, |_| {});
        assert_eq!(reason, Reason::LateIdle);
        assert_about(after, idle, SLACK);
    });
}

#[test]
fn a_frame_that_is_never_completed_ends_when_its_deadline_is_due() {
    seeds(50, |sim| {
        let frame = Duration::from_secs(7);
        let (reason, after) =
            ends(sim, Deadlines { frame, ..long() }, None, |peer| peer.send(b"\0\0\0\x09abc"));
        assert_eq!(reason, Reason::LateFrame);
        assert_about(after, frame, Duration::from_secs(1));
    });
}

#[test]
fn whoever_completes_frames_may_always_have_begun_the_next() {
    seeds(20, |sim| {
        let deadlines = Deadlines { frame: Duration::from_secs(7), ..long() };
        let engine = sim.engine(Config { loops: 1, deadlines, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Patient::new(&Arc::default())).unwrap();
        let peer = sim.connect("10.0.0.1:7000");
        peer.send(b"\0");
        for _ in 0..10 {
            sim.run_for(Duration::from_secs(5));
            peer.send(b"\0\0\x01x\0");
        }
        sim.run_for(Duration::from_secs(5));
        assert_closes(sim, &[]);
        sim.run_for(Duration::from_secs(3));
        assert_eq!(closes(sim, Reason::LateFrame), 1);
    });
}

#[test]
fn who_says_nothing_at_first_ends_when_the_first_frame_is_due() {
    seeds(50, |sim| {
        let first_frame = Some(Duration::from_secs(5));
        let (reason, after) = ends(sim, Deadlines { first_frame, ..long() }, None, |_| {});
        assert_eq!(reason, Reason::LateFrame);
        assert_about(after, Duration::from_secs(5), SLACK);
    });
}

#[test]
fn a_trickle_ends_at_the_first_window_that_was_too_slow() {
    seeds(50, |sim| {
        let deadlines = Deadlines { rate: 64, ..long() };
        // With buffers as large as those of systems, a trickle comes in spates.
        sim.set_faults(Faults { window: 64, ..sim.faults() });
        // 2 MiB, of which 10 bytes are taken each second.
        let (reason, _) = ends(sim, deadlines, None, |peer| {
            peer.set_reading(Reading::Slow { bytes: 10, every: Duration::from_secs(1) });
            peer.send(b"\0\0\0\x04give");
        });
        assert_eq!(reason, Reason::LateRate);
    });
}

/// Greets with more than fits.
struct Talker;

impl Handler for Talker {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(&vec![b'.'; 2 << 20]);
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        Ok(())
    }
}

#[test]
fn a_trickle_ends_as_soon_whoever_else_was_served() {
    seeds(20, |sim| {
        sim.set_faults(Faults { window: 64, ..Faults::calm() });
        let first_frame = Some(20 * DAY);
        let deadlines = Deadlines { rate: 64, first_frame, ..long() };
        let engine = sim.engine(Config { loops: 1, deadlines, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Talker).unwrap();
        let other = sim.connect("10.0.0.1:7000");
        sim.run_until(|| other.received_in_all() > 10_000);
        let peer = sim.connect("10.0.0.1:7000");
        peer.set_reading(Reading::Slow { bytes: 10, every: Duration::from_secs(1) });
        // It is judged every ten seconds.
        sim.run_for(Duration::from_secs(11));
        assert_eq!(closes(sim, Reason::LateRate), 1);
    });
}

#[test]
fn output_that_nobody_takes_ends_when_the_drain_deadline_is_due() {
    seeds(50, |sim| {
        let drain = Duration::from_secs(30);
        let (reason, after) = ends(sim, Deadlines { drain, ..long() }, None, |peer| {
            peer.set_reading(Reading::Never);
            peer.send(b"\0\0\0\x04give");
        });
        assert_eq!(reason, Reason::LateDrain);
        assert_about(after, drain, Duration::from_secs(1));
    });
}

#[test]
fn a_connection_that_is_too_old_ends() {
    seeds(20, |sim| {
        let lifetime = Duration::from_secs(3600 - 1);
        let (reason, after) = ends(sim, Deadlines { lifetime, ..long() }, None, |_| {});
        assert_eq!(reason, Reason::LateLifetime);
        assert_about(after, lifetime, SLACK);
    });
}

#[test]
fn a_read_deadline_of_the_handler_fires_when_it_is_due() {
    seeds(50, |sim| {
        let at = Duration::from_millis(1234);
        let (reason, after) = ends(sim, long(), Some(at), |_| {});
        assert_eq!(reason, Reason::LateRead);
        assert_about(after, at, SLACK);
    });
}

/// Says as much as it is asked for, and has a second for that from its opening on.
struct Hasty;

impl Handler for Hasty {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let now = cx.effects.now();
        cx.effects.set_write_deadline(Some(now + Duration::from_secs(1)));
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let size = usize::from(cx.input[0]) << 16;
        cx.input.clear();
        if size == 0 {
            // A second from now on.
            return self.on_open(cx);
        }
        cx.output.put(&vec![b'.'; size]);
        Ok(())
    }
}

#[test]
fn a_write_deadline_ends_who_has_something_unsent_then_or_later() {
    seeds(50, |sim| {
        // What is sent is taken at once, or not at all.
        let faults = sim.faults();
        sim.set_faults(Faults { window: 256 << 10, slow_peers: 0, pieces: 0, ..faults });
        let engine = sim.engine(Config { loops: 1, deadlines: long(), ..Config::default() });
        engine.listen("10.0.0.1:7000", || Hasty).unwrap();
        let late = |sim: &Simulation| closes(sim, Reason::LateWrite);
        // Who reads in time stays, as long as all that is sent is taken at once.
        let good = sim.connect("10.0.0.1:7000");
        good.send(&[1]);
        sim.run_until(|| good.received_in_all() == 1 << 16);
        let slow = sim.connect("10.0.0.1:7000");
        slow.set_reading(Reading::Never);
        slow.send(&[100]);
        sim.run_for(Duration::from_millis(900));
        assert_eq!(late(sim), 0);
        sim.run_for(Duration::from_millis(200));
        assert_eq!(late(sim), 1);
        assert!(!good.is_over());
        good.set_reading(Reading::Never);
        good.send(&[100]);
        sim.run_for(Duration::from_millis(500));
        assert_eq!(late(sim), 2);
        assert_closes(sim, &[Reason::LateWrite]);
    });
}

#[test]
fn a_write_deadline_that_is_moved_counts_from_then_on() {
    Seeds::new(20).faults(Faults::calm()).run(|sim| {
        let engine = sim.engine(Config { loops: 1, deadlines: long(), ..Config::default() });
        engine.listen("10.0.0.1:7000", || Hasty).unwrap();
        let peer = sim.connect("10.0.0.1:7000");
        peer.set_reading(Reading::Never);
        sim.run_for(Duration::from_secs(2));
        peer.send(&[0]);
        sim.run_for(Duration::from_millis(500));
        peer.send(&[100]);
        sim.run_for(Duration::from_millis(400));
        assert_closes(sim, &[]);
        sim.run_for(Duration::from_millis(200));
        assert_eq!(closes(sim, Reason::LateWrite), 1);
    });
}

/// Ticks every 10 seconds, and is told how it went.
struct Ticking(Arc<Mutex<Vec<Duration>>>);

impl Handler for Ticking {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.arm_every(Timer::new(0), Duration::from_secs(10));
        cx.effects.arm(Timer::new(1), Duration::from_secs(15));
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Context<'_, Self>) -> Result {
        assert_eq!(timer, Timer::new(0), "a timer fired that was disarmed");
        cx.effects.disarm(Timer::new(1));
        self.0.lock().unwrap().push(cx.effects.now());
        Ok(())
    }
}

fn ticking(sim: &mut Simulation, deadlines: Deadlines) -> Arc<Mutex<Vec<Duration>>> {
    let ticks = Arc::new(Mutex::new(Vec::new()));
    let engine = sim.engine(Config { loops: 1, deadlines, ..Config::default() });
    let noted = ticks.clone();
    engine.listen("10.0.0.1:7000", move || Ticking(noted.clone())).unwrap();
    ticks
}

#[test]
fn timers_and_deadlines_are_right_after_50_days() {
    seeds(10, |sim| {
        let days = Duration::from_secs(4_294_967) - Duration::from_secs(100);
        let deadlines = Deadlines { idle: Duration::from_secs(300), ..long() };
        let ticks = ticking(sim, deadlines);
        sim.suspend(days);
        // Milliseconds in 32 bits come round 100 seconds from now.
        let peer = sim.connect("10.0.0.1:7000");
        sim.run_for(Duration::from_secs(250));
        let seen = ticks.lock().unwrap().clone();
        assert!((24..=25).contains(&seen.len()), "{} ticks", seen.len());
        for pair in seen.windows(2) {
            assert_about(pair[1] - pair[0], Duration::from_secs(10), SLACK);
        }
        assert_closes(sim, &[]);
        sim.run_for(Duration::from_secs(60));
        assert_eq!(closes(sim, Reason::LateIdle), 1);
        assert!(peer.is_over());
    });
}

#[test]
fn a_loop_that_stood_still_for_minutes_goes_on_where_it_was() {
    seeds(30, |sim| {
        let ticks = ticking(sim, long());
        let peer = sim.connect("10.0.0.1:7000");
        peer.send(b"before");
        sim.run_until(|| peer.received() == b"before");
        sim.run_for(Duration::from_secs(25));
        let before = ticks.lock().unwrap().len();
        sim.suspend(Duration::from_secs(70 + 1000 * sim.random(3) as u64));
        sim.run_for(Duration::from_secs(25));
        // What was missed is not made up for.
        let after = ticks.lock().unwrap().len();
        assert!((before + 2..=before + 4).contains(&after), "{before}, then {after}");
        peer.send(b" after");
        sim.run_until(|| peer.received() == b"before after");
    });
}

/// An hour with faults: clients come and go, and nothing is left of them.
pub(crate) fn hour(sim: &mut Simulation, hours: u64) {
    let faults = Faults { reset: 2, ..sim.faults() };
    sim.set_faults(faults);
    let ticks = ticking(sim, Deadlines::default());
    let mut clients = Vec::new();
    for _ in 0..hours * 60 {
        clients.retain(|client: &overt::sim::Peer| !client.is_over());
        let client = sim.connect("10.0.0.1:7000");
        client.send(&vec![b'.'; sim.random(3000)]);
        if sim.random(2) == 0 {
            client.finish();
        }
        clients.push(client);
        sim.run_for(Duration::from_secs(60));
    }
    sim.run_for(Duration::from_secs(600));
    assert!(!ticks.lock().unwrap().is_empty());
    assert!(sim.snapshots(0).iter().all(|one| one.connections == 0 && one.memory == 0));
    assert_closes(sim, &[Reason::ByPeer, Reason::LateIdle, Reason::Reset]);
    assert_eq!(crate::counted(sim, "panics"), 0);
    for ledger in sim.ledgers() {
        let sum: u64 = Phase::ALL.iter().map(|phase| ledger.nanoseconds(*phase)).sum();
        assert_eq!(sum, ledger.total());
        assert!(ledger.nanoseconds(Phase::Wait) > sum * 9 / 10, "it was busy for an hour");
    }
}

#[test]
fn an_hour_with_faults_passes_in_no_time_and_leaves_nothing() {
    seeds(10, |sim| hour(sim, 1));
}
