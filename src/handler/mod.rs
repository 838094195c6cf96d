//! Floor 3: the contract between the engine and everything above it.
//!
//! A connection is two buffers and a state machine: a [`Handler`] consumes [`Context::input`],
//! appends to [`Context::output`], and asks for [`Context::effects`]. Nothing else crosses the
//! line. A datagram socket has a state machine for all peers ([`Datagrams`]) or for each
//! ([`Session`]).

mod address;
pub(crate) mod close;
pub(crate) mod datagrams;
#[allow(clippy::module_inception, reason = "the file's subject is the trait of this name")]
mod handler;
pub(crate) mod jobs;
pub(crate) mod mail;
pub(crate) mod outbox;
pub(crate) mod port;
pub(crate) mod stage;

pub use address::{Address, Group, SendError};
pub use close::{Blame, Bound, Close, Deadline, Reason};
pub use datagrams::{Datagrams, Session, SessionContext, SocketContext};
pub use handler::{Context, Effects, Handler, Never, Outgoing, Result, Timer};
pub use jobs::Busy;
pub use mail::ConnectionId;
pub use stage::Dial;
