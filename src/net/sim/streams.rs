//! How bytes move through simulated streams, and how streams end.

use std::io::{self, ErrorKind, IoSlice};

use super::link::{ALL, Owner, State};
use super::network::{Event, Network, Source};
use crate::net::{Readiness, Token};

impl Network {
    pub(super) fn read(&mut self, link: usize, side: usize, into: &mut [u8]) -> io::Result<usize> {
        let Some(stream) = self.link(link) else { return Err(ErrorKind::NotConnected.into()) };
        let (end, pipe) = (&mut stream.ends[side], &mut stream.pipes[1 - side]);
        if let State::Failed(kind) = end.state {
            return Err(kind.into());
        }
        if pipe.arrived.is_empty() {
            return match end.cut {
                true if std::mem::replace(&mut end.told, true) => Ok(0),
                true => Err(ErrorKind::ConnectionReset.into()),
                false if pipe.ended => Ok(0),
                false => Err(ErrorKind::WouldBlock.into()),
            };
        }
        let most = into.len().min(pipe.arrived.len());
        let bits = Readiness::READ;
        self.hinder(|network| network.happen_soon(Event::News { link, side, bits }))?;
        let short = self.chance.happens(self.faults.short);
        let count = if short { self.chance.some_of(most) } else { most };
        let Some(stream) = self.link(link) else { return Ok(0) };
        let count = stream.pipes[1 - side].take(&mut into[..count]);
        self.trace(4, count);
        self.go_on(link, 1 - side);
        if count < most {
            // As if the rest had come just after.
            self.news(link, side, bits);
        }
        Ok(count)
    }

    pub(super) fn write(
        &mut self,
        link: usize,
        side: usize,
        slices: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        let window = self.faults.window;
        let Some(stream) = self.link(link) else { return Err(ErrorKind::NotConnected.into()) };
        let (end, pipe) = (&mut stream.ends[side], &mut stream.pipes[side]);
        match end.state {
            State::Failed(kind) => return Err(kind.into()),
            State::Connecting => return Err(ErrorKind::WouldBlock.into()),
            State::Open if end.cut && !std::mem::replace(&mut end.told, true) => {
                return Err(ErrorKind::ConnectionReset.into());
            }
            State::Open if end.cut || pipe.finished => return Err(ErrorKind::BrokenPipe.into()),
            State::Open => {}
        }
        let room = window.saturating_sub(pipe.sent.len());
        let whole: usize = slices.iter().map(|slice| slice.len()).sum();
        if room < whole {
            pipe.wanted = true;
        }
        let most = room.min(whole);
        if most == 0 {
            return if whole == 0 { Ok(0) } else { Err(ErrorKind::WouldBlock.into()) };
        }
        let bits = Readiness::WRITE;
        self.hinder(|network| network.happen_soon(Event::News { link, side, bits }))?;
        let short = self.chance.happens(self.faults.short);
        let count = if short { self.chance.some_of(most) } else { most };
        self.send(link, side, slices, count);
        Ok(count)
    }

    /// Puts `count` bytes on their way.
    pub(super) fn send(&mut self, link: usize, side: usize, slices: &[IoSlice<'_>], count: usize) {
        self.trace(5, count);
        let Some(stream) = self.link(link) else { return };
        let mut left = count;
        for slice in slices {
            let part = slice.len().min(left);
            stream.pipes[side].sent.extend(&slice[..part]);
            left -= part;
        }
        self.go_on(link, side);
    }

    /// Sees to it that what can arrive from `side` will.
    pub(super) fn go_on(&mut self, link: usize, side: usize) {
        let window = self.faults.window;
        let Some(stream) = self.link(link) else { return };
        let pipe = &mut stream.pipes[side];
        let bytes = !pipe.sent.is_empty() && pipe.arrived.len() < window;
        let end = pipe.sent.is_empty() && pipe.finished && !pipe.ended;
        if !pipe.moving && (bytes || end) {
            pipe.moving = true;
            self.happen_soon(Event::Arrival { link, side });
        }
    }

    pub(super) fn arrive(&mut self, link: usize, side: usize) {
        if self.chance.happens(self.faults.reset) {
            self.cut(link, 1 - side);
            return self.cut(link, side);
        }
        let window = self.faults.window;
        let pieces = self.chance.happens(self.faults.pieces);
        // An end comes with the last bytes, or after them.
        let together = !pieces;
        let Some(stream) = self.link(link) else { return };
        let pipe = &stream.pipes[side];
        let most = pipe.sent.len().min(window.saturating_sub(pipe.arrived.len()));
        let count = if pieces { self.chance.some_of(most) } else { most };
        let Some(stream) = self.link(link) else { return };
        let (closed, pipe) = (stream.ends[1 - side].closed, &mut stream.pipes[side]);
        pipe.moving = false;
        if closed {
            return self.reject(link, side);
        }
        pipe.arrive(count);
        let last = pipe.sent.is_empty() && pipe.finished;
        pipe.ended |= last && (together || count == 0);
        let bits = Readiness::READ | if pipe.ended { Readiness::ENDED } else { 0 };
        // As Linux does it: not for a few bytes of room, but for a third of all.
        let writable = pipe.wanted && pipe.sent.len() <= window * 2 / 3;
        pipe.wanted &= !writable;
        self.trace(6, count);
        self.news(link, 1 - side, bits);
        if writable {
            self.news(link, side, Readiness::WRITE);
        }
        self.go_on(link, side);
    }

    /// Something came to an end that is closed: a byte is answered with a reset, an end is not.
    fn reject(&mut self, link: usize, side: usize) {
        let Some(stream) = self.link(link) else { return };
        let pipe = &mut stream.pipes[side];
        if pipe.sent.is_empty() {
            pipe.ended = true;
        } else {
            pipe.sent.clear();
            self.happen_soon(Event::Cut { link, side });
        }
    }

    /// Sometimes a call does not do what it could. `tell` sees to it that an event will say that
    /// it can.
    pub(super) fn hinder(&mut self, tell: impl FnOnce(&mut Self)) -> io::Result<()> {
        if self.chance.happens(self.faults.interrupted) {
            return Err(ErrorKind::Interrupted.into());
        }
        if self.chance.happens(self.faults.would_block) {
            tell(self);
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, link: usize, side: usize) -> io::Result<()> {
        let Some(stream) = self.link(link) else { return Err(ErrorKind::NotConnected.into()) };
        if stream.ends[side].cut || stream.ends[side].state != State::Open {
            return Err(ErrorKind::NotConnected.into());
        }
        stream.pipes[side].finished = true;
        self.go_on(link, side);
        Ok(())
    }

    /// A reset comes to `side`: what was still on its way, in either direction, is lost, and
    /// perhaps what had arrived.
    pub(super) fn cut(&mut self, link: usize, side: usize) {
        let purge = self.chance.below(2) == 0;
        let Some(stream) = self.link(link) else { return };
        stream.ends[side].cut = true;
        stream.pipes[side].sent.clear();
        stream.pipes[1 - side].sent.clear();
        if purge {
            stream.pipes[1 - side].arrived.clear();
        }
        self.trace(7, link);
        self.news(link, side, ALL);
    }

    /// An end is closed: in good order if it has read all that came, with a reset otherwise.
    pub(super) fn close(&mut self, link: usize, side: usize, reset: bool) {
        let Some(stream) = self.link(link) else { return };
        let (end, unread) = (&mut stream.ends[side], &stream.pipes[1 - side].arrived);
        if std::mem::replace(&mut end.closed, true) {
            return;
        }
        let cuts = (reset || !unread.is_empty()) && !end.cut;
        let owner = std::mem::replace(&mut end.owner, Owner::Nobody);
        stream.pipes[side].finished = true;
        let over = stream.is_over();
        self.trace(8, link);
        if let Owner::World(world, token) = owner {
            self.descriptors -= 1;
            self.bury(world, token, Source::Stream(link, side));
        }
        if over {
            self.links[link] = None;
        } else if cuts {
            self.happen_soon(Event::Cut { link, side: 1 - side });
        } else {
            self.go_on(link, side);
        }
    }

    /// A poller forgets a source.
    pub(super) fn bury(&mut self, world: usize, token: Option<Token>, source: Source) {
        const REMEMBERED: usize = 8;
        let poller = &mut self.pollers[world];
        poller.ready.retain(|ready| *ready != source);
        poller.dead.extend(token);
        if poller.dead.len() > REMEMBERED {
            poller.dead.remove(0);
        }
    }
}
