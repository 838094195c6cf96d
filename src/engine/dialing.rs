//! [`Dialing`]: an outgoing connection that is being opened.

use std::collections::VecDeque;
use std::io;

use crate::handler::ConnectionId;
use crate::handler::stage::{AnyHandler, Target};
use crate::net::{Endpoint, Net, Peer, Secured};

/// A connection that is being opened.
pub(crate) struct Dialing<N: Net> {
    pub(crate) id: ConnectionId,
    pub(super) state: State<N>,
    /// What events have told of the socket: bytes may come in the same edge as the connection.
    pub(super) told: u8,
    /// Addresses still to be tried.
    pub(super) left: VecDeque<Endpoint>,
    /// When the present state ends, and when all does; milliseconds since the loop began.
    pub(super) attempt_until: u64,
    pub(super) until: u64,
    pub(super) timeout: u32,
    pub(super) error: Option<io::Error>,
    pub(super) handler: Box<dyn AnyHandler>,
    /// How it will be encrypted, if it will, and the name that was dialled, if it was one.
    pub(super) secured: Option<(Secured, Option<String>)>,
    /// Whether it goes on while the engine drains.
    pub(super) while_draining: bool,
}

pub(super) enum State<N: Net> {
    Waiting(Target),
    Resolving,
    Connecting(N::Stream, Peer),
}
