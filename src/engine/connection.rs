//! One connection: a socket, what is left over of two buffers, and the state machine between them.
//!
//! A visit is `lend · work · keep`: the loop lends its two blocks, the connection does all that it
//! can do now, and what is left over moves to buffers of its own. Work is `fill` (socket → input),
//! `dispatch` (the handler), `flush` (output → socket), and `settle`, which draws the consequences.

use std::any::Any;
use std::io::{self, IoSlice};
use std::mem;

use super::core::{Core, millis};
use super::deadlines::{Due, after};
use super::kept::Kept;
use super::ledger::{self, Phase};
use crate::base::Output;
use crate::base::output::SLICES;
use crate::handler::stage::{AnyHandler, Event, Facts, TIMERS, ask};
use crate::handler::{Close, ConnectionId, Deadline, Result};
use crate::net::{Net, Readiness};

/// Readiness is edge-triggered, so it is a fact that is remembered, not a question that can be
/// asked. These two are what Go's `pollDesc` keeps as `rg` and `wg`: set by an event, cleared by
/// `WouldBlock` alone (or by a short read, where that proves the same).
pub(crate) mod flag {
    pub(crate) const READABLE: u32 = 1;
    pub(crate) const WRITABLE: u32 = 1 << 1;
    /// The peer closed or reset: bytes may end after a short read, without another edge.
    pub(crate) const ENDED: u32 = 1 << 2;
    /// In the run queue.
    pub(crate) const QUEUED: u32 = 1 << 3;
    /// `on_open` has been called.
    pub(crate) const OPENED: u32 = 1 << 4;
    /// The handler wants no more input.
    pub(crate) const PAUSED: u32 = 1 << 5;
    /// The handler wants input again, if only what is there.
    pub(crate) const RESUMED: u32 = 1 << 6;
    /// The frame budget ended a visit before the input did.
    pub(crate) const YIELDED: u32 = 1 << 7;
    /// The output is above the high-water mark, or was when the handler looked.
    pub(crate) const CONGESTED: u32 = 1 << 8;
    /// The peer closed its sending half.
    pub(crate) const EOF: u32 = 1 << 9;
    /// … and the handler is still to be told.
    pub(crate) const TELL_EOF: u32 = 1 << 10;
    /// A graceful shutdown began, and the handler is still to be told.
    pub(crate) const TELL_DRAIN: u32 = 1 << 11;
    /// To be closed when all is answered and sent.
    pub(crate) const CLOSING: u32 = 1 << 12;
    /// All is sent, and the end too; the peer's last bytes are dropped until it closes.
    pub(crate) const LINGERING: u32 = 1 << 13;
    /// The sending half is to be closed when all is sent.
    pub(crate) const FINISHING: u32 = 1 << 14;
    /// Something is left over, in buffers of its own.
    pub(crate) const KEEPS: u32 = 1 << 15;
    /// The first frame is awaited, and has a deadline.
    pub(crate) const FIRST: u32 = 1 << 16;
    /// It gives jobs to workers.
    pub(crate) const JOBS: u32 = 1 << 17;
    /// It has too many jobs in flight, or all have.
    pub(crate) const HELD: u32 = 1 << 18;
    /// It waits in the loop's list for all jobs to become fewer.
    pub(crate) const STARVED: u32 = 1 << 19;
    /// Its write deadline has passed.
    pub(crate) const WRITE_EXPIRED: u32 = 1 << 20;
    /// `on_writable` is due, after the others had their turn.
    pub(crate) const TELL_WRITABLE: u32 = 1 << 21;
}
use flag::*;

/// What a visit does before it reads, if any of these is set.
const BEFORE_READING: u32 = RESUMED | YIELDED | LINGERING | JOBS;

pub(crate) struct Connection<N: Net> {
    stream: N::Stream,
    pub(crate) flags: u32,
    /// The number of the listener that let it in.
    pub(crate) gate: u16,
    pub(crate) facts: Facts,
    pub(super) handler: Box<dyn AnyHandler>,
    pub(super) kept: Option<Box<Kept>>,
    pub(super) due: Due,
}

/// The gate of a connection that no listener let in.
pub(crate) const NO_GATE: u16 = u16::MAX;

impl<N: Net> Connection<N> {
    pub(crate) fn new(
        stream: N::Stream,
        facts: Facts,
        gate: u16,
        handler: Box<dyn AnyHandler>,
    ) -> Self {
        // A new socket can be written to; whether it can be read from, an event will tell.
        Self { stream, flags: WRITABLE, gate, facts, handler, kept: None, due: Due::default() }
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
        self.lend(core);
        self.jobs_done(jobs, core);
        let mut taken = Ok(());
        while let (Ok(()), Some(message)) = (&taken, messages.next()) {
            taken = self.dispatch(Event::Message(message), core);
        }
        let visited = taken.and_then(|()| self.settle(core));
        self.keep(visited, core)
    }

    /// A timer of the handler fired.
    pub(super) fn take_timer(&mut self, timer: u8, core: &mut Core<N>) -> Result {
        self.lend(core);
        let fired = self.dispatch(Event::Timer(timer), core);
        let visited = fired.and_then(|()| self.settle(core));
        self.keep(visited, core)
    }

    fn jobs_done(&mut self, jobs: u32, core: &mut Core<N>) {
        self.facts.out.jobs = self.facts.out.jobs.saturating_sub(jobs);
        self.due.set_idle(after(core.now(), core.times.idle));
        if self.flags & HELD != 0 {
            self.release(core);
        }
    }

    /// Lends the loop's blocks, or puts what was left over in their place.
    #[inline]
    pub(super) fn lend(&mut self, core: &mut Core<N>) {
        core.stage.input.start_visit(core.bounds.frames_per_visit);
        if self.flags & (KEEPS | FIRST) != 0 {
            self.lend_own(core);
        }
    }

    /// Ends a visit, however it went: the blocks go back to the loop, what is left over stays here.
    #[inline]
    pub(super) fn keep(&mut self, visited: Result, core: &mut Core<N>) -> Result {
        let left = !core.stage.input.is_spent() || !core.stage.output.is_empty();
        if left || self.flags & (KEEPS | FIRST) != 0 {
            return self.keep_own(visited, core);
        }
        visited
    }

    #[inline]
    fn work(&mut self, core: &mut Core<N>) -> Result {
        if self.flags & (OPENED | BEFORE_READING) != OPENED {
            self.begin(core)?;
        }
        let mut budget = core.bounds.read_per_visit;
        while self.wants_read() && !core.stage.output.is_congested() {
            let count = self.fill(core)?;
            if count == 0 {
                break;
            }
            core.lap(Phase::Read);
            self.dispatch(Event::Data, core)?;
            core.lap(Phase::Handler);
            budget = budget.saturating_sub(count);
            if self.flags & READABLE == 0 || budget == 0 || core.stage.input.has_yielded() {
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
        if self.flags & OPENED == 0 {
            self.open(core)?;
        }
        if self.flags & LINGERING != 0 {
            return self.linger(core);
        }
        if self.flags & JOBS != 0 && core.stage.asked.desk.is_full(self.facts.out) {
            self.hold(core);
        }
        if self.flags & (RESUMED | YIELDED) != 0 && !core.stage.output.is_congested() {
            let wanted = self.flags & (PAUSED | CLOSING | HELD) == 0;
            self.flags &= !RESUMED;
            if self.flags & HELD == 0 {
                self.flags &= !YIELDED;
            }
            if wanted && !core.stage.input.is_empty() {
                self.dispatch(Event::Data, core)?;
                if core.stage.input.has_yielded() {
                    self.flags |= YIELDED;
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, core: &mut Core<N>) -> Result {
        self.flags |= OPENED;
        let (now, times) = (core.now(), &core.times);
        let (lifetime, idle) = (times.lifetime, times.idle);
        if let Some(first) = times.first_frame {
            self.flags |= FIRST;
            core.mark = Default::default();
            core.mark.bytes_read = core.ledger.bytes_read;
            self.set_due(Deadline::Frame as usize, now + u64::from(first), core);
        }
        self.set_due(Deadline::Lifetime as usize, now + u64::from(lifetime), core);
        self.set_due(Deadline::Idle as usize, now + u64::from(idle), core);
        self.dispatch(Event::Open, core)
    }

    /// What the handler is still to be told of.
    #[cold]
    fn tell(&mut self, core: &mut Core<N>) -> Result {
        // Not before it has seen the bytes that came before the end.
        if self.flags & TELL_EOF != 0 && !core.stage.input.has_yielded() {
            self.flags &= !TELL_EOF;
            if self.flags & CLOSING == 0 {
                self.dispatch(Event::Eof, core)?;
            }
        }
        if self.flags & TELL_DRAIN != 0 && !core.stage.input.has_yielded() {
            self.flags &= !TELL_DRAIN;
            if self.flags & CLOSING == 0 {
                self.dispatch(Event::Drain, core)?;
            }
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

    /// Does what the handler asked for.
    #[cold]
    fn grant(&mut self, core: &mut Core<N>) -> Result {
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
        match core.stage.asked.successor.take() {
            Some(successor) => {
                self.handler = successor;
                self.flags |= RESUMED;
                self.dispatch(Event::Open, core)
            }
            None => Ok(()),
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
    fn hold(&mut self, core: &mut Core<N>) {
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

    /// Whether a visit would make progress without waiting for an event.
    #[inline]
    pub(crate) fn is_runnable(&self) -> bool {
        if self.flags & (READABLE | RESUMED | YIELDED | TELL_DRAIN | TELL_WRITABLE) == 0 {
            return false;
        }
        if self.flags & LINGERING != 0 {
            return self.flags & READABLE != 0;
        }
        self.flags & (TELL_DRAIN | TELL_WRITABLE) != 0
            || self.flags & CONGESTED == 0
                && (self.wants_read()
                    || self.flags & RESUMED != 0
                    || self.flags & (YIELDED | PAUSED | HELD | CLOSING) == YIELDED)
    }

    #[inline]
    fn wants_read(&self) -> bool {
        self.flags & (READABLE | PAUSED | EOF | CLOSING | HELD | YIELDED) == READABLE
    }

    /// Socket → input.
    #[inline]
    fn fill(&mut self, core: &mut Core<N>) -> io::Result<usize> {
        let room = core.stage.input.room();
        let size = room.len();
        match core.net.read(&mut self.stream, room) {
            Ok(count @ 1..) => {
                if ledger::ON {
                    core.ledger.reads += 1;
                }
                core.ledger.bytes_read += count as u64;
                core.stage.input.filled_more(count);
                // A short read is the last one, unless the end came with it, of which no other
                // event would tell.
                if count < size && self.flags & ENDED == 0 {
                    self.flags &= !READABLE;
                }
                self.due.set_idle(after(core.now(), core.times.idle));
                Ok(count)
            }
            other => self.not_read(other, core),
        }
    }

    #[cold]
    fn not_read(&mut self, read: io::Result<usize>, core: &mut Core<N>) -> io::Result<usize> {
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
        if core.stage.output.is_empty() || self.flags & WRITABLE == 0 {
            return Ok(());
        }
        loop {
            match self.write(core) {
                Ok(count) => {
                    if ledger::ON {
                        core.ledger.writes += 1;
                    }
                    core.ledger.bytes_written += count as u64;
                    if core.stage.output.sent(count) {
                        core.lap(Phase::Write);
                        return Ok(());
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => {
                        self.would_block(core);
                        return Ok(());
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    #[cold]
    fn would_block(&mut self, core: &mut Core<N>) {
        if ledger::ON {
            core.ledger.writes_would_block += 1;
        }
        self.flags &= !WRITABLE;
        core.lap(Phase::Write);
    }

    #[inline]
    fn write(&mut self, core: &mut Core<N>) -> io::Result<usize> {
        match core.stage.output.plain() {
            Some(bytes) => core.net.write(&mut self.stream, bytes),
            None => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = core.stage.output.slices(&mut slices);
                core.net.write_slices(&mut self.stream, &slices[..count])
            }
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
        self.flush(core)?;
        if self.flags & (CONGESTED | CLOSING | FINISHING) != 0 {
            self.end_something(core)?;
        }
        Ok(())
    }

    #[cold]
    fn end_something(&mut self, core: &mut Core<N>) -> Result {
        if self.flags & CONGESTED != 0 && core.stage.output.len() <= core.bounds.output_low {
            self.flags &= !(CONGESTED | TELL_WRITABLE);
            self.dispatch(Event::Writable, core)?;
            if core.stage.output.is_congested() {
                self.flags |= CONGESTED;
            }
            self.flush(core)?;
            if self.flags & CONGESTED != 0 && core.stage.output.len() <= core.bounds.output_low {
                // The peer takes as fast as the handler gives: now the others, then again.
                self.flags |= TELL_WRITABLE;
            }
        }
        if !core.stage.output.is_empty() || self.flags & LINGERING != 0 {
            return Ok(());
        }
        if self.flags & CLOSING != 0 && self.facts.out.jobs == 0 {
            return self.end(core);
        }
        if self.flags & FINISHING != 0 {
            self.flags &= !FINISHING;
            core.net.finish(&mut self.stream)?;
        }
        Ok(())
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
    fn linger(&mut self, core: &mut Core<N>) -> Result {
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

    /// What is ready may still be sent, and nothing else happens.
    pub(crate) fn send_and_close(&mut self) {
        self.flags |= CLOSING;
        self.facts.out.jobs = 0;
    }

    /// The memory that it holds in buffers of its own, as counted to the budget.
    pub(crate) fn held(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.held())
    }

    pub(crate) fn dissolve(self) -> (N::Stream, Box<dyn AnyHandler>) {
        (self.stream, self.handler)
    }
}
