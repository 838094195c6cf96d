//! [`Seat`]: what a state machine for datagrams has in its loop, that of a socket or of a session:
//! its name, its timers, and its jobs.

use super::core::{Core, millis};
use super::due::{Due, after};
use crate::handler::outbox::Outbox;
use crate::handler::port::{AnyPort, Lent, PortEvent};
use crate::handler::stage::{Facts, NO_GATE, TIMERS, ask};
use crate::handler::{ConnectionId, Deadline, Result};
use crate::net::{Net, Peer, Remote};

pub(crate) struct Seat {
    pub(super) facts: Facts,
    pub(super) due: Due,
    /// Of timers that fire again and again; 0 for the others.
    periods: [u32; TIMERS],
    pub(super) port: Box<dyn AnyPort>,
    /// It asked to be closed.
    pub(super) closing: bool,
}

/// What has passed: a bit for each deadline and timer, by its index in [`Due`].
pub(super) struct Passed(u32);

impl Seat {
    pub(super) fn new(id: ConnectionId, peer: Peer, port: Box<dyn AnyPort>) -> Self {
        let facts = Facts { id, out: Default::default(), peer, gate: NO_GATE };
        Self { facts, due: Due::default(), periods: [0; TIMERS], port, closing: false }
    }

    /// Lets the state machine act, and grants what it asked for.
    #[inline]
    pub(super) fn call<N: Net>(
        &mut self,
        event: PortEvent<'_>,
        peer: &Remote,
        outbox: &mut Outbox,
        core: &mut Core<N>,
    ) -> Result {
        let lent = Lent { outbox, asked: &mut core.stage.asked, facts: &mut self.facts };
        let handled = self.port.handle(event, peer, lent);
        if core.stage.asked.bits != 0 {
            self.grant(core);
        }
        handled
    }

    #[cold]
    fn grant<N: Net>(&mut self, core: &mut Core<N>) {
        let bits = std::mem::take(&mut core.stage.asked.bits);
        self.closing |= bits & ask::CLOSE != 0;
        if bits < ask::ARM {
            return;
        }
        for index in 0..TIMERS {
            let bits = bits >> index;
            if bits & (ask::ARM | ask::ARM_EVERY | ask::DISARM) == 0 {
                continue;
            }
            let wait = core.stage.asked.timers[index];
            self.periods[index] = if bits & ask::ARM_EVERY != 0 { millis(wait).max(1) } else { 0 };
            match bits & ask::DISARM {
                0 => self.set_due(Due::TIMER + index, core.later(wait), core),
                _ => self.due.clear(Due::TIMER + index),
            }
        }
    }

    /// `at` is in milliseconds since the loop began.
    pub(super) fn set_due<N: Net>(&mut self, index: usize, at: u64, core: &mut Core<N>) {
        self.due.0[index] = (at as u32).max(1);
        core.wheel.remind(self.facts.id.slot, at);
    }

    /// A fresh state machine takes the place of one that panicked. Jobs in flight stay its own.
    pub(super) fn replace(&mut self, port: Box<dyn AnyPort>) -> Box<dyn AnyPort> {
        (self.due, self.periods, self.closing) = (Due::default(), [0; TIMERS], false);
        std::mem::replace(&mut self.port, port)
    }

    /// Whether it is closing, and waits for nothing.
    pub(super) fn is_over(&self) -> bool {
        self.closing && self.facts.out.jobs == 0
    }

    pub(super) fn jobs_done(&mut self, jobs: u32) {
        self.facts.out.jobs = self.facts.out.jobs.saturating_sub(jobs);
    }

    /// The wheel says to look. What is due counts as passed, and is not due any more, unless it is
    /// a timer that fires again and again; the rest is waited for.
    pub(super) fn look<N: Net>(&mut self, core: &mut Core<N>) -> Passed {
        let (now, mut passed) = (core.now(), 0);
        for index in 0..Due::COUNT {
            if self.due.left(index, now).is_some_and(|left| left <= 0) {
                passed |= 1 << index;
                self.due.clear(index);
                let timer = index.checked_sub(Due::TIMER);
                if let Some(period @ 1..) = timer.and_then(|timer| self.periods.get(timer)) {
                    self.due.0[index] = after(now, *period);
                }
            }
        }
        self.wait(core);
        Passed(passed)
    }

    /// Has the wheel remind of what is due next.
    pub(super) fn wait<N: Net>(&mut self, core: &mut Core<N>) {
        if let Some(at) = self.due.earliest(core.now()) {
            core.wheel.remind(self.facts.id.slot, at);
        }
    }
}

impl Passed {
    pub(super) fn has(&self, deadline: Deadline) -> bool {
        self.0 & 1 << deadline as usize != 0
    }

    /// The timers among them.
    pub(super) fn timers(&self) -> impl Iterator<Item = u8> + use<> {
        let passed = self.0 >> Due::TIMER;
        (0..TIMERS as u8).filter(move |timer| passed & 1 << timer != 0)
    }
}
