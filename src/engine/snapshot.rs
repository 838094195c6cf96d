//! What a loop and its connections are doing, for people and for programs: [`LoopSnapshot`] and
//! [`ConnectionSnapshot`], with the sentence that says what a connection waits for.

use super::ledger::Ledger;

/// One loop.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct LoopSnapshot {
    /// Its number.
    pub number: usize,
    /// Where its shutdown stands: a name of [`ShutdownPhase`](crate::ShutdownPhase).
    pub phase: &'static str,
    /// Milliseconds since it began.
    pub age_ms: u64,
    /// Open connections.
    pub connections: usize,
    /// Connections being opened.
    pub dialing: usize,
    /// Sessions of datagram sockets.
    pub sessions: usize,
    /// Connections that can go on at once.
    pub runnable: usize,
    /// Messages that wait.
    pub mail: usize,
    /// Reminders in the wheel.
    pub reminders: usize,
    /// Bytes that connections of the engine hold in buffers of their own.
    pub memory: u64,
    /// For each worker: this loop's jobs there.
    pub workers: Vec<WorkerSnapshot>,
    /// Counters and phases.
    #[cfg_attr(feature = "json", serde(serialize_with = "json::ledger"))]
    pub ledger: Ledger,
    /// Some of the connections and sessions, as many as were asked for.
    pub some_connections: Vec<ConnectionSnapshot>,
    /// Some of the datagram sockets, as many as were asked for.
    pub some_sockets: Vec<SocketSnapshot>,
}

/// One worker, as a loop sees it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct WorkerSnapshot {
    /// Jobs in flight.
    pub jobs: u32,
    /// For how long the oldest of them has been, in milliseconds.
    pub age_ms: u64,
}

/// One datagram socket.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct SocketSnapshot {
    /// Its name: loop, slot, generation.
    pub id: String,
    /// Where it is bound.
    pub at: String,
    /// The type of its handler; none, if it serves sessions.
    pub handler: Option<&'static str>,
    /// How many sessions it has.
    pub sessions: usize,
    /// Datagrams that wait to be sent.
    pub unsent: usize,
    /// What it waits for, in a sentence.
    pub waiting_for: String,
}

/// One connection, or one session of a datagram socket.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct ConnectionSnapshot {
    /// Its name: loop, slot, generation.
    pub id: String,
    /// Who is at the other end.
    pub peer: String,
    /// The type of its handler.
    pub handler: &'static str,
    /// Bytes received and not consumed.
    pub unread: usize,
    /// Bytes not sent.
    pub unsent: usize,
    /// Jobs at the workers.
    pub jobs: u32,
    /// What it waits for, in a sentence.
    pub waiting_for: String,
}

impl LoopSnapshot {
    /// As JSON.
    #[cfg(feature = "json")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(feature = "json")]
mod json {
    use super::super::ledger::{Ledger, Phase};
    use crate::handler::Reason;
    use serde::ser::{SerializeMap, Serializer};

    /// Counters by name; then `closes`, by reason, those that occurred; then `phases_ns`.
    pub(super) fn ledger<S: Serializer>(ledger: &Ledger, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (name, count) in ledger.counters() {
            map.serialize_entry(name, &count)?;
        }
        let closes = Reason::ALL.iter().map(|reason| (reason.name(), ledger.closes(*reason)));
        let closes: std::collections::BTreeMap<_, _> =
            closes.filter(|(_, count)| *count > 0).collect();
        map.serialize_entry("closes", &closes)?;
        let phases: std::collections::BTreeMap<_, _> =
            Phase::ALL.iter().map(|phase| (phase.name(), ledger.nanoseconds(*phase))).collect();
        map.serialize_entry("phases_ns", &phases)?;
        map.end()
    }
}
