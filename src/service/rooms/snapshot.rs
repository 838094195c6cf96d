//! What can be seen of a room from outside: [`RoomSnapshot`]; and what is counted: [`Missed`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::place::Epoch;

/// How a room is.
#[derive(Clone, Debug)]
pub struct RoomSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// Its life.
    pub epoch: Epoch,
    /// The offset of the latest post.
    pub head: u64,
    /// Users in it.
    pub users: usize,
    /// Connections in it.
    pub members: usize,
    /// Posts that its history holds.
    pub posts: usize,
    /// Bytes that its history holds.
    pub bytes: usize,
    /// What its members were not told.
    pub missed: MissedCounts,
}

/// How many deliveries did not happen: one post, missed by one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissedCounts {
    /// As [`Missed::Slow`].
    pub slow: u64,
    /// As [`Missed::Gone`].
    pub gone: u64,
    /// As [`Missed::Superseded`].
    pub superseded: u64,
    /// Members whose connection was closed because they did not keep up.
    pub closed: u64,
}
/// Why posts are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// The member did not keep up, and the room drops what is new then.
    Slow,
    /// They are no longer in the history.
    Gone,
    /// Later posts with the same key count instead, if they are not [`Gone`](Self::Gone).
    Superseded,
}

impl Missed {
    /// A stable name, for protocols.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Gone => "gone",
            Self::Superseded => "superseded",
        }
    }
}

/// Counts what was missed, for all loops.
#[derive(Debug, Default)]
pub(super) struct Counters {
    slow: AtomicU64,
    gone: AtomicU64,
    superseded: AtomicU64,
    closed: AtomicU64,
}

impl Counters {
    pub(super) fn missed(&self, why: Missed, count: u64) {
        let counter = match why {
            Missed::Slow => &self.slow,
            Missed::Gone => &self.gone,
            Missed::Superseded => &self.superseded,
        };
        counter.fetch_add(count, Relaxed);
    }

    pub(super) fn closed(&self) {
        self.closed.fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self) -> MissedCounts {
        MissedCounts {
            slow: self.slow.load(Relaxed),
            gone: self.gone.load(Relaxed),
            superseded: self.superseded.load(Relaxed),
            closed: self.closed.load(Relaxed),
        }
    }
}
