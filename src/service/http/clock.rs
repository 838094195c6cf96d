//! [`Clock`]: when a connection of HTTP has waited for long enough.
//!
//! One timer of the connection stands for all that it waits for. It is armed for the earliest; what
//! is put off meanwhile is looked at when it fires, so that a request which is answered at once
//! costs no more than a comparison.

use std::time::Duration;

use super::config::HttpDeadlines;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The next request.
    Request,
    /// The rest of a head.
    Head,
    /// The rest of a request that was answered already.
    Rest,
    /// An answer, or the end of an exchange that has a deadline of its own.
    Answer,
    /// A body comes, and must come at a rate.
    Body,
    /// An answer waits to be taken, and must be taken at a rate.
    Taken,
}

#[derive(Default)]
pub(super) struct Clock {
    /// When the timer fires, if it is armed.
    armed: Option<Duration>,
    /// Since when a head is incomplete.
    pub(super) head_since: Option<Duration>,
    /// Bytes received, and appended to the output, in all.
    pub(super) received: u64,
    pub(super) put: u64,
    window: Option<Window>,
}

/// A window is never shorter, whatever is configured: looking takes time, too.
const WINDOW_MIN: Duration = Duration::from_millis(100);

fn window_of(times: &HttpDeadlines) -> Duration {
    times.rate_window.max(WINDOW_MIN)
}

/// A time in which bytes must move.
struct Window {
    ends: Duration,
    /// What had been received, and sent, when it began.
    received: u64,
    sent: u64,
    /// Whether a body was awaited all the time, and whether output waited when it began.
    receives: bool,
    sends: bool,
}

/// What moves, or should.
#[derive(Clone, Copy)]
pub(super) struct Moving {
    /// Whether more of a body is awaited, and not held back by us.
    pub(super) receives: bool,
    /// Bytes that wait to be sent.
    pub(super) unsent: usize,
}

impl Clock {
    /// Notes what moves now.
    #[inline]
    pub(super) fn note(&mut self, moving: Moving, now: Duration, times: &HttpDeadlines) {
        match &mut self.window {
            None if !moving.receives && moving.unsent == 0 => {}
            None => self.open(moving, now, times),
            Some(_) if !moving.receives && moving.unsent == 0 => self.window = None,
            Some(window) => window.receives &= moving.receives,
        }
    }

    #[cold]
    fn open(&mut self, moving: Moving, now: Duration, times: &HttpDeadlines) {
        self.window = Some(Window {
            ends: now.saturating_add(window_of(times)),
            received: self.received,
            sent: self.sent(moving),
            receives: moving.receives,
            sends: moving.unsent > 0,
        });
    }

    fn sent(&self, moving: Moving) -> u64 {
        self.put.saturating_sub(moving.unsent as u64)
    }

    /// How long to arm the timer for, if it must be armed anew: what is waited for has come nearer.
    #[inline]
    pub(super) fn rearm(&mut self, wait: Option<Duration>, now: Duration) -> Option<Duration> {
        let window = self.window.as_ref().map(|window| window.ends);
        let at = match (wait, window) {
            (Some(a), Some(b)) => a.min(b),
            (a, b) => a.or(b)?,
        };
        if self.armed.is_some_and(|armed| armed <= at) {
            return None;
        }
        self.armed = Some(at);
        Some(at.saturating_sub(now))
    }

    /// The timer fired.
    pub(super) fn fired(&mut self) {
        self.armed = None;
    }

    /// Whether something moved too slowly in a window that is over. Then another one begins.
    pub(super) fn judge(
        &mut self,
        moving: Moving,
        now: Duration,
        times: &HttpDeadlines,
    ) -> Option<Wait> {
        let window = self.window.as_ref().filter(|window| window.ends <= now)?;
        let least = u128::from(times.rate) * window_of(times).as_millis() / 1000;
        let sends = window.sends && moving.unsent > 0;
        let slow = if window.receives && u128::from(self.received - window.received) < least {
            Some(Wait::Body)
        } else if sends && u128::from(self.sent(moving) - window.sent) < least {
            Some(Wait::Taken)
        } else {
            None
        };
        self.open(moving, now, times);
        slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: HttpDeadlines = HttpDeadlines {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(60),
        rate: 500,
        rate_window: Duration::from_secs(10),
        answer: Duration::from_secs(60),
        last_request: Duration::from_secs(1),
    };

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const BODY: Moving = Moving { receives: true, unsent: 0 };

    #[test]
    fn the_timer_is_armed_anew_only_for_what_comes_earlier() {
        let mut clock = Clock::default();
        assert_eq!(clock.rearm(Some(at(60)), at(0)), Some(at(60)));
        assert_eq!(clock.rearm(Some(at(61)), at(1)), None);
        assert_eq!(clock.rearm(Some(at(12)), at(2)), Some(at(10)));
        assert_eq!(clock.rearm(None, at(2)), None);
        clock.fired();
        assert_eq!(clock.rearm(Some(at(61)), at(12)), Some(at(49)));
    }

    #[test]
    fn a_body_must_come_at_the_rate() {
        let mut clock = Clock::default();
        clock.note(BODY, at(0), &TIMES);
        assert_eq!(clock.rearm(None, at(0)), Some(at(10)));
        clock.received = 5000;
        assert_eq!(clock.judge(BODY, at(9), &TIMES), None);
        assert_eq!(clock.judge(BODY, at(10), &TIMES), None);
        clock.received = 9999;
        assert_eq!(clock.judge(BODY, at(20), &TIMES), Some(Wait::Body));
    }

    #[test]
    fn who_is_held_back_by_us_is_not_slow() {
        let mut clock = Clock::default();
        clock.note(BODY, at(0), &TIMES);
        let held = Moving { receives: false, unsent: 1 };
        clock.put = 1;
        clock.note(held, at(1), &TIMES);
        assert_eq!(clock.judge(BODY, at(10), &TIMES), None);
    }

    #[test]
    fn output_that_waits_must_be_taken_at_the_rate() {
        let mut clock = Clock { put: 100_000, ..Clock::default() };
        let waits = |unsent| Moving { receives: false, unsent };
        clock.note(waits(100_000), at(0), &TIMES);
        assert_eq!(clock.judge(waits(95_000), at(10), &TIMES), None);
        assert_eq!(clock.judge(waits(90_001), at(20), &TIMES), Some(Wait::Taken));
    }

    #[test]
    fn what_is_done_is_waited_for_no_more() {
        let mut clock = Clock::default();
        clock.note(BODY, at(0), &TIMES);
        clock.note(Moving { receives: false, unsent: 0 }, at(1), &TIMES);
        assert_eq!(clock.judge(BODY, at(10), &TIMES), None);
        assert_eq!(clock.rearm(None, at(10)), None);
    }
}
