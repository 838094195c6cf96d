//! What the engine lends to the state machine of a datagram socket, or of a session: the engine's
//! side of the contract; the state machine's is in `datagrams.rs`.

use std::any::Any;
use std::io;

use super::close::Close;
use super::outbox::Outbox;
use super::stage::{Asked, Facts};
use crate::net::Remote;

/// What is lent for one call.
pub(crate) struct Lent<'a> {
    pub(crate) outbox: &'a mut Outbox,
    pub(crate) asked: &'a mut Asked,
    pub(crate) facts: &'a mut Facts,
}

/// Everything that can happen to a socket or a session.
pub(crate) enum PortEvent<'a> {
    Open,
    Datagram(&'a [u8]),
    /// An `Option` of its message type.
    Message(&'a mut dyn Any),
    Timer(u8),
    Unsent(io::Error),
    Drain,
}

/// A state machine for datagrams with its type erased. `peer` is whom a session is with, or whom a
/// datagram of a socket is from or was for.
pub(crate) trait AnyPort: Send {
    fn handle(&mut self, event: PortEvent<'_>, peer: &Remote, lent: Lent<'_>) -> Result<(), Close>;
    fn close(self: Box<Self>, why: Close, asked: &mut Asked);
    fn name(&self) -> &'static str;
}
