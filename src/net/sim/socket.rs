//! [`Socket`]: a simulated datagram socket.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::door::reaches;
use crate::net::{Bind, Endpoint, Remote, Token};

/// How many datagrams wait in a socket; more are lost.
const QUEUE_MAX: usize = 256;

pub(super) struct Socket {
    pub(super) how: Bind,
    pub(super) owner: SocketOwner,
    pub(super) queue: VecDeque<(Remote, Vec<u8>)>,
    /// Bits of [`Readiness`](crate::net::Readiness) that are news.
    pub(super) news: u8,
    /// Whether it is in its poller's list.
    pub(super) listed: bool,
}

pub(super) enum SocketOwner {
    /// A loop's; with a token, if it is watched.
    World(usize, Option<Token>),
    /// A simulated peer's.
    Peer,
}

impl Socket {
    pub(super) fn new(how: Bind, owner: SocketOwner) -> Self {
        Self { how, owner, queue: VecDeque::new(), news: 0, listed: false }
    }

    /// The name that its datagrams bear.
    pub(super) fn name(&self) -> Remote {
        match &self.how.at {
            Endpoint::Ip(at) => Remote::Ip(*at),
            Endpoint::Unix(path) => Remote::Unix(Some(path.as_path().into())),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= QUEUE_MAX
    }

    /// Whether it gets what is sent to `to`: its own address, or a group that it joined.
    pub(super) fn gets(&self, to: &Remote) -> bool {
        match (&self.how.at, to) {
            (Endpoint::Unix(own), Remote::Unix(Some(path))) => own.as_path() == &**path,
            (Endpoint::Ip(own), Remote::Ip(to)) if is_shared(to.ip()) => {
                let joined = is_broadcast(to.ip()) || self.how.groups.contains(&to.ip());
                own.port() == to.port() && joined
            }
            (Endpoint::Ip(own), Remote::Ip(to)) => reaches(*own, *to, self.how.dual_stack),
            _ => false,
        }
    }

    /// Whether it may send there.
    pub(super) fn may_send(&self, to: SocketAddr) -> bool {
        !is_broadcast(to.ip()) || self.how.broadcast
    }
}

fn is_broadcast(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_broadcast())
}

/// Whether more than one may get what is sent there.
pub(super) fn is_shared(ip: IpAddr) -> bool {
    ip.is_multicast() || is_broadcast(ip)
}
