//! [`Spin`]: whether a loop that has nothing to do polls for a while before it sleeps.
//!
//! A sleep and a wake cost tens of microseconds, so polling pays where the next event is nearer
//! than that. Whether it is, the recent past tells: every loss in a row doubles the number of
//! sleeps until the next try.

use std::time::Duration;

/// At most so many sleeps between two tries.
const PAUSE_MAX: u32 = 1024;

pub(crate) struct Spin {
    window: Duration,
    /// How many sleeps to leave out, and how many are left of them.
    pause: u32,
    left: u32,
}

impl Spin {
    pub(crate) fn new(window: Duration) -> Self {
        Self { window, pause: 0, left: 0 }
    }

    /// Whether to poll before this sleep.
    #[inline]
    pub(crate) fn is_on(&mut self) -> bool {
        if self.window.is_zero() {
            return false;
        }
        self.left = self.left.saturating_sub(1);
        self.left == 0
    }

    pub(crate) fn window(&self) -> Duration {
        self.window
    }

    pub(crate) fn won(&mut self) {
        (self.pause, self.left) = (0, 0);
    }

    pub(crate) fn lost(&mut self) {
        // Three losses are forgiven.
        self.pause = (self.pause * 2).clamp(1, PAUSE_MAX);
        self.left = if self.pause > 4 { self.pause } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losing_makes_it_rarer_and_winning_brings_it_back() {
        let mut spin = Spin::new(Duration::from_micros(50));
        let mut tries = 0;
        for _ in 0..10_000 {
            if spin.is_on() {
                tries += 1;
                spin.lost();
            }
        }
        assert!((10..30).contains(&tries), "{tries}");
        spin.won();
        assert!(spin.is_on());
        assert!(!Spin::new(Duration::ZERO).is_on());
    }
}
