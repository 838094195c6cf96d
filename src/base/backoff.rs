//! [`Backoff`]: how long to wait before the next attempt at what failed.
//!
//! Many who lost the same server at the same moment must not come back at the same moment. So each
//! draws its wait from the whole of a range that doubles with every attempt ("full jitter": Marc
//! Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Chance comes in as an
//! argument, and time is the caller's affair.

use std::time::Duration;

/// Exponential backoff with full jitter.
///
/// The first wait is drawn evenly from zero to `first`, the next from zero to twice that, and so on
/// up to `max`, where it stays until [`reset`](Self::reset). On average a wait is half as long as
/// its [`ceiling`](Self::ceiling).
///
/// ```
/// # use overt::base::Backoff;
/// # use std::time::Duration;
/// let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(30));
/// let random = 0x9e37_79b9_7f4a_7c15; // `Effects::random` or `Outgoing::random`
/// let wait = backoff.next(random);
/// assert!(wait <= Duration::from_millis(100));
/// assert_eq!(backoff.ceiling(), Duration::from_millis(200));
/// backoff.reset(); // it worked: the next failure is the first again
/// assert_eq!(backoff.ceiling(), Duration::from_millis(100));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    min: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// Waits of at most `first` to begin with (zero is taken as 1 ms, or it would never grow) and
    /// of at most `max` in the end.
    pub fn new(first: Duration, max: Duration) -> Self {
        let first = match first.is_zero() {
            true => Duration::from_millis(1),
            false => first,
        };
        let first = first.min(max);
        Self { first, max, min: Duration::ZERO, ceiling: first }
    }

    /// No wait is shorter than `min`, whatever is drawn. Zero unless set: of many who lost a
    /// server, the first to come back then need not wait for nothing.
    pub fn at_least(self, min: Duration) -> Self {
        Self { min: min.min(self.max), ..self }
    }

    /// How long to wait now. Of `random` all 64 bits are used, the upper ones first.
    pub fn next(&mut self, random: u64) -> Duration {
        let drawn = scaled(self.ceiling, random);
        self.ceiling = self.ceiling.saturating_mul(2).min(self.max);
        drawn.max(self.min)
    }

    /// The longest that the next wait can be.
    pub fn ceiling(&self) -> Duration {
        self.ceiling.max(self.min)
    }

    /// The attempt succeeded: begins anew.
    pub fn reset(&mut self) {
        self.ceiling = self.first;
    }
}

/// `random` as a fraction of 2^64, of `ceiling`. Durations of more than 584 years are cut.
fn scaled(ceiling: Duration, random: u64) -> Duration {
    let nanos = ceiling.as_nanos().min(u128::from(u64::MAX));
    Duration::from_nanos((nanos * u128::from(random)).div_ceil(1 << 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(10);
    const MAX: Duration = Duration::from_secs(1);

    fn ceilings(mut backoff: Backoff, count: usize) -> Vec<u128> {
        (0..count).map(|_| backoff.next(u64::MAX).as_millis()).collect()
    }

    #[test]
    fn the_longest_wait_doubles_until_it_is_as_long_as_allowed() {
        let waits = ceilings(Backoff::new(FIRST, MAX), 9);
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }

    #[test]
    fn success_begins_anew() {
        let mut backoff = Backoff::new(FIRST, MAX);
        (0..100).for_each(|_| assert!(backoff.next(7) <= MAX));
        assert_eq!(backoff.ceiling(), MAX);
        backoff.reset();
        assert_eq!(backoff, Backoff::new(FIRST, MAX));
    }

    #[test]
    fn waits_are_drawn_from_the_whole_range() {
        let mut backoff = Backoff::new(MAX, MAX);
        let mut tenths = [0; 10];
        let mut random = 1_u64;
        for _ in 0..100_000 {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            tenths[backoff.next(random).as_millis() as usize / 100 % 10] += 1;
        }
        assert!(tenths.iter().all(|count| (9_500..10_500).contains(count)), "{tenths:?}");
        assert_eq!(backoff.next(0), Duration::ZERO);
        assert_eq!(backoff.next(1), Duration::from_nanos(1));
    }

    #[test]
    fn no_wait_is_shorter_than_the_shortest_nor_longer_than_the_longest() {
        let mut backoff = Backoff::new(FIRST, MAX).at_least(FIRST * 3);
        assert_eq!(backoff.next(0), FIRST * 3);
        assert_eq!(backoff.next(u64::MAX), FIRST * 3);
        assert_eq!(backoff.next(u64::MAX), FIRST * 4);
        let mut backoff = Backoff::new(FIRST, MAX).at_least(MAX * 2);
        assert_eq!(backoff.next(3), MAX);
    }

    #[test]
    fn extremes_are_cut_and_nothing_overflows() {
        assert_eq!(ceilings(Backoff::new(Duration::ZERO, MAX), 3), [1, 2, 4]);
        assert_eq!(ceilings(Backoff::new(MAX, FIRST), 2), [10, 10]);
        assert_eq!(ceilings(Backoff::new(FIRST, Duration::ZERO), 2), [0, 0]);
        let mut endless = Backoff::new(Duration::MAX, Duration::MAX);
        assert!((0..200).all(|_| endless.next(u64::MAX).as_secs() > 18_000_000_000));
    }
}
