//! [`Budget`]: how many bytes all may hold together, counted by many threads without contention.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// A thread tells the others only when it is off by this much: 64 KiB.
const STEP: i64 = 64 * 1024;

/// One thread's side of a count of bytes that many threads share. Exact to 64 KiB a thread.
#[derive(Debug)]
pub struct Budget {
    shared: Arc<AtomicI64>,
    untold: i64,
    max: i64,
}

impl Budget {
    /// A thread's side of `shared`, which is not to exceed `max` bytes.
    pub fn new(shared: Arc<AtomicI64>, max: u64) -> Self {
        Self { shared, untold: 0, max: i64::try_from(max).unwrap_or(i64::MAX) }
    }

    /// Notes that `change` more bytes are held (fewer, if negative). Tells whether all together
    /// are now too many, and this made it worse.
    pub fn change(&mut self, change: i64) -> bool {
        self.untold += change;
        if self.untold.abs() >= STEP {
            self.shared.fetch_add(std::mem::take(&mut self.untold), Relaxed);
        }
        change > 0 && self.held() > self.max
    }

    /// How many bytes more may be held by those who can do without. The last eighth is for those
    /// who can't.
    pub fn left(&self) -> usize {
        (self.max - self.max / 8 - self.held()).max(0) as usize
    }

    /// What all threads have told.
    pub fn shared(&self) -> &Arc<AtomicI64> {
        &self.shared
    }

    /// How many bytes are held in all.
    pub fn held(&self) -> i64 {
        self.shared.load(Relaxed) + self.untold
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        self.shared.fetch_add(self.untold, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_beyond_the_budget_is_told_and_shrinking_is_not() {
        let shared = Arc::new(AtomicI64::new(0));
        let mut one = Budget::new(shared.clone(), 100_000);
        let mut two = Budget::new(shared.clone(), 100_000);
        assert!(!one.change(90_000));
        assert_eq!((two.left(), Budget::new(shared.clone(), 800_000).left()), (0, 610_000));
        assert!(!two.change(10_000));
        assert!(two.change(1));
        assert!(!two.change(-1));
        drop((one, two));
        assert_eq!(shared.load(Relaxed), 100_000);
    }
}
