//! Sessions of datagram sockets: how they begin, what happens to them, and how they end.

use std::any::Any;

use slab::Slab;

use super::core::Core;
use super::datagram::socket;
use super::due::after;
use super::limits::Crowded;
use super::peers::Member;
use super::seat::Seat;
use super::shared::ShutdownPhase;
use super::socket::{Draining, Serves};
use super::state::{EventLoop, Other, Slot};
use crate::handler::port::PortEvent;
use crate::handler::{Bound, Close, ConnectionId, Deadline, Result};
use crate::net::{Net, Peer, Remote};

impl<N: Net> EventLoop<N> {
    /// Hands on what the socket `id` received, each datagram to its session.
    pub(super) fn hand_on_to_peers(&mut self, id: ConnectionId) {
        // All of one reception are from one peer, so it is looked up once.
        let mut known: Option<(usize, ConnectionId)> = None;
        while let Some((reception, range)) = self.inbound.advance() {
            let session = match known.filter(|(number, _)| *number == reception) {
                Some((_, session)) => session,
                None => match self.session_of(id, reception) {
                    Some(session) => session,
                    None => continue,
                },
            };
            self.inbound.session = Some(session);
            let event = PortEvent::Datagram(self.inbound.bytes(range));
            let called = call(&mut self.slots, &mut self.core, session, event);
            self.inbound.session = None;
            known = self.after_session(session, called).then_some((reception, session));
            if let Some(socket) = socket(&mut self.slots, id)
                && socket.line.outbox.is_worth_sending()
            {
                socket.line.flush(&mut self.core);
            }
        }
    }

    /// The session with the sender of a reception: a new one, if it has none and there is room.
    fn session_of(&mut self, id: ConnectionId, reception: usize) -> Option<ConnectionId> {
        let from = self.inbound.sender(reception)?;
        let socket = socket(&mut self.slots, id)?;
        let Serves::Peers(peers) = &socket.serves else { return None };
        if let Some(session) = peers.find(from) {
            return Some(session);
        }
        let from = from.clone();
        let refused = matches!(socket.stage, Draining::Told | Draining::Forced)
            || peers.is_full() && !self.evict(id);
        if refused {
            self.core.ledger.sessions_refused += 1;
            return None;
        }
        self.open_session(id, from)
    }

    /// Closes an idle session in favour of a new one, if the socket is to do so.
    fn evict(&mut self, id: ConnectionId) -> bool {
        let Some(socket) = socket(&mut self.slots, id) else { return false };
        let Serves::Peers(peers) = &socket.serves else { return false };
        if peers.when_full == Crowded::Refuse {
            return false;
        }
        let drawn: Vec<_> = peers.draw(&mut self.core.stage.asked.random).collect();
        let now = self.core.now();
        let left = |id: &ConnectionId| {
            let member = member(&mut self.slots, *id)?;
            member.seat.due.left(Deadline::Idle as usize, now)
        };
        let Some(idlest) = drawn.into_iter().min_by_key(left) else { return false };
        self.core.ledger.sessions_evicted += 1;
        self.close_session(idlest, Close::Over(Bound::Sessions));
        true
    }

    fn open_session(&mut self, socket_id: ConnectionId, remote: Remote) -> Option<ConnectionId> {
        let id = self.next_id();
        let socket = socket(&mut self.slots, socket_id)?;
        let Serves::Peers(peers) = &mut socket.serves else { return None };
        let port = (socket.factory)(&remote);
        let peer = match &remote {
            Remote::Ip(address) => Peer::from(*address),
            Remote::Unix(_) => Peer::UNIX,
        };
        let mut seat = Seat::new(id, peer, port);
        let (now, idle) = (self.core.now(), peers.idle);
        seat.due.set_idle(after(now, idle));
        seat.due.0[Deadline::Lifetime as usize] = after(now, peers.lifetime);
        seat.wait(&mut self.core);
        let place = peers.add(remote.clone(), id);
        let member = Member { seat, socket: socket_id, remote, place, idle };
        self.slots.insert(Slot::Other(Box::new(Other::Session(member))));
        self.sessions += 1;
        self.core.ledger.sessions_opened += 1;
        self.inbound.session = Some(id);
        let opened = call(&mut self.slots, &mut self.core, id, PortEvent::Open);
        self.inbound.session = None;
        self.after_session(id, opened).then_some(id)
    }

    /// Tells whether it is still there.
    fn after_session(&mut self, id: ConnectionId, called: Result) -> bool {
        let over = member(&mut self.slots, id).is_none_or(|member| member.seat.is_over());
        match called {
            Ok(()) if !over => return true,
            Ok(()) => self.close_session(id, Close::ByUs),
            Err(why) => self.close_session(id, why),
        }
        false
    }

    /// Lets a session act; what it sends waits for its socket to be settled.
    pub(super) fn tell_session(&mut self, id: ConnectionId, event: PortEvent<'_>) {
        self.inbound.session = Some(id);
        let called = call(&mut self.slots, &mut self.core, id, event);
        self.inbound.session = None;
        self.after_session(id, called);
    }

    pub(super) fn session_messages(
        &mut self,
        id: ConnectionId,
        jobs: u32,
        messages: &mut dyn Iterator<Item = &mut dyn Any>,
    ) {
        let Some(member) = member(&mut self.slots, id) else { return };
        let socket = member.socket;
        member.seat.jobs_done(jobs);
        for message in messages {
            self.tell_session(id, PortEvent::Message(message));
        }
        self.settle_socket(socket);
    }

    /// The wheel says to look.
    pub(super) fn session_reminded(&mut self, id: ConnectionId) {
        let Some(member) = member(&mut self.slots, id) else { return };
        let (socket, passed) = (member.socket, member.seat.look(&mut self.core));
        if passed.has(Deadline::Lifetime) {
            return self.close_session(id, Close::Late(Deadline::Lifetime));
        }
        if passed.has(Deadline::Idle) {
            // While it has jobs, it is we who keep the peer waiting.
            if member.seat.facts.out.jobs == 0 {
                return self.close_session(id, Close::Late(Deadline::Idle));
            }
            let at = self.core.now() + u64::from(member.idle);
            member.seat.set_due(Deadline::Idle as usize, at, &mut self.core);
        }
        for timer in passed.timers() {
            self.core.ledger.timers += 1;
            self.tell_session(id, PortEvent::Timer(timer));
        }
        self.settle_socket(socket);
    }

    pub(super) fn close_sessions_of(&mut self, id: ConnectionId, why: impl Fn() -> Close) {
        let Some(socket) = socket(&mut self.slots, id) else { return };
        let Serves::Peers(peers) = &socket.serves else { return };
        for session in peers.members.clone() {
            self.close_session(session, why());
        }
    }

    pub(super) fn close_session(&mut self, id: ConnectionId, why: Close) {
        if member(&mut self.slots, id).is_none() {
            return;
        }
        let Slot::Other(other) = self.slots.remove(id.slot as usize) else { return };
        let Other::Session(gone) = *other else { return };
        self.core.wheel.cancel(id.slot);
        self.sessions -= 1;
        if let Some(socket) = socket(&mut self.slots, gone.socket)
            && let Serves::Peers(peers) = &mut socket.serves
            && let Some(moved) = peers.remove(&gone.remote, gone.place)
            && let Some(moved) = member(&mut self.slots, moved)
        {
            moved.place = gone.place;
        }
        if self.phase != ShutdownPhase::Ready {
            self.report_close(why.reason());
            // Perhaps it was the last that its socket waited for.
            self.enqueue_socket(gone.socket);
        }
        log::debug!("{id} {} closed: {why}", gone.remote);
        self.end_port(gone.seat.port, why);
    }
}

/// Lets a session act, through its socket.
#[inline]
fn call<N: Net>(
    slots: &mut Slab<Slot<N>>,
    core: &mut Core<N>,
    id: ConnectionId,
    event: PortEvent<'_>,
) -> Result {
    let Some(home) = member(slots, id).map(|member| member.socket.slot) else { return Ok(()) };
    let Some((Slot::Other(member), Slot::Other(socket))) =
        slots.get2_mut(id.slot as usize, home as usize)
    else {
        return Ok(());
    };
    let (Other::Session(member), Other::Datagrams(socket)) = (&mut **member, &mut **socket) else {
        return Ok(());
    };
    if let PortEvent::Datagram(_) = event {
        if member.seat.closing {
            core.ledger.datagrams_refused += 1;
            return Ok(());
        }
        member.seat.due.set_idle(after(core.now(), member.idle));
    }
    member.seat.call(event, &member.remote, &mut socket.line.outbox, core)
}

pub(super) fn member<N: Net>(slots: &mut Slab<Slot<N>>, id: ConnectionId) -> Option<&mut Member> {
    match slots.get_mut(id.slot as usize) {
        Some(Slot::Other(other)) => match &mut **other {
            Other::Session(member) if member.id() == id => Some(member),
            _ => None,
        },
        _ => None,
    }
}
