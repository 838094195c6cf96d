//! [`Network`]: the one network that all simulated worlds and peers share: a clock, and what is to
//! happen on it.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use super::chance::Chance;
use super::door::Door;
use super::faults::Faults;
use super::link::{Link, Owner};
use super::peer::PeerState;
use super::socket::Socket;
use crate::net::{Endpoint, Remote, Resolved, Token};

pub(crate) struct Network {
    pub(crate) chance: Chance,
    pub(crate) faults: Faults,
    pub(crate) clock: Duration,
    /// What is to happen, by time and then by the order in which it was decided.
    pub(super) events: BTreeMap<(Duration, u64), Event>,
    decided: u64,
    /// By number; numbers are not used again, so an event can't come to a later stream.
    pub(super) links: Vec<Option<Box<Link>>>,
    pub(super) doors: Vec<Option<Door>>,
    pub(super) sockets: Vec<Option<Socket>>,
    pub(super) pollers: Vec<Poller>,
    pub(super) peers: Vec<PeerState>,
    /// Peers that have something to do.
    pub(super) active: Vec<usize>,
    pub(super) hosts: BTreeMap<String, Vec<IpAddr>>,
    /// Descriptors that worlds have open, and may have.
    pub(super) descriptors: usize,
    pub(crate) descriptors_max: usize,
    pub(super) ports: u16,
    trace: u64,
}

/// What happens at a time.
pub(super) enum Event {
    /// Bytes, or the end, arrive from this side.
    Arrival { link: usize, side: usize },
    /// Something becomes news to this side.
    News { link: usize, side: usize, bits: u8 },
    /// Somebody waits at a door.
    DoorNews(usize),
    /// A connection is asked for.
    Knock { link: usize, at: Endpoint },
    /// … and this is the answer.
    Answer { link: usize, failed: Option<io::ErrorKind> },
    /// A reset comes to this side.
    Cut { link: usize, side: usize },
    /// Something becomes news to a datagram socket.
    SocketNews { socket: usize, bits: u8 },
    /// A datagram arrives.
    Datagram { from: Remote, to: Remote, bytes: Vec<u8> },
    /// A peer's time has come.
    Act(usize),
    /// A name is resolved.
    Resolved(Resolved, io::Result<Vec<Endpoint>>),
}

/// What the outside has to do, when the network is not being looked at.
pub(crate) enum Outside {
    Resolved(Resolved, io::Result<Vec<Endpoint>>),
    /// A peer has a script, and something happened to it.
    Script {
        peer: usize,
        script: usize,
    },
}

/// What one loop polls.
pub(super) struct Poller {
    /// What is news, as epoll's ready list.
    pub(super) ready: Vec<Source>,
    pub(super) woken: Arc<AtomicBool>,
    /// Tokens of what was closed lately.
    pub(super) dead: Vec<Token>,
    pub(super) signals: u32,
    /// Whether it tells of reading and writing apart.
    pub(super) splits: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Stream(usize, usize),
    Door(usize),
    Socket(usize),
    Signal,
}

impl Network {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        Self {
            chance: Chance::new(seed),
            faults,
            clock: Duration::ZERO,
            events: BTreeMap::new(),
            decided: 0,
            links: Vec::new(),
            doors: Vec::new(),
            sockets: Vec::new(),
            pollers: Vec::new(),
            peers: Vec::new(),
            active: Vec::new(),
            hosts: BTreeMap::new(),
            descriptors: 0,
            descriptors_max: usize::MAX,
            ports: 0,
            trace: 0,
        }
    }

    /// A world for one more loop; tells its number.
    pub(crate) fn add_world(&mut self) -> usize {
        let splits = self.chance.happens(self.faults.split_events);
        let (ready, dead) = (Vec::new(), Vec::new());
        self.pollers.push(Poller { ready, woken: Arc::default(), dead, signals: 0, splits });
        self.pollers.len() - 1
    }

    /// The time. Looking at it takes some, as everything does.
    pub(crate) fn now(&mut self) -> Duration {
        self.clock += Duration::from_nanos(50 + self.chance.below(500) as u64);
        self.clock
    }

    /// Whether a loop that sleeps would be woken.
    pub(crate) fn wakes(&self, world: usize) -> bool {
        let poller = &self.pollers[world];
        !poller.ready.is_empty() || poller.woken.load(Relaxed)
    }

    /// When something happens next, unless it is left to loops, workers and peers.
    pub(crate) fn next_event(&self) -> Option<Duration> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// Whether a peer has something to do.
    pub(crate) fn has_active_peers(&self) -> bool {
        !self.active.is_empty()
    }

    /// Decides that something happens, `after` from now.
    pub(super) fn happen(&mut self, after: Duration, event: Event) {
        self.decided += 1;
        self.events.insert((self.clock + after, self.decided), event);
    }

    /// As [`happen`](Self::happen), after as long as the network takes.
    pub(super) fn happen_soon(&mut self, event: Event) {
        let after = self.chance.time(self.faults.delay_max);
        self.happen(after, event);
    }

    /// Lets the next thing happen whose time has come.
    pub(crate) fn step(&mut self) -> Option<Outside> {
        let entry = self.events.first_entry().filter(|entry| entry.key().0 <= self.clock)?;
        match entry.remove() {
            Event::Arrival { link, side } => self.arrive(link, side),
            Event::News { link, side, bits } => self.news(link, side, bits),
            Event::DoorNews(door) => self.door_news(door),
            Event::Knock { link, at } => self.knock(link, at),
            Event::Answer { link, failed } => self.answer(link, failed),
            Event::Cut { link, side } => self.cut(link, side),
            Event::SocketNews { socket, bits } => self.socket_news(socket, bits),
            Event::Datagram { from, to, bytes } => self.deliver(&from, &to, &bytes),
            Event::Act(peer) => self.rouse(peer),
            Event::Resolved(reply, answer) => return Some(Outside::Resolved(reply, answer)),
        }
        None
    }

    pub(super) fn link(&mut self, link: usize) -> Option<&mut Link> {
        self.links.get_mut(link)?.as_deref_mut()
    }

    /// Something is news to an end: its owner hears of it.
    pub(super) fn news(&mut self, link: usize, side: usize, bits: u8) {
        let Some(end) = self.link(link).map(|link| &mut link.ends[side]) else { return };
        end.news |= bits;
        match end.owner {
            Owner::World(world, Some(_)) if !end.listed => {
                end.listed = true;
                self.pollers[world].ready.push(Source::Stream(link, side));
            }
            Owner::Peer(peer) => self.rouse(peer),
            Owner::World(..) | Owner::Nobody => {}
        }
    }

    /// Adds to what tells two runs apart.
    pub(super) fn trace(&mut self, what: u64, number: usize) {
        let clock = self.clock.as_nanos() as u64;
        for part in [what, number as u64, clock] {
            self.trace = (self.trace ^ part).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23);
        }
    }

    /// The same for two runs in which the same happened at the same times.
    pub(crate) fn trace_hash(&self) -> u64 {
        self.trace
    }

    pub(crate) fn signal(&mut self, world: usize) {
        let poller = &mut self.pollers[world];
        poller.signals += 1;
        poller.ready.push(Source::Signal);
    }

    pub(crate) fn name_host(&mut self, host: &str, addresses: Vec<IpAddr>) {
        self.hosts.insert(host.to_owned(), addresses);
    }

    pub(super) fn resolve(&mut self, host: &str, port: u16, reply: Resolved) {
        let unresolved = self.chance.happens(self.faults.unresolved);
        let known = self.hosts.get(host).filter(|_| !unresolved);
        let answer = match (host.parse::<IpAddr>(), known) {
            (Ok(ip), _) => Ok(vec![Endpoint::Ip((ip, port).into())]),
            (_, Some(ips)) => Ok(ips.iter().map(|ip| Endpoint::Ip((*ip, port).into())).collect()),
            _ => Err(io::Error::other("no such host")),
        };
        self.happen_soon(Event::Resolved(reply, answer));
    }
}
