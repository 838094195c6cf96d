//! [`Gauge`]: how many bytes lie in the pipes of a client, for its users to see; and the memory for
//! them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::blocks::Blocks;

/// Bytes, and the most that there ever were.
#[derive(Default)]
pub(super) struct Gauge {
    bytes: AtomicUsize,
    most: AtomicUsize,
    pub(super) blocks: Arc<Blocks>,
}

impl Gauge {
    pub(super) fn more(&self, count: usize) {
        let now = self.bytes.fetch_add(count, Ordering::Relaxed) + count;
        if now > self.most.load(Ordering::Relaxed) {
            self.most.fetch_max(now, Ordering::Relaxed);
        }
    }

    pub(super) fn less(&self, count: usize) {
        self.bytes.fetch_sub(count, Ordering::Relaxed);
    }

    /// Now, and the most ever.
    pub(super) fn read(&self) -> (usize, usize) {
        (self.bytes.load(Ordering::Relaxed), self.most.load(Ordering::Relaxed))
    }
}
