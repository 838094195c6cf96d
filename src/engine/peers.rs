//! [`Peers`]: the sessions of a datagram socket, by the addresses of their peers; and [`Member`],
//! one of them.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hasher};

use super::core::millis;
use super::limits::{Crowded, Sessions};
use super::seat::Seat;
use crate::handler::ConnectionId;
use crate::handler::stage::Random;
use crate::net::Remote;

/// Of so many that are drawn by chance, the idlest has to go.
const DRAWN: usize = 8;

/// A session of a socket.
pub(crate) struct Member {
    pub(super) seat: Seat,
    pub(super) socket: ConnectionId,
    pub(super) remote: Remote,
    /// Where it stands in [`Peers::members`].
    pub(super) place: usize,
    /// `Sessions::idle`, in milliseconds.
    pub(super) idle: u32,
}

impl Member {
    pub(super) fn id(&self) -> ConnectionId {
        self.seat.facts.id
    }
}

pub(crate) struct Peers {
    by_remote: HashMap<Remote, ConnectionId, Key>,
    /// All of them, in no order, so that one can be drawn.
    pub(super) members: Vec<ConnectionId>,
    max: usize,
    pub(super) idle: u32,
    pub(super) lifetime: u32,
    pub(super) when_full: Crowded,
}

/// Keys the hash, because who sends datagrams chooses from which address.
struct Key(u64);

impl BuildHasher for Key {
    type Hasher = DefaultHasher;

    #[inline]
    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher
    }
}

impl Peers {
    pub(super) fn new(sessions: &Sessions, key: u64) -> Self {
        Self {
            by_remote: HashMap::with_hasher(Key(key)),
            members: Vec::new(),
            max: sessions.max as usize,
            idle: millis(sessions.idle).max(1),
            lifetime: millis(sessions.lifetime).max(1),
            when_full: sessions.when_full,
        }
    }

    #[inline]
    pub(super) fn find(&self, remote: &Remote) -> Option<ConnectionId> {
        self.by_remote.get(remote).copied()
    }

    pub(super) fn is_full(&self) -> bool {
        self.members.len() >= self.max
    }

    /// Tells where it stands.
    pub(super) fn add(&mut self, remote: Remote, id: ConnectionId) -> usize {
        self.by_remote.insert(remote, id);
        self.members.push(id);
        self.members.len() - 1
    }

    /// Tells who stands in its place now, if anybody.
    pub(super) fn remove(&mut self, remote: &Remote, place: usize) -> Option<ConnectionId> {
        self.by_remote.remove(remote);
        self.members.swap_remove(place);
        self.members.get(place).copied()
    }

    /// Members drawn by chance, perhaps some of them twice.
    pub(super) fn draw<'a>(
        &'a self,
        random: &'a mut Random,
    ) -> impl Iterator<Item = ConnectionId> + use<'a> {
        let count = self.members.len().max(1);
        (0..DRAWN).filter_map(move |_| self.members.get(random.next() as usize % count).copied())
    }
}
