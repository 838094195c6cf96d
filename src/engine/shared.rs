//! What the loops of one engine have in common: [`Shared`], and a [`Load`] for each loop.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::gate::{Gate, take};
use super::limits::{Balance, Limits};
use crate::handler::mail::Home;
use crate::handler::stage::Random;
use crate::net::Peer;

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
    connections_max: u32,
    connections_per_loop: u32,
    /// Whether listeners of any loop wait for a place.
    wanted: AtomicBool,
    pub(crate) memory: Arc<AtomicI64>,
    phase: AtomicU8,
    /// Loops that have ended.
    pub(crate) ended: AtomicU32,
    gates: Mutex<Vec<Arc<Gate>>>,
    /// Keys the hashes of addresses, so that nobody can choose whom to share a loop with.
    pub(crate) hash_key: u64,
}

/// A loop, seen from the others.
pub(crate) struct Load {
    pub(crate) home: Home,
    pub(crate) open: AtomicU32,
    /// Whether a listener of this loop waits for a place.
    wants: AtomicBool,
}

impl Shared {
    pub(crate) fn new(homes: Vec<Home>, limits: &Limits, hash_key: u64) -> Self {
        let load = |home| Load { home, open: AtomicU32::new(0), wants: AtomicBool::new(false) };
        Self {
            open: AtomicU32::new(0),
            loads: homes.into_iter().map(load).collect(),
            connections_max: limits.connections,
            connections_per_loop: limits.connections_per_loop,
            wanted: AtomicBool::new(false),
            memory: Arc::default(),
            ended: AtomicU32::new(0),
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

    /// Takes a place for one more connection, if there is one: in all, at its gate, and on some
    /// loop. To be given to a loop ([`settle`](Self::settle)), or back.
    pub(crate) fn take_place(&self, gate: &Gate) -> bool {
        if !self.loads.iter().any(|load| self.has_room(load))
            || !take(&self.open, self.connections_max)
        {
            return false;
        }
        let taken = gate.take_place();
        if !taken {
            self.open.fetch_sub(1, Relaxed);
        }
        taken
    }

    pub(crate) fn give_place_back(&self, gate: &Gate) {
        self.open.fetch_sub(1, Relaxed);
        gate.give_place_back();
    }

    /// A loop gets a connection, for which a place was taken.
    pub(crate) fn settle(&self, home: u16) {
        self.loads[usize::from(home)].open.fetch_add(1, Relaxed);
    }

    /// A loop gets a connection for which nobody was asked: we opened it ourselves.
    pub(crate) fn enter(&self, home: u16) {
        self.open.fetch_add(1, Relaxed);
        self.settle(home);
    }

    pub(crate) fn leave(&self, home: u16) {
        self.open.fetch_sub(1, Relaxed);
        self.loads[usize::from(home)].open.fetch_sub(1, Relaxed);
    }

    fn has_room(&self, load: &Load) -> bool {
        load.open.load(Relaxed) < self.connections_per_loop
    }

    /// A listener of a loop waits for a place.
    pub(crate) fn want_place(&self, home: u16) {
        self.loads[usize::from(home)].wants.store(true, Relaxed);
        self.wanted.store(true, Relaxed);
    }

    /// There is a place again: the loops with listeners that wait for one, each told once. One that
    /// begins to wait at this very moment may be missed, and is reminded by its wheel.
    pub(crate) fn take_wanting(&self) -> impl Iterator<Item = (u16, &Load)> {
        let wanted = self.wanted.load(Relaxed) && self.wanted.swap(false, Relaxed);
        let loads = if wanted { &self.loads[..] } else { &[] };
        let wanting = (0..).zip(loads).filter(|(_, load)| load.wants.load(Relaxed));
        wanting.filter(|(_, load)| load.wants.swap(false, Relaxed))
    }

    /// The loop with the fewest connections.
    pub(crate) fn least(&self) -> &Load {
        let least = self.loads.iter().min_by_key(|load| load.open.load(Relaxed));
        least.unwrap_or(&self.loads[0])
    }

    /// Which loop is to get the next connection that `own` accepted: the one that `balance` says,
    /// unless that is full.
    pub(crate) fn pick(
        &self,
        own: u16,
        balance: Option<Balance>,
        turn: usize,
        peer: Peer,
        random: &mut Random,
    ) -> u16 {
        let count = self.loads.len();
        let open = |index: usize| self.loads[index].open.load(Relaxed);
        let least = || (0..count).min_by_key(|index| open(*index)).unwrap_or(0);
        let picked = match balance {
            None => own.into(),
            Some(Balance::RoundRobin) => turn % count,
            Some(Balance::LeastConnections) => least(),
            Some(Balance::PowerOfTwo) => {
                let one = random.next() as usize % count;
                let other = (one + 1 + random.next() as usize % (count - 1).max(1)) % count;
                if open(other) < open(one) { other } else { one }
            }
            Some(Balance::SourceHash) => self.hash(peer) as usize % count,
        };
        match self.has_room(&self.loads[picked]) {
            true => picked as u16,
            false => least() as u16,
        }
    }

    fn hash(&self, peer: Peer) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.hash_key, peer.ip()).hash(&mut hasher);
        hasher.finish()
    }
}
