//! [`Door`]: a simulated socket that accepts streams.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::net::{Endpoint, Token};

pub(super) struct Door {
    pub(super) at: Endpoint,
    pub(super) owner: DoorOwner,
    /// Links that wait to be accepted, and how many may.
    pub(super) queue: VecDeque<usize>,
    pub(super) backlog: usize,
    pub(super) dual_stack: bool,
    pub(super) shared: bool,
    /// Whether it is in its poller's list.
    pub(super) listed: bool,
}

pub(super) enum DoorOwner {
    /// A loop's; with a token, if it is watched.
    World(usize, Option<Token>),
    /// Whoever comes is served by a script.
    Script(usize),
}

impl Door {
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= self.backlog
    }

    /// Whether who asks for `at` is let in here.
    pub(super) fn opens_for(&self, at: &Endpoint) -> bool {
        match (&self.at, at) {
            (Endpoint::Unix(own), Endpoint::Unix(at)) => own == at,
            (Endpoint::Ip(own), Endpoint::Ip(at)) => reaches(*own, *at, self.dual_stack),
            _ => false,
        }
    }
}

/// Whether a socket bound to `own` gets what is sent to `at`.
pub(super) fn reaches(own: SocketAddr, at: SocketAddr, dual_stack: bool) -> bool {
    let any = own.ip().is_unspecified() && (own.is_ipv4() == at.is_ipv4() || dual_stack);
    own.port() == at.port() && (any || own.ip().to_canonical() == at.ip().to_canonical())
}
