//! What comes into a loop from elsewhere: [`Envelope`]; and who it is for: [`ConnectionId`].
//!
//! No type of the seam appears here, so that an address does not depend on the world that its
//! connection lives in.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::base::Output;
use crate::net::Token;
use crate::net::mailbox::Mailbox;

/// Names a connection. Never used again for another one, as a loop's slots are: the generation
/// tells them apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    pub(crate) home: u16,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl ConnectionId {
    /// The number of the loop that it lives on.
    pub fn home(self) -> usize {
        self.home.into()
    }

    #[inline]
    pub(crate) fn token(self) -> Token {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    #[inline]
    pub(crate) fn from_token(home: u16, token: Token) -> Self {
        Self { home, slot: token as u32, generation: (token >> 32) as u32 }
    }
}

/// Loop, slot and generation: `2.17.4711`.
impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.home, self.slot, self.generation)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The way into a loop.
pub(crate) type Home = Arc<Mailbox<Envelope>>;

/// A loop's mail.
pub(crate) enum Envelope {
    /// The message is an `Option<M>`: whoever it is for takes it out, without a second box.
    Deliver(ConnectionId, Box<dyn Any + Send>),
    /// One message for many: each gets a clone.
    Fan(Arc<[ConnectionId]>, Box<dyn Copies>),
    /// What a worker has done.
    Done(Box<dyn Batch>),
    /// For the loop itself; the engine knows the type.
    Order(Box<dyn Any + Send>),
}

/// A message that can be handed out again and again.
pub(crate) trait Copies: Send {
    /// An `Option<M>` with a fresh clone in it.
    fn fresh(&mut self) -> &mut dyn Any;
}

/// Jobs on their way to a worker, or their answers on the way back.
pub(crate) trait Batch: Any + Send {
    /// On the worker.
    fn run(&mut self);
    /// How many jobs it holds that were not run.
    fn jobs(&self) -> u32;
    /// How many bytes of frames were copied to it, told when it comes back.
    fn frame_bytes(&self) -> usize;
    /// On the loop. Leaves the batch empty.
    fn deliver(&mut self, to: &mut dyn Deliver);
    /// Which worker has it.
    fn worker(&self) -> usize;
    fn set_worker(&mut self, worker: usize);
}

/// Where a batch is delivered. Successive answers to one connection come together, and share one
/// flush. `jobs` is how many of the connection's jobs are thereby settled.
pub(crate) trait Deliver {
    /// Bytes to send: the first `count` of `answers`.
    fn bytes(&mut self, to: ConnectionId, jobs: u32, answers: &mut Output, count: usize);
    /// Messages: each an `Option<M>`.
    fn messages(
        &mut self,
        to: ConnectionId,
        jobs: u32,
        messages: &mut dyn Iterator<Item = &mut dyn Any>,
    );
    /// One job panicked.
    fn panicked(&mut self, to: ConnectionId);
}
