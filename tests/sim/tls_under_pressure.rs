//! TLS with peers that are slow, and with a server that ends: what bounds plain output bounds
//! encrypted output, and an end is said.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use overt::sim::{Faults, Seeds, Simulation, seeds};
use overt::{
    Close, Config, Context, Deadlines, Dial, Grace, Handler, Limits, Never, Outgoing, Reason,
    Result, Timer,
};

use crate::tls::{AT, Client, Echo, Seen, client, dial, listen};
use crate::{assert_closes, closes};

const AGAIN: Timer = Timer::new(0);

/// Gives a lot, as fast as it is taken, and ends.
struct Fountain {
    left: usize,
}

impl Fountain {
    fn flow(&mut self, cx: &mut Context<'_, Self>) {
        while self.left > 0 && !cx.output.is_congested() {
            let count = self.left.min(1000);
            cx.output.put(&vec![b'.'; count]);
            self.left -= count;
        }
        if self.left == 0 {
            cx.effects.close();
        }
    }
}

impl Handler for Fountain {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.flow(cx);
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.flow(cx);
        Ok(())
    }
}

/// Reads now and then.
struct Slow {
    seen: Arc<Seen>,
    /// Never reads on.
    stubborn: bool,
}

impl Handler for Slow {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.seen.received.fetch_add(cx.input.len(), Relaxed);
        cx.input.clear();
        cx.effects.pause();
        if !self.stubborn {
            cx.effects.arm(AGAIN, Duration::from_millis(20));
        }
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.resume();
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.seen.ends.lock().unwrap().push(why.reason());
    }
}

/// A slow reader gets everything, and what is held for it is bounded.
pub(crate) fn slow(sim: &mut Simulation) {
    const ALL: usize = 200_000;
    let limits = Limits { output_high: 4096, output_low: 1024, ..Limits::default() };
    let engine = sim.engine(Config { limits, ..Config::default() });
    listen(engine, || Fountain { left: ALL });
    let handle = engine.handle();
    let limits = Limits { read_per_visit: 5000, ..Limits::default() };
    let clients = sim.engine(Config { limits, ..Config::default() }).handle();
    let seen = Arc::new(Seen::default());
    clients.connect(dial(sim), Slow { seen: seen.clone(), stubborn: false });
    sim.run_until(|| seen.received.load(Relaxed) > 20_000 || seen.has_ended());
    let held = sim.snapshots(9).into_iter().flat_map(|one| one.some_connections);
    let unsent: usize = held.map(|one| one.unsent).sum();
    // As much as may wait, and as much that is sealed already.
    assert!(unsent <= 2 * (4096 + 1000) + 100, "{unsent} bytes");
    sim.run_until(|| seen.has_ended() && handle.connections() == 0);
    assert_eq!((seen.received.load(Relaxed), seen.end()), (ALL, Reason::ByPeer));
    assert_closes(sim, &[Reason::ByUs, Reason::ByPeer]);
}

#[test]
fn a_slow_reader_gets_everything() {
    seeds(60, slow);
}

#[test]
fn who_does_not_read_is_closed_by_its_deadline() {
    seeds(60, |sim| {
        let deadlines = Deadlines { drain: Duration::from_secs(5), ..Deadlines::default() };
        let engine = sim.engine(Config { deadlines, ..Config::default() });
        listen(engine, || Fountain { left: 4 << 20 });
        let handle = engine.handle();
        let clients = sim.engine(Config::default()).handle();
        let seen = Arc::new(Seen::default());
        clients.connect(dial(sim), Slow { seen: seen.clone(), stubborn: true });
        sim.run_until(|| handle.connections() == 1);
        sim.run_until(|| handle.connections() == 0);
        assert_eq!(closes(sim, Reason::LateDrain) + closes(sim, Reason::LateRate), 1);
    });
}

/// A shutdown tells everybody that it was no cut, and lets those in who shake hands.
pub(crate) fn drained(sim: &mut Simulation) {
    let grace = Grace { lame_duck: Duration::ZERO, ..Grace::default() };
    let workers = sim.random(3);
    let engine = sim.engine(Config { grace, workers, ..Config::default() });
    listen(engine, || Echo);
    let handle = engine.handle();
    let clients = sim.engine(Config { workers, ..Config::default() }).handle();
    let dial = dial(sim);
    let seen: Vec<_> = (0..3)
        .map(|_| {
            let (client, seen) = Client::new(1 + sim.random(20_000));
            clients.connect(dial.clone(), client);
            seen
        })
        .collect();
    sim.run_for(Duration::from_millis(sim.random(100) as u64));
    handle.shut_down();
    sim.run_until(|| seen.iter().all(|one| one.has_ended()));
    sim.run_until(|| handle.connections() == 0);
    for one in &seen {
        // Who still waits to be accepted, and can't be, is cut when the listener closes.
        let expected = match one.opened.load(Relaxed) {
            0 => &[Reason::ByPeer, Reason::Unreachable, Reason::Reset][..],
            _ => &[Reason::ByPeer],
        };
        assert!(expected.contains(&one.end()), "{:?}", one.end());
    }
    assert_eq!(closes(sim, Reason::Shutdown), 0);
}

#[test]
fn a_shutdown_cuts_nobody() {
    seeds(150, drained);
}

/// Says `go`, and speaks TLS once it hears `ok`.
struct Late {
    secured: bool,
    seen: Arc<Seen>,
}

impl Handler for Late {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert!(!self.secured, "it is open, and nobody answered in TLS");
        cx.output.put(b"go");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert!(!self.secured, "it heard what was not encrypted");
        if cx.input.starts_with(b"ok") {
            cx.input.consume(2);
            self.secured = true;
            cx.effects.start_tls(client(), "example.org");
        }
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.seen.ends.lock().unwrap().push(why.reason());
    }
}

#[test]
fn what_follows_in_the_clear_is_not_taken_for_tls() {
    // An agreement that is read alone, though more is there.
    let delay_max = Duration::from_millis(20);
    let short = Faults { short: 1000, delay_max, ..Faults::calm() };
    Seeds::new(200).faults(short).run(|sim| {
        sim.serve("10.0.0.2:80", |peer| {
            if !peer.take().is_empty() {
                peer.send(b"okevil");
                peer.finish();
            }
        });
        let handle = sim.engine(Config::default()).handle();
        let seen = Arc::new(Seen::default());
        let dial: Dial = "10.0.0.2:80".parse().unwrap();
        handle.connect(dial, Late { secured: false, seen: seen.clone() });
        sim.run_until(|| seen.has_ended());
        let end = seen.end();
        let ends = [Reason::Protocol, Reason::TlsMalformed, Reason::TlsUnfinished];
        assert!(ends.contains(&end), "{end:?}");
    });
}

/// Begins TLS when it has been open for a while.
struct Patient(Arc<Seen>);

const WHILE: Duration = Duration::from_secs(6);

impl Handler for Patient {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if cx.effects.tls().is_some() {
            self.0.opened.fetch_add(1, Relaxed);
        } else {
            cx.effects.arm(Timer::new(0), WHILE);
        }
        Ok(())
    }

    fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.start_tls(client(), "example.org");
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.0.ends.lock().unwrap().push(why.reason());
    }
}

#[test]
fn a_connection_does_not_live_longer_because_tls_begins_late() {
    let server = Deadlines { handshake: 2 * WHILE, ..Deadlines::default() };
    let lifetime = WHILE + Duration::from_secs(2);
    let first_frame = Some(2 * WHILE);
    for (deadlines, reason, age) in [
        (Deadlines { lifetime, ..Deadlines::default() }, Reason::LateLifetime, lifetime),
        (Deadlines { first_frame, ..Deadlines::default() }, Reason::LateFrame, 2 * WHILE),
    ] {
        let mut sim = Simulation::with_faults(0, Faults::calm());
        let engine = sim.engine(Config { deadlines: server, ..Config::default() });
        listen(engine, || Silent);
        let handle = sim.engine(Config { deadlines, ..Config::default() }).handle();
        let seen = Arc::new(Seen::default());
        handle.connect(AT.parse::<Dial>().unwrap(), Patient(seen.clone()));
        sim.run_until(|| handle.connections() == 1);
        let began = sim.now();
        sim.run_until(|| seen.has_ended());
        assert_eq!((seen.opened.load(Relaxed), seen.end()), (1, reason));
        assert!((age..age + Duration::from_secs(1)).contains(&(sim.now() - began)));
    }
}

/// Hears, and says nothing.
struct Silent;

impl Handler for Silent {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        Ok(())
    }
}

/// Begins TLS with somebody who never answers, and says something to itself.
struct Early(Arc<Seen>);

impl Handler for Early {
    type Message = usize;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.start_tls(client(), "example.org");
        cx.effects.address().send(1).unwrap();
        Ok(())
    }

    fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    fn on_message(&mut self, count: usize, _: &mut Context<'_, Self>) -> Result {
        self.0.received.fetch_add(count, Relaxed);
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.0.ends.lock().unwrap().push(why.reason());
    }
}

#[test]
fn a_message_that_comes_while_tls_begins_is_not_lost() {
    seeds(30, |sim| {
        sim.serve("10.0.0.2:80", |peer| drop(peer.take()));
        let handle = sim.engine(Config::default()).handle();
        let seen = Arc::new(Seen::default());
        handle.connect("10.0.0.2:80".parse::<Dial>().unwrap(), Early(seen.clone()));
        sim.run_until(|| seen.has_ended());
        assert_eq!((seen.received.load(Relaxed), seen.end()), (1, Reason::LateHandshake));
    });
}
