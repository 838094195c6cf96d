//! [`Pace`]: how fast somebody may talk.

use std::time::Duration;

/// Counts what somebody says against a pace: some at once, then one by one. Whoever is too fast is
/// to be paused, and loses nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    /// When all that was said would have been said at the slowest pace that is no limit.
    paced: Duration,
}

impl Pace {
    /// Counts one more; tells how long the next must wait, if `at_once` are allowed, then one each
    /// `every`.
    pub(super) fn count(
        &mut self,
        now: Duration,
        every: Duration,
        at_once: u32,
    ) -> Option<Duration> {
        self.paced = self.paced.max(now) + every;
        let ahead = every * at_once;
        self.paced.checked_sub(now + ahead).filter(|wait| !wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_at_once_then_one_by_one_and_all_again_after_a_rest() {
        let (second, mut now) = (Duration::from_secs(1), Duration::from_secs(100));
        let mut pace = Pace::default();
        let mut count = |now| pace.count(now, second, 3);
        assert_eq!([(); 4].map(|()| count(now)), [None, None, None, Some(second)]);
        now += second;
        assert_eq!(count(now), Some(second));
        now += 10 * second;
        assert_eq!([(); 4].map(|()| count(now)), [None, None, None, Some(second)]);
    }
}
