//! [`Listener`]: a listening socket of a loop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::gate::Gate;
use super::limits::Balance;
use crate::base::Backoff;
use crate::handler::ConnectionId;
use crate::net::Net;

/// How soon a listener is looked at again that waits for connections to end elsewhere, or for
/// descriptors: at least, and at most. While it can't accept, it costs a few system calls a second.
const AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));
/// A listener that can't accept says so at most so often, in milliseconds: once a minute.
const LOGGED_AGAIN_MS: u64 = 60_000;

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
    /// When it was logged that it can't accept; `told` until it is logged that it can again.
    logged_ms: Option<u64>,
    told: bool,
}

/// Why a listener does not accept at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    No,
    /// There are as many connections as allowed.
    Full,
    /// Accepting fails: for want of descriptors or memory, as a rule.
    Failed,
}

impl<N: Net> Listener<N> {
    pub(crate) fn new(
        id: ConnectionId,
        number: u16,
        gate: Arc<Gate>,
        socket: N::Listener,
        balance: Option<Balance>,
    ) -> Self {
        // Not less than the first pause, or a lucky draw would make it spin.
        let again = Backoff::new(AGAIN.0, AGAIN.1).at_least(AGAIN.0);
        let (waiting, logged_ms, told) = (Waiting::No, None, false);
        Self { id, gate, number, socket, balance, turn: 0, waiting, again, logged_ms, told }
    }

    /// Nobody waits any more: whatever the listener waited for is over. Not before, or a process at
    /// the end of its descriptors would begin to wait, and say so, at every connection.
    pub(super) fn queue_is_empty(&mut self) {
        if std::mem::take(&mut self.told) {
            log::info!("listener at {} accepts again", self.gate.at);
        }
        self.waiting = Waiting::No;
        self.again.reset();
    }

    /// Accepting failed. Once it is said, not at every try.
    pub(super) fn cannot_accept(&mut self, error: &io::Error, now_ms: u64) {
        if self.logged_ms.is_none_or(|at| now_ms >= at + LOGGED_AGAIN_MS) {
            (self.logged_ms, self.told) = (Some(now_ms), true);
            let at = &self.gate.at;
            log::error!("listener at {at} cannot accept, and will try again: {error}");
        }
    }

    pub(crate) fn socket(&mut self) -> &mut N::Listener {
        &mut self.socket
    }
}
