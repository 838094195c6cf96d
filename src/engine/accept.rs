//! Accepting: a budget for each turn, bounds on how many and whom, spreading over loops, and what
//! happens when there are no descriptors left.
//!
//! A listener is edge-triggered like everything else. One that stops accepting before the queue is
//! empty gets no further edge for those who wait in it; so it stays in the loop's list, or is
//! looked at again by the wheel.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use slab::Slab;

use super::connection::Connection;
use super::ledger::Phase;
use super::limits::WhenFull;
use super::listener::{AGAIN, Listener, Waiting};
use super::order::Order;
use super::shared::ShutdownPhase;
use super::state::{EventLoop, Other, Slot};
use crate::handler::ConnectionId;
use crate::handler::stage::{AnyHandler, Facts};
use crate::net::{Net, Peer, Source};

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
        let full = self.shared.open.load(Relaxed) >= self.connections_max
            || self.shared.loads[usize::from(self.number)].open.load(Relaxed)
                >= self.connections_per_loop
            || listener.gate.is_full();
        if full && self.when_full == WhenFull::StopAccepting {
            return Accepted::Later(Waiting::Full);
        }
        match self.core.net.accept(&mut listener.socket) {
            Ok((stream, peer)) => {
                listener.accepts_again();
                self.let_in(id, stream, peer, full);
                Accepted::One
            }
            Err(error) => self.not_accepted(id, &error),
        }
    }

    fn not_accepted(&mut self, id: ConnectionId, error: &io::Error) -> Accepted {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
        match error.kind() {
            WouldBlock => return Accepted::None,
            // Who waited is gone; the next may be there.
            Interrupted | ConnectionAborted | ConnectionReset => return Accepted::One,
            _ => self.core.ledger.accepts_exhausted += 1,
        }
        let Some(listener) = listener(&mut self.slots, id) else { return Accepted::None };
        if N::is_exhausted(error) && self.when_full == WhenFull::Refuse {
            match self.core.net.shed(&mut listener.socket) {
                Ok(()) => {
                    self.core.ledger.refused += 1;
                    return Accepted::One;
                }
                Err(error) if error.kind() == WouldBlock => return Accepted::None,
                Err(_) => {}
            }
        }
        // Once, not at every try.
        if listener.waiting != Waiting::Exhausted {
            let at = &listener.gate.at;
            log::error!("listener at {at} cannot accept, and will try again: {error}");
        }
        Accepted::Later(Waiting::Exhausted)
    }

    /// Lets a connection in, here or on another loop, or turns it away.
    fn let_in(&mut self, id: ConnectionId, stream: N::Stream, peer: Peer, full: bool) {
        self.core.ledger.accepted += 1;
        let now = Duration::from_millis(self.core.now());
        let Some(listener) = listener(&mut self.slots, id) else { return };
        let (gate, number, balance) = (listener.gate.clone(), listener.number, listener.balance);
        listener.turn += 1;
        let turn = listener.turn;
        let refused = match full {
            true => true,
            false => gate
                .enter(peer, now)
                .inspect_err(|why| log::debug!("{peer} refused at {}: {why}", gate.at))
                .is_err(),
        };
        if refused {
            self.core.ledger.refused += 1;
            return self.core.net.close(stream, true);
        }
        let home = match balance {
            Some(balance) => {
                let random = &mut self.core.stage.asked.random;
                self.shared.pick(balance, turn, peer, random)
            }
            None => self.number,
        };
        self.shared.enter(home);
        if home == self.number {
            return self.admit(stream, peer, number, (gate.factory)());
        }
        let order = Order::<N>::Adopt { stream, peer, gate: number };
        let target = &self.shared.loads[usize::from(home)].home;
        if let Err(Order::Adopt { stream, .. }) = order.post(target) {
            self.shared.leave(home);
            gate.leave(peer);
            self.core.net.close(stream, true);
        }
    }

    /// Makes a connection of a stream. It must have been counted in `shared`, and at its gate.
    pub(super) fn admit(
        &mut self,
        mut stream: N::Stream,
        peer: Peer,
        gate: u16,
        handler: Box<dyn AnyHandler>,
    ) {
        let id = self.next_id();
        if let Err(error) = self.core.net.watch(Source::Stream(&mut stream), id.token()) {
            self.core.net.close(stream, true);
            self.shared.leave(self.number);
            if let Some(gate) = self.gate(gate) {
                gate.leave(peer);
            }
            return self.end_handler(handler, error.into());
        }
        let facts = Facts { id, out: Default::default(), peer };
        self.slots.insert(Slot::Connection(Connection::new(stream, facts, gate, handler)));
        self.connections += 1;
        self.enqueue(id);
        if self.phase >= ShutdownPhase::Draining {
            self.tell_drain(id);
        }
    }

    fn accept_later(&mut self, id: ConnectionId, why: Waiting) {
        let random = self.core.stage.asked.random.next();
        let now = self.core.now();
        let Some(listener) = listener(&mut self.slots, id) else { return };
        let new = listener.waiting != why;
        listener.waiting = why;
        // At least the first pause, or a lucky draw would make it spin.
        let wait = listener.again.next(random).max(AGAIN.0);
        self.core.wheel.remind(id.slot, now + wait.as_millis() as u64);
        if new && why == Waiting::Full {
            self.core.ledger.accepts_paused += 1;
        }
    }

    /// A connection of this loop ended: somebody who waits may come in.
    pub(super) fn accept_again(&mut self) {
        for index in 0..self.listeners.len() {
            let id = self.listeners[index];
            let waits = listener(&mut self.slots, id)
                .is_some_and(|listener| listener.waiting != Waiting::No);
            if waits && !self.accepting.contains(&id) {
                self.accepting.push(id);
            }
        }
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
