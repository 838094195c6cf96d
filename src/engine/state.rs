//! [`EventLoop`]: what a loop consists of, and what all its parts do with it: find a connection,
//! queue it, close it. What a loop *does* is in `event_loop.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use slab::Slab;

use super::connection::Connection;
use super::core::Core;
use super::dialing::Dialing;
use super::flag;
use super::gate::Gate;
use super::inbound::Inbound;
use super::ledger::Ledger;
use super::limits::{Config, Grace, WhenFull};
use super::listener::Listener;
use super::peers::Member;
use super::report::Shutdown;
use super::shared::{Shared, ShutdownPhase};
use super::socket::Socket;
use super::spin::Spin;
use crate::base::output::Marks;
use crate::handler::mail::{Copies, Envelope};
use crate::handler::stage::{AnyHandler, Asked, NO_GATE};
use crate::handler::{Close, ConnectionId, Outgoing, Reason};
use crate::net::Net;
use crate::net::mailbox::Inbox;

/// What a slot of the loop holds.
pub(crate) enum Slot<N: Net> {
    Connection(Connection<N>),
    Other(Box<Other<N>>),
}

/// What is rare.
pub(crate) enum Other<N: Net> {
    Listener(Listener<N>),
    Dialing(Dialing<N>),
    Datagrams(Box<Socket<N>>),
    Session(Member),
    Ticker(Ticker),
    /// Holds a place.
    Nothing,
}

/// Something that the loop does again and again.
pub(crate) struct Ticker {
    pub(crate) period_ms: u64,
    pub(crate) call: Box<dyn FnMut(&mut Outgoing<'_>) + Send>,
}

/// One loop: its connections, its clock, its queues.
pub(crate) struct EventLoop<N: Net> {
    pub(super) core: Core<N>,
    /// Its number among the loops of the engine.
    pub(super) number: u16,
    pub(super) slots: Slab<Slot<N>>,
    pub(super) connections: usize,
    pub(super) dialing: usize,
    /// Datagram sockets, and their sessions.
    pub(super) sockets: usize,
    pub(super) sessions: usize,
    pub(super) inbound: Inbound,
    pub(crate) generation: u32,
    /// Connections that can make progress, and those that are visited in this turn.
    pub(super) runnable: Vec<ConnectionId>,
    pub(super) running: Vec<ConnectionId>,
    pub(super) running_at: usize,
    /// Sources of other kinds that are ready.
    pub(super) ready: Vec<ConnectionId>,
    pub(super) accepting: Vec<ConnectionId>,
    pub(super) listeners: Vec<ConnectionId>,
    pub(super) reminded: Vec<u32>,
    pub(super) reminded_at: usize,
    pub(super) inbox: Inbox<Envelope>,
    pub(super) fan: Option<Fan>,
    pub(super) shared: Arc<Shared>,
    /// A copy of those in `shared`, so that no lock is taken for a connection.
    gates: Vec<Arc<Gate>>,
    pub(super) phase: ShutdownPhase,
    pub(super) phase_slot: u32,
    pub(super) shutdown: Shutdown,
    pub(super) stopped: bool,
    /// Whether signals come to this loop: then it ends last, or a second one would be lost.
    pub(super) hears_signals: bool,
    pub(super) doing: Doing,
    pub(super) spin: Spin,
    pub(super) marks: Marks,
    pub(super) grace: Grace,
    pub(super) when_full: WhenFull,
    pub(super) accepts_per_turn: u32,
    pub(super) dials_per_turn: u32,
    pub(super) messages_per_turn: u32,
    pub(super) datagrams_per_visit: u32,
    pub(super) datagrams_unsent: usize,
}

/// Whom a panic is to be charged to.
#[derive(Clone, Copy)]
pub(super) enum Doing {
    Other,
    Timers,
    Visits,
}

/// One message for many, of whom some have had it.
pub(crate) struct Fan {
    pub(super) members: Arc<[ConnectionId]>,
    pub(super) told: usize,
    pub(super) copies: Box<dyn Copies>,
}

/// What a loop is built of, apart from its configuration.
pub(super) struct Parts<N: Net> {
    pub(super) core: Core<N>,
    pub(super) number: u16,
    pub(super) inbox: Inbox<Envelope>,
    pub(super) shared: Arc<Shared>,
    pub(super) marks: Marks,
}

impl<N: Net> EventLoop<N> {
    pub(super) fn new(parts: Parts<N>, config: &Config) -> Self {
        let limits = &config.limits;
        Self {
            core: parts.core,
            number: parts.number,
            slots: Slab::new(),
            connections: 0,
            dialing: 0,
            sockets: 0,
            sessions: 0,
            inbound: Inbound::default(),
            generation: 0,
            runnable: Vec::new(),
            running: Vec::new(),
            running_at: 0,
            ready: Vec::new(),
            accepting: Vec::new(),
            listeners: Vec::new(),
            reminded: Vec::new(),
            reminded_at: 0,
            inbox: parts.inbox,
            fan: None,
            shared: parts.shared,
            gates: Vec::new(),
            phase: ShutdownPhase::Ready,
            phase_slot: 0,
            shutdown: Shutdown::default(),
            stopped: false,
            hears_signals: false,
            doing: Doing::Other,
            spin: Spin::new(config.spin),
            marks: parts.marks,
            grace: config.grace,
            when_full: limits.when_full,
            accepts_per_turn: limits.accepts_per_turn,
            dials_per_turn: limits.dials_per_turn,
            messages_per_turn: limits.messages_per_turn,
            datagrams_per_visit: limits.datagrams_per_visit,
            datagrams_unsent: limits.datagrams_unsent,
        }
    }

    /// What follows from a visit: the connection is gone, or has more to do.
    pub(super) fn after(&mut self, id: ConnectionId, visited: crate::handler::Result) {
        match visited {
            Ok(()) => {
                if self.connection(id).is_some_and(|connection| connection.is_runnable()) {
                    self.enqueue(id);
                }
            }
            Err(why) => self.close(id, why),
        }
    }

    pub(super) fn enqueue(&mut self, id: ConnectionId) {
        let Some(connection) = connection(&mut self.slots, id) else { return };
        if connection.flags & flag::QUEUED == 0 {
            connection.flags |= flag::QUEUED;
            self.runnable.push(id);
        }
    }

    #[inline]
    pub(super) fn connection(&mut self, id: ConnectionId) -> Option<&mut Connection<N>> {
        connection(&mut self.slots, id)
    }

    /// The gate of this number.
    pub(super) fn gate(&mut self, number: u16) -> Option<&Arc<Gate>> {
        if number != NO_GATE && usize::from(number) >= self.gates.len() {
            self.gates = self.shared.gates();
        }
        self.gates.get(usize::from(number))
    }

    pub(super) fn next_id(&mut self) -> ConnectionId {
        self.generation = (self.generation + 1) & 0x7fff_ffff;
        let slot = self.slots.vacant_key() as u32;
        ConnectionId { home: self.number, slot, generation: self.generation }
    }

    /// The end of a connection, in five steps: nothing can come to it any more; the wheel forgets
    /// it; it is counted out; the socket is closed; the handler is told, and gone.
    #[cold]
    pub(super) fn close(&mut self, id: ConnectionId, why: Close) {
        self.core.stage.asked.bits = 0;
        self.core.stage.asked.successor = None;
        let Slot::Connection(connection) = self.slots.remove(id.slot as usize) else { return };
        self.core.wheel.cancel(id.slot);
        self.core.stage.asked.budget.change(-(connection.held() as i64));
        let peer = connection.facts.peer;
        let gate = connection.facts.gate;
        let (stream, handler, why) = connection.dissolve(why, &mut self.core);
        self.connections -= 1;
        self.shared.leave(self.number);
        if let Some(gate) = self.gate(gate) {
            gate.leave(peer);
        }
        if self.phase != ShutdownPhase::Ready {
            self.report_close(why.reason());
        }
        log::debug!("{id} {peer} closed: {why}");
        self.core.net.close(stream, why.is_cut());
        self.end_handler(handler, why);
        self.accept_again();
    }

    /// Tells a handler that never had a connection, or has one no more, why.
    pub(super) fn end_handler(&mut self, handler: Box<dyn AnyHandler>, why: Close) {
        self.end_with(why.reason(), |asked| handler.close(why, asked));
    }

    /// Counts the end of something, and has its state machine told.
    pub(super) fn end_with(&mut self, reason: Reason, tell: impl FnOnce(&mut Asked)) {
        self.core.ledger.close(reason);
        let asked = &mut self.core.stage.asked;
        if catch_unwind(AssertUnwindSafe(|| tell(asked))).is_err() {
            self.core.ledger.panics += 1;
        }
    }

    /// What the loop did, and where its time went.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.core.ledger
    }
}

impl<N: Net> Slot<N> {
    pub(super) fn id(&self) -> Option<ConnectionId> {
        match self {
            Self::Connection(connection) => Some(connection.id()),
            Self::Other(other) => match &**other {
                Other::Listener(listener) => Some(listener.id),
                Other::Dialing(dialing) => Some(dialing.id),
                Other::Datagrams(socket) => Some(socket.id()),
                Other::Session(member) => Some(member.id()),
                Other::Ticker(_) | Other::Nothing => None,
            },
        }
    }
}

#[inline]
pub(super) fn connection<N: Net>(
    slots: &mut Slab<Slot<N>>,
    id: ConnectionId,
) -> Option<&mut Connection<N>> {
    match slots.get_mut(id.slot as usize) {
        Some(Slot::Connection(connection)) if connection.is(id) => Some(connection),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Os;

    #[test]
    fn an_idle_connection_is_small() {
        // In a debug build mio's sockets carry a check of their own.
        let max = if cfg!(debug_assertions) { 144 } else { 128 };
        assert!(size_of::<Option<Slot<Os>>>() <= max, "{}", size_of::<Option<Slot<Os>>>());
    }
}
