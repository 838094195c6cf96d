//! [`Pool`]: a bound on what all exchanges of a server gather together; and [`Share`], what one
//! connection has of it.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// How much is gathered, by all connections on all loops. Bytes. Nothing is ordered by it: it is
/// only a count.
pub(super) struct Pool {
    gathered: AtomicU64,
    max: u64,
}

/// What one connection has gathered. It is given back with the connection, if not before.
pub(super) struct Share {
    pool: Arc<Pool>,
    taken: u64,
}

impl Pool {
    pub(super) fn new(max: u64) -> Arc<Self> {
        Arc::new(Self { gathered: AtomicU64::new(0), max })
    }
}

impl Share {
    pub(super) fn new(pool: &Arc<Pool>) -> Self {
        Self { pool: pool.clone(), taken: 0 }
    }

    /// Takes more, unless that is more than there may be.
    pub(super) fn take(&mut self, count: u64) -> bool {
        let before = self.pool.gathered.fetch_add(count, Relaxed);
        self.taken += count;
        before + count <= self.pool.max
    }

    /// What it has of the pool.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Gives all of it back.
    #[inline]
    pub(super) fn give_back(&mut self) {
        if self.taken > 0 {
            self.pool.gathered.fetch_sub(std::mem::take(&mut self.taken), Relaxed);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let pool = Pool::new(10);
        let (mut one, mut other) = (Share::new(&pool), Share::new(&pool));
        assert!(one.take(6) && !other.take(6));
        other.give_back();
        assert!(other.take(4));
        drop(one);
        assert!(other.take(6) && !other.take(1));
        drop(other);
        assert_eq!(pool.gathered.load(Relaxed), 0);
    }
}
