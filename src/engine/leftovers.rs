//! What is left over when a visit ends: moved to buffers of the connection's own, given back at the
//! next visit, and watched meanwhile by deadlines and bounds.

use std::mem;

use super::connection::{Connection, STANDS_ASIDE};
use super::core::{Core, Mark};
use super::flag;
use crate::base::Output;
use crate::base::buffer::Buffer;
use crate::handler::{Bound, Close, Deadline, Result};
use crate::net::Net;

impl<N: Net> Connection<N> {
    /// Puts what was left over in the place of the loop's blocks, and marks where the visit begins.
    #[cold]
    pub(super) fn lend_own(&mut self, core: &mut Core<N>) {
        if let Some(kept) = &mut self.kept {
            if let Some(own) = &mut kept.input {
                core.stage.input.lend(own);
            }
            if let Some(own) = &mut kept.output {
                mem::swap(&mut core.stage.output, own);
            }
        }
        self.show_facts(core);
        self.mark(core);
    }

    /// What is consumed and sent is counted from here on.
    pub(super) fn mark(&self, core: &mut Core<N>) {
        core.mark = Mark {
            unread: core.stage.input.len() + self.sealed().0,
            bytes_read: core.ledger.bytes_read,
            bytes_written: core.ledger.bytes_written,
            overhead: 0,
        };
    }

    /// Gives the loop's blocks back, moves what is left over to buffers of its own, and sees to the
    /// deadlines and bounds of what is left over.
    #[cold]
    pub(super) fn keep_own(&mut self, visited: Result, core: &mut Core<N>) -> Result {
        let fresh = self.flags & STANDS_ASIDE == 0;
        if fresh {
            core.mark = Default::default();
        }
        if let Err(Close::Wire(_) | Close::Protocol(_) | Close::ByUs | Close::ByPeer) = visited {
            // What came before the fault was answered, and may have been all that the peer wanted.
            // If the socket fails, the first reason stands.
            let _ = self.send(core);
        }
        let (unopened, sealed) = self.sealed();
        let unread = core.stage.input.len() + unopened;
        let unsent = core.stage.output.len() + sealed;
        let overfull = core.stage.output.is_overfull();
        let yielded = core.stage.input.has_yielded();
        self.give_back(core);
        visited?;
        if overfull {
            return Err(Close::Over(Bound::Output));
        }
        if unread > core.bounds.input_max {
            return Err(Close::Over(Bound::Input));
        }
        if yielded {
            self.flags |= flag::YIELDED;
        }
        let received = if fresh { 0 } else { core.ledger.bytes_read - core.mark.bytes_read };
        let sent = if fresh { 0 } else { core.ledger.bytes_written - core.mark.bytes_written };
        let consumed = core.mark.unread as u64 + received > unread as u64 + core.mark.overhead;
        self.note_sending(core.ledger.bytes_written - sent, core);
        if self.flags & flag::HANDSHAKING != 0 {
            return self.account(core); // Its deadline is that of the whole handshake.
        }
        self.watch_input(unread, consumed, core);
        self.watch_output(unsent, sent, core)?;
        self.watch_rate(unread + unsent, received, sent, core);
        self.account(core)
    }

    fn give_back(&mut self, core: &mut Core<N>) {
        let kept = &mut **self.kept.get_or_insert_default();
        let (unread, unsent) = (!core.stage.input.is_empty(), !core.stage.output.is_empty());
        core.stage.input.give_back(&mut kept.input);
        match &mut kept.output {
            Some(own) => mem::swap(&mut core.stage.output, own),
            None if unsent => kept.output = Some(core.stage.output.leave()),
            None => {}
        }
        if !unsent {
            kept.output = None;
        }
        let keeps = if unread || unsent { flag::KEEPS } else { 0 };
        self.flags = self.flags & !flag::KEEPS | keeps;
    }

    /// A frame begun must be completed in time, unless it is we who do not read.
    fn watch_input(&mut self, unread: usize, consumed: bool, core: &mut Core<N>) {
        const FRAME: usize = Deadline::Frame as usize;
        let first = self.flags & flag::FIRST != 0;
        if first && !consumed {
            return; // Its deadline runs since the connection opened.
        }
        self.flags &= !flag::FIRST;
        if unread == 0 || self.flags & (flag::NOT_READING | flag::TIMED) != 0 {
            self.due.clear(FRAME);
        } else if consumed || !self.due.is_set(FRAME) {
            self.set_due(FRAME, core.now() + u64::from(core.times.frame), core);
        }
    }

    /// Output that waits must go on moving.
    fn watch_output(&mut self, unsent: usize, sent: u64, core: &mut Core<N>) -> Result {
        const DRAIN: usize = Deadline::Drain as usize;
        if self.flags & flag::LINGERING != 0 {
            return Ok(()); // The same deadline bounds the lingering.
        }
        if unsent == 0 {
            self.due.clear(DRAIN);
            return Ok(());
        }
        if self.flags & flag::WRITE_EXPIRED != 0 {
            return Err(Close::Late(Deadline::Write));
        }
        if sent > 0 || !self.due.is_set(DRAIN) {
            self.set_due(DRAIN, core.now() + u64::from(core.times.drain), core);
        }
        Ok(())
    }

    fn watch_rate(&mut self, waiting: usize, received: u64, sent: u64, core: &mut Core<N>) {
        const RATE: usize = Deadline::Rate as usize;
        let Some(kept) = &mut self.kept else { return };
        if waiting == 0 {
            (kept.received, kept.sent) = (0, 0);
            self.due.clear(RATE);
            return;
        }
        (kept.received, kept.sent) = (kept.received + received, kept.sent + sent);
        if !self.due.is_set(RATE) {
            self.set_due(RATE, core.now() + u64::from(core.times.rate_window), core);
        }
    }

    /// Counts what is held to the budget of the engine.
    fn account(&mut self, core: &mut Core<N>) -> Result {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        let input = kept.input.as_ref().map_or(0, Buffer::size);
        let sealed = kept.secure.as_ref().map_or(0, |secure| secure.held());
        let held = input + kept.output.as_ref().map_or(0, Output::held) + sealed + kept.own;
        let change = held as i64 - mem::replace(&mut kept.held, held) as i64;
        if held == 0 && kept.is_needless() {
            self.kept = None;
        }
        match core.stage.asked.budget.change(change) {
            true => Err(Close::Over(Bound::Memory)),
            false => Ok(()),
        }
    }
    /// The handler holds so many bytes by itself. They count like those of the buffers.
    pub(super) fn hold_own(&mut self, own: usize, core: &mut Core<N>) -> Result {
        let kept = self.kept.get_or_insert_default();
        let change = own as i64 - mem::replace(&mut kept.own, own) as i64;
        kept.held = kept.held.saturating_add_signed(change as isize);
        if kept.held == 0 && kept.is_needless() && self.flags & STANDS_ASIDE == 0 {
            self.kept = None;
        }
        match core.stage.asked.budget.change(change) {
            true => Err(Close::Over(Bound::Memory)),
            false => Ok(()),
        }
    }
}
