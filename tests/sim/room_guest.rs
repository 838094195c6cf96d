//! A protocol of lines for members of rooms, and its client: [`Guest`] is the handler, [`Client`] a
//! simulated peer that checks, as it reads, that each offset is told exactly once and in order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Arguments;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use overt::service::rooms::{
    Bookmark, Claim, Draft, Event, Form, Mail, Member, Post, PostId, Refused, Rooms, Since, Sink,
};
use overt::sim::{Peer, Simulation};
use overt::wire::{Codec, Lines};
use overt::{Context, Handler, Output, Result, Timer};

pub(crate) const AT: &str = "10.0.0.1:7000";

const TICK: Timer = Timer::new(0);
const LINE: Form = Form::new(3);

/// A member that speaks lines of words.
pub(crate) struct Guest {
    rooms: Arc<Rooms>,
    lines: Lines,
    member: Option<Member>,
}

impl Guest {
    pub(crate) fn new(rooms: Arc<Rooms>) -> Self {
        Self { rooms, lines: Lines::new(10_000), member: None }
    }

    fn heard(&mut self, words: &[&str], cx: &mut Context<'_, Self>) -> Result<(), Refused> {
        let (life, now) = (cx.effects.random(), cx.effects.now());
        let address = cx.effects.address();
        let mut telling = Telling(cx.output);
        match (words, &mut self.member) {
            (["enter", name, key], member @ None) => {
                let (name, key) = (Some(*name), key.parse().ok());
                let claim = Claim { name, key, since: Since::default() };
                let (mut entered, arrival) = Member::enter(&self.rooms, address, claim, life)?;
                let own = format!("@{}", entered.name());
                let mark = entered.bookmark(&own).unwrap();
                telling
                    .line(format_args!("joined {own} {} {} {arrival:?}", mark.epoch, mark.offset));
                entered.go_on(&mut telling);
                *member = Some(entered);
            }
            (["join", room, "-", latest], Some(member)) => {
                let since = Since { bookmark: None, latest: latest.parse().unwrap() };
                member.join(room, since, life, &mut telling)?;
            }
            (["join", room, epoch, offset], Some(member)) => {
                let (epoch, offset) = (epoch.parse().unwrap(), offset.parse().unwrap());
                let since = Since { bookmark: Some(Bookmark { epoch, offset }), latest: 0 };
                member.join(room, since, life, &mut telling)?;
            }
            (["leave", room], Some(member)) => member.leave(room)?,
            (["say", room, publisher, sequence, key, text], Some(member)) => {
                let (publisher, sequence) = (publisher.parse().unwrap(), sequence.parse().unwrap());
                let draft = Draft {
                    id: Some(PostId { publisher, sequence }),
                    key: (*key != "-").then(|| (*key).into()),
                    ..Draft::new(text.as_bytes())
                };
                let told = member.publish(room, draft, now)?;
                telling.line(format_args!("ack {sequence} {}", told.again));
            }
            other => panic!("{:?}", other.0),
        }
        Ok(())
    }
}

impl Handler for Guest {
    type Message = Mail;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.arm_every(TICK, Duration::from_secs(5));
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(line) = self.lines.decode(cx.input)? {
            let line = String::from_utf8(line.to_vec()).unwrap();
            if let Err(why) = self.heard(&line.split(' ').collect::<Vec<_>>(), cx) {
                cx.output.put(format!("no {}\n", why.name()).as_bytes());
            }
        }
        Ok(())
    }

    fn on_message(&mut self, mail: Mail, cx: &mut Context<'_, Self>) -> Result {
        let Some(member) = &mut self.member else { return Ok(()) };
        member.mail(mail, &mut Telling(cx.output))
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        let Some(member) = &mut self.member else { return Ok(()) };
        member.tick(cx.effects.now(), &mut Telling(cx.output));
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let Some(member) = &mut self.member else { return Ok(()) };
        member.go_on(&mut Telling(cx.output));
        Ok(())
    }
}

struct Telling<'a>(&'a mut Output);

impl Telling<'_> {
    fn line(&mut self, line: Arguments<'_>) {
        self.0.put(format!("{line}\n").as_bytes());
    }
}

impl Sink for Telling<'_> {
    fn is_full(&self) -> bool {
        self.0.is_congested()
    }

    fn put(&mut self, event: Event<'_>) {
        match event {
            Event::Joined(joined) => {
                let (room, presence) = (joined.room.name(), joined.presence);
                let (epoch, offset) = (joined.room.epoch(), joined.offset);
                self.line(format_args!("joined {room} {epoch} {offset} {:?}", joined.arrival));
                self.line(format_args!(
                    "users {room} {} {}",
                    presence.users,
                    presence.names.join(",")
                ));
            }
            Event::Post(post) => self.0.share(post.encoded(LINE, post_as_line).into_owned()),
            Event::Gap(gap) => {
                let (room, why) = (gap.room, gap.why.name());
                self.line(format_args!("gap {room} {} {} {why}", gap.first, gap.last));
            }
            Event::Change(change) => {
                let (room, user, users) = (&change.room, &change.user, change.users);
                let what = if change.came { "came" } else { "went" };
                self.line(format_args!("{what} {room} {users} {user}"));
            }
            Event::Present(room, presence) => {
                self.line(format_args!(
                    "users {room} {} {}",
                    presence.users,
                    presence.names.join(",")
                ));
            }
            Event::Kicked { room, why } => self.line(format_args!("kicked {room} {why}")),
        }
    }
}

fn post_as_line(post: &Post) -> Bytes {
    let (publisher, sequence) = post.id.map_or((0, 0), |id| (id.publisher, id.sequence));
    let (room, offset, from, key) =
        (&post.room, post.offset, &post.from, post.key.as_deref().unwrap_or("-"));
    let text = std::str::from_utf8(&post.body).unwrap();
    format!("post {room} {offset} {from} {publisher} {sequence} {key} {text}\n").into()
}

/// What a client knows of a room.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) epoch: String,
    pub(crate) arrivals: Vec<String>,
    pub(crate) first: u64,
    pub(crate) cursor: u64,
    /// What was told, by offset: a post, or why it is missing.
    pub(crate) told: BTreeMap<u64, Result<Said, String>>,
    pub(crate) users: usize,
    pub(crate) names: BTreeSet<String>,
    pub(crate) kicked: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) publisher: u128,
    pub(crate) sequence: u64,
    pub(crate) key: String,
    pub(crate) text: String,
}

impl Seen {
    /// All that was said, if nothing is missing.
    pub(crate) fn all(&self) -> Vec<Said> {
        let told = self.told.values().cloned();
        told.map(|said| said.expect("something is missing")).collect()
    }

    pub(crate) fn missing(&self, why: &str) -> usize {
        self.told.values().filter(|told| told.as_ref().is_err_and(|reason| reason == why)).count()
    }
}

/// Somebody who takes part. What it knows of rooms outlives its connections.
pub(crate) struct Client {
    pub(crate) peer: Peer,
    name: String,
    pub(crate) rooms: BTreeMap<String, Seen>,
    /// Sent and not acknowledged, oldest first.
    pub(crate) unacknowledged: Vec<(u64, String)>,
    pub(crate) refused: Vec<String>,
    publisher: u128,
    sequence: u64,
    partial: Vec<u8>,
}

impl Client {
    pub(crate) fn new(sim: &mut Simulation, name: &str, publisher: u128) -> Self {
        let peer = sim.connect(AT);
        peer.send(format!("enter {name} {publisher}\n").as_bytes());
        Self {
            peer,
            name: name.into(),
            rooms: BTreeMap::new(),
            unacknowledged: Vec::new(),
            refused: Vec::new(),
            publisher,
            sequence: 0,
            partial: Vec::new(),
        }
    }

    pub(crate) fn seen(&self, room: &str) -> &Seen {
        &self.rooms[room]
    }

    pub(crate) fn send(&self, line: &str) {
        self.peer.send(format!("{line}\n").as_bytes());
    }

    pub(crate) fn say(&mut self, room: &str, key: &str, text: &str) {
        self.sequence += 1;
        let line = format!("say {room} {} {} {key} {text}", self.publisher, self.sequence);
        self.send(&line);
        self.unacknowledged.push((self.sequence, line));
    }

    /// Loses its connection, and comes back to where it was, in all rooms.
    pub(crate) fn come_back(&mut self, sim: &mut Simulation) {
        self.read();
        self.peer.reset();
        self.read();
        self.partial.clear();
        self.peer = sim.connect(AT);
        self.send(&format!("enter {} {}", self.name, self.publisher));
        for (room, seen) in self.rooms.iter().filter(|(room, _)| !room.starts_with('@')) {
            self.send(&format!("join {room} {} {}", seen.epoch, seen.cursor));
        }
        for (_, line) in &self.unacknowledged {
            self.send(line);
        }
    }

    /// Takes note of what has come.
    pub(crate) fn read(&mut self) -> &mut Self {
        self.partial.extend(self.peer.take());
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8(line).unwrap();
            let words: Vec<&str> = line.trim_end_matches('\n').split(' ').collect();
            self.hear(&words);
        }
        self
    }

    fn hear(&mut self, words: &[&str]) {
        match words {
            ["ack", sequence, _] => {
                let sequence: u64 = sequence.parse().unwrap();
                assert_eq!(self.unacknowledged.remove(0).0, sequence);
            }
            ["no", why] => self.refused.push((*why).into()),
            [what, room, rest @ ..] => {
                let seen = self.rooms.entry((*room).into()).or_default();
                seen.hear(what, rest);
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Seen {
    fn hear(&mut self, what: &str, words: &[&str]) {
        match (what, words) {
            ("joined", [epoch, offset, arrival]) => {
                let offset = offset.parse().unwrap();
                if *arrival == "Resumed" {
                    assert_eq!((self.epoch.as_str(), self.cursor), (*epoch, offset));
                } else {
                    (self.epoch, self.first, self.cursor) = ((*epoch).into(), offset, offset);
                    self.told.clear();
                }
                self.arrivals.push((*arrival).into());
                self.kicked = false;
            }
            ("post", [offset, _, publisher, sequence, key, text]) => {
                self.cursor += 1;
                assert_eq!(offset.parse(), Ok(self.cursor), "a silent gap, or the same again");
                let (publisher, sequence) = (publisher.parse().unwrap(), sequence.parse().unwrap());
                let (key, text) = ((*key).into(), (*text).into());
                self.told.insert(self.cursor, Ok(Said { publisher, sequence, key, text }));
            }
            ("gap", [first, last, why]) => {
                let last: u64 = last.parse().unwrap();
                assert_eq!(first.parse(), Ok(self.cursor + 1), "a silent gap, or the same again");
                assert!(last > self.cursor);
                self.told
                    .extend((self.cursor + 1..=last).map(|missing| (missing, Err((*why).into()))));
                self.cursor = last;
            }
            ("users", [users, names]) => {
                self.users = users.parse().unwrap();
                self.names =
                    names.split(',').filter(|name| !name.is_empty()).map(Into::into).collect();
            }
            ("came", [users, user]) => {
                self.users = users.parse().unwrap();
                assert!(self.names.insert((*user).into()), "{user} came twice");
            }
            ("went", [users, user]) => {
                self.users = users.parse().unwrap();
                assert!(self.names.remove(*user), "{user} was not there");
            }
            ("kicked", [_]) => self.kicked = true,
            other => panic!("{other:?}"),
        }
    }
}
