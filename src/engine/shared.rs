//! What the loops of one engine have in common: [`Shared`], and a [`Gate`] for each listener.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::limits::{Admission, Balance};
use crate::base::PeerTable;
use crate::handler::mail::Home;
use crate::handler::stage::{AnyHandler, Random};
use crate::net::{Endpoint, Peer};

/// Where a graceful shutdown stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ShutdownPhase {
    /// Serving.
    Ready,
    /// Serving, and about to go.
    LameDuck,
    /// Accepting no more, and waiting for those that are there to end.
    Draining,
    /// Sending what is ready, and nothing else.
    Forced,
    /// Over.
    Ended,
}

impl ShutdownPhase {
    /// All of them, in their order.
    pub const ALL: [Self; 5] =
        [Self::Ready, Self::LameDuck, Self::Draining, Self::Forced, Self::Ended];

    /// A stable name.
    pub fn name(self) -> &'static str {
        ["ready", "lame_duck", "draining", "forced", "ended"][self as usize]
    }
}

/// What all loops see. Written when connections come and go, never while they are served.
pub(crate) struct Shared {
    /// Open connections in all, and on each loop.
    pub(crate) open: AtomicU32,
    pub(crate) loads: Vec<Load>,
    pub(crate) memory: Arc<AtomicI64>,
    phase: AtomicU8,
    gates: Mutex<Vec<Arc<Gate>>>,
    /// Keys the hash of addresses, so that nobody can choose whom to share a loop with.
    hash_key: u64,
}

/// A loop, seen from the others.
pub(crate) struct Load {
    pub(crate) home: Home,
    pub(crate) open: AtomicU32,
}

impl Shared {
    pub(crate) fn new(homes: Vec<Home>, hash_key: u64) -> Self {
        let load = |home| Load { home, open: AtomicU32::new(0) };
        Self {
            open: AtomicU32::new(0),
            loads: homes.into_iter().map(load).collect(),
            memory: Arc::default(),
            phase: AtomicU8::new(ShutdownPhase::Ready as u8),
            gates: Mutex::default(),
            hash_key,
        }
    }

    pub(crate) fn phase(&self) -> ShutdownPhase {
        ShutdownPhase::ALL[usize::from(self.phase.load(Relaxed))]
    }

    /// Phases only go forward.
    pub(crate) fn advance(&self, phase: ShutdownPhase) {
        self.phase.fetch_max(phase as u8, Relaxed);
    }

    /// Adds a gate; its number is the same for all loops.
    pub(crate) fn add_gate(&self, gate: Arc<Gate>) -> u16 {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.push(gate);
        (gates.len() - 1) as u16
    }

    /// All gates, by number.
    pub(crate) fn gates(&self) -> Vec<Arc<Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A connection was given to a loop.
    pub(crate) fn enter(&self, home: u16) {
        self.open.fetch_add(1, Relaxed);
        self.loads[usize::from(home)].open.fetch_add(1, Relaxed);
    }

    pub(crate) fn leave(&self, home: u16) {
        self.open.fetch_sub(1, Relaxed);
        self.loads[usize::from(home)].open.fetch_sub(1, Relaxed);
    }

    /// The loop with the fewest connections.
    pub(crate) fn least(&self) -> &Load {
        let least = self.loads.iter().min_by_key(|load| load.open.load(Relaxed));
        least.unwrap_or(&self.loads[0])
    }

    /// Which loop is to get the next connection.
    pub(crate) fn pick(
        &self,
        balance: Balance,
        turn: usize,
        peer: Peer,
        random: &mut Random,
    ) -> u16 {
        let count = self.loads.len();
        let open = |index: usize| self.loads[index].open.load(Relaxed);
        let picked = match balance {
            Balance::RoundRobin => turn % count,
            Balance::LeastConnections => (0..count).min_by_key(|index| open(*index)).unwrap_or(0),
            Balance::PowerOfTwo => {
                let one = random.next() as usize % count;
                let other = (one + 1 + random.next() as usize % (count - 1).max(1)) % count;
                if open(other) < open(one) { other } else { one }
            }
            Balance::SourceHash => self.hash(peer) as usize % count,
        };
        picked as u16
    }

    fn hash(&self, peer: Peer) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.hash_key, peer.ip()).hash(&mut hasher);
        hasher.finish()
    }
}

/// Makes a handler for each connection of a listener.
pub(crate) type Factory = Box<dyn Fn() -> Box<dyn AnyHandler> + Send + Sync>;

/// A listener as all loops see it: who is let in, how many are in, and what serves them.
pub(crate) struct Gate {
    pub(crate) at: Endpoint,
    pub(crate) factory: Factory,
    pub(crate) open: AtomicU32,
    admission: Admission,
    peers: Option<Mutex<PeerTable>>,
}

/// Why somebody was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The access list says so.
    Denied,
    /// Too many from this address, or too fast.
    Address,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "the access list denies the address",
            Self::Address => "too many connections from the address",
        })
    }
}

impl Gate {
    pub(crate) fn new(at: Endpoint, factory: Factory, admission: Admission, max: u32) -> Self {
        let peers = admission.counts_addresses().then(|| {
            let per_address = admission.per_address.unwrap_or(max);
            Mutex::new(PeerTable::new(max as usize, per_address, admission.rate_per_address))
        });
        Self { at, factory, open: AtomicU32::new(0), admission, peers }
    }

    /// Whether there are as many connections as this listener may have.
    pub(crate) fn is_full(&self) -> bool {
        self.admission.connections.is_some_and(|max| self.open.load(Relaxed) >= max)
    }

    /// Lets a peer in, or not. Whoever was let in must [`leave`](Self::leave).
    pub(crate) fn enter(&self, peer: Peer, now: Duration) -> Result<(), Refusal> {
        if let Some(ip) = peer.ip() {
            if !self.admission.access.permits(ip) {
                return Err(Refusal::Denied);
            }
            if let Some(peers) = &self.peers {
                let mut peers = peers.lock().unwrap_or_else(PoisonError::into_inner);
                peers.admit(ip, now).map_err(|_| Refusal::Address)?;
            }
        }
        self.open.fetch_add(1, Relaxed);
        Ok(())
    }

    pub(crate) fn leave(&self, peer: Peer) {
        self.open.fetch_sub(1, Relaxed);
        if let (Some(ip), Some(peers)) = (peer.ip(), &self.peers) {
            peers.lock().unwrap_or_else(PoisonError::into_inner).release(ip);
        }
    }
}
