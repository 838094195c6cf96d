//! [`Pace`]: how fast somebody may talk.

use std::time::Duration;

/// Counts what somebody says against a pace: some at once, then one by one. Whoever is too fast is
/// to be paused, and loses nothing.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    every: Duration,
    at_once: u32,
    /// When all that was said would have been said at the slowest pace that is no limit.
    paced: Duration,
}

impl Pace {
    pub(super) fn new(every: Duration, at_once: u32) -> Self {
        Self { every, at_once, paced: Duration::ZERO }
    }

    /// Counts one more; tells how long the next must wait.
    pub(super) fn count(&mut self, now: Duration) -> Option<Duration> {
        self.paced = self.paced.max(now) + self.every;
        let ahead = self.every * self.at_once;
        self.paced.checked_sub(now + ahead).filter(|wait| !wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_at_once_then_one_by_one_and_all_again_after_a_rest() {
        let (second, mut now) = (Duration::from_secs(1), Duration::from_secs(100));
        let mut pace = Pace::new(second, 3);
        assert_eq!([(); 4].map(|()| pace.count(now)), [None, None, None, Some(second)]);
        now += second;
        assert_eq!(pace.count(now), Some(second));
        now += 10 * second;
        assert_eq!([(); 4].map(|()| pace.count(now)), [None, None, None, Some(second)]);
    }
}
