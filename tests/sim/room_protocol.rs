//! The protocol of rooms over frames: whatever the network does to it, what was said and not
//! acknowledged arrives once, and a shutdown is staged.

use std::sync::Arc;
use std::time::Duration;

use overt::service::rooms::{RoomLimits, Rooms};
use overt::service::{RoomProtocol, RoomsByFrames};
use overt::sim::{Faults, Peer, Seeds, Simulation, seeds};
use overt::{Config, Reason};
use serde_json::{Value, json};

use crate::{assert_closes, small_limits};

const AT: &str = "10.0.0.1:7004";
const SAY: u64 = 6;

struct Client {
    peer: Peer,
    name: String,
    key: String,
    /// Where it is: the room's life, and the last offset.
    seen: Value,
    texts: Vec<String>,
    acknowledged: u64,
    said: u64,
    bye: Option<(u64, Duration)>,
    partial: Vec<u8>,
    is_in: bool,
}

impl Client {
    fn new(sim: &mut Simulation, number: usize) -> Self {
        let (name, key) = (format!("n{number}"), format!("{:032x}", number + 1));
        let (seen, texts, partial) = (Value::Null, Vec::new(), Vec::new());
        let (acknowledged, said, bye) = (0, 0, None);
        let peer = sim.connect(AT);
        let is_in = false;
        let client = Self { peer, name, key, seen, texts, acknowledged, said, bye, partial, is_in };
        client.enter();
        client
    }

    fn enter(&self) {
        let Self { name, key, seen, .. } = self;
        self.send(&json!({ "type": "hello", "name": name, "key": key, "client": key }));
        self.send(&json!({ "type": "join", "room": "hall", "seen": seen, "latest": 1000 }));
        (self.acknowledged + 1..=self.said).for_each(|seq| self.send_text(seq));
    }

    fn say(&mut self) {
        self.said += 1;
        self.send_text(self.said);
    }

    fn send_text(&self, seq: u64) {
        let text = format!("{} {seq}", self.name);
        self.send(&json!({ "type": "say", "room": "hall", "seq": seq, "text": text }));
    }

    fn send(&self, message: &Value) {
        let message = message.to_string();
        self.peer.send(&[&(message.len() as u32).to_be_bytes(), message.as_bytes()].concat());
    }

    fn come_back(&mut self, sim: &mut Simulation) {
        self.read(sim.now());
        self.peer.reset();
        self.partial.clear();
        self.is_in = false;
        self.peer = sim.connect(AT);
        self.enter();
    }

    fn read(&mut self, now: Duration) -> &mut Self {
        self.partial.extend(self.peer.take());
        while let Some(prefix) = self.partial.first_chunk::<4>() {
            let end = 4 + u32::from_be_bytes(*prefix) as usize;
            if self.partial.len() < end {
                break;
            }
            let frame: Vec<u8> = self.partial.drain(..end).collect();
            self.hear(&serde_json::from_slice(&frame[4..]).unwrap(), now);
        }
        self
    }

    fn hear(&mut self, message: &Value, now: Duration) {
        let offset = &message["offset"];
        match message["type"].as_str().unwrap() {
            "joined" => {
                self.seen = json!({ "epoch": message["epoch"], "offset": offset });
                self.is_in = true;
            }
            "post" => {
                assert_eq!(offset.as_u64().unwrap(), self.seen["offset"].as_u64().unwrap() + 1);
                self.seen["offset"] = offset.clone();
                self.texts.push(message["text"].as_str().unwrap().to_owned());
            }
            "ack" => {
                self.acknowledged += 1;
                assert_eq!(message["seq"], self.acknowledged);
            }
            "bye" => self.bye = Some((message["retry"].as_u64().unwrap(), now)),
            "welcome" | "came" | "went" | "present" => {}
            _ => panic!("{message}"),
        }
    }
}

pub(crate) fn scenario(sim: &mut Simulation) {
    let limits = small_limits(sim);
    let engine = sim.engine(Config { loops: 0, limits, ..Config::default() });
    let (rooms, protocol) = (Rooms::new(RoomLimits::default()), Arc::default());
    engine.listen(AT, move || RoomsByFrames::new(rooms.clone(), Arc::clone(&protocol))).unwrap();
    let mut people: Vec<_> = (0..4).map(|number| Client::new(sim, number)).collect();
    for _ in 0..SAY {
        people.iter_mut().for_each(Client::say);
        sim.run_for(Duration::from_millis(sim.random(50) as u64));
        let unlucky = sim.random(people.len());
        people[unlucky].come_back(sim);
    }
    let all = people.len() * SAY as usize;
    sim.run_until(|| {
        let done = |client: &mut Client| {
            let Client { texts, acknowledged, is_in, .. } = client.read(Duration::ZERO);
            texts.len() == all && *acknowledged == SAY && *is_in
        };
        people.iter_mut().all(done)
    });
    for client in &people {
        assert_eq!(client.texts, people[0].texts);
        let own = people[0].texts.iter().filter(|text| text.starts_with(&client.name));
        assert!(own.eq(&(1..=SAY).map(|seq| format!("{} {seq}", client.name)).collect::<Vec<_>>()));
    }
    shut_down(sim, &mut people);
    assert_closes(sim, &[Reason::ByPeer, Reason::ByUs, Reason::Reset]);
}

/// Each is told when to come back, not all at once, and nobody is cut off.
fn shut_down(sim: &mut Simulation, people: &mut [Client]) {
    let RoomProtocol { drain, retry, .. } = RoomProtocol::default();
    let began = sim.now();
    sim.signal(0);
    while people.iter().any(|client| client.bye.is_none()) {
        sim.run_for(Duration::from_millis(10));
        let now = sim.now();
        people.iter_mut().for_each(|client| _ = client.read(now));
        assert!(now < began + 2 * drain, "somebody was not told");
    }
    let ends = people.iter().filter_map(|client| client.bye);
    assert!(ends.clone().all(|(after, _)| after <= retry.as_millis() as u64));
    let (first, last) = (ends.clone().map(|it| it.1).min(), ends.map(|it| it.1).max());
    assert!(first < last, "all at once");
    people.iter().for_each(|client| client.peer.close());
    sim.run_for(Duration::from_secs(10));
    assert_eq!(sim.report().map(|report| report.cut), Some(0));
}

#[test]
fn what_was_said_arrives_once_and_a_shutdown_is_staged() {
    seeds(60, scenario);
}

#[test]
fn whoever_talks_faster_than_is_allowed_is_heard_at_the_pace_that_is() {
    Seeds::new(5).faults(Faults::calm()).run(|sim| {
        let engine = sim.engine(Config::default());
        let (rooms, protocol) = (Rooms::new(RoomLimits::default()), Arc::default());
        let guest = move || RoomsByFrames::new(rooms.clone(), Arc::clone(&protocol));
        engine.listen(AT, guest).unwrap();
        let mut client = Client::new(sim, 0);
        let RoomProtocol { messages_at_once, message_every, .. } = RoomProtocol::default();
        let began = sim.now();
        let more = 100;
        (0..messages_at_once + more).for_each(|_| client.say());
        let all = u64::from(messages_at_once + more);
        sim.run_until(|| client.read(Duration::ZERO).acknowledged == all);
        assert!(sim.now() - began >= message_every * more);
    });
}
