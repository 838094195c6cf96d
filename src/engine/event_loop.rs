//! The reactor: waits for readiness, and visits the connections that it concerns.
//!
//! [`EventLoop::turn`] is the whole of it, a list of verbs in the order in which ARCHITECTURE.md
//! explains them. `accept`, `read_mail`, `dial` and the phases of a shutdown have files of their
//! own.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use slab::Slab;

use super::accept::Listener;
use super::connection::{Connection, flag};
use super::core::Core;
use super::datagram::Socket;
use super::dial::Dialing;
use super::ledger::{self, Ledger, Phase, SAMPLED};
use super::limits::{Grace, WhenFull};
use super::mail::Fan;
use super::shared::{Shared, ShutdownPhase};
use super::shutdown::Shutdown;
use super::spin::Spin;
use crate::base::output::Marks;
use crate::base::{Input, Output};
use crate::handler::mail::Envelope;
use crate::handler::{Bound, Close, ConnectionId, Deadline, Outgoing};
use crate::net::mailbox::Inbox;
use crate::net::{Net, Readiness, SIGNAL, Token};

/// What a slot of the loop holds.
pub(crate) enum Slot<N: Net> {
    Connection(Connection<N>),
    Other(Box<Other<N>>),
}

/// What is rare.
pub(crate) enum Other<N: Net> {
    Listener(Listener<N>),
    Dialing(Dialing<N>),
    Datagrams(Socket<N>),
    Ticker(Ticker),
    /// Holds a place.
    Nothing,
}

/// Something that the loop does again and again.
pub(crate) struct Ticker {
    pub(crate) period_ms: u64,
    pub(crate) call: Box<dyn FnMut(&mut Outgoing<'_>) + Send>,
}

/// Whom a panic is to be charged to.
#[derive(Clone, Copy)]
enum Doing {
    Other,
    Timers,
    Visits,
}

/// One loop: its connections, its clock, its queues.
pub struct EventLoop<N: Net> {
    pub(super) core: Core<N>,
    /// Its number among the loops of the engine.
    pub(super) number: u16,
    pub(super) slots: Slab<Slot<N>>,
    pub(super) connections: usize,
    pub(super) dialing: usize,
    generation: u32,
    /// Connections that can make progress, and those that are visited in this turn.
    pub(super) runnable: Vec<ConnectionId>,
    running: Vec<ConnectionId>,
    running_at: usize,
    /// Sources of other kinds that are ready.
    ready: Vec<ConnectionId>,
    pub(super) accepting: Vec<ConnectionId>,
    pub(super) listeners: Vec<ConnectionId>,
    reminded: Vec<u32>,
    reminded_at: usize,
    pub(super) inbox: Inbox<Envelope>,
    pub(super) mail: bool,
    pub(super) fan: Option<Fan>,
    pub(super) shared: Arc<Shared>,
    pub(super) phase: ShutdownPhase,
    pub(super) phase_slot: u32,
    pub(super) shutdown: Shutdown,
    pub(super) stopped: bool,
    doing: Doing,
    spin: Spin,
    marks: Marks,
    pub(super) grace: Grace,
    pub(super) when_full: WhenFull,
    pub(super) connections_max: u32,
    pub(super) connections_per_loop: u32,
    pub(super) accepts_per_turn: u32,
    pub(super) messages_per_turn: u32,
    pub(super) datagrams_per_visit: u32,
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
    pub(super) fn new(parts: Parts<N>, config: &super::Config) -> Self {
        let limits = &config.limits;
        Self {
            core: parts.core,
            number: parts.number,
            slots: Slab::new(),
            connections: 0,
            dialing: 0,
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
            mail: false,
            fan: None,
            shared: parts.shared,
            phase: ShutdownPhase::Ready,
            phase_slot: 0,
            shutdown: Shutdown::default(),
            stopped: false,
            doing: Doing::Other,
            spin: Spin::new(config.spin),
            marks: parts.marks,
            grace: config.grace,
            when_full: limits.when_full,
            connections_max: limits.connections,
            connections_per_loop: limits.connections_per_loop,
            accepts_per_turn: limits.accepts_per_turn.max(1),
            messages_per_turn: limits.messages_per_turn.max(1),
            datagrams_per_visit: limits.datagrams_per_visit.max(1),
        }
    }

    /// Turns until the loop has been shut down. A panic of a handler ends one connection, not the
    /// loop.
    pub(super) fn run(&mut self) -> io::Result<()> {
        while !self.stopped {
            // Caught out here, so that a turn pays nothing for it.
            match catch_unwind(AssertUnwindSafe(|| self.turns())) {
                Ok(ended) => ended?,
                Err(_) => self.recover(),
            }
        }
        Ok(())
    }

    #[inline]
    fn turns(&mut self) -> io::Result<()> {
        while !self.stopped {
            self.turn()?;
        }
        Ok(())
    }

    /// One turn, with panics contained: for simulations.
    pub(crate) fn guarded_turn(&mut self) -> io::Result<()> {
        match catch_unwind(AssertUnwindSafe(|| self.turn())) {
            Ok(turned) => turned,
            Err(_) => {
                self.recover();
                Ok(())
            }
        }
    }

    /// One turn. The reading path of the engine begins here.
    #[inline]
    fn turn(&mut self) -> io::Result<()> {
        self.wait()?;
        self.accept();
        self.read_mail();
        self.fire_timers();
        self.visit_runnable();
        self.dial();
        self.hand_over();
        if self.phase != ShutdownPhase::Ready {
            self.go_on_shutting_down();
        }
        Ok(())
    }

    /// Sleeps until there is something to do, and notes what became ready.
    #[inline]
    fn wait(&mut self) -> io::Result<()> {
        let busy = !self.runnable.is_empty() || !self.accepting.is_empty() || self.fan.is_some();
        if !busy && self.spin.is_on() {
            self.poll_a_while()?;
        }
        // Mail that came before this did not wake us, so it is looked for now: see `doorbell`.
        let mail = self.inbox.about_to_sleep();
        let timeout = match mail || busy || !self.runnable.is_empty() {
            true => Some(Duration::ZERO),
            false => self.sleep_max(),
        };
        let noted = self.poll(timeout)?;
        let rung = self.inbox.awake();
        self.mail = mail || rung;
        if ledger::ON {
            self.core.ledger.turns += 1;
            self.core.ledger.wakes += u64::from(rung);
            self.core.ledger.polls_empty += u64::from(!noted && !rung);
        }
        Ok(())
    }

    /// Polls once; reads the clock, once a turn; tells whether anything was noted.
    #[inline]
    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let (slots, runnable, home) = (&mut self.slots, &mut self.runnable, self.number);
        let (ready, mut stale, mut noted) = (&mut self.ready, 0, false);
        self.core.net.wait(timeout, |token, readiness| {
            noted = true;
            let id = ConnectionId::from_token(home, token);
            note(slots, runnable, ready, id, readiness, &mut stale);
        })?;
        let now = self.core.net.now();
        self.core.stage.asked.clock = now;
        self.core.stage.asked.now = now.as_secs() * 1000 + u64::from(now.subsec_millis());
        if ledger::ON {
            self.core.ledger.events_stale += stale;
            self.core.ledger.charge(Phase::Wait, now.as_nanos() as u64);
        }
        if !self.ready.is_empty() {
            self.sort_ready();
        }
        Ok(noted)
    }

    /// Polls without sleeping, for as long as configuration and luck allow.
    #[cold]
    fn poll_a_while(&mut self) -> io::Result<()> {
        let start = self.core.net.now();
        let until = start + self.spin.window();
        while self.inbox.is_empty() {
            let noted = self.poll(Some(Duration::ZERO))?;
            let now = self.core.net.now();
            if noted || self.core.wheel.is_due(self.core.now()) {
                self.core.ledger.spins_won += 1;
                self.spin.won();
                return Ok(());
            }
            if now >= until {
                self.spin.lost();
                return Ok(());
            }
        }
        self.spin.won();
        Ok(())
    }

    /// Until the next reminder: forever, if there is none.
    #[inline]
    fn sleep_max(&self) -> Option<Duration> {
        let next = self.core.wheel.next_ms()?;
        Some(Duration::from_millis(next.saturating_sub(self.core.now())))
    }

    /// Does what became ready and is not a connection.
    #[cold]
    fn sort_ready(&mut self) {
        for id in std::mem::take(&mut self.ready) {
            if id.token() == SIGNAL {
                (0..self.core.net.signals()).for_each(|_| self.tell_all_to_shut_down());
                continue;
            }
            match self.slots.get(id.slot as usize) {
                Some(Slot::Other(other)) => match &**other {
                    Other::Listener(listener) if listener.id == id => {
                        if !self.accepting.contains(&id) {
                            self.accepting.push(id);
                        }
                    }
                    Other::Dialing(dialing) if dialing.id == id => self.dial_ready(id),
                    Other::Datagrams(socket) if socket.id() == id => self.enqueue_socket(id),
                    _ => self.core.ledger.events_stale += 1,
                },
                _ => self.core.ledger.events_stale += 1,
            }
        }
    }

    #[inline]
    fn fire_timers(&mut self) {
        let now = self.core.now();
        if self.core.wheel.is_due(now) {
            self.fire_due(now);
        }
    }

    #[cold]
    fn fire_due(&mut self, now: u64) {
        self.core.charge(Phase::Other);
        self.core.wheel.advance(now, &mut self.reminded);
        self.doing = Doing::Timers;
        while let Some(slot) = self.reminded.get(self.reminded_at) {
            self.reminded_at += 1;
            self.remind(*slot);
        }
        self.doing = Doing::Other;
        self.reminded.clear();
        self.reminded_at = 0;
        self.core.charge(Phase::Timers);
    }

    fn remind(&mut self, slot: u32) {
        self.core.ledger.reminders += 1;
        let other = match self.slots.get_mut(slot as usize) {
            Some(Slot::Connection(connection)) => {
                let id = connection.id();
                let looked = connection.look_at_deadlines(&mut self.core);
                return self.after(id, looked);
            }
            Some(Slot::Other(other)) => &mut **other,
            None => return,
        };
        match other {
            Other::Listener(listener) => {
                let id = listener.id;
                if !self.accepting.contains(&id) {
                    self.accepting.push(id);
                }
            }
            Other::Dialing(dialing) => {
                let id = dialing.id;
                self.dial_reminded(id);
            }
            Other::Datagrams(socket) => {
                let id = socket.id();
                self.socket_reminded(id);
            }
            Other::Ticker(ticker) => {
                self.core.wheel.remind(slot, self.core.stage.asked.now + ticker.period_ms);
                (ticker.call)(&mut Outgoing::new(&mut self.core.stage.asked));
            }
            Other::Nothing => {}
        }
    }

    #[inline]
    fn visit_runnable(&mut self) {
        if self.runnable.is_empty() {
            return;
        }
        std::mem::swap(&mut self.running, &mut self.runnable);
        self.doing = Doing::Visits;
        if ledger::ON {
            self.core.ledger.sampling = self.core.ledger.turns % SAMPLED == 0;
        }
        while let Some(id) = self.running.get(self.running_at) {
            self.running_at += 1;
            self.visit(*id);
        }
        self.doing = Doing::Other;
        self.running.clear();
        self.running_at = 0;
        if ledger::ON {
            self.core.ledger.sampling = false;
            let now = self.core.net.now().as_nanos() as u64;
            self.core.ledger.charge_visits(now);
        }
    }

    #[inline]
    fn visit(&mut self, id: ConnectionId) {
        let Some(connection) = connection(&mut self.slots, id) else { return self.visit_other(id) };
        connection.flags &= !flag::QUEUED;
        if ledger::ON {
            self.core.ledger.visits += 1;
        }
        match connection.visit(&mut self.core) {
            Ok(()) if !connection.is_runnable() => {}
            visited => self.after(id, visited),
        }
    }

    #[cold]
    fn visit_other(&mut self, id: ConnectionId) {
        if let Some(Slot::Other(other)) = self.slots.get(id.slot as usize)
            && matches!(&**other, Other::Datagrams(socket) if socket.id() == id)
        {
            self.visit_socket(id);
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
        self.core.budget.change(-(connection.held() as i64));
        self.connections -= 1;
        self.shared.leave(self.number);
        let peer = connection.facts.peer;
        if let Some(gate) = self.shared.gate(connection.gate) {
            gate.leave(peer);
        }
        if self.phase != ShutdownPhase::Ready {
            self.report_close(why.reason());
        }
        log::debug!("{id} {peer} closed: {why}");
        let (stream, handler) = connection.dissolve();
        self.core.net.close(stream, is_cut(&why));
        self.end_handler(handler, why);
        self.accept_again();
    }

    /// Gives the batches of this turn to the workers.
    #[inline]
    fn hand_over(&mut self) {
        if self.core.stage.asked.desk.is_filled() {
            let now = self.core.now();
            self.core.stage.asked.desk.hand_over(now);
            self.core.ledger.batches += 1;
            self.core.charge(Phase::Other);
        }
    }

    /// Goes on after a panic: whoever was being looked at is closed, everybody else is not touched.
    #[cold]
    fn recover(&mut self) {
        let victim = match self.doing {
            Doing::Visits => self.running.get(self.running_at.wrapping_sub(1)).copied(),
            Doing::Timers => {
                let slot = self.reminded.get(self.reminded_at.wrapping_sub(1)).copied();
                slot.and_then(|slot| self.slots.get(slot as usize)).and_then(Slot::id)
            }
            Doing::Other => None,
        };
        // The rest of the list comes first in the next turn.
        let mut rest = self.running.split_off(self.running_at);
        rest.append(&mut self.runnable);
        self.runnable = rest;
        (self.running_at, self.doing) = (0, Doing::Other);
        self.running.clear();
        for slot in self.reminded.split_off(self.reminded_at) {
            self.core.wheel.remind(slot, self.core.stage.asked.now);
        }
        self.reminded.clear();
        self.reminded_at = 0;
        self.panicked(victim);
    }

    /// Closes a connection whose handler panicked. The blocks that were lent to it are replaced:
    /// nobody knows how far it came.
    #[cold]
    pub(super) fn panicked(&mut self, victim: Option<ConnectionId>) {
        self.core.ledger.panics += 1;
        self.core.stage.input = Input::lent();
        self.core.stage.output = Output::lent(self.marks);
        self.core.stage.asked.bits = 0;
        self.core.stage.asked.successor = None;
        if let Some(id) = victim.filter(|id| self.connection(*id).is_some()) {
            log::error!("{id} closed: its handler panicked");
            self.close(id, Close::Panicked);
        }
    }

    /// What the loop did, and where its time went.
    pub fn ledger(&self) -> &Ledger {
        &self.core.ledger
    }

    /// How many connections are open.
    pub fn len(&self) -> usize {
        self.connections
    }

    /// Whether no connection is open.
    pub fn is_empty(&self) -> bool {
        self.connections == 0
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
                Other::Ticker(_) | Other::Nothing => None,
            },
        }
    }
}

/// Whether the peer should be told that this was not the orderly end.
fn is_cut(why: &Close) -> bool {
    match why {
        Close::Late(Deadline::Idle | Deadline::Lifetime) => false,
        Close::Late(_) | Close::Over(Bound::Input | Bound::Output | Bound::Memory) => true,
        Close::Panicked | Close::Shutdown => true,
        _ => false,
    }
}

/// Notes that a source is ready. What it means is looked at later, at the loop's own pace.
#[inline]
fn note<N: Net>(
    slots: &mut Slab<Slot<N>>,
    runnable: &mut Vec<ConnectionId>,
    ready: &mut Vec<ConnectionId>,
    id: ConnectionId,
    readiness: Readiness,
    stale: &mut u64,
) {
    match slots.get_mut(id.slot as usize) {
        Some(Slot::Connection(connection)) if connection.is(id) => {
            connection.note(readiness);
            if connection.flags & flag::QUEUED == 0 {
                connection.flags |= flag::QUEUED;
                runnable.push(id);
            }
        }
        Some(Slot::Connection(_)) => *stale += 1,
        _ => ready.push(id),
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
        assert!(size_of::<Option<Slot<Os>>>() <= 128, "{}", size_of::<Option<Slot<Os>>>());
        let _: Token = 0;
    }
}
