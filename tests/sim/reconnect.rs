//! Clients that come back: one by one, not all in the same instant; and no more once they gave up.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use overt::service::Reconnect;
use overt::sim::{Faults, Peer, Seeds, Simulation, seeds};
use overt::{Close, Config, Context, Dial, Handler, Never, Outgoing, Reason, Result};

use crate::closes;

const AT: &str = "10.0.0.2:7000";

/// When connections opened, and why clients gave up.
#[derive(Default)]
struct Seen {
    opened: Vec<Duration>,
    gave_up: Vec<Reason>,
}

struct Client {
    reconnect: Reconnect,
    seen: Arc<Mutex<Seen>>,
}

impl Handler for Client {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.reconnect.opened(cx.effects.now());
        self.seen.lock().unwrap().opened.push(cx.effects.now());
        cx.output.put(b"hello");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        Ok(())
    }

    fn on_close(mut self, why: Close, outgoing: &mut Outgoing<'_>) {
        match self.reconnect.again(&why, outgoing) {
            Some(dial) => outgoing.connect(dial, self),
            None => self.seen.lock().unwrap().gave_up.push(why.reason()),
        }
    }
}

fn clients(
    sim: &mut Simulation,
    count: usize,
    set: impl Fn(Reconnect) -> Reconnect,
) -> Arc<Mutex<Seen>> {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let dial = Dial::to(AT.parse::<SocketAddr>().unwrap());
    let engine = sim.engine(Config { loops: 1, ..Config::default() });
    for _ in 0..count {
        let reconnect = set(Reconnect::new(dial.clone()));
        engine.connect(dial.clone(), Client { reconnect, seen: seen.clone() });
    }
    seen
}

/// A server that cuts its first `cuts` clients as soon as they have said something, and answers
/// the others.
fn serve(sim: &mut Simulation, cuts: usize) -> Rc<Cell<usize>> {
    let answered = Rc::new(Cell::new(0));
    let (count, mut met) = (answered.clone(), Vec::new());
    sim.serve(AT, move |peer: &Peer| {
        if peer.take().is_empty() || met.contains(&peer.number()) {
            return;
        }
        met.push(peer.number());
        match met.len() <= cuts {
            true => peer.reset(),
            false => {
                peer.send(b"welcome");
                count.set(count.get() + 1);
            }
        }
    });
    answered
}

pub(crate) fn comes_back(sim: &mut Simulation) {
    let cuts = sim.random(6);
    let answered = serve(sim, cuts);
    let seen = clients(sim, 1, |reconnect| reconnect);
    sim.run_until(|| answered.get() == 1);
    assert_eq!(seen.lock().unwrap().opened.len(), cuts + 1);
    assert_eq!(closes(sim, Reason::Reset), cuts as u64);
}

pub(crate) fn gives_up(sim: &mut Simulation) {
    let seen = clients(sim, 1, |reconnect| reconnect.attempts(4));
    sim.run_until(|| !seen.lock().unwrap().gave_up.is_empty());
    assert_eq!(seen.lock().unwrap().gave_up, [Reason::Unreachable]);
    assert_eq!(closes(sim, Reason::Unreachable), 5);
}

#[test]
fn however_often_it_is_cut_off_it_comes_back() {
    seeds(100, comes_back);
}

#[test]
fn after_so_many_attempts_in_vain_it_gives_up() {
    seeds(50, gives_up);
}

#[test]
fn a_client_that_closes_because_the_engine_shuts_down_does_not_try_again() {
    seeds(50, |sim| {
        let answered = serve(sim, 0);
        let seen = clients(sim, 1, |reconnect| reconnect);
        sim.run_until(|| answered.get() == 1);
        sim.signal(0);
        sim.run_for(Duration::from_secs(60));
        assert!(sim.report().is_some());
        // It closed in order, and was told of nothing else after.
        assert_eq!(seen.lock().unwrap().gave_up, [Reason::ByUs]);
    });
}

#[test]
fn a_herd_does_not_come_back_in_one_instant() {
    const HERD: usize = 300;
    let second = Duration::from_secs(1);
    Seeds::new(10).faults(Faults::calm()).run(|sim| {
        let answered = serve(sim, HERD);
        let seen = clients(sim, HERD, |reconnect| reconnect.backoff(second, 10 * second));
        sim.run_until(|| answered.get() == HERD);
        let opened = seen.lock().unwrap().opened.split_off(HERD);
        let tenth = |time: &Duration| time.as_millis() / 100;
        let busiest =
            (0..100).map(|at| opened.iter().filter(|time| tenth(time) == at).count()).max();
        // Thirty come on average in each tenth of the second over which they are spread.
        assert!(busiest <= Some(60), "{busiest:?} came in a tenth of a second");
    });
}
