//! [`Socket`]: a datagram socket of a loop, and whom it serves.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::core::Core;
use super::inbound::Inbound;
use super::ledger::{self, Phase};
use super::limits::Sessions;
use super::peers::Peers;
use super::seat::Seat;
use crate::handler::ConnectionId;
use crate::handler::outbox::Outbox;
use crate::handler::port::AnyPort;
use crate::net::{Endpoint, Net, Readiness, Remote};

/// Of the datagrams that could not be sent in one visit, so many are told of; the rest is counted.
const UNSENT_TOLD_MAX: usize = 64;
/// How many visits may receive what came before a shutdown, and during it, until the state machine
/// is told. A flood must not put it off.
const DRAIN_VISITS: u8 = 16;

/// Makes a state machine: of a socket, or of the session with a peer.
pub(crate) type PortFactory = Arc<dyn Fn(&Remote) -> Box<dyn AnyPort> + Send + Sync>;

/// How a socket is served.
#[derive(Clone)]
pub(crate) struct Service {
    pub(super) factory: PortFactory,
    /// `None`: one state machine for all peers.
    pub(super) sessions: Option<Sessions>,
}

/// A datagram socket of a loop.
pub(crate) struct Socket<N: Net> {
    pub(super) id: ConnectionId,
    pub(super) at: Endpoint,
    pub(super) factory: PortFactory,
    pub(super) serves: Serves,
    pub(super) line: Line<N>,
    pub(super) opened: bool,
    /// In the run queue.
    pub(super) queued: bool,
    /// Set by an event, cleared by `WouldBlock`, or by a call that gave less than it can.
    pub(super) readable: bool,
    pub(super) stage: Draining,
}

/// How far its end has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Draining {
    No,
    /// It is told when all is received, or after so many visits.
    Soon(u8),
    /// Its state machines know.
    Told,
    /// Only what waits is sent.
    Forced,
}

pub(super) enum Serves {
    Whole(Seat),
    Peers(Peers),
}

/// The socket itself, and what it is to send.
pub(super) struct Line<N: Net> {
    pub(super) socket: N::Datagram,
    pub(super) outbox: Outbox,
    id: ConnectionId,
    /// The socket's buffer in the kernel is full: nothing is received until it has room.
    pub(super) blocked: bool,
    /// Events tell when it has room again.
    watching: bool,
    /// What could not be sent, for [`Datagrams::on_unsent`](crate::Datagrams::on_unsent).
    pub(super) unsent: Vec<(Remote, io::Error)>,
}

impl<N: Net> Socket<N> {
    pub(super) fn new(
        (socket, at): (N::Datagram, Endpoint),
        id: ConnectionId,
        factory: PortFactory,
        serves: Serves,
        unsent_max: usize,
    ) -> Self {
        let outbox = Outbox::new(unsent_max);
        let line = Line { socket, outbox, id, blocked: false, watching: false, unsent: Vec::new() };
        let (opened, queued, readable) = (false, false, false);
        Self { id, at, factory, serves, line, opened, queued, readable, stage: Draining::No }
    }

    #[inline]
    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    /// Notes that it is ready. Tells whether it is to be queued.
    #[inline]
    pub(super) fn note(&mut self, ready: Readiness) -> bool {
        self.readable |= ready.0 & Readiness::READ != 0;
        if ready.0 & Readiness::WRITE != 0 {
            self.line.blocked = false;
        }
        !std::mem::replace(&mut self.queued, true)
    }

    #[inline]
    pub(super) fn wants_read(&self) -> bool {
        self.readable && !self.line.blocked && self.stage != Draining::Forced && !self.is_closing()
    }

    fn is_closing(&self) -> bool {
        matches!(&self.serves, Serves::Whole(seat) if seat.closing)
    }

    /// Whether all that is left to do is to close it.
    pub(super) fn is_over(&self) -> bool {
        let over = match &self.serves {
            _ if self.stage == Draining::Forced => true,
            Serves::Whole(seat) => seat.is_over(),
            Serves::Peers(peers) => self.stage == Draining::Told && peers.members.is_empty(),
        };
        over && self.line.outbox.is_empty()
    }

    /// Receives some, and tells how many datagrams.
    #[inline]
    pub(super) fn receive(&mut self, into: &mut Inbound, core: &mut Core<N>) -> io::Result<usize> {
        // Asked beforehand: the socket may change its way of receiving by what it receives.
        let receptions_max = core.net.receptions_max(&self.line.socket);
        let (block, received) = into.room();
        match core.net.receive(&mut self.line.socket, block, received) {
            Ok(()) => {
                let (receptions, datagrams) = into.count();
                self.readable = receptions >= receptions_max;
                core.ledger.datagrams_received += datagrams as u64;
                if ledger::ON {
                    core.ledger.receives += 1;
                }
                core.lap(Phase::Read);
                Ok(datagrams)
            }
            Err(error) => self.not_received(error, core),
        }
    }

    #[cold]
    fn not_received(&mut self, error: io::Error, core: &mut Core<N>) -> io::Result<usize> {
        match error.kind() {
            ErrorKind::WouldBlock => {
                self.readable = false;
                if ledger::ON {
                    core.ledger.receives_would_block += 1;
                }
                Ok(0)
            }
            ErrorKind::Interrupted => Ok(0),
            // About a datagram that is gone: one of ours came back, or one was too large.
            _ => {
                core.ledger.receives_failed += 1;
                log::debug!("{} at {}: {error}", self.id, self.at);
                Err(error)
            }
        }
    }

    /// A shutdown begins.
    pub(super) fn drain_soon(&mut self) {
        if self.stage == Draining::No {
            (self.stage, self.readable) = (Draining::Soon(DRAIN_VISITS), true);
        }
    }

    /// Whether now is the time to tell its state machines. Called once a visit.
    pub(super) fn is_to_be_told(&mut self) -> bool {
        let Draining::Soon(visits) = self.stage else { return false };
        let told = !self.readable || self.line.blocked || visits == 0;
        self.stage = if told { Draining::Told } else { Draining::Soon(visits - 1) };
        told
    }
}

impl<N: Net> Line<N> {
    /// Sends what there is room for.
    #[inline]
    pub(super) fn flush(&mut self, core: &mut Core<N>) {
        if !self.outbox.is_empty() && !self.blocked {
            self.flush_all(core);
            core.lap(Phase::Write);
        }
    }

    fn flush_all(&mut self, core: &mut Core<N>) {
        while let Some(transmit) = self.outbox.front() {
            match core.net.send(&mut self.socket, &transmit) {
                Ok(()) => {
                    if ledger::ON {
                        core.ledger.sends += 1;
                    }
                    core.ledger.datagrams_sent += self.outbox.sent_front() as u64;
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock => return self.hold(core),
                    _ => self.not_sent(error, core),
                },
            }
        }
        self.outbox.set_segments_max(core.net.segments_max(&self.socket));
        core.ledger.datagrams_dropped += self.outbox.take_dropped();
        if self.watching {
            self.watch_writes(false, core);
        }
    }

    /// The rest waits until the socket's buffer has room.
    #[cold]
    fn hold(&mut self, core: &mut Core<N>) {
        if ledger::ON {
            core.ledger.sends_would_block += 1;
        }
        self.outbox.hold();
        self.blocked = true;
        if !self.watching {
            self.watch_writes(true, core);
        }
    }

    /// Events for each datagram that left would be of no use while nothing waits.
    fn watch_writes(&mut self, wanted: bool, core: &mut Core<N>) {
        self.watching = wanted;
        let token = self.id.token();
        let Err(error) = core.net.watch_writes(&mut self.socket, token, wanted) else { return };
        log::warn!("{} cannot be watched: {error}", self.id);
        // Without the event nothing would ever be sent: better to lose what waits.
        self.blocked = false;
        while self.outbox.drop_front().is_some() {
            core.ledger.datagrams_dropped += 1;
        }
    }

    /// Several at once may fail where each alone does not: without segmentation offload, or if one
    /// of them is too large for it. An error about an earlier datagram is not about this one.
    #[cold]
    fn not_sent(&mut self, error: io::Error, core: &mut Core<N>) {
        if self.outbox.split_front() {
            return;
        }
        core.ledger.datagrams_dropped += 1;
        log::debug!("{}: a datagram could not be sent: {error}", self.id);
        if let Some(to) = self.outbox.drop_front()
            && self.unsent.len() < UNSENT_TOLD_MAX
        {
            self.unsent.push((to, error));
        }
    }
}
