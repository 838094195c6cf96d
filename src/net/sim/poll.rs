//! What a simulated poller tells, edge by edge: a source enters the list when something about it is
//! news, leaves it when it is told of, and is told of only if something is still true of it then.
//! So does epoll.

use super::datagrams::socket_readiness;
use super::door::DoorOwner;
use super::link::Owner;
use super::network::{Network, Source};
use super::socket::SocketOwner;
use crate::net::{Readiness, SIGNAL, Token};

const BOTH: u8 = Readiness::READ | Readiness::WRITE;

impl Network {
    /// A loop begins to watch an end of a stream: what is true of it already is news.
    pub(super) fn watch_stream(&mut self, world: usize, link: usize, side: usize, token: Token) {
        let window = self.faults.window;
        let Some(stream) = self.link(link) else { return };
        stream.ends[side].owner = Owner::World(world, Some(token));
        let bits = stream.readiness(side, window);
        if bits != 0 {
            self.news(link, side, bits);
        }
    }

    pub(super) fn watch_door(&mut self, world: usize, door: usize, token: Token) {
        if let Some(Some(watched)) = self.doors.get_mut(door) {
            watched.owner = DoorOwner::World(world, Some(token));
            if !watched.queue.is_empty() {
                self.door_news(door);
            }
        }
    }

    /// Everything that is told to a loop that polls now.
    pub(super) fn harvest(&mut self, world: usize, told: &mut Vec<(Token, u8)>) {
        let mut list = std::mem::take(&mut self.pollers[world].ready);
        for at in (1..list.len()).rev() {
            let other = self.chance.below(at + 1);
            list.swap(at, other);
        }
        for source in list.drain(..) {
            if self.chance.happens(self.faults.late_events) {
                self.pollers[world].ready.push(source);
                continue;
            }
            match source {
                Source::Signal => told.push((SIGNAL, Readiness::READ)),
                Source::Door(door) => told.extend(self.tell_door(door)),
                Source::Socket(socket) => self.tell_socket(world, socket, told),
                Source::Stream(link, side) => self.tell_stream(world, link, side, told),
            }
        }
        self.tell_tales(world, told);
    }

    fn tell_door(&mut self, door: usize) -> Option<(Token, u8)> {
        let door = self.doors.get_mut(door)?.as_mut()?;
        door.listed = false;
        match door.owner {
            DoorOwner::World(_, Some(token)) if !door.queue.is_empty() => {
                Some((token, Readiness::READ))
            }
            _ => None,
        }
    }

    fn tell_stream(&mut self, world: usize, link: usize, side: usize, told: &mut Vec<(Token, u8)>) {
        let (window, splits) = (self.faults.window, self.pollers[world].splits);
        let Some(stream) = self.link(link) else { return };
        let mut bits = stream.readiness(side, window);
        let end = &mut stream.ends[side];
        end.listed = false;
        let news = std::mem::take(&mut end.news);
        let Owner::World(_, Some(token)) = end.owner else { return };
        if !splits {
            if bits != 0 {
                told.push((token, bits));
            }
            return;
        }
        bits &= news;
        let (read, write) = (bits & !Readiness::WRITE, bits & Readiness::WRITE);
        told.extend([read, write].into_iter().filter(|bits| *bits != 0).map(|bits| (token, bits)));
    }

    fn tell_socket(&mut self, world: usize, number: usize, told: &mut Vec<(Token, u8)>) {
        let splits = self.pollers[world].splits;
        let Some(Some(socket)) = self.sockets.get_mut(number) else { return };
        socket.listed = false;
        let news = std::mem::take(&mut socket.news);
        let true_of_it = socket_readiness(socket);
        let bits = if splits { true_of_it & news } else { true_of_it };
        if let SocketOwner::World(_, Some(token)) = socket.owner
            && bits != 0
        {
            told.push((token, bits));
        }
    }

    /// Events that mean nothing.
    fn tell_tales(&mut self, world: usize, told: &mut Vec<(Token, u8)>) {
        if self.chance.happens(self.faults.stale) {
            let dead = self.chance.below(self.pollers[world].dead.len());
            told.extend(self.pollers[world].dead.get(dead).map(|token| (*token, BOTH)));
        }
        if self.chance.happens(self.faults.spurious) {
            let link = self.chance.below(self.links.len());
            let ends = self.link(link).map(|stream| stream.ends.each_ref().map(|end| end.owner));
            for owner in ends.into_iter().flatten() {
                match owner {
                    Owner::World(owner, Some(token)) if owner == world => told.push((token, BOTH)),
                    _ => {}
                }
            }
        }
    }
}
