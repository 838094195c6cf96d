//! Outgoing connections: wait if asked to, resolve the name off the loop, then try each address in
//! turn until one answers or the time is over.
//!
//! ```text
//! Waiting ──► Resolving ──► Connecting ──► a connection, in the same slot
//!    │                        │   ▲
//!    └── (no name) ───────────┘   └ next address
//! ```

use std::collections::VecDeque;
use std::io;

use super::connection::Connection;
use super::core::millis;
use super::dialing::{Dialing, State};
use super::order::Order;
use super::shared::ShutdownPhase;
use super::state::{EventLoop, Other, Slot};
use crate::handler::stage::{DialOrder, Facts, NO_GATE, Target};
use crate::handler::{Close, ConnectionId, Deadline};
use crate::net::{Endpoint, Net, Peer, Readiness, Source};

/// What one address gets of the time at least, in milliseconds, however many there are.
const ATTEMPT_MIN_MS: u64 = 250;

impl<N: Net> EventLoop<N> {
    /// Begins what handlers asked for, within the budget.
    pub(super) fn dial(&mut self) {
        let dials = &mut self.core.stage.asked.dials;
        if dials.is_empty() {
            return;
        }
        let drains = self.phase >= ShutdownPhase::Draining;
        let most = if drains { usize::MAX } else { self.dials_per_turn as usize };
        let later = dials.split_off(dials.len().min(most));
        for order in std::mem::replace(dials, later) {
            self.dial_one(order);
        }
        if drains {
            // Whoever was told so just now, and dials all the same, is not told again and again.
            self.core.stage.asked.dials.clear();
        }
    }

    pub(super) fn dial_one(&mut self, DialOrder { dial, handler }: DialOrder) {
        if self.phase >= ShutdownPhase::Draining {
            return self.end_handler(handler, Close::Shutdown);
        }
        let id = self.next_id();
        let at = match dial.after.is_zero() {
            true => self.core.now(),
            false => self.core.later(dial.after),
        };
        let name = match &dial.to {
            Target::Host(name, _) => Some(name.clone()),
            Target::Endpoints(_) => None,
        };
        self.slots.insert(Slot::Other(Box::new(Other::Dialing(Dialing {
            id,
            state: State::Waiting(dial.to),
            told: 0,
            left: VecDeque::new(),
            attempt_until: at,
            until: at,
            timeout: dial.timeout.map_or(self.core.times.handshake, millis).max(1),
            error: None,
            handler,
            secured: dial.secured.map(|secured| (secured, name)),
        }))));
        self.dialing += 1;
        match dial.after.is_zero() {
            true => self.dial_now(id),
            false => self.core.wheel.remind(id.slot, at),
        }
    }

    fn dialing_mut(&mut self, id: ConnectionId) -> Option<&mut Dialing<N>> {
        match self.slots.get_mut(id.slot as usize) {
            Some(Slot::Other(other)) => match &mut **other {
                Other::Dialing(dialing) if dialing.id == id => Some(dialing),
                _ => None,
            },
            _ => None,
        }
    }

    /// Its time has come: resolves, or connects.
    fn dial_now(&mut self, id: ConnectionId) {
        let now = self.core.now();
        let Some(dialing) = self.dialing_mut(id) else { return };
        let State::Waiting(target) = std::mem::replace(&mut dialing.state, State::Resolving) else {
            return;
        };
        dialing.until = now + u64::from(dialing.timeout);
        dialing.attempt_until = dialing.until;
        let until = dialing.until;
        match target {
            Target::Endpoints(endpoints) => {
                dialing.left = endpoints.into();
                self.attempt(id);
            }
            Target::Host(host, port) => {
                self.core.wheel.remind(id.slot, until);
                let home = self.core.stage.asked.home.clone();
                let reply = move |endpoints| {
                    // A loop that has ended has no use for it.
                    let _ = Order::<N>::Resolved { dial: id, endpoints }.post(&home);
                };
                self.core.net.resolve(&host, port, Box::new(reply));
            }
        }
    }

    pub(super) fn resolved(&mut self, id: ConnectionId, endpoints: io::Result<Vec<Endpoint>>) {
        let Some(dialing) = self.dialing_mut(id) else { return };
        match endpoints {
            Ok(endpoints) => {
                dialing.left = endpoints.into();
                self.attempt(id);
            }
            Err(error) => self.dial_failed(id, Close::Unresolved(error)),
        }
    }

    /// Tries the next address, until one can be waited for.
    fn attempt(&mut self, id: ConnectionId) {
        let now = self.core.now();
        loop {
            let Some(dialing) = self.dialing_mut(id) else { return };
            let Some(endpoint) = dialing.left.pop_front().filter(|_| now < dialing.until) else {
                let error = dialing.error.take();
                let error = error.unwrap_or_else(|| io::ErrorKind::TimedOut.into());
                return self.dial_failed(id, Close::Unreachable(error));
            };
            self.core.ledger.dials += 1;
            match self.connect(id, &endpoint) {
                Ok(stream) => {
                    let Some(dialing) = self.dialing_mut(id) else { return };
                    let peer = endpoint.socket_addr().map_or(Peer::UNIX, Peer::from);
                    (dialing.state, dialing.told) = (State::Connecting(stream, peer), 0);
                    let fair = (dialing.until - now) / (dialing.left.len() as u64 + 1);
                    dialing.attempt_until = (now + fair.max(ATTEMPT_MIN_MS)).min(dialing.until);
                    let until = dialing.attempt_until;
                    self.core.wheel.cancel(id.slot);
                    self.core.wheel.remind(id.slot, until);
                    return;
                }
                Err(error) => self.note_failure(id, error),
            }
        }
    }

    fn connect(&mut self, id: ConnectionId, endpoint: &Endpoint) -> io::Result<N::Stream> {
        let mut stream = self.core.net.connect(endpoint)?;
        match self.core.net.watch(Source::Stream(&mut stream), id.token()) {
            Ok(()) => Ok(stream),
            Err(error) => {
                self.core.net.close(stream, true);
                Err(error)
            }
        }
    }

    fn note_failure(&mut self, id: ConnectionId, error: io::Error) {
        if let Some(dialing) = self.dialing_mut(id) {
            dialing.error = Some(error);
        }
    }

    /// Something happened to the socket that is connecting.
    pub(super) fn dial_ready(&mut self, id: ConnectionId) {
        let Some(Slot::Other(other)) = self.slots.get_mut(id.slot as usize) else { return };
        let Other::Dialing(dialing) = &mut **other else { return };
        let State::Connecting(stream, _) = &mut dialing.state else { return };
        match self.core.net.connected(stream) {
            Ok(true) => self.dialed(id),
            Ok(false) => {}
            Err(error) => {
                self.note_failure(id, error);
                self.give_up_attempt(id);
            }
        }
    }

    fn give_up_attempt(&mut self, id: ConnectionId) {
        let Some(dialing) = self.dialing_mut(id) else { return };
        if let State::Connecting(stream, _) =
            std::mem::replace(&mut dialing.state, State::Resolving)
        {
            self.core.net.close(stream, true);
        }
        self.attempt(id);
    }

    /// Connected: the slot and the registration go over to a connection.
    fn dialed(&mut self, id: ConnectionId) {
        let Some(slot) = self.slots.get_mut(id.slot as usize) else { return };
        // The place is never empty: it holds an inert ticker for the length of this function.
        let Slot::Other(other) = std::mem::replace(slot, Slot::Other(Box::new(Other::Nothing)))
        else {
            return;
        };
        let Other::Dialing(dialing) = *other else { return };
        let State::Connecting(stream, peer) = dialing.state else { return };
        let facts = Facts { id, out: Default::default(), peer, gate: NO_GATE };
        let mut connection = Connection::new(stream, facts, dialing.handler);
        connection.note(Readiness(dialing.told));
        *slot = Slot::Connection(connection);
        self.dialing -= 1;
        self.connections += 1;
        self.shared.enter(self.number);
        self.core.wheel.cancel(id.slot);
        self.enqueue(id);
        if let Some((secured, name)) = dialing.secured {
            let address = || peer.ip().map(|ip| ip.to_string()).unwrap_or_default();
            self.secure(id, &secured, &name.unwrap_or_else(address), dialing.until);
        }
    }

    /// The wheel says that a time is over.
    pub(super) fn dial_reminded(&mut self, id: ConnectionId) {
        let now = self.core.now();
        let Some(dialing) = self.dialing_mut(id) else { return };
        if now < dialing.attempt_until {
            let until = dialing.attempt_until;
            return self.core.wheel.remind(id.slot, until);
        }
        match dialing.state {
            State::Waiting(_) => self.dial_now(id),
            State::Resolving => self.dial_failed(id, Close::Late(Deadline::Handshake)),
            State::Connecting(..) => {
                dialing.error = Some(io::ErrorKind::TimedOut.into());
                match dialing.left.is_empty() {
                    true => self.dial_failed(id, Close::Late(Deadline::Handshake)),
                    false => self.give_up_attempt(id),
                }
            }
        }
    }

    pub(super) fn dial_failed(&mut self, id: ConnectionId, why: Close) {
        if self.dialing_mut(id).is_none() {
            return;
        }
        let Slot::Other(other) = self.slots.remove(id.slot as usize) else { return };
        let Other::Dialing(dialing) = *other else { return };
        self.dialing -= 1;
        self.core.wheel.cancel(id.slot);
        if let State::Connecting(stream, _) = dialing.state {
            self.core.net.close(stream, true);
        }
        self.end_handler(dialing.handler, why);
    }
}
