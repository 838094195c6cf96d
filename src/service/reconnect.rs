//! [`Reconnect`]: when a client whose connection ended tries again, and when it gives up.
//!
//! A client owns it as a field, and takes it along from one connection to the next, as
//! [`Handler::on_close`](crate::Handler::on_close) gives the handler back to itself. Waiting times
//! grow, and are drawn by chance, so that a thousand clients which lost one server don't come back
//! in the same instant.

use std::time::Duration;

use crate::base::Backoff;
use crate::handler::{Close, Dial, Outgoing};

/// How a client comes back.
///
/// ```
/// use overt::service::Reconnect;
/// use overt::{Close, Context, Dial, Handler, Never, Outgoing, Result};
///
/// struct Client {
///     reconnect: Reconnect,
/// }
///
/// impl Handler for Client {
///     type Message = Never;
///
///     fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
///         self.reconnect.opened(cx.effects.now());
///         cx.output.put(b"hello\n");
///         Ok(())
///     }
///
///     fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
///         cx.input.clear();
///         Ok(())
///     }
///
///     fn on_close(mut self, why: Close, outgoing: &mut Outgoing<'_>) {
///         match self.reconnect.again(&why, outgoing) {
///             Some(dial) => outgoing.connect(dial, self),
///             None => log::error!("gave up: {why}"),
///         }
///     }
/// }
///
/// # use overt::{Config, Engine};
/// let dial: Dial = "example.org:7000".parse()?;
/// let reconnect = Reconnect::new(dial.clone()).attempts(10);
/// # let mut engine = Engine::new(Config { loops: 1, ..Config::default() })?;
/// engine.connect(dial, Client { reconnect });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Reconnect {
    dial: Dial,
    backoff: Backoff,
    good_after: Duration,
    attempts_max: Option<u32>,
    /// Attempts since the latest connection that proved good.
    attempts: u32,
    /// When the present connection opened, since the loop began.
    opened: Option<Duration>,
    /// How long the server asked to wait before the next attempt.
    asked: Duration,
}

impl Reconnect {
    /// The longest first waiting time, and the longest of all.
    const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
    /// A server that accepts and ends at once is as little use as none, and must not be dialled at
    /// full speed.
    const GOOD_AFTER: Duration = Duration::from_secs(10);

    /// Tries `dial` again for ever: after up to 100 ms the first time, then up to twice as long
    /// each time, and at most 30 s. A connection has proved good when it was open for 10 s.
    pub fn new(dial: impl Into<Dial>) -> Self {
        Self {
            dial: dial.into(),
            backoff: Backoff::new(Self::BACKOFF.0, Self::BACKOFF.1),
            good_after: Self::GOOD_AFTER,
            attempts_max: None,
            attempts: 0,
            opened: None,
            asked: Duration::ZERO,
        }
    }

    /// Waits up to `first` before the first attempt, up to twice as long before each further one,
    /// and never longer than `max`. How long exactly, between nothing and that, is left to chance.
    pub fn backoff(self, first: Duration, max: Duration) -> Self {
        Self { backoff: Backoff::new(first, max), ..self }
    }

    /// Gives up after so many attempts in a row.
    pub fn attempts(self, max: u32) -> Self {
        Self { attempts_max: Some(max), ..self }
    }

    /// How long a connection must have been open to have proved good: only then do the waiting
    /// times begin anew.
    pub fn good_after(self, time: Duration) -> Self {
        Self { good_after: time, ..self }
    }

    /// The connection is open: to be told in `on_open`, with the time of the turn.
    pub fn opened(&mut self, now: Duration) {
        self.opened = Some(now);
    }

    /// The connection has proved good already, by what came from it: an answer, a login.
    pub fn proved(&mut self) {
        self.backoff.reset();
        self.attempts = 0;
    }

    /// The server asked to wait for so long: the next attempt comes after that, and after the
    /// waiting time besides, for others were asked, too.
    pub fn not_before(&mut self, wait: Option<Duration>) {
        self.asked = wait.unwrap_or_default();
    }

    /// The connection ended, or could not be opened: what to dial next, waiting time included.
    /// `None` if it is time to give up: the engine shuts down, or all attempts were in vain.
    ///
    /// A client that ended its conversation on purpose just doesn't ask.
    pub fn again(&mut self, why: &Close, outgoing: &mut Outgoing<'_>) -> Option<Dial> {
        if outgoing.is_draining() {
            return None; // However it ended: perhaps in order, for this very reason.
        }
        let (now, random) = (outgoing.now(), outgoing.random());
        self.next(why, now, random)
    }

    fn next(&mut self, why: &Close, now: Duration, random: u64) -> Option<Dial> {
        if self.opened.take().is_some_and(|opened| now.saturating_sub(opened) >= self.good_after) {
            self.proved();
        }
        let spent = self.attempts_max.is_some_and(|max| self.attempts >= max);
        if spent || matches!(why, Close::Shutdown) {
            return None;
        }
        self.attempts += 1;
        let wait = std::mem::take(&mut self.asked) + self.backoff.next(random);
        log::info!("connection ended ({why}); attempt {} in {wait:?}", self.attempts);
        Some(self.dial.clone().after(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr};

    const SECOND: Duration = Duration::from_secs(1);

    fn reconnect() -> Reconnect {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, 7000));
        Reconnect::new(to).backoff(SECOND, 60 * SECOND).good_after(10 * SECOND)
    }

    /// How long is waited at `now` if chance is as unkind as it can be.
    fn longest(now: Duration, prepare: impl Fn(&mut Reconnect)) -> Duration {
        let draws = (1..1000u64).map(|draw| draw.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let waits = draws.map(|random| {
            let mut reconnect = reconnect();
            prepare(&mut reconnect);
            reconnect.next(&Close::ByPeer, now, random).unwrap().after
        });
        waits.max().unwrap()
    }

    fn fail(reconnect: &mut Reconnect, times: usize) {
        (0..times).for_each(|_| drop(reconnect.next(&Close::ByPeer, SECOND, 1)));
    }

    #[test]
    fn waiting_times_double_up_to_the_longest() {
        for (failures, bound) in [1, 2, 4, 8, 16, 32, 60, 60, 60].into_iter().enumerate() {
            let (wait, bound) =
                (longest(SECOND, |reconnect| fail(reconnect, failures)), bound * SECOND);
            assert!(wait <= bound && wait > bound * 9 / 10, "{wait:?} of {bound:?}");
        }
    }

    #[test]
    fn only_a_connection_that_proved_good_begins_anew() {
        let after_open_for = |seconds: u32| {
            longest(20 * SECOND + seconds * SECOND, |reconnect| {
                fail(reconnect, 5);
                reconnect.opened(20 * SECOND);
            })
        };
        assert!(after_open_for(9) > 16 * SECOND);
        assert!(after_open_for(10) <= SECOND);
        let proved = longest(SECOND, |reconnect| {
            fail(reconnect, 5);
            reconnect.proved();
        });
        assert!(proved <= SECOND);
    }

    #[test]
    fn what_the_server_asked_for_counts_once() {
        let (mut reconnect, asked) = (reconnect(), 100 * SECOND);
        reconnect.not_before(Some(asked));
        let mut wait = || reconnect.next(&Close::ByPeer, SECOND, u64::MAX).unwrap().after;
        assert_eq!((wait(), wait()), (asked + SECOND, 2 * SECOND));
    }

    #[test]
    fn it_gives_up_when_told_to_and_when_the_engine_ends() {
        let mut reconnect = reconnect().attempts(2);
        for attempt in [true, true, false, false] {
            assert_eq!(reconnect.next(&Close::ByPeer, SECOND, 1).is_some(), attempt);
        }
        reconnect.proved();
        assert!(reconnect.next(&Close::Shutdown, SECOND, 1).is_none());
        assert!(reconnect.next(&Close::ByUs, SECOND, 1).is_some());
    }
}
