//! [`Chance`]: all that is random in a simulation, drawn from its seed.

use std::time::Duration;

/// A generator of 64 bits (splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014). Any seed will do, neighbours included.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// Whether something happens whose chance is so many in a thousand. What never happens draws
    /// nothing.
    pub(crate) fn happens(&mut self, per_mille: u16) -> bool {
        per_mille > 0 && self.below(1000) < usize::from(per_mille)
    }

    /// From 1 to `most`, if `most` is not 0: often 1, often few, sometimes nearly all.
    pub(crate) fn some_of(&mut self, most: usize) -> usize {
        let reach = match self.below(3) {
            0 => 1,
            1 => most.min(16),
            _ => most,
        };
        (1 + self.below(reach)).min(most)
    }

    /// Up to `max`: mostly a small part of it.
    pub(crate) fn time(&mut self, max: Duration) -> Duration {
        if max.is_zero() {
            return max;
        }
        let reach = max.as_nanos() as u64 >> (2 * self.below(4));
        Duration::from_nanos(self.below(reach as usize + 1) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_lies_within_its_bounds() {
        let mut chance = Chance::new(0);
        assert_eq!((chance.below(0), chance.some_of(0)), (0, 0));
        assert!(!chance.happens(0) && chance.happens(1000));
        let most = Duration::from_millis(5);
        for end in 1..1000 {
            assert!(chance.below(end) < end);
            assert!((1..=end).contains(&chance.some_of(end)));
            assert!(chance.time(most) <= most);
        }
    }
}
