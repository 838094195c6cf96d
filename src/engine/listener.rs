//! [`Listener`]: a listening socket of a loop.

use std::sync::Arc;
use std::time::Duration;

use super::limits::Balance;
use super::shared::Gate;
use crate::base::Backoff;
use crate::handler::ConnectionId;
use crate::net::Net;

/// How soon a listener is looked at again that waits for connections to end elsewhere, or for
/// descriptors: the first time, and at most.
pub(super) const AGAIN: (Duration, Duration) =
    (Duration::from_millis(10), Duration::from_millis(200));

/// A listening socket of this loop.
pub(crate) struct Listener<N: Net> {
    pub(crate) id: ConnectionId,
    pub(crate) gate: Arc<Gate>,
    /// The gate's number.
    pub(crate) number: u16,
    pub(super) socket: N::Listener,
    /// How accepted connections are spread; `None`: they stay here.
    pub(super) balance: Option<Balance>,
    pub(super) turn: usize,
    pub(super) waiting: Waiting,
    pub(super) again: Backoff,
}

/// Why a listener does not accept at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    No,
    /// There are as many connections as allowed.
    Full,
    /// There are no descriptors, or there is no memory.
    Exhausted,
}

impl<N: Net> Listener<N> {
    pub(crate) fn new(
        id: ConnectionId,
        number: u16,
        gate: Arc<Gate>,
        socket: N::Listener,
        balance: Option<Balance>,
    ) -> Self {
        let again = Backoff::new(AGAIN.0, AGAIN.1);
        Self { id, gate, number, socket, balance, turn: 0, waiting: Waiting::No, again }
    }

    /// It has accepted: whatever it waited for is over.
    pub(super) fn accepts_again(&mut self) {
        if self.waiting == Waiting::Exhausted {
            log::info!("listener at {} accepts again", self.gate.at);
        }
        if self.waiting != Waiting::No {
            self.waiting = Waiting::No;
            self.again.reset();
        }
    }

    pub(crate) fn socket(&mut self) -> &mut N::Listener {
        &mut self.socket
    }
}
