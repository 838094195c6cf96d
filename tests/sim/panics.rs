//! A panic ends one connection, wherever it happens, and nobody else notices.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use overt::sim::{Faults, Seeds, Simulation, Status, seeds};
use overt::{Address, Close, Config, Context, Group, Handler, Limits, Never, Outgoing, Reason};
use overt::{Result, Timer};

use crate::{closes, counted};

/// A panic that prints nothing: there are thousands in these tests.
fn panic_silently() -> ! {
    resume_unwind(Box::new("as the test wants it"))
}

/// Panics where the first byte says. Echoes what follows.
struct Fragile(u8);

impl Handler for Fragile {
    type Message = ();

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if self.0 == 0 {
            let Some(place) = cx.input.take(1).map(|place| place[0]) else { return Ok(()) };
            self.0 = place;
            match place {
                b'd' => panic_silently(),
                b't' => cx.effects.arm(Timer::new(0), Duration::from_millis(1)),
                b'm' => cx.effects.address().send(()).unwrap(),
                b'j' => cx.effects.answer(b"", |_, _| panic_silently())?,
                b'o' => cx.effects.offload(|| panic_silently())?,
                b'w' => cx.effects.offload_unordered(|| panic_silently())?,
                _ => {}
            }
        }
        cx.output.append(cx.input);
        Ok(())
    }

    fn on_timer(&mut self, _timer: Timer, _cx: &mut Context<'_, Self>) -> Result {
        panic_silently()
    }

    fn on_message(&mut self, (): (), _cx: &mut Context<'_, Self>) -> Result {
        panic_silently()
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        match self.0 {
            b'e' => panic_silently(),
            _ => cx.effects.close(),
        }
        Ok(())
    }

    fn on_close(self, _why: Close, _outgoing: &mut Outgoing<'_>) {
        if self.0 == b'c' {
            panic_silently();
        }
    }
}

pub(crate) fn scenario(sim: &mut Simulation) {
    const PLACES: &[u8] = b"dtmjowe";
    let workers = 1 + sim.random(2);
    let engine = sim.engine(Config { workers, ..Config::default() });
    engine.listen("10.0.0.1:7000", || Fragile(0)).unwrap();
    let handle = engine.handle();
    let victims: Vec<_> = (0..1 + sim.random(8))
        .map(|_| {
            let client = sim.connect("10.0.0.1:7000");
            client.send(&[PLACES[sim.random(PLACES.len())]]);
            client.finish();
            client
        })
        .collect();
    let others: Vec<_> = (0..1 + sim.random(4))
        .map(|_| {
            let client = sim.connect("10.0.0.1:7000");
            client.send(if sim.random(2) == 0 { b"." } else { b"c" });
            client.send(&[b'x'; 3000]);
            client.finish();
            client
        })
        .collect();
    sim.run_until(|| others.iter().chain(&victims).all(|client| client.is_over()));
    sim.run_until(|| handle.connections() == 0);
    for other in &others {
        assert_eq!((other.status(), other.received_in_all()), (Status::Ended, 3000));
    }
    assert!(closes(sim, Reason::Panicked) <= victims.len() as u64);
    assert_eq!(
        closes(sim, Reason::Panicked) + closes(sim, Reason::ByPeer),
        (others.len() + victims.len()) as u64
    );
    assert!(counted(sim, "panics") >= closes(sim, Reason::Panicked));
    assert!(sim.snapshots(0).iter().all(|one| one.workers.iter().all(|worker| worker.jobs == 0)));
}

#[test]
fn a_panic_ends_one_connection_wherever_it_happens() {
    seeds(400, scenario);
}

#[test]
fn a_panic_of_a_ticker_or_a_factory_ends_neither_loop_nor_ticking() {
    seeds(100, |sim| {
        let engine = sim.engine(Config { loops: 1, ..Config::default() });
        let (mut ticks, mut made) = (0, AtomicU32::new(0));
        let seen = Arc::new(AtomicU32::new(0));
        let count = seen.clone();
        *made.get_mut() = 0;
        engine.every(Duration::from_millis(10), move |_| {
            ticks += 1;
            count.store(ticks, Relaxed);
            if ticks % 3 == 0 {
                panic_silently();
            }
        });
        engine
            .listen("10.0.0.1:7000", move || {
                if made.fetch_add(1, Relaxed) == 0 {
                    panic_silently();
                }
                Fragile(b'.')
            })
            .unwrap();
        let handle = engine.handle();
        let first = sim.connect("10.0.0.1:7000");
        sim.run_until(|| first.is_over());
        let second = sim.connect("10.0.0.1:7000");
        second.send(b"hello");
        second.finish();
        sim.run_until(|| second.is_over());
        assert_eq!(second.received(), b"hello");
        let before = seen.load(Relaxed);
        sim.run_for(Duration::from_secs(1));
        let after = seen.load(Relaxed);
        assert!(after >= before + 50, "{before} ticks, then {after}");
        sim.run_until(|| handle.connections() == 0);
    });
}

/// Panics before it has begun, if it is told so.
struct Stillborn(bool);

impl Handler for Stillborn {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"hello");
        if self.0 {
            cx.effects.arm(Timer::new(0), Duration::from_millis(1));
            panic_silently();
        }
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }
}

#[test]
fn a_panic_at_the_opening_ends_that_connection_and_leaves_nothing() {
    seeds(200, |sim| {
        let limits = Limits { connections: 3, ..Limits::default() };
        let engine = sim.engine(Config { limits, ..Config::default() });
        let made = AtomicU32::new(0);
        let handler = move || Stillborn(made.fetch_add(1, Relaxed).is_multiple_of(2));
        engine.listen("10.0.0.1:7000", handler).unwrap();
        let handle = engine.handle();
        let clients: Vec<_> = (0..12).map(|_| sim.connect("10.0.0.1:7000")).collect();
        clients.iter().for_each(|client| client.finish());
        sim.run_until(|| clients.iter().all(|client| client.is_over()));
        sim.run_until(|| handle.connections() == 0);
        assert_eq!((closes(sim, Reason::Panicked), closes(sim, Reason::ByPeer)), (6, 6));
        for client in &clients {
            let received: &[u8] = if client.status() == Status::Reset { b"" } else { b"hello" };
            assert_eq!(client.received(), received);
        }
        sim.run_for(Duration::from_secs(1));
        assert_eq!(counted(sim, "timers"), 0);
    });
}

#[test]
fn a_panic_leaves_no_job_of_others_lying() {
    /// Has a worker answer, or panics.
    struct Answers;

    impl Handler for Answers {
        type Message = Never;

        fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
            match cx.input.take(1) {
                Some(b"!") => panic_silently(),
                _ => cx.effects.answer(b"", |_, output| output.put(b"answer")),
            }
        }
    }

    Seeds::new(50).faults(Faults::calm()).run(|sim| {
        let engine = sim.engine(Config { loops: 1, workers: 1, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Answers).unwrap();
        let handle = engine.handle();
        let clients: Vec<_> = (0..2).map(|_| sim.connect("10.0.0.1:7000")).collect();
        sim.run_until(|| handle.connections() == 2);
        sim.run_for(Duration::from_secs(1));
        // Both come in one turn, and then nothing that would wake the loop.
        clients[0].send(b"?");
        clients[1].send(b"!");
        sim.run_for(Duration::from_secs(1));
        assert_eq!(clients[0].received(), b"answer");
    });
}

#[test]
fn a_panic_of_one_timer_does_not_cost_the_others_theirs() {
    /// Ticks a second after its opening, or panics then.
    struct Ticks(bool);

    impl Handler for Ticks {
        type Message = Never;

        fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
            cx.effects.arm(Timer::new(0), Duration::from_secs(1));
            Ok(())
        }

        fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
            self.0 = true;
            cx.input.clear();
            cx.effects.arm(Timer::new(0), Duration::from_secs(1));
            Ok(())
        }

        fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
            if self.0 {
                panic_silently();
            }
            cx.output.put(b"tick");
            Ok(())
        }
    }

    Seeds::new(50).faults(Faults::calm()).run(|sim| {
        let engine = sim.engine(Config { loops: 1, ..Config::default() });
        engine.listen("10.0.0.1:7000", || Ticks(false)).unwrap();
        let clients: Vec<_> = (0..6).map(|_| sim.connect("10.0.0.1:7000")).collect();
        let victim = sim.random(6);
        clients[victim].send(b"!");
        sim.run_for(Duration::from_millis(1100));
        for (number, client) in clients.iter().enumerate() {
            let expected: &[u8] = if number == victim { b"" } else { b"tick" };
            assert_eq!(client.received(), expected);
        }
    });
}

/// Can be cloned but for once.
struct Fragment(Arc<AtomicU32>);

impl Clone for Fragment {
    fn clone(&self) -> Self {
        match self.0.fetch_add(1, Relaxed) {
            2 => panic_silently(),
            _ => Self(self.0.clone()),
        }
    }
}

#[test]
fn a_message_that_cannot_be_cloned_once_is_missed_by_one() {
    /// Says `.` when it is told anything.
    struct Member(Arc<Mutex<Vec<Address<Fragment>>>>);

    impl Handler for Member {
        type Message = Fragment;

        fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
            self.0.lock().unwrap().push(cx.effects.address());
            Ok(())
        }

        fn on_data(&mut self, _cx: &mut Context<'_, Self>) -> Result {
            Ok(())
        }

        fn on_message(&mut self, _: Fragment, cx: &mut Context<'_, Self>) -> Result {
            cx.output.put(b".");
            Ok(())
        }
    }

    seeds(20, |sim| {
        let members = Arc::new(Mutex::new(Vec::new()));
        let all = members.clone();
        let engine = sim.engine(Config { loops: 1, ..Config::default() });
        engine.listen("10.0.0.1:7000", move || Member(all.clone())).unwrap();
        let clients: Vec<_> = (0..5).map(|_| sim.connect("10.0.0.1:7000")).collect();
        sim.run_until(|| members.lock().unwrap().len() == 5);
        // One clone for the loop, then one for each member.
        let group = Group::of(&*members.lock().unwrap());
        assert_eq!(group.send(Fragment(Arc::default())), 0);
        sim.run_for(Duration::from_secs(1));
        let told: u64 = clients.iter().map(|client| client.received_in_all()).sum();
        assert_eq!((told, counted(sim, "panics")), (4, 1));
        assert_eq!(closes(sim, Reason::Panicked), 0);
    });
}
