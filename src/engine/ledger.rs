//! [`Ledger`]: what a loop did, and where its time went. Always on and nearly free; without the
//! feature `ledger` it is compiled out.

use crate::handler::Reason;

/// Whether the ledger is kept. A constant, so that a build without it has no trace of it.
pub(crate) const ON: bool = cfg!(feature = "ledger");

/// In one turn of so many, each visit is timed part by part; the other visits' time is divided in
/// the same proportion. Reading the clock three times a visit would cost more than the visit.
pub(crate) const SAMPLED: u64 = 64;

/// What a loop spends its time on. Names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Asleep, or polling.
    Wait,
    /// Accepting connections.
    Accept,
    /// Messages and workers' answers, handlers included.
    Mail,
    /// Deadlines and timers, handlers included.
    Timers,
    /// Socket → input.
    Read,
    /// Decoding and handling.
    Handler,
    /// Output → socket.
    Write,
    /// Everything else.
    Other,
}

impl Phase {
    /// All of them, in the order of a turn.
    pub const ALL: [Self; 8] = [
        Self::Wait,
        Self::Accept,
        Self::Mail,
        Self::Timers,
        Self::Read,
        Self::Handler,
        Self::Write,
        Self::Other,
    ];

    /// A stable name, for logs and metrics.
    pub fn name(self) -> &'static str {
        ["wait", "accept", "mail", "timers", "read", "handler", "write", "other"][self as usize]
    }
}

/// How many connections ended, by [`Reason`].
#[derive(Clone, Debug)]
struct Closes([u64; Reason::ALL.len()]);

impl Default for Closes {
    fn default() -> Self {
        Self([0; Reason::ALL.len()])
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters of one loop, and nanoseconds by phase.
        #[derive(Clone, Debug, Default)]
        pub struct Ledger {
            $($(#[$doc])* pub $name: u64,)*
            closes: Closes,
            /// Nanoseconds by phase, those of visits aside.
            phases: [u64; 8],
            visits_ns: u64,
            /// Nanoseconds of sampled visits, by phase.
            sampled: [u64; 8],
            mark: u64,
            pub(crate) sampling: bool,
        }

        impl Ledger {
            /// All counters with their stable names.
            pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Turns of the loop.
    turns,
    /// Polls that found nothing, and were not told to return.
    polls_empty,
    /// Sleeps avoided by polling a little longer.
    spins_won,
    /// Events for a connection that is gone.
    events_stale,
    /// Visits to connections.
    visits,
    /// Calls of `read`.
    reads,
    /// … that gave nothing.
    reads_would_block,
    /// Bytes read.
    bytes_read,
    /// Calls of `write` or `writev`.
    writes,
    /// … that took nothing.
    writes_would_block,
    /// Bytes written.
    bytes_written,
    /// Connections accepted.
    accepted,
    /// Connections turned away.
    refused,
    /// Accepts that failed because descriptors or memory ran out.
    accepts_exhausted,
    /// Accepts that failed for another reason, such as a rule of the system.
    accepts_failed,
    /// Times that a listener began to wait because there were too many connections.
    accepts_paused,
    /// Outgoing connections attempted.
    dials,
    /// Messages delivered.
    messages,
    /// Times that somebody had to wake the loop. All other mail came while it was awake.
    wakes,
    /// Jobs that came back from workers.
    jobs,
    /// Batches that went to workers.
    batches,
    /// Times that the wheel reminded of a connection.
    reminders,
    /// Timers of handlers that fired.
    timers,
    /// Times that a connection was held back because of its jobs.
    holds,
    /// Calls that received datagrams.
    receives,
    /// … that gave nothing.
    receives_would_block,
    /// … that told of a datagram that came back, or was too large.
    receives_failed,
    /// Datagrams received.
    datagrams_received,
    /// Datagrams that a handler refused.
    datagrams_refused,
    /// Calls that sent datagrams.
    sends,
    /// … that had to wait.
    sends_would_block,
    /// Datagrams sent.
    datagrams_sent,
    /// Datagrams that could not be sent, and were dropped.
    datagrams_dropped,
    /// Sessions begun.
    sessions_opened,
    /// Datagrams dropped because their peer could have no session.
    sessions_refused,
    /// Sessions closed to make room for others.
    sessions_evicted,
    /// Panics of handlers and jobs, each contained in its connection.
    panics,
}

impl Ledger {
    /// How many connections closed for this reason.
    pub fn closes(&self, reason: Reason) -> u64 {
        self.closes.0[reason as usize]
    }

    /// Nanoseconds spent in `phase`. Those of all phases add up to the time that the loop has run;
    /// `Read`, `Handler` and `Write` divide the time of visits as one visit in 64 was measured.
    pub fn nanoseconds(&self, phase: Phase) -> u64 {
        let index = phase as usize;
        self.phases[index] + self.share(index)
    }

    /// The share of `visits_ns` that falls to a phase; what rounding leaves falls to `Other`.
    fn share(&self, index: usize) -> u64 {
        let whole: u64 = self.sampled.iter().sum();
        let share = |index: usize| match whole {
            0 => 0,
            whole => {
                (u128::from(self.visits_ns) * u128::from(self.sampled[index]) / u128::from(whole))
                    as u64
            }
        };
        match index == Phase::Other as usize {
            true => self.visits_ns - (0..index).map(share).sum::<u64>(),
            false => share(index),
        }
    }

    /// Nanoseconds of all phases: since the loop began, until its latest reading of the clock.
    pub fn total(&self) -> u64 {
        self.mark
    }

    /// Charges the time since the last mark to `phase`.
    #[inline]
    pub(crate) fn charge(&mut self, phase: Phase, now: u64) {
        self.phases[phase as usize] += now - self.mark;
        self.mark = now;
    }

    /// Charges the time since the last mark to visits.
    #[inline]
    pub(crate) fn charge_visits(&mut self, now: u64) {
        self.visits_ns += now - self.mark;
        self.mark = now;
    }

    /// Charges the time since the last mark to a part of a sampled visit.
    #[cold]
    pub(crate) fn lap(&mut self, phase: Phase, now: u64) {
        self.sampled[phase as usize] += now - self.mark;
        self.charge_visits(now);
    }

    #[inline]
    pub(crate) fn close(&mut self, reason: Reason) {
        self.closes.0[reason as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_add_up_to_the_time_that_passed() {
        let mut ledger = Ledger::default();
        ledger.charge(Phase::Wait, 100);
        ledger.lap(Phase::Read, 107);
        ledger.lap(Phase::Handler, 110);
        ledger.lap(Phase::Write, 121);
        ledger.charge_visits(1000);
        ledger.charge(Phase::Mail, 1001);
        let sum: u64 = Phase::ALL.iter().map(|phase| ledger.nanoseconds(*phase)).sum();
        assert_eq!((sum, ledger.total()), (1001, 1001));
        assert!(ledger.nanoseconds(Phase::Write) > ledger.nanoseconds(Phase::Handler));
    }
}
