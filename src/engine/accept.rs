//! Accepting: a budget for each turn, bounds on how many and whom, spreading over loops, and what
//! happens when there are no descriptors left.
//!
//! A listener is edge-triggered like everything else. One that stops accepting before the queue is
//! empty gets no further edge for those who wait in it; so it stays in the loop's list, or is
//! looked at again by the wheel.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use slab::Slab;

use super::connection::Connection;
use super::gate::Refusal;
use super::ledger::Phase;
use super::limits::WhenFull;
use super::listener::{Listener, Waiting};
use super::order::Order;
use super::sealed::Secure;
use super::shared::ShutdownPhase;
use super::state::{EventLoop, Other, Slot, connection};
use crate::handler::ConnectionId;
use crate::handler::stage::{AnyHandler, Facts};
use crate::net::{Net, Peer, Secured, Source};

/// How many are taken in by each listener at its end: as many as may wait ([`Listen::at`]), not as
/// many as may come while we look.
///
/// [`Listen::at`]: crate::net::Listen::at
const LAST_ACCEPTS: usize = 1024;

/// What became of one attempt to accept.
enum Accepted {
    One,
    /// Nobody waits.
    None,
    /// Look again later.
    Later(Waiting),
}

impl<N: Net> EventLoop<N> {
    /// Takes in the connections that wait, within the budget.
    pub(super) fn accept(&mut self) {
        if self.accepting.is_empty() {
            return;
        }
        self.core.charge(Phase::Other);
        for index in (0..self.accepting.len()).rev() {
            let id = self.accepting[index];
            if !self.accept_some(id) {
                self.accepting.swap_remove(index);
            }
        }
        self.core.charge(Phase::Accept);
    }

    /// Tells whether there may be more.
    fn accept_some(&mut self, id: ConnectionId) -> bool {
        for left in (0..self.accepts_per_turn).rev() {
            match self.accept_one(id) {
                Accepted::One if left == 0 => return true,
                Accepted::One => {}
                Accepted::None => break,
                Accepted::Later(why) => {
                    self.accept_later(id, why);
                    break;
                }
            }
        }
        false
    }

    fn accept_one(&mut self, id: ConnectionId) -> Accepted {
        let Some(listener) = listener(&mut self.slots, id) else { return Accepted::None };
        // A place is taken beforehand only if whoever finds none waits: while it is held here in
        // vain, somebody who is accepted elsewhere would be refused.
        let waits = self.when_full == WhenFull::StopAccepting;
        let has_place = waits && self.shared.take_place(&listener.gate);
        if waits && !has_place {
            return Accepted::Later(Waiting::Full);
        }
        match self.core.net.accept(&mut listener.socket) {
            Ok((stream, peer)) => {
                listener.again.reset();
                self.core.ledger.accepted += 1;
                let has_place = has_place || self.shared.take_place(&listener.gate);
                self.let_in(id, stream, peer, has_place);
                Accepted::One
            }
            Err(error) => {
                if has_place {
                    self.shared.give_place_back(&listener.gate);
                }
                self.not_accepted(id, &error)
            }
        }
    }

    fn not_accepted(&mut self, id: ConnectionId, error: &io::Error) -> Accepted {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
        let now = self.core.now();
        let Some(listener) = listener(&mut self.slots, id) else { return Accepted::None };
        match error.kind() {
            WouldBlock => {
                listener.queue_is_empty();
                return Accepted::None;
            }
            // Who waited is gone; the next may be there.
            Interrupted | ConnectionAborted | ConnectionReset => return Accepted::One,
            _ => listener.cannot_accept(error, now),
        }
        if !N::is_exhausted(error) {
            self.core.ledger.accepts_failed += 1;
            return Accepted::Later(Waiting::Failed);
        }
        self.core.ledger.accepts_exhausted += 1;
        if self.when_full == WhenFull::Refuse {
            match self.core.net.shed(&mut listener.socket) {
                Ok(()) => {
                    self.core.ledger.refused += 1;
                    return Accepted::One;
                }
                Err(error) if error.kind() == WouldBlock => return Accepted::None,
                Err(_) => {}
            }
        }
        Accepted::Later(Waiting::Failed)
    }

    /// Lets a connection in, here or on another loop, or turns it away.
    fn let_in(&mut self, id: ConnectionId, stream: N::Stream, peer: Peer, has_place: bool) {
        let now = Duration::from_millis(self.core.now());
        let Some(listener) = listener(&mut self.slots, id) else { return };
        let (gate, number) = (listener.gate.clone(), listener.number);
        listener.turn += 1;
        let (turn, mut balance) = (listener.turn, listener.balance);
        let refused = match has_place {
            true => gate.enter(peer, now).inspect_err(|why| {
                log::debug!("{peer} refused at {}: {why}", gate.at);
                self.shared.give_place_back(&gate);
            }),
            false => Err(Refusal::Full),
        };
        if refused.is_err() {
            self.core.ledger.refused += 1;
            return self.core.net.close(stream, true);
        }
        if self.phase >= ShutdownPhase::Draining {
            balance = None; // The other loops may have ended already.
        }
        let random = &mut self.core.stage.asked.random;
        let home = self.shared.pick(self.number, balance, turn, peer, random);
        self.shared.settle(home);
        if home == self.number {
            return self.admit(stream, peer, number);
        }
        let order = Order::<N>::Adopt { stream, peer, gate: number };
        let target = &self.shared.loads[usize::from(home)].home;
        if let Err(Order::Adopt { stream, .. }) = order.post(target) {
            // That loop has ended, and this one has not.
            self.shared.leave(home);
            self.shared.enter(self.number);
            self.admit(stream, peer, number);
        }
    }

    /// This loop has ended: gives a connection that another one accepted for it to one that has
    /// not, if there is any.
    pub(super) fn pass_on(&mut self, stream: N::Stream, peer: Peer, gate: u16) {
        self.shared.leave(self.number);
        let shared = self.shared.clone();
        let mut order = Order::<N>::Adopt { stream, peer, gate };
        for (home, load) in (0..).zip(&shared.loads).filter(|(home, _)| *home != self.number) {
            shared.enter(home);
            match order.post(&load.home) {
                Ok(()) => return,
                Err(back) => order = back,
            }
            shared.leave(home);
        }
        if let Order::Adopt { stream, .. } = order {
            self.core.net.close(stream, true);
        }
        if let Some(gate) = self.gate(gate) {
            gate.leave(peer);
        }
    }

    /// Makes a connection of a stream that a gate let in, and that was counted to this loop.
    pub(super) fn admit(&mut self, stream: N::Stream, peer: Peer, number: u16) {
        let Some(gate) = self.gate(number).cloned() else {
            return self.core.net.close(stream, true);
        };
        // The factory is the user's: if it panics, the connection must not stay counted.
        let Ok(handler) = catch_unwind(AssertUnwindSafe(|| (gate.factory)())) else {
            log::error!("{peer} refused at {}: making its handler panicked", gate.at);
            self.core.ledger.panics += 1;
            self.core.net.close(stream, true);
            self.shared.leave(self.number);
            return gate.leave(peer);
        };
        let Some(id) = self.begin(stream, peer, number, handler) else { return };
        if let Some(secured) = &gate.secured {
            let until = self.core.now() + u64::from(self.core.times.handshake);
            self.secure(id, secured, "", until);
        }
    }

    /// Has a connection that is new speak in an encrypted way.
    pub(super) fn secure(&mut self, id: ConnectionId, how: &Secured, host: &str, until: u64) {
        let Some(connection) = connection(&mut self.slots, id) else { return };
        match how.0.layer(host) {
            Ok(layer) => {
                let secure = Secure::new(layer, how.0.shakes_aside());
                connection.secure(secure, until, &mut self.core);
            }
            Err(error) => self.close(id, error.into()),
        }
    }

    /// Makes a connection of a stream that was counted to this loop, and at its gate; none if the
    /// system won't watch it.
    pub(super) fn begin(
        &mut self,
        mut stream: N::Stream,
        peer: Peer,
        gate: u16,
        handler: Box<dyn AnyHandler>,
    ) -> Option<ConnectionId> {
        let id = self.next_id();
        if let Err(error) = self.core.net.watch(Source::Stream(&mut stream), id.token()) {
            self.core.net.close(stream, true);
            self.shared.leave(self.number);
            if let Some(gate) = self.gate(gate) {
                gate.leave(peer);
            }
            self.end_handler(handler, error.into());
            return None;
        }
        let facts = Facts { id, out: Default::default(), peer, gate };
        self.slots.insert(Slot::Connection(Connection::new(stream, facts, handler)));
        self.connections += 1;
        self.enqueue(id);
        if self.phase >= ShutdownPhase::Draining {
            self.tell_drain(id);
        }
        Some(id)
    }

    fn accept_later(&mut self, id: ConnectionId, why: Waiting) {
        let random = self.core.stage.asked.random.next();
        let now = self.core.now();
        let Some(listener) = listener(&mut self.slots, id) else { return };
        let new = listener.waiting != why;
        listener.waiting = why;
        let wait = listener.again.next(random);
        self.core.wheel.remind(id.slot, now + wait.as_millis() as u64);
        if why == Waiting::Full {
            self.core.ledger.accepts_paused += u64::from(new);
            self.shared.want_place(self.number);
        }
    }

    /// A connection of this loop ended: somebody who waits may come in, here or elsewhere.
    pub(super) fn accept_again(&mut self) {
        self.look_at_waiting();
        for (number, load) in self.shared.take_wanting() {
            if number != self.number {
                // A loop that has ended accepts nobody.
                let _ = Order::<N>::AcceptAgain.post(&load.home);
            }
        }
    }

    /// Looks again at the listeners that wait.
    pub(super) fn look_at_waiting(&mut self) {
        for index in 0..self.listeners.len() {
            let id = self.listeners[index];
            let waits = listener(&mut self.slots, id)
                .is_some_and(|listener| listener.waiting != Waiting::No);
            if waits && !self.accepting.contains(&id) {
                self.accepting.push(id);
            }
        }
    }

    /// Takes in those who wait already, before nobody is taken in any more: closing the socket
    /// would cut them, though the kernel has told them that they are connected.
    pub(super) fn accept_the_last(&mut self) {
        for id in std::mem::take(&mut self.listeners) {
            let mut left = LAST_ACCEPTS;
            while left > 0 && matches!(self.accept_one(id), Accepted::One) {
                left -= 1;
            }
            self.core.wheel.cancel(id.slot);
            self.slots.try_remove(id.slot as usize);
        }
        self.accepting.clear();
    }
}

fn listener<N: Net>(slots: &mut Slab<Slot<N>>, id: ConnectionId) -> Option<&mut Listener<N>> {
    match slots.get_mut(id.slot as usize) {
        Some(Slot::Other(other)) => match &mut **other {
            Other::Listener(listener) if listener.id == id => Some(listener),
            _ => None,
        },
        _ => None,
    }
}
