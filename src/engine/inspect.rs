//! Taking snapshots, and the sentence that says what a connection waits for.

use std::fmt::Write;

use super::connection::Connection;
use super::due::{ALL, Due};
use super::flag;
use super::snapshot::{ConnectionSnapshot, LoopSnapshot, WorkerSnapshot};
use super::state::{EventLoop, Slot};
use crate::handler::Deadline;
use crate::handler::stage::TIMERS;
use crate::net::Net;

impl<N: Net> EventLoop<N> {
    /// What the loop is doing, with at most `connections_max` of its connections.
    pub fn snapshot(&self, connections_max: usize) -> LoopSnapshot {
        let now = self.core.now();
        let connections = self.slots.iter().filter_map(|(_, slot)| match slot {
            Slot::Connection(connection) => Some(connection.snapshot(now)),
            Slot::Other(_) => None,
        });
        let queues = self.core.stage.asked.desk.queues(now);
        LoopSnapshot {
            number: self.number.into(),
            phase: self.phase.name(),
            age_ms: now,
            connections: self.connections,
            dialing: self.dialing,
            runnable: self.runnable.len(),
            mail: self.inbox.mailbox().len(),
            reminders: self.core.wheel.len(),
            memory: self.core.budget.held().max(0) as u64,
            workers: queues.map(|(jobs, age_ms)| WorkerSnapshot { jobs, age_ms }).collect(),
            ledger: self.core.ledger.clone(),
            some_connections: connections.take(connections_max).collect(),
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
        let mut text = if self.flags & flag::QUEUED != 0 {
            "running: in the queue of its loop".to_owned()
        } else if self.flags & flag::LINGERING != 0 {
            "waiting for PEER to close: all is sent".to_owned()
        } else if jobs > 0 {
            format!("waiting for WORKER: {jobs} jobs in flight")
        } else if unsent > 0 {
            format!("waiting for PEER to read: {unsent} bytes unsent")
        } else if self.flags & flag::PAUSED != 0 {
            "waiting for HANDLER: it paused reading".to_owned()
        } else if unread > 0 {
            format!("waiting for PEER to send the rest of a frame: {unread} bytes are here")
        } else {
            "waiting for PEER to send".to_owned()
        };
        let held = [
            (flag::HELD, "reading held back by jobs"),
            (flag::CONGESTED, "reading paused by high water"),
            (flag::CLOSING, "closing"),
        ];
        for (_, what) in held.iter().filter(|(flag, _)| self.flags & flag != 0) {
            let _ = write!(text, "; {what}");
        }
        if let Some((what, left)) = self.next_deadline(now) {
            let _ = write!(text, "; {what} in {}.{} s", left / 1000, left % 1000 / 100);
        }
        text
    }

    fn next_deadline(&self, now: u64) -> Option<(String, u64)> {
        let name = |index: usize| match ALL.get(index) {
            Some(Deadline::Drain) if self.flags & flag::LINGERING != 0 => "end".to_owned(),
            Some(deadline) => format!("{deadline:?} deadline").to_lowercase(),
            None => format!("timer {}", index - Due::TIMER),
        };
        let deadlines = (0..Due::TIMER + TIMERS)
            .filter_map(|index| self.due.left(index, now).map(|left| (left.max(0) as u64, index)));
        deadlines.min().map(|(left, index)| (name(index), left))
    }
}
