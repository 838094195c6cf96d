//! Outgoing connections: names, addresses in turn, deadlines, and coming back.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use overt::net::Endpoint;
use overt::service::Reconnect;
use overt::sim::{Faults, Seeds, Simulation, seeds};
use overt::{Close, Config, Context, Dial, Handler, Limits, Never, Outgoing, Reason, Result};

use crate::closes;

/// What happened to a client, and when.
type Diary = Arc<Mutex<Vec<(&'static str, Duration)>>>;

/// Says hello, and keeps a diary.
struct Client {
    diary: Diary,
    reconnect: Option<Reconnect>,
}

impl Handler for Client {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let now = cx.effects.now();
        self.diary.lock().unwrap().push(("open", now));
        if let Some(reconnect) = &mut self.reconnect {
            reconnect.opened(now);
        }
        cx.output.put(b"hello");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.diary.lock().unwrap().push(("data", cx.effects.now()));
        cx.input.clear();
        Ok(())
    }

    fn on_close(mut self, why: Close, outgoing: &mut Outgoing<'_>) {
        self.diary.lock().unwrap().push((why.reason().name(), outgoing.now()));
        let Some(reconnect) = &mut self.reconnect else { return };
        if let Some(dial) = reconnect.again(&why, outgoing) {
            outgoing.connect(dial, self);
        }
    }
}

fn dial(sim: &mut Simulation, dial: Dial, reconnect: Option<Reconnect>) -> Diary {
    let diary = Diary::default();
    let client = Client { diary: diary.clone(), reconnect };
    sim.engine(Config { loops: 1, ..Config::default() }).connect(dial, client);
    diary
}

fn greeted(diary: &Diary) -> bool {
    diary.lock().unwrap().iter().any(|(what, _)| *what == "data")
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_host_is_reached_at_the_address_that_answers() {
    seeds(100, |sim| {
        sim.serve("10.0.0.3:80", |peer| peer.send(&peer.take()));
        sim.name_host("three.example", &[ip("10.0.0.1"), ip("10.0.0.2"), ip("10.0.0.3")]);
        let diary = dial(sim, Dial::host("three.example", 80), None);
        sim.run_until(|| greeted(&diary));
    });
}

#[test]
fn an_address_that_is_silent_costs_its_share_of_the_time() {
    let silent = Faults { unanswered: 1000, ..Faults::calm() };
    Seeds::new(20).faults(silent).run(|sim| {
        let all = ["10.0.0.1:80", "10.0.0.2:80"].map(|at| at.parse::<Endpoint>().unwrap());
        let to = Dial::any(all).timeout(Duration::from_secs(4));
        let diary = dial(sim, to, None);
        sim.run_until(|| !diary.lock().unwrap().is_empty());
        let diary = diary.lock().unwrap();
        assert_eq!(diary[0].0, "late_handshake");
        let after = diary[0].1;
        assert!(
            Duration::from_secs(4) <= after && after < Duration::from_millis(4010),
            "{after:?}"
        );
        let counters = sim.ledgers().remove(0);
        assert_eq!(counters.dials, 2);
    });
}

#[test]
fn a_name_that_nobody_knows_is_told_to_the_handler() {
    seeds(50, |sim| {
        let diary = dial(sim, Dial::host("nobody.example", 80), None);
        sim.run_until(|| !diary.lock().unwrap().is_empty());
        assert_eq!(diary.lock().unwrap()[0].0, "unresolved");
    });
}

#[test]
fn who_is_refused_comes_back_when_there_is_a_server_again() {
    seeds(50, |sim| {
        let to: Dial = "10.0.0.2:80".parse().unwrap();
        let diary = dial(sim, to.clone(), Some(Reconnect::new(to)));
        sim.run_for(Duration::from_secs(60));
        assert!(closes(sim, Reason::Unreachable) > 3);
        sim.serve("10.0.0.2:80", |peer| peer.send(&peer.take()));
        sim.run_until(|| greeted(&diary));
    });
}

/// Opens a hundred connections at once, and hears of each.
struct Hundred(Diary);

impl Handler for Hundred {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        for _ in 0..100 {
            let client = Client { diary: self.0.clone(), reconnect: None };
            cx.effects.connect(Dial::to("10.0.0.2:80".parse::<Endpoint>().unwrap()), client);
        }
        Ok(())
    }
}

#[test]
fn who_dials_many_at_once_holds_up_nobody_and_reaches_all() {
    seeds(20, |sim| {
        let limits = Limits { dials_per_turn: 1 + sim.random(7) as u32, ..Limits::default() };
        let most = u64::from(limits.dials_per_turn);
        sim.serve("10.0.0.2:80", |peer| peer.send(&peer.take()));
        let diary = Diary::default();
        let noted = diary.clone();
        let engine = sim.engine(Config { loops: 1, limits, ..Config::default() });
        engine.listen("10.0.0.1:7000", move || Hundred(noted.clone())).unwrap();
        let client = sim.connect("10.0.0.1:7000");
        client.send(b"x");
        let told = || diary.lock().unwrap().iter().filter(|(what, _)| *what == "open").count();
        sim.run_until(|| told() == 100);
        let (dials, turns) = (crate::counted(sim, "dials"), crate::counted(sim, "turns"));
        assert!(dials == 100 && turns >= 100 / most, "{dials} in {turns} turns");
        sim.run_until(|| client.received() == b"x");
    });
}

/// Opens connections later, so many at once.
struct Later(Diary);

impl Handler for Later {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        for _ in 0..10 {
            let to = Dial::to("10.0.0.2:80".parse::<Endpoint>().unwrap());
            let client = Client { diary: self.0.clone(), reconnect: None };
            cx.effects.connect(to.after(Duration::from_secs(1)), client);
        }
        Ok(())
    }
}

#[test]
fn what_a_turn_had_no_room_for_is_begun_in_the_next() {
    Seeds::new(10).faults(Faults::calm()).run(|sim| {
        let limits = Limits { dials_per_turn: 1, ..Limits::default() };
        sim.serve("10.0.0.2:80", |peer| peer.send(&peer.take()));
        let diary = Diary::default();
        let noted = diary.clone();
        let engine = sim.engine(Config { loops: 1, limits, ..Config::default() });
        engine.listen("10.0.0.1:7000", move || Later(noted.clone())).unwrap();
        sim.connect("10.0.0.1:7000").send(b"x");
        sim.run_for(Duration::from_millis(1100));
        let diary = diary.lock().unwrap();
        assert_eq!(diary.iter().filter(|(what, _)| *what == "open").count(), 10);
    });
}
