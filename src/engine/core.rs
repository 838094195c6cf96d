//! [`Core`]: what every visit to a connection needs, apart from the connection itself.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use super::ledger::{self, Ledger, Phase};
use super::limits::{Config, Deadlines, Limits};
use super::sealed::Blocks;
use crate::base::output::Marks;
use crate::base::{Budget, Input, Output, Wheel};
use crate::handler::ConnectionId;
use crate::handler::jobs::{Desk, JobsMax, Parcel};
use crate::handler::mail::Home;
use crate::handler::stage::{Asked, Random, Stage, TIMERS};
use crate::net::Net;
use crate::net::workers::Workers;

/// The longest time that can be armed: 24 days. Deadlines are kept as 32 bits of milliseconds, and
/// compared by their distance from now.
const ARM_MAX_MS: u128 = 24 * 24 * 3600 * 1000;

/// Milliseconds, rounded up, cut at what can be armed.
pub(crate) fn millis(time: Duration) -> u32 {
    time.as_nanos().div_ceil(1_000_000).min(ARM_MAX_MS) as u32
}

/// [`Deadlines`] in milliseconds.
pub(crate) struct Times {
    pub(crate) handshake: u32,
    pub(crate) first_frame: Option<u32>,
    pub(crate) frame: u32,
    pub(crate) rate_window: u32,
    /// Bytes in a window.
    pub(crate) rate_min: u64,
    pub(crate) idle: u32,
    pub(crate) drain: u32,
    pub(crate) lifetime: u32,
    pub(crate) linger: u32,
}

impl From<&Deadlines> for Times {
    fn from(deadlines: &Deadlines) -> Self {
        let rate_window = millis(deadlines.rate_window).max(1);
        Self {
            handshake: millis(deadlines.handshake),
            first_frame: deadlines.first_frame.map(millis),
            frame: millis(deadlines.frame),
            rate_window,
            rate_min: u64::from(deadlines.rate) * u64::from(rate_window) / 1000,
            idle: millis(deadlines.idle),
            drain: millis(deadlines.drain),
            lifetime: millis(deadlines.lifetime),
            linger: millis(deadlines.linger),
        }
    }
}

/// What a visit needs of [`Limits`].
pub(crate) struct Bounds {
    pub(crate) read_per_visit: usize,
    pub(crate) frames_per_visit: u32,
    pub(crate) handshakes_per_turn: u32,
    pub(crate) input_max: usize,
    pub(crate) output_low: usize,
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Self {
        Self {
            read_per_visit: limits.read_per_visit.max(1),
            frames_per_visit: limits.frames_per_visit.max(1),
            handshakes_per_turn: limits.handshakes_per_turn.max(1),
            input_max: limits.input_max,
            output_low: limits.output_low.min(limits.output_high),
        }
    }
}

impl Limits {
    pub(super) fn marks(&self) -> Marks {
        Marks { high: self.output_high, cap: self.output_max }
    }
}

/// Where a visit to a connection with leftovers began.
#[derive(Default)]
pub(crate) struct Mark {
    pub(crate) unread: usize,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
    /// Of the bytes that were read, those that no handler gets: what encryption adds.
    pub(super) overhead: u64,
}

pub(crate) struct Core<N> {
    pub(crate) net: N,
    pub(crate) stage: Stage,
    pub(crate) wheel: Wheel,
    pub(crate) ledger: Ledger,
    pub(crate) times: Times,
    pub(crate) bounds: Bounds,
    pub(crate) mark: Mark,
    /// How many steps of handshakes may still be computed in this turn.
    pub(crate) handshakes_left: u32,
    /// Connections held back because of all jobs in flight, not of their own.
    pub(crate) starved: Vec<ConnectionId>,
    /// For connections that are encrypted.
    pub(super) blocks: Blocks,
}

impl<N: Net> Core<N> {
    /// For one loop: its world, its mailbox, its ways to the workers, and the count of the bytes
    /// that the engine holds.
    pub(crate) fn new(
        mut net: N,
        home: Home,
        queues: Workers<Parcel>,
        memory: Arc<AtomicI64>,
        config: &Config,
    ) -> Self {
        let limits = &config.limits;
        let max = JobsMax {
            connection: limits.jobs_per_connection,
            all: limits.jobs,
            bytes: limits.job_bytes,
        };
        let now = net.now();
        let asked = Asked {
            bits: 0,
            clock: now,
            now: now.as_millis() as u64,
            wall_ahead: net.wall().saturating_sub(now),
            wall_second: now.as_secs(),
            #[cfg(feature = "http")]
            date: None,
            timers: [Duration::ZERO; TIMERS],
            read_deadline: None,
            write_deadline: None,
            own: 0,
            budget: Budget::new(memory, limits.memory_max),
            successor: None,
            #[cfg(feature = "tls")]
            secured: None,
            dials: Vec::new(),
            is_draining: false,
            tls: None,
            home: home.clone(),
            mailbox_max: limits.mailbox,
            desk: Desk::new(queues, home, max),
            random: Random::new(net.random()),
            #[cfg(feature = "websocket")]
            secrets: net.secrets(),
        };
        Self {
            net,
            stage: Stage { input: Input::lent(), output: Output::lent(limits.marks()), asked },
            wheel: Wheel::new(),
            ledger: Default::default(),
            times: (&config.deadlines).into(),
            bounds: limits.into(),
            handshakes_left: limits.handshakes_per_turn.max(1),
            mark: Default::default(),
            starved: Vec::new(),
            blocks: Blocks::default(),
        }
    }

    /// This is the time now, since the loop began. Asks for the wall clock once a second.
    #[inline]
    pub(crate) fn set_clock(&mut self, now: Duration) {
        let asked = &mut self.stage.asked;
        asked.clock = now;
        asked.now = now.as_secs() * 1000 + u64::from(now.subsec_millis());
        if asked.wall_second != now.as_secs() {
            asked.wall_second = now.as_secs();
            asked.wall_ahead = self.net.wall().saturating_sub(now);
        }
    }

    /// Milliseconds since the loop began.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.stage.asked.now
    }

    /// The first millisecond that is not before `after` from now: timers never fire early.
    pub(crate) fn later(&self, after: Duration) -> u64 {
        let clock = self.stage.asked.clock;
        let part = Duration::from_nanos(u64::from(clock.subsec_nanos() % 1_000_000));
        self.now() + u64::from(millis(after.saturating_add(part)))
    }

    /// Charges the time since the last mark to `phase`.
    #[inline]
    pub(crate) fn charge(&mut self, phase: Phase) {
        if ledger::ON {
            let now = self.net.now().as_nanos() as u64;
            self.ledger.charge(phase, now);
        }
    }

    /// In a sampled turn, charges a part of a visit.
    #[inline]
    pub(crate) fn lap(&mut self, phase: Phase) {
        if ledger::ON && self.ledger.sampling {
            let now = self.net.now().as_nanos() as u64;
            self.ledger.lap(phase, now);
        }
    }
}
