//! [`Pulse`]: pings, pongs, and how long they took.

use std::time::Duration;

use super::config::Heartbeat;

/// The heartbeat of one connection.
#[derive(Default)]
pub(super) struct Pulse {
    /// The number of the latest ping: a pong must give it back.
    number: u32,
    /// When that ping was sent, while its pong is awaited.
    sent: Option<Duration>,
    /// Whether anything has come since.
    heard: bool,
    /// Whether it was too long already that nothing has.
    doubted: bool,
    round_trip: Option<Duration>,
}

/// What is to be done when the time is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// A ping with this payload.
    Ping([u8; 4]),
    /// Nobody seems to be there. What has come and was not read yet, because the loop or the whole
    /// process was held up, is to be read first.
    Doubt,
    /// Nobody is there.
    Dead,
}

impl Pulse {
    /// Something came.
    #[inline]
    pub(super) fn heard(&mut self) {
        self.heard = true;
    }

    /// The timer fired. `deaf` is whether we are not reading, so that no answer could be heard.
    pub(super) fn beat(&mut self, now: Duration, deaf: bool) -> Beat {
        if self.sent.is_some() && !self.heard && !deaf {
            let doubted = std::mem::replace(&mut self.doubted, true);
            return if doubted { Beat::Dead } else { Beat::Doubt };
        }
        self.doubted = false;
        self.number = self.number.wrapping_add(1);
        (self.sent, self.heard) = (Some(now), deaf);
        Beat::Ping(self.number.to_be_bytes())
    }

    /// A pong came. Tells how long that took, if it answers the latest ping.
    pub(super) fn pong(&mut self, payload: &[u8], now: Duration) -> Option<Duration> {
        let sent = self.sent.filter(|_| payload == self.number.to_be_bytes())?;
        self.sent = None;
        self.round_trip = Some(now.saturating_sub(sent));
        self.round_trip
    }

    /// How long the latest ping and its pong took.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}

impl Heartbeat {
    /// How long until the next ping, with `random` as chance.
    pub(super) fn wait(&self, random: u64) -> Duration {
        let quarter = (self.every / 4).as_millis() as u64;
        self.every.saturating_sub(Duration::from_millis(random % (quarter + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_answers_no_ping_is_dead_unless_something_else_came() {
        let mut pulse = Pulse::default();
        assert_eq!(pulse.beat(SECOND, false), Beat::Ping([0, 0, 0, 1]));
        pulse.heard();
        assert_eq!(pulse.beat(2 * SECOND, false), Beat::Ping([0, 0, 0, 2]));
        assert_eq!(pulse.beat(3 * SECOND, false), Beat::Doubt);
        pulse.heard();
        assert_eq!(pulse.beat(3 * SECOND, false), Beat::Ping([0, 0, 0, 3]));
        assert_eq!(pulse.beat(4 * SECOND, false), Beat::Doubt);
        assert_eq!(pulse.beat(4 * SECOND, false), Beat::Dead);
    }

    #[test]
    fn who_is_not_listened_to_is_not_dead() {
        let mut pulse = Pulse::default();
        pulse.beat(SECOND, false);
        assert_eq!(pulse.beat(2 * SECOND, true), Beat::Ping([0, 0, 0, 2]));
        // What it said meanwhile may still be on its way.
        assert_eq!(pulse.beat(3 * SECOND, false), Beat::Ping([0, 0, 0, 3]));
        assert_eq!(pulse.beat(4 * SECOND, false), Beat::Doubt);
        assert_eq!(pulse.beat(4 * SECOND, false), Beat::Dead);
    }

    #[test]
    fn only_the_pong_to_the_latest_ping_tells_the_time() {
        let mut pulse = Pulse::default();
        assert_eq!(pulse.pong(&[0; 4], SECOND), None);
        pulse.beat(SECOND, false);
        assert_eq!(pulse.pong(b"", 2 * SECOND), None);
        assert_eq!(pulse.pong(&[0, 0, 0, 1], 3 * SECOND), Some(2 * SECOND));
        assert_eq!(pulse.pong(&[0, 0, 0, 1], 9 * SECOND), None);
        assert_eq!(pulse.round_trip(), Some(2 * SECOND));
    }

    #[test]
    fn pings_are_spread_over_a_quarter_of_the_time() {
        let heartbeat = Heartbeat { every: 20 * SECOND, timeout: SECOND };
        let waits: Vec<_> = (0..10_000).map(|random| heartbeat.wait(random)).collect();
        assert_eq!(waits.iter().max(), Some(&(20 * SECOND)));
        assert_eq!(waits.iter().min(), Some(&(15 * SECOND)));
    }
}
