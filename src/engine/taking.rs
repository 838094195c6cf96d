//! What a connection takes besides bytes: answers of workers, messages, timers. Each is a visit of
//! its own, which reads nothing.

use std::any::Any;

use super::connection::Connection;
use super::core::Core;
use super::due::after;
use super::flag::{HANDSHAKING, HELD};
use crate::base::Output;
use crate::handler::Result;
use crate::handler::stage::Event;
use crate::net::Net;

impl<N: Net> Connection<N> {
    /// Takes the first `count` bytes of `answers`, which answer `jobs` jobs.
    pub(crate) fn take_answers(
        &mut self,
        jobs: u32,
        answers: &mut Output,
        count: usize,
        core: &mut Core<N>,
    ) -> Result {
        self.lend(core);
        answers.move_front(count, &mut core.stage.output);
        self.jobs_done(jobs, core);
        let visited = self.settle(core);
        self.keep(visited, core)
    }

    /// Takes messages, of which `jobs` are results of jobs.
    pub(crate) fn take_messages(
        &mut self,
        jobs: u32,
        messages: &mut dyn Iterator<Item = &mut dyn Any>,
        core: &mut Core<N>,
    ) -> Result {
        let sent = core.ledger.bytes_written;
        self.lend(core);
        self.jobs_done(jobs, core);
        let mut taken = Ok(());
        while let (Ok(()), Some(message)) = (&taken, messages.next()) {
            taken = match self.flags & HANDSHAKING {
                0 => self.dispatch(Event::Message(message), core),
                _ => self.take_while_shaking(message, core),
            };
        }
        let visited = taken.and_then(|()| self.settle(core));
        self.note_sending(sent, core);
        self.keep(visited, core)
    }

    /// A timer of the handler fired.
    pub(super) fn take_timer(&mut self, timer: u8, core: &mut Core<N>) -> Result {
        let sent = core.ledger.bytes_written;
        self.lend(core);
        let fired = self.dispatch(Event::Timer(timer), core);
        let visited = fired.and_then(|()| self.settle(core));
        self.note_sending(sent, core);
        self.keep(visited, core)
    }

    /// A connection that is sent something is not idle. Told only where nothing is read in the same
    /// visit, which says so already.
    pub(super) fn note_sending(&mut self, before: u64, core: &Core<N>) {
        if core.ledger.bytes_written > before {
            self.due.set_idle(after(core.now(), core.times.idle));
        }
    }

    fn jobs_done(&mut self, jobs: u32, core: &mut Core<N>) {
        self.facts.out.jobs = self.facts.out.jobs.saturating_sub(jobs);
        self.due.set_idle(after(core.now(), core.times.idle));
        if self.flags & HELD != 0 {
            self.release(core);
        }
    }
}
