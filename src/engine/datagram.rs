//! Datagram sockets: a visit to one, and what else can happen to it. Their sessions are in
//! `session.rs`.
//!
//! A visit is `receive · hand on · flush`, until nothing is left or the budget is spent: then it
//! goes to the back of the run queue, because no edge will tell of what waits. A socket that cannot
//! send does not receive either: what its peers send meanwhile waits in the kernel, and is dropped
//! there, where it costs nobody anything.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use slab::Slab;

use super::ledger::Phase;
use super::peers::Peers;
use super::seat::Seat;
use super::shared::ShutdownPhase;
use super::socket::{Draining, PortFactory, Serves, Service, Socket};
use super::state::{EventLoop, Other, Slot};
use crate::handler::port::{AnyPort, PortEvent};
use crate::handler::{Close, ConnectionId, Deadline, Result};
use crate::net::{Endpoint, Net, Peer, Remote, Source};

/// A visit gives up, and waits for the next edge, when so many receptions in a row have failed: a
/// socket that does nothing else must not keep the loop busy.
const FAILED_MAX: usize = 16;

/// In place of a peer, where there is none.
const NOBODY: Remote = Remote::Unix(None);

impl<N: Net> EventLoop<N> {
    /// Takes over a bound socket.
    pub(super) fn add_socket(
        &mut self,
        (mut socket, at): (N::Datagram, Endpoint),
        Service { factory, sessions }: Service,
    ) -> io::Result<()> {
        let id = self.next_id();
        self.core.net.watch(Source::Datagram(&mut socket), id.token())?;
        self.inbound.allocate();
        let serves = match &sessions {
            Some(sessions) => Serves::Peers(Peers::new(sessions, self.core.net.random())),
            None => Serves::Whole(Seat::new(id, Peer::UNIX, factory(&NOBODY))),
        };
        let mut socket = Socket::new((socket, at), id, factory, serves, self.datagrams_unsent);
        let segments_max = self.core.net.segments_max(&socket.line.socket);
        socket.line.outbox.set_segments_max(segments_max);
        self.slots.insert(Slot::Other(Box::new(Other::Datagrams(Box::new(socket)))));
        self.sockets += 1;
        if self.phase >= ShutdownPhase::Draining {
            self.drain_socket(id);
        }
        self.enqueue_socket(id);
        Ok(())
    }

    pub(super) fn enqueue_socket(&mut self, id: ConnectionId) {
        if let Some(socket) = socket(&mut self.slots, id)
            && !std::mem::replace(&mut socket.queued, true)
        {
            self.runnable.push(id);
        }
    }

    /// Does all that can be done for this socket now.
    pub(super) fn visit_socket(&mut self, id: ConnectionId) {
        let Some(socket) = socket(&mut self.slots, id) else { return };
        socket.queued = false;
        if !std::mem::replace(&mut socket.opened, true) {
            let opened = self.call_socket(id, PortEvent::Open, &NOBODY);
            self.after_socket(id, opened);
        }
        self.receive_some(id);
        self.tell_drain_to_socket(id);
        self.settle_socket(id);
    }

    fn receive_some(&mut self, id: ConnectionId) {
        let (mut left, mut failed) = (self.datagrams_per_visit as usize, 0);
        // Handing on may close it.
        while let Some(socket) = socket(&mut self.slots, id) {
            socket.line.flush(&mut self.core);
            if left == 0 || !socket.wants_read() {
                return;
            }
            match socket.receive(&mut self.inbound, &mut self.core) {
                Ok(0) => return,
                Ok(count) => (left, failed) = (left.saturating_sub(count), 0),
                Err(_) if failed == FAILED_MAX => return socket.readable = false,
                Err(_) => failed += 1,
            }
            // A panic over one datagram does not cost the others.
            while catch_unwind(AssertUnwindSafe(|| self.hand_on(id))).is_err() {
                self.panicked(Some(id));
            }
            self.core.lap(Phase::Handler);
        }
    }

    /// Hands on what was received.
    #[inline]
    fn hand_on(&mut self, id: ConnectionId) {
        let Some(socket) = socket(&mut self.slots, id) else { return };
        let Serves::Whole(seat) = &mut socket.serves else { return self.hand_on_to_peers(id) };
        let line = &mut socket.line;
        while let Some((datagram, from)) = self.inbound.next() {
            let event = PortEvent::Datagram(datagram);
            if let Err(why) = seat.call(event, from, &mut line.outbox, &mut self.core) {
                self.core.ledger.datagrams_refused += 1;
                log::debug!("{id}: a datagram from {from} refused: {why}");
            }
            if seat.closing {
                return self.inbound.clear();
            }
            if line.outbox.is_worth_sending() {
                line.flush(&mut self.core);
            }
        }
    }

    /// Lets the state machine of a whole socket act. Nothing happens if it serves sessions.
    fn call_socket(&mut self, id: ConnectionId, event: PortEvent<'_>, peer: &Remote) -> Result {
        let Some(socket) = socket(&mut self.slots, id) else { return Ok(()) };
        match &mut socket.serves {
            Serves::Whole(seat) => seat.call(event, peer, &mut socket.line.outbox, &mut self.core),
            Serves::Peers(_) => Ok(()),
        }
    }

    fn after_socket(&mut self, id: ConnectionId, called: Result) {
        if let Err(why) = called {
            self.close_socket(id, why);
        }
    }

    /// Sends, tells what could not be sent, and draws the consequences.
    pub(super) fn settle_socket(&mut self, id: ConnectionId) {
        let Some(socket) = socket(&mut self.slots, id) else { return };
        socket.line.flush(&mut self.core);
        if !socket.line.unsent.is_empty() {
            self.tell_unsent(id);
        }
        let Some(socket) = super::datagram::socket(&mut self.slots, id) else { return };
        if socket.is_over() {
            let forced = socket.stage == Draining::Forced;
            self.close_socket(id, if forced { Close::Shutdown } else { Close::ByUs });
        } else if socket.wants_read() || matches!(socket.stage, Draining::Soon(_)) {
            self.enqueue_socket(id);
        } else if let Serves::Whole(seat) = &mut socket.serves
            && seat.closing
            && !seat.due.is_set(Deadline::Drain as usize)
        {
            let at = self.core.now() + u64::from(self.core.times.drain);
            seat.set_due(Deadline::Drain as usize, at, &mut self.core);
        }
    }

    #[cold]
    fn tell_unsent(&mut self, id: ConnectionId) {
        let Some(socket) = socket(&mut self.slots, id) else { return };
        for (to, error) in std::mem::take(&mut socket.line.unsent) {
            self.guarded(id, |this| this.tell_one_unsent(id, &to, error));
        }
        // What is sent in answer, and fails again, is only counted, or they would chase each other.
        if let Some(socket) = super::datagram::socket(&mut self.slots, id) {
            socket.line.flush(&mut self.core);
            socket.line.unsent.clear();
        }
    }

    fn tell_one_unsent(&mut self, id: ConnectionId, to: &Remote, error: io::Error) {
        let Some(socket) = socket(&mut self.slots, id) else { return };
        match &mut socket.serves {
            Serves::Whole(seat) => {
                let event = PortEvent::Unsent(error);
                if let Err(why) = seat.call(event, to, &mut socket.line.outbox, &mut self.core) {
                    log::debug!("{id}: {why}");
                }
            }
            Serves::Peers(peers) => {
                if let Some(session) = peers.find(to) {
                    self.tell_session(session, PortEvent::Unsent(error));
                }
            }
        }
    }

    /// Messages to a socket or a session, of which `jobs` are results of jobs.
    pub(super) fn port_messages(
        &mut self,
        id: ConnectionId,
        jobs: u32,
        messages: &mut dyn Iterator<Item = &mut dyn Any>,
    ) {
        let Some(socket) = socket(&mut self.slots, id) else {
            return self.session_messages(id, jobs, messages);
        };
        if let Serves::Whole(seat) = &mut socket.serves {
            seat.jobs_done(jobs);
        }
        for message in messages {
            let called = self.call_socket(id, PortEvent::Message(message), &NOBODY);
            self.after_socket(id, called);
        }
        self.settle_socket(id);
    }

    /// The wheel says to look.
    pub(super) fn socket_reminded(&mut self, id: ConnectionId) {
        let Some(socket) = socket(&mut self.slots, id) else { return };
        let Serves::Whole(seat) = &mut socket.serves else { return };
        let passed = seat.look(&mut self.core);
        if passed.has(Deadline::Drain) {
            return self.close_socket(id, Close::Late(Deadline::Drain));
        }
        for timer in passed.timers() {
            self.core.ledger.timers += 1;
            let called = self.call_socket(id, PortEvent::Timer(timer), &NOBODY);
            self.after_socket(id, called);
        }
        self.settle_socket(id);
    }

    /// A state machine panicked: a session ends, and a socket gets a fresh one.
    #[cold]
    pub(super) fn port_panicked(&mut self, id: ConnectionId) {
        let id = self.inbound.session.take().unwrap_or(id);
        let Some(socket) = socket(&mut self.slots, id) else {
            return self.close_session(id, Close::Panicked);
        };
        if let Serves::Peers(_) = socket.serves {
            return;
        }
        log::error!("{id} begins anew: its handler panicked");
        let factory = socket.factory.clone();
        let begun = catch_unwind(AssertUnwindSafe(|| self.begin_anew(id, &factory)));
        match begun.unwrap_or(Err(Close::Panicked)) {
            Ok(()) => self.enqueue_socket(id),
            Err(why) => self.close_socket(id, why),
        }
    }

    fn begin_anew(&mut self, id: ConnectionId, factory: &PortFactory) -> Result {
        let fresh = factory(&NOBODY);
        let Some(socket) = socket(&mut self.slots, id) else { return Ok(()) };
        let Serves::Whole(seat) = &mut socket.serves else { return Ok(()) };
        let old = seat.replace(fresh);
        self.core.wheel.cancel(id.slot);
        let is_told = socket.stage == Draining::Told;
        self.end_port(old, Close::Panicked);
        self.call_socket(id, PortEvent::Open, &NOBODY)?;
        match is_told {
            true => self.call_socket(id, PortEvent::Drain, &NOBODY),
            false => Ok(()),
        }
    }

    /// Work that a socket's state machine gave to a worker panicked: its result never comes, and
    /// nobody else is touched. Tells whether there is such a socket.
    pub(super) fn socket_job_panicked(&mut self, id: ConnectionId) -> bool {
        let Some(socket) = socket(&mut self.slots, id) else { return false };
        log::error!("{id}: work that it gave to a worker panicked");
        self.core.ledger.panics += 1;
        if let Serves::Whole(seat) = &mut socket.serves {
            seat.jobs_done(1);
        }
        self.settle_socket(id);
        true
    }

    /// A shutdown begins: told when what came before is received.
    pub(super) fn drain_socket(&mut self, id: ConnectionId) {
        if let Some(socket) = socket(&mut self.slots, id) {
            socket.drain_soon();
            self.enqueue_socket(id);
        }
    }

    fn tell_drain_to_socket(&mut self, id: ConnectionId) {
        let Some(socket) = socket(&mut self.slots, id) else { return };
        if !socket.is_to_be_told() {
            return;
        }
        match &socket.serves {
            Serves::Whole(_) => {
                let told = self.call_socket(id, PortEvent::Drain, &NOBODY);
                self.after_socket(id, told);
            }
            Serves::Peers(peers) => {
                for session in peers.members.clone() {
                    self.guarded(session, |this| this.tell_session(session, PortEvent::Drain));
                }
            }
        }
    }

    /// No state machine is asked any more; what waits may still be sent.
    pub(super) fn force_socket(&mut self, id: ConnectionId) {
        self.close_sessions_of(id, || Close::Shutdown);
        if let Some(socket) = socket(&mut self.slots, id) {
            socket.stage = Draining::Forced;
            self.settle_socket(id);
        }
    }

    /// The end of a socket: first of its sessions.
    pub(super) fn close_socket(&mut self, id: ConnectionId, why: Close) {
        self.close_sessions_of(id, || Close::Shutdown);
        if socket(&mut self.slots, id).is_none() {
            return;
        }
        let Slot::Other(other) = self.slots.remove(id.slot as usize) else { return };
        let Other::Datagrams(socket) = *other else { return };
        self.core.wheel.cancel(id.slot);
        self.sockets -= 1;
        self.core.ledger.datagrams_dropped += socket.line.outbox.count() as u64;
        if self.phase != ShutdownPhase::Ready {
            self.shutdown.report.bytes_cut += socket.line.outbox.len() as u64;
        }
        log::debug!("{id} at {} closed: {why}", socket.at);
        if let Serves::Whole(seat) = socket.serves {
            self.end_port(seat.port, why);
        }
    }

    pub(super) fn end_port(&mut self, port: Box<dyn AnyPort>, why: Close) {
        self.end_with(why.reason(), |asked| port.close(why, asked));
    }
}

pub(super) fn socket<N: Net>(
    slots: &mut Slab<Slot<N>>,
    id: ConnectionId,
) -> Option<&mut Socket<N>> {
    match slots.get_mut(id.slot as usize) {
        Some(Slot::Other(other)) => match &mut **other {
            Other::Datagrams(socket) if socket.id == id => Some(socket),
            _ => None,
        },
        _ => None,
    }
}
