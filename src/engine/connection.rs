//! One connection: a socket, what is left over of two buffers, and the state machine between them.
//!
//! A visit is `lend · work · keep`: the loop lends its two blocks, the connection does all that it
//! can do now, and what is left over moves to buffers of its own. Work is `fill` (socket → input),
//! `dispatch` (the handler), `flush` (output → socket), and `settle`, which draws the consequences.

use std::io::{self, IoSlice};

use super::core::Core;
use super::due::{Due, after};
use super::flag::{
    CLOSING, CONGESTED, DRAIN_LATE, DRAINED, DUPLEX, ENDED, EOF, FINISHING, FIRST, HANDSHAKING,
    HELD, JOBS, KEEPS, LINGERING, OPENED, PAUSED, READABLE, RESUMED, SECURED, TELL_DRAIN, TELL_EOF,
    TELL_WRITABLE, WRITABLE, YIELDED,
};
use super::kept::Kept;
use super::ledger::{self, Phase};
use crate::base::output::SLICES;
use crate::handler::stage::{AnyHandler, Event, Facts};
use crate::handler::{Close, ConnectionId, Deadline, Result};
use crate::net::{Net, Readiness};

/// What a visit does before it reads, or reads in another way, if any of these is set.
const BEFORE_READING: u32 = RESUMED | YIELDED | LINGERING | JOBS | SECURED;
/// It has buffers of its own, or something else that stands aside of the record.
pub(super) const STANDS_ASIDE: u32 = KEEPS | FIRST | SECURED;
/// What follows from a visit that sent what it could.
const CONSEQUENCES: u32 = CONGESTED | CLOSING | FINISHING | SECURED;

pub(crate) struct Connection<N: Net> {
    pub(super) stream: N::Stream,
    pub(crate) flags: u32,
    pub(crate) facts: Facts,
    pub(crate) handler: Box<dyn AnyHandler>,
    pub(crate) kept: Option<Box<Kept>>,
    pub(crate) due: Due,
}

impl<N: Net> Connection<N> {
    pub(crate) fn new(stream: N::Stream, facts: Facts, handler: Box<dyn AnyHandler>) -> Self {
        // A new socket can be written to; whether it can be read from, an event will tell.
        Self { stream, flags: WRITABLE, facts, handler, kept: None, due: Due::default() }
    }

    #[inline]
    pub(crate) fn id(&self) -> ConnectionId {
        self.facts.id
    }

    /// Whether this, which was found in the slot of `id`, is not a later user of the slot.
    #[inline]
    pub(crate) fn is(&self, id: ConnectionId) -> bool {
        self.facts.id.generation == id.generation
    }

    #[inline]
    pub(crate) fn note(&mut self, ready: Readiness) {
        const { assert!(READABLE == 1 && WRITABLE == 2 && ENDED == 4) };
        self.flags |= u32::from(ready.0);
    }

    /// Does all that can be done for this connection now: read, react, write.
    #[inline]
    pub(crate) fn visit(&mut self, core: &mut Core<N>) -> Result {
        self.lend(core);
        let visited = self.work(core);
        self.keep(visited, core)
    }

    /// Lends the loop's blocks, or puts what was left over in their place.
    #[inline]
    pub(super) fn lend(&mut self, core: &mut Core<N>) {
        core.stage.input.start_visit(core.bounds.frames_per_visit);
        if self.flags & STANDS_ASIDE != 0 {
            self.lend_own(core);
        }
    }

    /// Ends a visit, however it went: the blocks go back to the loop, what is left over stays here.
    #[inline]
    pub(super) fn keep(&mut self, visited: Result, core: &mut Core<N>) -> Result {
        let left = !core.stage.input.is_spent() || !core.stage.output.is_empty();
        if left || self.flags & STANDS_ASIDE != 0 {
            return self.keep_own(visited, core);
        }
        visited
    }

    #[inline]
    fn work(&mut self, core: &mut Core<N>) -> Result {
        if self.flags & (OPENED | BEFORE_READING) != OPENED {
            if self.flags & SECURED != 0 {
                return self.work_encrypted(core);
            }
            self.begin(core)?;
        }
        self.read_on::<false>(core)
    }

    #[cold]
    fn work_encrypted(&mut self, core: &mut Core<N>) -> Result {
        match self.flags & HANDSHAKING {
            0 => self.begin(core)?,
            _ => {
                self.flags &= !YIELDED;
                self.greet(core)?;
            }
        }
        self.read_on::<true>(core)
    }

    /// Reads and has the handler react, within the budget, then settles. Each form is called from
    /// one place, where the plain one is part of the visit.
    #[inline(always)]
    fn read_on<const ENCRYPTED: bool>(&mut self, core: &mut Core<N>) -> Result {
        let mut budget = core.bounds.read_per_visit;
        while self.wants_read() && !self.is_held_up(core) {
            let count = match ENCRYPTED {
                false => self.fill(budget, core)?,
                true => self.fill_and_open(budget, core)?,
            };
            if count == 0 {
                break;
            }
            core.lap(Phase::Read);
            if !ENCRYPTED || self.has_opened_something(core) {
                self.dispatch_data(core)?;
            }
            core.lap(Phase::Handler);
            // Or it has just begun to be encrypted: what comes next is not the handler's.
            if self.flags & READABLE == 0 || !ENCRYPTED && self.flags & SECURED != 0 {
                break;
            }
            budget = budget.saturating_sub(count);
            let input = &core.stage.input;
            if budget == 0 || input.has_yielded() || input.is_full_block() {
                break;
            }
        }
        if self.flags & (TELL_EOF | TELL_DRAIN) != 0 {
            self.tell(core)?;
        }
        self.settle(core)
    }

    /// What comes before reading: once in a connection's life, after a pause, with workers.
    #[cold]
    fn begin(&mut self, core: &mut Core<N>) -> Result {
        if self.flags & LINGERING != 0 {
            return self.linger(core);
        }
        if self.flags & OPENED == 0 {
            self.open(core)?;
        }
        if self.flags & JOBS != 0 && core.stage.asked.desk.is_full(self.facts.out) {
            self.hold(core);
        }
        let choked = self.is_choked() || self.is_held_up(core);
        if self.flags & (RESUMED | YIELDED) != 0 && !choked {
            let wanted = self.flags & (PAUSED | CLOSING | HELD) == 0;
            self.flags &= !RESUMED;
            if self.flags & HELD == 0 {
                self.flags &= !YIELDED;
            }
            if wanted && !core.stage.input.is_empty() {
                self.dispatch_data(core)?;
                if core.stage.input.has_yielded() {
                    self.flags |= YIELDED;
                }
            }
        }
        Ok(())
    }

    /// The handler is told; once more if it has begun TLS since. What is counted from the beginning
    /// of a connection is not counted anew then.
    pub(super) fn open(&mut self, core: &mut Core<N>) -> Result {
        let (now, times) = (core.now(), &core.times);
        let (lifetime, idle, first_frame) = (times.lifetime, times.idle, times.first_frame);
        if self.flags & OPENED == 0 {
            self.flags |= OPENED;
            if let Some(first) = first_frame {
                self.flags |= FIRST;
                self.mark(core);
                self.set_due(Deadline::Frame as usize, now + u64::from(first), core);
            }
            self.set_due(Deadline::Lifetime as usize, now + u64::from(lifetime), core);
        }
        self.set_due(Deadline::Idle as usize, now + u64::from(idle), core);
        self.dispatch(Event::Open, core)
    }

    /// What the handler is still to be told of.
    #[cold]
    fn tell(&mut self, core: &mut Core<N>) -> Result {
        if self.flags & HANDSHAKING != 0 {
            return Ok(()); // It is told of its opening first.
        }
        if self.flags & TELL_EOF != 0 && !self.has_more_to_hear(core) {
            self.flags &= !TELL_EOF;
            if self.flags & CLOSING == 0 {
                self.dispatch(Event::Eof, core)?;
            }
        }
        let late = self.flags & DRAIN_LATE != 0;
        if self.is_to_be_drained() && (late || !core.stage.input.has_yielded()) {
            self.flags = self.flags & !TELL_DRAIN | DRAINED;
            if self.flags & CLOSING == 0 {
                self.dispatch(Event::Drain, core)?;
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn dispatch_data(&mut self, core: &mut Core<N>) -> Result {
        self.handler.data(&mut core.stage, &mut self.facts)?;
        if core.stage.asked.bits != 0 {
            self.grant(core)?;
        }
        Ok(())
    }

    #[inline]
    pub(super) fn dispatch(&mut self, event: Event<'_>, core: &mut Core<N>) -> Result {
        self.handler.handle(event, &mut core.stage, &mut self.facts)?;
        if core.stage.asked.bits != 0 {
            self.grant(core)?;
        }
        Ok(())
    }

    /// Whether a visit would make progress without waiting for an event.
    #[inline]
    pub(crate) fn is_runnable(&self) -> bool {
        const SOMETHING: u32 = READABLE | RESUMED | YIELDED | TELL_EOF | TELL_DRAIN | TELL_WRITABLE;
        if self.flags & SOMETHING == 0 {
            return false;
        }
        if self.flags & LINGERING != 0 {
            return self.flags & READABLE != 0;
        }
        if self.flags & HANDSHAKING != 0 {
            return self.flags & (READABLE | HELD) == READABLE;
        }
        self.flags & TELL_WRITABLE != 0
            || self.is_to_be_drained()
            || self.flags & (CONGESTED | DUPLEX) != CONGESTED
                && (self.wants_read()
                    || self.flags & RESUMED != 0
                    || self.flags & (YIELDED | PAUSED | HELD | CLOSING) == YIELDED
                    || self.flags & (TELL_EOF | PAUSED | HELD | YIELDED) == TELL_EOF)
    }

    /// Whether the handler is to be told of a shutdown now: when it has seen all that came before,
    /// or half of the time to drain is over. What is held back or unread was sent in good faith.
    fn is_to_be_drained(&self) -> bool {
        let unseen = self.flags & (HELD | YIELDED) != 0
            || self.flags & (READABLE | PAUSED | EOF | CLOSING) == READABLE;
        self.flags & TELL_DRAIN != 0 && (!unseen || self.flags & DRAIN_LATE != 0)
    }

    #[inline]
    fn wants_read(&self) -> bool {
        self.would_read() && !self.is_choked()
    }

    /// Whether there may be something to read, and nobody but its own output minds.
    #[inline]
    pub(super) fn would_read(&self) -> bool {
        self.flags & (READABLE | PAUSED | EOF | CLOSING | HELD | YIELDED) == READABLE
    }

    /// Socket → input, `most` bytes at most.
    #[inline]
    pub(super) fn fill(&mut self, most: usize, core: &mut Core<N>) -> io::Result<usize> {
        let room = core.stage.input.room();
        let size = room.len().min(most);
        match core.net.read(&mut self.stream, room.get_mut(..size).unwrap_or_default()) {
            Ok(count @ 1..) => {
                core.stage.input.filled_more(count);
                self.note_read(count, size, core);
                Ok(count)
            }
            other => self.not_read(other, core),
        }
    }

    /// The socket gave `count` bytes where there was room for `size`.
    #[inline]
    pub(super) fn note_read(&mut self, count: usize, size: usize, core: &mut Core<N>) {
        if ledger::ON {
            core.ledger.reads += 1;
        }
        core.ledger.bytes_read += count as u64;
        // A short read is the last one, unless the end came with it, of which no other event would
        // tell.
        if count < size && self.flags & ENDED == 0 {
            self.flags &= !READABLE;
        }
        self.due.set_idle(after(core.now(), core.times.idle));
    }

    #[cold]
    pub(super) fn not_read(
        &mut self,
        read: io::Result<usize>,
        core: &mut Core<N>,
    ) -> io::Result<usize> {
        match read {
            Ok(_) => {
                self.flags = self.flags & !READABLE | EOF | TELL_EOF;
                Ok(0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if ledger::ON {
                    core.ledger.reads_would_block += 1;
                }
                self.flags &= !READABLE;
                Ok(0)
            }
            // Still readable: tried again in the next turn.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Output → socket: one `write`, or one `writev` if some of it is shared.
    #[inline]
    fn flush(&mut self, core: &mut Core<N>) -> io::Result<()> {
        while self.flags & WRITABLE != 0 && !core.stage.output.is_empty() {
            match self.write(core) {
                Ok(count) => {
                    if ledger::ON {
                        core.ledger.writes += 1;
                    }
                    core.ledger.bytes_written += count as u64;
                    if core.stage.output.sent(count) {
                        core.lap(Phase::Write);
                        break;
                    }
                }
                Err(error) => self.not_written(error, core)?,
            }
        }
        Ok(())
    }

    #[inline]
    fn write(&mut self, core: &mut Core<N>) -> io::Result<usize> {
        match core.stage.output.plain() {
            Some(bytes) => core.net.write(&mut self.stream, bytes),
            None => self.write_slices(core),
        }
    }

    // Never inlined, or every visit would have room for the slices on its stack.
    #[inline(never)]
    fn write_slices(&mut self, core: &mut Core<N>) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = core.stage.output.slices(&mut slices);
        core.net.write_slices(&mut self.stream, &slices[..count])
    }

    #[cold]
    pub(super) fn not_written(&mut self, error: io::Error, core: &mut Core<N>) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::Interrupted => Ok(()), // Still writable: tried again.
            io::ErrorKind::WouldBlock => {
                if ledger::ON {
                    core.ledger.writes_would_block += 1;
                }
                self.flags &= !WRITABLE;
                core.lap(Phase::Write);
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Flushes, and draws the consequences: congestion begins or ends, or the connection closes.
    #[inline]
    pub(super) fn settle(&mut self, core: &mut Core<N>) -> Result {
        // Judged before the flush, as the handler judged it: it is owed `on_writable` even if the
        // flush empties the output at once.
        if core.stage.output.is_congested() {
            self.flags |= CONGESTED;
        }
        let settled = match self.flags & CONSEQUENCES {
            0 => self.flush(core).map_err(Close::from),
            _ => self.send(core).and_then(|()| self.end_something(core)),
        };
        settled.map_err(|why| self.last_words(why, core))
    }

    /// Output → socket, encrypted or not.
    #[cold]
    pub(super) fn send(&mut self, core: &mut Core<N>) -> Result {
        match self.flags & SECURED {
            0 => Ok(self.flush(core)?),
            _ => self.seal_and_flush(core),
        }
    }

    /// The memory that it holds in buffers of its own, as counted to the budget.
    pub(crate) fn held(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.held())
    }
}
