//! A connection's deadlines and timers: [`Due`], and what happens when one has passed.
//!
//! A deadline is a field, and moving it later is a store. The wheel holds one reminder for each
//! connection, for the earliest: when it comes, the fields are looked at; what is really due is
//! done, and what was put off is waited for again.

use super::connection::Connection;
use super::core::{Core, millis};
use super::due::{ALL, Due};
use super::flag;
use crate::handler::stage::ask;
use crate::handler::{Close, Deadline, Result};
use crate::net::Net;

impl<N: Net> Connection<N> {
    /// `at` is in milliseconds since the loop began.
    pub(super) fn set_due(&mut self, index: usize, at: u64, core: &mut Core<N>) {
        self.due.0[index] = (at as u32).max(1);
        core.wheel.remind(self.id().slot, at);
    }

    /// The wheel says to look: something is due, or was put off.
    pub(crate) fn look_at_deadlines(&mut self, core: &mut Core<N>) -> Result {
        for index in 0..Due::COUNT {
            if self.due.left(index, core.now()).is_some_and(|left| left <= 0) {
                self.passed(index, core)?;
            }
        }
        if let Some(at) = self.due.earliest(core.now()) {
            core.wheel.remind(self.id().slot, at);
        }
        Ok(())
    }

    fn passed(&mut self, index: usize, core: &mut Core<N>) -> Result {
        self.due.clear(index);
        if self.flags & flag::LINGERING != 0 {
            // All is over but the waiting, which the deadline for sending bounds.
            return if index == Deadline::Drain as usize { Err(Close::ByUs) } else { Ok(()) };
        }
        let Some(deadline) = ALL.get(index) else {
            return self.fire((index - Due::TIMER) as u8, core);
        };
        match deadline {
            Deadline::Rate => return self.judge_rate(core),
            // Then it is we who keep the peer waiting.
            Deadline::Idle
                if self.facts.out.jobs > 0 || self.flags & (flag::PAUSED | flag::OWING) != 0 =>
            {
                self.set_due(index, core.now() + u64::from(core.times.idle), core);
                return Ok(());
            }
            Deadline::Write if self.unsent() == 0 => {
                self.flags |= flag::WRITE_EXPIRED;
                return Ok(());
            }
            _ => {}
        }
        Err(Close::Late(*deadline))
    }

    fn fire(&mut self, timer: u8, core: &mut Core<N>) -> Result {
        core.ledger.timers += 1;
        let index = usize::from(timer);
        if let Some(period @ 1..) = self.kept.as_ref().map(|kept| kept.periods[index]) {
            self.set_due(Due::TIMER + index, core.now() + u64::from(period), core);
        }
        self.take_timer(timer, core)
    }

    /// What moves must move fast enough; what does not move at all is for the other deadlines.
    fn judge_rate(&mut self, core: &mut Core<N>) -> Result {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let (unread, unsent) = kept.waiting();
        let (received, sent) = (std::mem::take(&mut kept.received), std::mem::take(&mut kept.sent));
        let least = 1..core.times.rate_min;
        let reads = self.flags & (flag::NOT_READING | flag::TIMED) == 0;
        if unread > 0 && reads && least.contains(&received) || unsent > 0 && least.contains(&sent) {
            return Err(Close::Late(Deadline::Rate));
        }
        if unread + unsent > 0 {
            let window = u64::from(core.times.rate_window);
            self.set_due(Deadline::Rate as usize, core.now() + window, core);
        }
        Ok(())
    }

    /// Sets the deadlines that the handler asked for. One in the past passes in this same turn, or
    /// the next.
    pub(super) fn set_deadlines(&mut self, bits: u32, core: &mut Core<N>) {
        let asked = &core.stage.asked;
        let (read, write) = (asked.read_deadline, asked.write_deadline);
        let horizon = core.now() + u64::from(millis(std::time::Duration::MAX));
        for (bit, deadline, at) in [
            (ask::READ_DEADLINE, Deadline::Read, read),
            (ask::WRITE_DEADLINE, Deadline::Write, write),
        ] {
            if bits & bit == 0 {
                continue;
            }
            if deadline == Deadline::Write {
                self.flags &= !flag::WRITE_EXPIRED;
            }
            match at {
                Some(at) => {
                    let at = at.as_nanos().div_ceil(1_000_000).min(horizon.into()) as u64;
                    self.set_due(deadline as usize, at.max(core.now()), core);
                }
                None => self.due.clear(deadline as usize),
            }
        }
    }

    /// Bytes that wait to be sent.
    pub(crate) fn unsent(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.waiting().1)
    }
}
