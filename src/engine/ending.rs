//! How a connection comes to its end: the peer's end, and what comes before it; congestion that is
//! over, an end of output, an orderly close.

use std::io;

use super::connection::Connection;
use super::core::Core;
use super::flag::{
    CLOSING, CONGESTED, DUPLEX, ENDED, EOF, FINISHING, HANDSHAKING, HELD, LINGERING, PAUSED,
    READABLE, RESUMED, SECURED, TELL_WRITABLE, YIELDED,
};
use crate::handler::stage::{AnyHandler, Event};
use crate::handler::{Close, Deadline, Result};
use crate::net::Net;

impl<N: Net> Connection<N> {
    /// Whether bytes that came before the peer's end are still to be seen by the handler: it wants
    /// to be called again for them, or can't take them now. By TLS they come together with the end.
    pub(super) fn has_more_to_hear(&self, core: &Core<N>) -> bool {
        let input = &core.stage.input;
        let waits = self.flags & (RESUMED | PAUSED | HELD) != 0 || self.is_held_up(core);
        input.has_yielded() || waits && !input.is_empty() && self.flags & CLOSING == 0
    }

    #[cold]
    pub(super) fn end_something(&mut self, core: &mut Core<N>) -> Result {
        if self.flags & LINGERING != 0 {
            return Ok(());
        }
        if self.flags & CONGESTED != 0 {
            self.end_congestion(core)?;
        }
        if !core.stage.output.is_empty() || self.facts.out.jobs > 0 {
            return Ok(());
        }
        if self.flags & (CLOSING | FINISHING) != 0 && !self.has_sealed_the_end(core)? {
            return Ok(());
        }
        if self.flags & CLOSING != 0 {
            return self.end(core);
        }
        if self.flags & FINISHING != 0 {
            self.flags &= !FINISHING;
            core.net.finish(&mut self.stream)?;
        }
        Ok(())
    }

    /// Whether its output, which was above high water, is not below low water yet, and it is not
    /// read from therefore.
    #[inline]
    pub(super) fn is_choked(&self) -> bool {
        self.flags & (CONGESTED | TELL_WRITABLE | DUPLEX) == CONGESTED
    }

    /// Whether its output is above high water, and it is not read from therefore.
    #[inline]
    pub(super) fn is_held_up(&self, core: &Core<N>) -> bool {
        core.stage.output.is_congested() && self.flags & DUPLEX == 0
    }

    /// Tells the handler once the output is below low water: it may then give more.
    fn end_congestion(&mut self, core: &mut Core<N>) -> Result {
        let low = core.bounds.output_low;
        if core.stage.output.len() > low {
            self.flags &= !TELL_WRITABLE;
            return Ok(());
        }
        if self.is_to_be_heard_first() {
            self.flags |= TELL_WRITABLE;
            return Ok(());
        }
        self.flags &= !(CONGESTED | TELL_WRITABLE);
        self.dispatch(Event::Writable, core)?;
        if core.stage.output.is_congested() {
            self.flags |= CONGESTED;
        }
        self.send(core)?;
        if self.flags & CONGESTED != 0 && core.stage.output.len() <= low {
            // The peer takes as fast as the handler gives: now the others, then again.
            self.flags |= TELL_WRITABLE;
        }
        Ok(())
    }

    /// The socket takes nothing more, as the peer has cut the connection. What it said before may
    /// still be there: an answer, maybe, for which it did not have to hear all. It is heard where
    /// the two directions have nothing to do with each other.
    #[cold]
    pub(super) fn last_words(&mut self, why: Close, core: &mut Core<N>) -> Close {
        let hears = self.flags & (DUPLEX | HANDSHAKING) == DUPLEX;
        if !hears || !matches!(why, Close::Reset(_) | Close::Io(_)) {
            return why;
        }
        core.stage.output.clear();
        self.flags |= READABLE | ENDED;
        let mut budget = core.bounds.read_per_visit;
        while budget > 0 && self.would_read() {
            let read = match self.flags & SECURED {
                0 => self.fill(budget, core).map_err(Close::from),
                _ => self.fill_and_open(budget, core),
            };
            let Ok(count @ 1..) = read else { break };
            budget = budget.saturating_sub(count);
            let is_news = self.flags & SECURED == 0 || self.has_opened_something(core);
            if is_news && self.dispatch_data(core).is_err() {
                break;
            }
        }
        core.stage.output.clear();
        why
    }

    /// Whether what the peer has said comes before `on_writable`: a handler that fills the output
    /// whenever there is room would never hear it.
    fn is_to_be_heard_first(&self) -> bool {
        let says = self.flags & (READABLE | RESUMED | YIELDED) != 0;
        says && self.flags & (TELL_WRITABLE | CLOSING | FINISHING) == 0
    }

    /// All is answered and sent. A socket that is closed while bytes of the peer are unread, or
    /// still on their way, answers them with a reset, which may destroy what was sent: so the
    /// sending half is closed first, and the rest waits for the peer's end.
    fn end(&mut self, core: &mut Core<N>) -> Result {
        if self.flags & EOF != 0 {
            return Err(Close::ByPeer);
        }
        core.net.finish(&mut self.stream)?;
        self.flags |= LINGERING | READABLE;
        let linger = u64::from(core.times.linger);
        self.set_due(Deadline::Drain as usize, core.now() + linger, core);
        self.linger(core)
    }

    /// Reads and drops what the peer still sends, until its end.
    pub(super) fn linger(&mut self, core: &mut Core<N>) -> Result {
        const READS: usize = 4;
        core.stage.input.clear();
        for _ in 0..READS {
            match core.net.read(&mut self.stream, core.stage.input.room()) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.flags &= !READABLE;
                    return Ok(());
                }
                Ok(0) | Err(_) => return Err(Close::ByUs),
            }
        }
        Ok(())
    }

    /// What is ready may still be sent, and then it closes.
    pub(crate) fn send_and_close(&mut self) {
        self.flags |= CLOSING;
        self.facts.out.jobs = 0;
    }

    /// The last of it: parts from the peer, if it was not cut; tells why it ended.
    pub(crate) fn dissolve(
        mut self,
        why: Close,
        core: &mut Core<N>,
    ) -> (N::Stream, Box<dyn AnyHandler>, Close) {
        let why = self.real_reason(why);
        if !why.is_cut() {
            self.part(core);
        }
        (self.stream, self.handler, why)
    }
}
