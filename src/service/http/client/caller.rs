//! [`Caller`]: whoever can ask something of a client, because it can open connections and be told
//! of answers: a handler by its effects, an exchange by its context. And [`Ready`], what it hears.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::line::Line;
use super::pipe::Wake;
use crate::handler::{Dial, Effects, Handler};
use crate::service::http::exchange::ExchangeContext;

/// There is something to look at in a call: an answer, or a part of one, or room for more of the
/// request. A handler's message type has a case for it, and whoever gets it calls
/// [`Call::next`](super::Call::next) until that gives nothing.
///
/// Told once for however much there is, and not again before somebody has looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready(pub CallId);

/// Tells the calls of one client apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(pub(super) u64);

/// Whoever can make a call: `&mut cx.effects` in a handler, `cx` in an exchange, if their messages
/// can be made of [`Ready`].
pub trait Caller {
    /// How it is told.
    #[doc(hidden)]
    fn wake(&self, call: CallId) -> Wake;

    /// Opens a connection.
    #[doc(hidden)]
    fn dial(&mut self, dial: Dial, line: Line);

    /// The number of its loop.
    #[doc(hidden)]
    fn home(&self) -> usize;

    /// What its process holds, in bytes.
    #[doc(hidden)]
    fn memory(&self) -> Arc<AtomicI64>;
}

impl<H: Handler> Caller for Effects<'_, H>
where
    H::Message: From<Ready>,
{
    fn wake(&self, call: CallId) -> Wake {
        let address = self.address();
        Arc::new(move || address.nudge(Ready(call).into()))
    }

    fn dial(&mut self, dial: Dial, line: Line) {
        self.connect(dial, line);
    }

    fn home(&self) -> usize {
        self.id().home()
    }

    fn memory(&self) -> Arc<AtomicI64> {
        self.process_memory()
    }
}

impl<M: From<Ready> + Send + 'static> Caller for ExchangeContext<'_, M> {
    fn wake(&self, call: CallId) -> Wake {
        let address = self.address();
        Arc::new(move || address.nudge(Ready(call).into()))
    }

    fn dial(&mut self, dial: Dial, line: Line) {
        self.connect(dial, line);
    }

    fn home(&self) -> usize {
        self.home()
    }

    fn memory(&self) -> Arc<AtomicI64> {
        self.effects.process_memory()
    }
}
