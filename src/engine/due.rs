//! [`Due`]: when a connection's deadlines and timers are due.

use crate::handler::Deadline;
use crate::handler::close::DEADLINES;
use crate::handler::stage::TIMERS;

/// The engine's deadlines, by [`Deadline`], then the handler's timers: the lower 32 bits of
/// milliseconds since the loop began, 0 for none. They wrap after 49 days; but nothing further off
/// than 24 days can be armed, so the distance from now tells the past from the future.
#[derive(Default)]
pub(crate) struct Due(pub(super) [u32; Self::COUNT]);

/// The time `wait` milliseconds from now, as [`Due`] keeps it.
#[inline]
pub(crate) fn after(now: u64, wait: u32) -> u32 {
    (now as u32).wrapping_add(wait).max(1)
}

impl Due {
    /// Where the handler's timers begin.
    pub(crate) const TIMER: usize = DEADLINES;
    pub(super) const COUNT: usize = DEADLINES + TIMERS;

    #[inline]
    pub(crate) fn set_idle(&mut self, at: u32) {
        self.0[Deadline::Idle as usize] = at;
    }

    pub(crate) fn clear(&mut self, index: usize) {
        self.0[index] = 0;
    }

    pub(crate) fn is_set(&self, index: usize) -> bool {
        self.0[index] != 0
    }

    /// How long until it is due, in milliseconds: none if it is not set, negative if it is late.
    pub(crate) fn left(&self, index: usize, now: u64) -> Option<i64> {
        let at = self.0[index];
        (at != 0).then(|| i64::from(at.wrapping_sub(now as u32) as i32))
    }

    /// The earliest of all, in milliseconds since the loop began.
    pub(super) fn earliest(&self, now: u64) -> Option<u64> {
        let left = (0..Self::COUNT).filter_map(|index| self.left(index, now)).min()?;
        Some(now.saturating_add_signed(left))
    }
}

/// The deadlines in the order of their numbers.
pub(crate) const ALL: [Deadline; DEADLINES] = [
    Deadline::Handshake,
    Deadline::Frame,
    Deadline::Rate,
    Deadline::Idle,
    Deadline::Drain,
    Deadline::Lifetime,
    Deadline::Read,
    Deadline::Write,
];
