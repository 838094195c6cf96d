//! Granting what a handler asked for, once it has returned.

use std::mem;

use super::connection::Connection;
use super::core::{Core, millis};
use super::due::{Due, after};
use super::flag::{
    CLOSING, DRAINED, DUPLEX, EOF, FINISHING, HELD, JOBS, OWING, PAUSED, RESUMED, STARVED,
    TELL_DRAIN, TELL_EOF, TIMED,
};
#[cfg(feature = "tls")]
use super::flag::{SECURED, YIELDED};
#[cfg(feature = "tls")]
use super::sealed::Secure;
#[cfg(feature = "tls")]
use crate::handler::Close;
use crate::handler::Result;
use crate::handler::stage::{Event, TIMERS, ask};
use crate::net::Net;

impl<N: Net> Connection<N> {
    /// Does what the handler asked for.
    #[cold]
    pub(super) fn grant(&mut self, core: &mut Core<N>) -> Result {
        let bits = mem::take(&mut core.stage.asked.bits);
        if bits & ask::JOBS != 0 {
            self.flags |= JOBS;
            if bits & ask::HOLD != 0 {
                self.hold(core);
            }
        }
        if bits & ask::PAUSE != 0 {
            self.flags = self.flags & !RESUMED | PAUSED;
        }
        if bits & ask::RESUME != 0 {
            self.flags = self.flags & !PAUSED | RESUMED;
        }
        if bits & (ask::OWE | ask::SETTLE) != 0 {
            self.owe(bits & ask::OWE != 0, core);
        }
        if bits & ask::KEEP_TIME != 0 {
            self.flags |= TIMED;
        }
        if bits & ask::DUPLEX != 0 {
            self.flags |= DUPLEX;
        }
        if bits & ask::CLOSE != 0 {
            self.flags |= CLOSING;
        }
        if bits & ask::FINISH != 0 {
            self.flags |= FINISHING;
        }
        if bits >= ask::ARM {
            (0..TIMERS).for_each(|index| self.set_timer(index, bits >> index, core));
        }
        if bits & (ask::READ_DEADLINE | ask::WRITE_DEADLINE) != 0 {
            self.set_deadlines(bits, core);
        }
        if bits & ask::OWN != 0 {
            self.hold_own(core.stage.asked.own, core)?;
        }
        #[cfg(feature = "tls")]
        if bits & ask::SECURE != 0 {
            self.start_tls(core)?;
        }
        match core.stage.asked.successor.take() {
            Some(successor) => {
                self.handler = successor;
                self.begin_afresh(core);
                self.dispatch(Event::Open, core)
            }
            None => Ok(()),
        }
    }

    /// It is encrypted from now on: says the first word of the handshake.
    #[cfg(feature = "tls")]
    fn start_tls(&mut self, core: &mut Core<N>) -> Result {
        let Some((secured, host)) = core.stage.asked.secured.take() else { return Ok(()) };
        let is_clear = core.stage.input.is_empty() && core.stage.output.is_empty();
        if !is_clear || self.flags & SECURED != 0 {
            return Err(Close::Protocol("TLS begins in the middle of something"));
        }
        let until = core.now() + u64::from(core.times.handshake);
        let secure = Secure::new(secured.0.layer(&host)?, secured.0.shakes_aside());
        self.secure(secure, until, core);
        // Else the visit that this is part of would go on reading, and in the clear.
        self.flags |= YIELDED;
        self.greet(core)
    }

    /// Who is no longer owed anything begins to be idle now.
    fn owe(&mut self, owes: bool, core: &Core<N>) {
        match owes {
            true => self.flags |= OWING,
            false => {
                self.flags &= !OWING;
                self.due.set_idle(after(core.now(), core.times.idle));
            }
        }
    }

    /// What another handler asked for does not reach a successor, and what came before is told.
    fn begin_afresh(&mut self, core: &mut Core<N>) {
        self.flags = self.flags & !(PAUSED | OWING | TIMED | DUPLEX) | RESUMED;
        if self.flags & EOF != 0 {
            self.flags |= TELL_EOF;
        }
        if self.flags & DRAINED != 0 {
            self.flags = self.flags & !DRAINED | TELL_DRAIN;
        }
        (0..TIMERS).for_each(|index| self.due.clear(Due::TIMER + index));
        if let Some(kept) = &mut self.kept {
            kept.periods = [0; TIMERS];
            // To hold less is never too much.
            let _ = self.hold_own(0, core);
        }
    }

    fn set_timer(&mut self, index: usize, bits: u32, core: &mut Core<N>) {
        if bits & (ask::ARM | ask::ARM_EVERY | ask::DISARM) == 0 {
            return;
        }
        let wait = core.stage.asked.timers[index];
        let period = if bits & ask::ARM_EVERY != 0 { millis(wait).max(1) } else { 0 };
        if period != 0 || self.kept.is_some() {
            self.kept.get_or_insert_default().periods[index] = period;
        }
        match bits & ask::DISARM {
            0 => self.set_due(Due::TIMER + index, core.later(wait), core),
            _ => self.due.clear(Due::TIMER + index),
        }
    }

    /// Stops reading because of jobs in flight: its own, or everybody's.
    pub(super) fn hold(&mut self, core: &mut Core<N>) {
        if self.flags & HELD == 0 {
            core.ledger.holds += 1;
            self.flags |= HELD;
        }
        if self.facts.out.jobs == 0 && self.flags & STARVED == 0 {
            self.flags |= STARVED;
            core.starved.push(self.id());
        }
    }

    /// Reads on after a hold, if there is room for more jobs.
    pub(crate) fn release(&mut self, core: &mut Core<N>) {
        if core.stage.asked.desk.has_room(self.facts.out) {
            self.flags = self.flags & !HELD | RESUMED;
        } else if self.facts.out.jobs == 0 {
            self.hold(core);
        }
    }
}
