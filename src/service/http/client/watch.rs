//! [`Watch`]: the times of a connection of a client, on one timer.
//!
//! Times are put off with nearly every byte, so moving one is a store: the timer stays where it is,
//! and when it fires, it is looked at what is really due.

use std::time::Duration;

/// When what is due, since the loop began.
#[derive(Default)]
pub(super) struct Watch {
    times: [Option<Duration>; 3],
    armed: Option<Duration>,
}

/// What a connection waits for, at most so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The next byte, of the answer or at the server.
    Progress,
    /// All of the answer.
    Total,
    /// The next question.
    Rest,
}

impl Watch {
    const ALL: [Due; 3] = [Due::Total, Due::Progress, Due::Rest];

    pub(super) fn set(&mut self, due: Due, at: Option<Duration>) {
        self.times[due as usize] = at;
    }

    pub(super) fn clear(&mut self) {
        self.times = Default::default();
    }

    /// When the timer is to be armed for; `None` if it is armed for a time early enough, or nothing
    /// is waited for.
    pub(super) fn next_alarm(&mut self) -> Option<Duration> {
        let next = self.times.into_iter().flatten().min()?;
        if self.armed.is_some_and(|armed| armed <= next) {
            return None;
        }
        self.armed = Some(next);
        self.armed
    }

    /// The timer has fired: what is due now, if anything is.
    pub(super) fn fired(&mut self, now: Duration) -> Option<Due> {
        self.armed = None;
        Self::ALL.into_iter().find(|due| self.times[*due as usize].is_some_and(|at| at <= now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_put_off_arms_nothing_and_is_looked_at_when_the_timer_fires() {
        let mut watch = Watch::default();
        assert_eq!(watch.next_alarm(), None);
        watch.set(Due::Progress, Some(2 * SECOND));
        watch.set(Due::Total, Some(9 * SECOND));
        assert_eq!(watch.next_alarm(), Some(2 * SECOND));
        watch.set(Due::Progress, Some(4 * SECOND));
        assert_eq!(watch.next_alarm(), None);
        assert_eq!(watch.fired(2 * SECOND), None);
        assert_eq!(watch.next_alarm(), Some(4 * SECOND));
        watch.set(Due::Progress, Some(3 * SECOND));
        assert_eq!(watch.next_alarm(), Some(3 * SECOND));
        assert_eq!(watch.fired(3 * SECOND), Some(Due::Progress));
        watch.clear();
        watch.set(Due::Rest, Some(5 * SECOND));
        assert_eq!(watch.next_alarm(), Some(5 * SECOND));
        assert_eq!(watch.fired(9 * SECOND), Some(Due::Rest));
    }
}
