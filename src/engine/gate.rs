//! [`Gate`]: a listener as all loops see it: who is let in, how many are in, and what serves them.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::limits::{Admission, Limits};
use crate::base::peer_table::{Excess, PeerLimits, PeerTable};
use crate::handler::stage::AnyHandler;
use crate::net::{Endpoint, Peer, Secured};

/// Makes a handler for each connection of a listener.
pub(crate) type Factory = Box<dyn Fn() -> Box<dyn AnyHandler> + Send + Sync>;

/// Who is let in, how many are in, and what serves them.
pub(crate) struct Gate {
    pub(crate) at: Endpoint,
    pub(crate) factory: Factory,
    /// How its connections are encrypted, if they are.
    pub(crate) secured: Option<Secured>,
    open: AtomicU32,
    admission: Admission,
    peers: Option<Mutex<PeerTable>>,
}

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There are as many connections as there may be.
    Full,
    /// The access list says so.
    Denied,
    /// It has too many connections, or comes too fast.
    Address(Excess),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "there is no place",
            Self::Denied => "the access list denies the address",
            Self::Address(Excess::Open) => "the address has as many connections as it may have",
            Self::Address(Excess::Rate) => "the address connects too often",
            Self::Address(Excess::Table) => "too many addresses have connections",
        })
    }
}

impl Gate {
    /// `hash_key` must be a secret.
    pub(crate) fn new(
        at: Endpoint,
        factory: Factory,
        secured: Option<Secured>,
        admission: Admission,
        limits: &Limits,
        hash_key: u64,
    ) -> Self {
        let peers = admission.counts_addresses().then(|| {
            let peer_limits = PeerLimits {
                open: admission.per_address.unwrap_or(u32::MAX),
                rate: admission.rate_per_address,
                addresses: limits.connections.saturating_add(admission.addresses_remembered),
            };
            Mutex::new(PeerTable::new(peer_limits, hash_key))
        });
        Self { at, factory, secured, open: AtomicU32::new(0), admission, peers }
    }

    /// Takes a place for one more connection, if there is one.
    pub(crate) fn take_place(&self) -> bool {
        take(&self.open, self.admission.connections.unwrap_or(u32::MAX))
    }

    pub(crate) fn give_place_back(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    /// Lets a peer in for whom a place was taken, or not. Whoever was let in must
    /// [`leave`](Self::leave).
    pub(crate) fn enter(&self, peer: Peer, now: Duration) -> Result<(), Refusal> {
        let Some(ip) = peer.ip() else { return Ok(()) };
        if !self.admission.access.permits(ip) {
            return Err(Refusal::Denied);
        }
        let Some(peers) = &self.peers else { return Ok(()) };
        let mut peers = peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.admit(ip, now).map_err(Refusal::Address)
    }

    /// A connection that was let in is gone.
    pub(crate) fn leave(&self, peer: Peer) {
        self.give_place_back();
        if let (Some(ip), Some(peers)) = (peer.ip(), &self.peers) {
            peers.lock().unwrap_or_else(PoisonError::into_inner).release(ip);
        }
    }
}

/// Raises a count that has not reached `max`.
pub(super) fn take(count: &AtomicU32, max: u32) -> bool {
    count.fetch_update(Relaxed, Relaxed, |open| (open < max).then_some(open + 1)).is_ok()
}
