//! What a test can see of a bench: what its handler left, asked for, and waits for.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use super::bench::Bench;
use super::tap::Tap;
use crate::base::buffer::Buffer;
use crate::engine::due::Due;
use crate::engine::flag::{CLOSING, CONGESTED, HELD, PAUSED};
use crate::handler::{Address, Deadline, Handler, Reason, Timer};

impl<H: Handler> Bench<H> {
    /// The handler, to look at its fields.
    ///
    /// # Panics
    /// If the connection is closed, for it is then gone; or if it was handed to a successor: see
    /// [`upgraded`](Self::upgraded).
    #[track_caller]
    pub fn handler(&self) -> &H {
        let name = self.handler_name().unwrap_or("gone");
        let handler = self.tap().and_then(|tap| (&*tap.handler as &dyn Any).downcast_ref());
        let Some(handler) = handler else {
            panic!("the handler is {name}, not {}", std::any::type_name::<H>())
        };
        handler
    }

    /// The type of the present handler; `None` if the connection is closed.
    pub fn handler_name(&self) -> Option<&'static str> {
        self.connection.as_ref().map(|connection| connection.handler.name())
    }

    pub(super) fn is_now<S: Handler>(&self) -> bool {
        self.tap().is_some_and(|tap| (&*tap.handler as &dyn Any).is::<S>())
    }

    fn tap(&self) -> Option<&Tap> {
        Tap::of(&*self.connection.as_ref()?.handler)
    }

    /// What lies in the input, read and not consumed.
    pub fn unread(&self) -> &[u8] {
        let kept = self.connection.as_ref().and_then(|connection| connection.kept.as_ref());
        kept.and_then(|kept| kept.input.as_ref()).map_or(&[], Buffer::filled)
    }

    /// How many bytes lie in the output, because the peer's window is full.
    pub fn unsent(&self) -> usize {
        self.connection.as_ref().map_or(0, |connection| connection.unsent())
    }

    /// How much memory the connection holds, in bytes, as it is counted to `Limits::memory_max`.
    pub fn memory(&self) -> usize {
        self.connection.as_ref().map_or(0, |connection| connection.held())
    }

    /// Why the connection ended; `None` while it is open.
    pub fn closed(&self) -> Option<Reason> {
        self.ended.as_ref().map(|(reason, _)| *reason)
    }

    /// Why the connection ended, with the details, as the log would say it.
    pub fn closed_because(&self) -> Option<&str> {
        self.ended.as_ref().map(|(_, why)| &**why)
    }

    /// Whether it is to close, once its jobs in flight are answered and its output is sent.
    pub fn is_closing(&self) -> bool {
        self.has(CLOSING)
    }

    /// Whether the peer has seen the end of what is sent to it.
    pub fn is_finished(&self) -> bool {
        self.core.net.finished
    }

    /// Whether the handler has paused the reading.
    pub fn is_paused(&self) -> bool {
        self.has(PAUSED)
    }

    /// Whether the engine does not read, because too many jobs are in flight.
    pub fn is_held(&self) -> bool {
        self.has(HELD)
    }

    /// Whether the engine does not read, because too much output waits.
    pub fn is_congested(&self) -> bool {
        self.has(CONGESTED)
    }

    fn has(&self, flag: u32) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.flags & flag != 0)
    }

    /// The time, as the handler is told it. It begins at one second.
    pub fn now(&self) -> Duration {
        self.core.net.clock
    }

    /// The timers that fired since the last call, in order.
    pub fn fired(&mut self) -> Vec<Timer> {
        std::mem::take(&mut self.fired)
    }

    /// How long until this timer fires, to the millisecond; `None` if it is not armed.
    pub fn timer(&self, timer: Timer) -> Option<Duration> {
        self.left(Due::TIMER + timer.number())
    }

    /// How long until this deadline passes, to the millisecond; `None` if it does not run. Those
    /// that are [set](crate::Effects::set_read_deadline) by the handler are `Deadline::Read` and
    /// `Deadline::Write`.
    pub fn deadline(&self, deadline: Deadline) -> Option<Duration> {
        self.left(deadline as usize).filter(|_| deadline != Deadline::Heartbeat)
    }

    fn left(&self, index: usize) -> Option<Duration> {
        let left = self.connection.as_ref()?.due.left(index, self.core.now())?;
        Some(Duration::from_millis(left.max(0) as u64))
    }

    /// How many jobs are in flight: [`work`](Self::work) does them.
    pub fn jobs(&self) -> u32 {
        self.connection.as_ref().map_or(0, |connection| connection.facts.out.jobs)
    }

    /// How many messages wait: [`deliver`](Self::deliver) delivers them.
    pub fn mail(&self) -> usize {
        self.inbox.mailbox().len()
    }

    /// How others reach the connection.
    ///
    /// # Panics
    /// If it is closed.
    #[track_caller]
    pub fn address(&self) -> Address<H::Message> {
        let Some(connection) = &self.connection else { panic!("the connection is closed") };
        let asked = &self.core.stage.asked;
        Address::new(connection.id(), asked.home.clone(), asked.mailbox_max)
    }
}

impl<H: Handler> fmt::Debug for Bench<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Bench");
        told.field("handler", &self.handler_name()).field("closed", &self.closed());
        told.field("now", &self.now()).finish_non_exhaustive()
    }
}
