//! Taking snapshots, and the sentences that say what a connection, a session or a datagram socket
//! waits for.

use std::fmt::Write;

use super::connection::Connection;
use super::due::{ALL, Due};
use super::flag;
use super::peers::Member;
use super::snapshot::{ConnectionSnapshot, LoopSnapshot, SocketSnapshot, WorkerSnapshot};
use super::socket::{Draining, Serves, Socket};
use super::state::{EventLoop, Other, Slot};
use crate::handler::Deadline;
use crate::handler::stage::TIMERS;
use crate::net::Net;

impl<N: Net> EventLoop<N> {
    /// What the loop is doing, with at most `connections_max` of its connections.
    pub(crate) fn snapshot(&self, connections_max: usize) -> LoopSnapshot {
        let now = self.core.now();
        let connections = self.slots.iter().filter_map(|(_, slot)| match slot {
            Slot::Connection(connection) => Some(connection.snapshot(now)),
            Slot::Other(other) => match &**other {
                Other::Session(member) => Some(member.snapshot(now)),
                _ => None,
            },
        });
        let sockets = self.slots.iter().filter_map(|(_, slot)| match slot {
            Slot::Other(other) => match &**other {
                Other::Datagrams(socket) => Some(socket.snapshot(now)),
                _ => None,
            },
            Slot::Connection(_) => None,
        });
        let queues = self.core.stage.asked.desk.queues(now);
        LoopSnapshot {
            number: self.number.into(),
            phase: self.phase.name(),
            age_ms: now,
            connections: self.connections,
            dialing: self.dialing,
            sessions: self.sessions,
            runnable: self.runnable.len(),
            mail: self.inbox.mailbox().len(),
            reminders: self.core.wheel.len(),
            memory: self.core.stage.asked.budget.held().max(0) as u64,
            workers: queues.map(|(jobs, age_ms)| WorkerSnapshot { jobs, age_ms }).collect(),
            ledger: self.core.ledger.clone(),
            some_connections: connections.take(connections_max).collect(),
            some_sockets: sockets.take(connections_max).collect(),
        }
    }
}

impl<N: Net> Connection<N> {
    fn snapshot(&self, now: u64) -> ConnectionSnapshot {
        let (unread, unsent) = self.waiting();
        ConnectionSnapshot {
            id: self.id().to_string(),
            peer: self.facts.peer.to_string(),
            handler: self.handler.name(),
            unread,
            unsent,
            jobs: self.facts.out.jobs,
            waiting_for: self.waiting_for(now),
        }
    }

    fn waiting(&self) -> (usize, usize) {
        self.kept.as_ref().map_or((0, 0), |kept| kept.waiting())
    }

    /// Why it is waiting, in a sentence.
    fn waiting_for(&self, now: u64) -> String {
        let (unread, unsent) = self.waiting();
        let jobs = self.facts.out.jobs;
        let mut text = if self.flags & flag::HANDSHAKING != 0 {
            "waiting for PEER to shake hands by TLS".to_owned()
        } else if self.flags & flag::QUEUED != 0 {
            "running: in the queue of its loop".to_owned()
        } else if self.flags & flag::LINGERING != 0 {
            "waiting for PEER to close: all is sent".to_owned()
        } else if jobs > 0 {
            let plural = if jobs == 1 { "" } else { "s" };
            format!("waiting for WORKER: {jobs} job{plural} in flight")
        } else if unsent > 0 {
            format!("waiting for PEER to read: {unsent} bytes unsent")
        } else if self.flags & flag::PAUSED != 0 {
            "waiting for HANDLER: it paused reading".to_owned()
        } else if self.flags & flag::OWING != 0 {
            "waiting for HANDLER: it owes something to the peer".to_owned()
        } else if unread > 0 {
            format!("waiting for PEER to send the rest of a frame: {unread} bytes are here")
        } else {
            "waiting for PEER to send".to_owned()
        };
        let reads_on = self.flags & flag::DUPLEX != 0;
        let flags = if reads_on { self.flags & !flag::CONGESTED } else { self.flags };
        let held = [
            (flag::HELD, "reading held back by jobs"),
            (flag::CONGESTED, "reading paused by high water"),
            (flag::CLOSING, "closing"),
        ];
        for (_, what) in held.iter().filter(|(flag, _)| flags & flag != 0) {
            let _ = write!(text, "; {what}");
        }
        let lingers = self.flags & flag::LINGERING != 0;
        write_next_deadline(&mut text, &self.due, now, if lingers { "end" } else { "" });
        text
    }
}

impl Member {
    fn snapshot(&self, now: u64) -> ConnectionSnapshot {
        let jobs = self.seat.facts.out.jobs;
        let mut waiting_for = match jobs {
            0 => "waiting for PEER to send".to_owned(),
            jobs => format!("waiting for WORKER: {jobs} jobs in flight"),
        };
        write_next_deadline(&mut waiting_for, &self.seat.due, now, "");
        ConnectionSnapshot {
            id: self.id().to_string(),
            peer: self.remote.to_string(),
            handler: self.seat.port.name(),
            unread: 0,
            unsent: 0,
            jobs,
            waiting_for,
        }
    }
}

impl<N: Net> Socket<N> {
    fn snapshot(&self, now: u64) -> SocketSnapshot {
        let unsent = self.line.outbox.count();
        let mut waiting_for = if self.line.blocked {
            format!("waiting for NETWORK to take what is sent: {unsent} datagrams unsent")
        } else if self.queued {
            "running: in the queue of its loop".to_owned()
        } else {
            "waiting for PEERS to send".to_owned()
        };
        if self.stage != Draining::No {
            waiting_for.push_str("; closing");
        }
        let (handler, sessions) = match &self.serves {
            Serves::Whole(seat) => {
                write_next_deadline(&mut waiting_for, &seat.due, now, "");
                (Some(seat.port.name()), 0)
            }
            Serves::Peers(peers) => (None, peers.members.len()),
        };
        let (id, at) = (self.id.to_string(), self.at.to_string());
        SocketSnapshot { id, at, handler, sessions, unsent, waiting_for }
    }
}

/// `drain` is what the drain deadline means, if it isn't that.
fn write_next_deadline(text: &mut String, due: &Due, now: u64, drain: &str) {
    let deadlines = (0..Due::TIMER + TIMERS)
        .filter_map(|index| due.left(index, now).map(|left| (left.max(0) as u64, index)));
    let Some((left, index)) = deadlines.min() else { return };
    let what = match ALL.get(index) {
        Some(Deadline::Drain) if !drain.is_empty() => drain.to_owned(),
        Some(deadline) => format!("{deadline:?} deadline").to_lowercase(),
        None => format!("timer {}", index - Due::TIMER),
    };
    let _ = write!(text, "; {what} in {}.{} s", left / 1000, left % 1000 / 100);
}
