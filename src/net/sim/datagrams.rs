//! Simulated datagrams: each may be late, overtaken, lost, or come twice, and none comes in part.

use std::io::{self, ErrorKind};

use super::network::{Event, Network, Source};
use super::socket::{Socket, SocketOwner, is_shared};
use crate::net::{Bind, Endpoint, Readiness, Received, Remote, Token, Transmit};

/// The largest that UDP over IPv4 carries, in bytes.
const DATAGRAM_MAX: usize = 65_507;
/// The room that each needs in a block.
const ROOM: usize = 64 * 1024;
/// How many one call sends, or receives from one sender as one.
pub(super) const SEGMENTS_MAX: usize = 16;

impl Network {
    pub(super) fn open_socket(&mut self, how: &Bind, owner: SocketOwner) -> io::Result<usize> {
        let mut how = how.clone();
        if let Endpoint::Ip(address) = &mut how.at
            && address.port() == 0
        {
            address.set_port(self.next_port());
        }
        let shared = |other: &Bind| {
            how.reuse_port && other.reuse_port || !how.groups.is_empty() && !other.groups.is_empty()
        };
        let mut others = self.sockets.iter().flatten();
        if others.any(|other| other.how.at == how.at && !shared(&other.how)) {
            return Err(ErrorKind::AddrInUse.into());
        }
        self.sockets.push(Some(Socket::new(how, owner)));
        Ok(self.sockets.len() - 1)
    }

    pub(super) fn socket_at(&self, socket: usize) -> Endpoint {
        let socket = self.sockets[socket].as_ref();
        socket.map_or_else(|| Endpoint::Unix("".into()), |socket| socket.how.at.clone())
    }

    pub(super) fn close_socket(&mut self, number: usize) {
        let closed = self.sockets[number].take();
        if let Some(SocketOwner::World(world, token)) = closed.map(|socket| socket.owner) {
            self.bury(world, token, Source::Socket(number));
        }
    }

    pub(super) fn watch_socket(&mut self, world: usize, number: usize, token: Token) {
        if let Some(Some(socket)) = self.sockets.get_mut(number) {
            socket.owner = SocketOwner::World(world, Some(token));
            let bits = socket_readiness(socket);
            self.socket_news(number, bits);
        }
    }

    pub(super) fn socket_news(&mut self, number: usize, bits: u8) {
        let Some(Some(socket)) = self.sockets.get_mut(number) else { return };
        socket.news |= bits;
        if let SocketOwner::World(world, Some(_)) = socket.owner
            && !std::mem::replace(&mut socket.listed, true)
        {
            self.pollers[world].ready.push(Source::Socket(number));
        }
    }

    /// Cuts `transmit` into datagrams, and puts each on its way.
    pub(super) fn send_datagrams(&mut self, number: usize, what: &Transmit<'_>) -> io::Result<()> {
        let Some(Some(socket)) = self.sockets.get(number) else {
            return Err(ErrorKind::NotConnected.into());
        };
        let segment = what.segment.max(1);
        if segment.min(what.bytes.len()) > DATAGRAM_MAX {
            return Err(io::Error::other("message too long"));
        }
        if what.bytes.len().div_ceil(segment) > SEGMENTS_MAX {
            return Err(ErrorKind::InvalidInput.into());
        }
        match what.to {
            Remote::Ip(to) if !socket.may_send(*to) => {
                return Err(ErrorKind::PermissionDenied.into());
            }
            Remote::Unix(None) => return Err(ErrorKind::InvalidInput.into()),
            _ => {}
        }
        let (from, bits) = (socket.name(), Readiness::WRITE);
        self.hinder(|network| network.happen_soon(Event::SocketNews { socket: number, bits }))?;
        if what.bytes.is_empty() {
            self.post(&from, what.to, &[]);
        }
        for bytes in what.bytes.chunks(segment) {
            self.post(&from, what.to, bytes);
        }
        Ok(())
    }

    fn post(&mut self, from: &Remote, to: &Remote, bytes: &[u8]) {
        // A Unix socket loses nothing.
        let loses = matches!(to, Remote::Ip(_));
        if loses && self.chance.happens(self.faults.lost) {
            return;
        }
        let doubled = loses && self.chance.happens(self.faults.doubled);
        for _ in 0..1 + usize::from(doubled) {
            let (from, to, bytes) = (from.clone(), to.clone(), bytes.to_vec());
            self.happen_soon(Event::Datagram { from, to, bytes });
        }
    }

    pub(super) fn deliver(&mut self, from: &Remote, to: &Remote, bytes: &[u8]) {
        let sockets = self.sockets.iter().enumerate();
        let gets = sockets.filter(|(_, socket)| socket.as_ref().is_some_and(|one| one.gets(to)));
        let mut getters: Vec<usize> = gets.map(|(number, _)| number).collect();
        let shared = matches!(to, Remote::Ip(to) if is_shared(to.ip()));
        if !shared && getters.len() > 1 {
            // Sockets that share an address: one of them, always the same for one sender.
            let Remote::Ip(from) = from else { return };
            getters = vec![getters[usize::from(from.port()) % getters.len()]];
        }
        for number in getters {
            if let Some(Some(socket)) = self.sockets.get_mut(number)
                && !socket.is_full()
            {
                socket.queue.push_back((from.clone(), bytes.to_vec()));
                self.trace(10, number);
                self.socket_news(number, Readiness::READ);
            }
        }
    }

    pub(super) fn receive_datagrams(
        &mut self,
        number: usize,
        block: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<()> {
        let bits = Readiness::READ;
        if !matches!(self.sockets.get(number), Some(Some(socket)) if !socket.queue.is_empty()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.hinder(|network| network.happen_soon(Event::SocketNews { socket: number, bits }))?;
        let most = (block.len() / ROOM).max(1);
        let calls = self.chance.some_of(most);
        let room = block.len() / most;
        for (call, room) in block.chunks_mut(room).take(calls).enumerate() {
            let joined = self.chance.below(SEGMENTS_MAX) + 1;
            let Some(Some(socket)) = self.sockets.get_mut(number) else { break };
            let start = call * room.len();
            match take_run(socket, room, joined) {
                Some((from, len, stride)) => received.push(Received { start, len, stride, from }),
                None => break,
            }
        }
        // If there is more, no edge tells of it: only having found nothing proves that all is read.
        Ok(())
    }

    /// For a simulated peer: the next datagram.
    pub(super) fn receive_datagram(&mut self, number: usize) -> Option<(Remote, Vec<u8>)> {
        self.sockets.get_mut(number)?.as_mut()?.queue.pop_front()
    }
}

/// One datagram, or several of one sender and size as one (the last may be shorter), as receive
/// offload gives them. What has no room is cut off, as systems do.
fn take_run(socket: &mut Socket, room: &mut [u8], most: usize) -> Option<(Remote, usize, usize)> {
    let (from, first) = socket.queue.pop_front()?;
    let stride = first.len().min(room.len());
    room[..stride].copy_from_slice(&first[..stride]);
    let (mut len, mut last) = (stride, stride);
    for _ in 1..most {
        let fits = |(other, bytes): &(Remote, Vec<u8>)| {
            *other == from && (1..=stride).contains(&bytes.len()) && len + bytes.len() <= room.len()
        };
        if last < stride || !socket.queue.front().is_some_and(fits) {
            break;
        }
        let Some((_, bytes)) = socket.queue.pop_front() else { break };
        last = bytes.len();
        room[len..len + last].copy_from_slice(&bytes);
        len += last;
    }
    Some((from, len, stride))
}

pub(super) fn socket_readiness(socket: &Socket) -> u8 {
    let read = if socket.queue.is_empty() { 0 } else { Readiness::READ };
    read | Readiness::WRITE
}
