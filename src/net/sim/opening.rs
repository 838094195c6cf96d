//! How simulated streams are opened: listening, connecting, accepting.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::door::{Door, DoorOwner};
use super::link::{ALL, CLIENT, Link, Owner, SERVER, State};
use super::network::{Event, Network, Source};
use crate::net::{Endpoint, Listen, Peer};

/// How long a client waits before it knocks again where the backlog is full: 1 s, as TCP does
/// (RFC 6298, 2.1).
const KNOCK_AGAIN: Duration = Duration::from_secs(1);
/// Too many open files.
pub(super) const EMFILE: i32 = 24;

impl Network {
    /// The addresses of those who connect, unless they say otherwise: 192.0.2.1 (RFC 5737).
    pub(crate) const CLIENTS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    pub(super) fn open_door(&mut self, how: Listen, owner: DoorOwner) -> io::Result<usize> {
        if how.socket.is_some() {
            let what = "a simulated world has no sockets of the system";
            return Err(io::Error::new(ErrorKind::Unsupported, what));
        }
        let mut at = how.at;
        if let Endpoint::Ip(address) = &mut at
            && address.port() == 0
        {
            address.set_port(self.next_port());
        }
        let shared = how.reuse_port;
        let taken =
            self.doors.iter().flatten().any(|door| door.at == at && !(shared && door.shared));
        if taken {
            return Err(ErrorKind::AddrInUse.into());
        }
        self.doors.push(Some(Door {
            at,
            owner,
            queue: Default::default(),
            backlog: how.backlog.max(1) as usize,
            dual_stack: how.dual_stack,
            shared,
            listed: false,
        }));
        Ok(self.doors.len() - 1)
    }

    pub(super) fn door_at(&self, door: usize) -> Endpoint {
        self.doors[door].as_ref().map_or_else(|| Endpoint::Unix("".into()), |door| door.at.clone())
    }

    /// Whoever waited is turned away.
    pub(super) fn close_door(&mut self, door: usize) {
        let Some(door) = self.doors[door].take() else { return };
        for link in door.queue {
            self.close(link, SERVER, true);
        }
    }

    pub(super) fn next_port(&mut self) -> u16 {
        self.ports = (self.ports + 1) % 16_384;
        49_152 + self.ports
    }

    /// Begins to connect. A Unix stream is connected at once, or not at all.
    pub(super) fn connect(
        &mut self,
        owner: Owner,
        from: IpAddr,
        to: &Endpoint,
    ) -> io::Result<usize> {
        let from = match to {
            Endpoint::Ip(_) => SocketAddr::new(from, self.next_port()).into(),
            Endpoint::Unix(_) => Peer::UNIX,
        };
        let link = self.links.len();
        self.links.push(Some(Box::new(Link::new(owner, from))));
        self.trace(1, link);
        if matches!(to, Endpoint::Unix(_)) {
            return self.connect_unix(link, to);
        }
        if self.chance.happens(self.faults.refused) {
            let failed = Some(ErrorKind::ConnectionRefused);
            self.happen_soon(Event::Answer { link, failed });
        } else if !self.chance.happens(self.faults.unanswered) {
            self.happen_soon(Event::Knock { link, at: to.clone() });
        }
        Ok(link)
    }

    /// As [`connect`](Self::connect), with a descriptor of a loop's.
    pub(super) fn connect_world(
        &mut self,
        owner: Owner,
        from: IpAddr,
        to: &Endpoint,
    ) -> io::Result<usize> {
        if self.descriptors >= self.descriptors_max {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let link = self.connect(owner, from, to)?;
        self.descriptors += 1;
        Ok(link)
    }

    /// Whether a stream that was being opened is open.
    pub(super) fn connected(&mut self, link: usize, side: usize) -> io::Result<bool> {
        let Some(stream) = self.link(link) else { return Err(ErrorKind::NotConnected.into()) };
        match stream.ends[side].state {
            State::Connecting => Ok(false),
            State::Failed(kind) => Err(kind.into()),
            State::Open => Ok(true),
        }
    }

    fn connect_unix(&mut self, link: usize, to: &Endpoint) -> io::Result<usize> {
        let door = self.door_for(to).filter(|_| !self.chance.happens(self.faults.refused));
        let full = door.is_some_and(|door| self.doors[door].as_ref().is_none_or(Door::is_full));
        match door {
            Some(door) if !full => {
                self.enter(link, door);
                self.answer(link, None);
                Ok(link)
            }
            other => {
                self.links[link] = None;
                let kind =
                    if other.is_some() { ErrorKind::WouldBlock } else { ErrorKind::NotFound };
                Err(kind.into())
            }
        }
    }

    /// One of the doors that open for `at`: one that is not full, if there is any.
    fn door_for(&mut self, at: &Endpoint) -> Option<usize> {
        let opens = |full: bool| {
            let doors = self.doors.iter().enumerate();
            let fit = doors.filter(move |(_, door)| {
                door.as_ref().is_some_and(|door| door.opens_for(at) && (full || !door.is_full()))
            });
            fit.map(|(number, _)| number).collect::<Vec<_>>()
        };
        let mut doors = opens(false);
        if doors.is_empty() {
            doors = opens(true);
        }
        let chosen = self.chance.below(doors.len());
        doors.get(chosen).copied()
    }

    pub(super) fn knock(&mut self, link: usize, at: Endpoint) {
        if self.link(link).is_none_or(|link| link.ends[CLIENT].closed) {
            return;
        }
        match self.door_for(&at) {
            None => {
                let failed = Some(ErrorKind::ConnectionRefused);
                self.happen_soon(Event::Answer { link, failed });
            }
            Some(door) if self.doors[door].as_ref().is_none_or(Door::is_full) => {
                self.happen(KNOCK_AGAIN, Event::Knock { link, at });
            }
            Some(door) => {
                self.enter(link, door);
                self.happen_soon(Event::Answer { link, failed: None });
            }
        }
    }

    /// A client comes through a door: into its queue, or to its script.
    fn enter(&mut self, link: usize, number: usize) {
        self.trace(2, link);
        let Some(door) = &mut self.doors[number] else { return };
        match door.owner {
            DoorOwner::World(..) => {
                door.queue.push_back(link);
                self.door_news(number);
            }
            DoorOwner::Script(script) => {
                let peer = self.add_peer(link, SERVER, Some(script));
                self.rouse(peer);
            }
        }
    }

    pub(super) fn answer(&mut self, link: usize, failed: Option<ErrorKind>) {
        let Some(client) = self.link(link).map(|link| &mut link.ends[CLIENT]) else { return };
        client.state = failed.map_or(State::Open, State::Failed);
        self.news(link, CLIENT, ALL);
    }

    pub(super) fn door_news(&mut self, number: usize) {
        let Some(Some(door)) = self.doors.get_mut(number) else { return };
        if let DoorOwner::World(world, Some(_)) = door.owner
            && !door.listed
        {
            door.listed = true;
            self.pollers[world].ready.push(Source::Door(number));
        }
    }

    pub(super) fn accept(&mut self, world: usize, number: usize) -> io::Result<(usize, Peer)> {
        let Some(Some(door)) = self.doors.get(number) else {
            return Err(ErrorKind::InvalidInput.into());
        };
        if door.queue.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.hinder(|network| network.door_news_later(number))?;
        if self.descriptors >= self.descriptors_max || self.chance.happens(self.faults.exhausted) {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let link = self.next_in_queue(number).ok_or(ErrorKind::WouldBlock)?;
        let Some(accepted) = self.link(link) else {
            return Err(ErrorKind::ConnectionAborted.into());
        };
        accepted.ends[SERVER].owner = Owner::World(world, None);
        let from = accepted.from;
        self.descriptors += 1;
        self.trace(3, link);
        Ok((link, from))
    }

    pub(super) fn next_in_queue(&mut self, door: usize) -> Option<usize> {
        self.doors.get_mut(door)?.as_mut()?.queue.pop_front()
    }

    fn door_news_later(&mut self, door: usize) {
        self.happen_soon(Event::DoorNews(door));
    }
}
