//! [`AccessLog`]: a layer that tells of each request how it was answered.

use super::done::Done;
use super::exchange::ExchangeContext;
use super::layer::{Entry, Layer};
use crate::handler::Never;
use crate::net::Peer;
use crate::wire::http::{RequestHead, Version};

/// A request and how it was answered. Its text is a line for a log:
/// `10.0.0.1:5000 "GET / HTTP/1.1" 200 6 B 0.120 ms`.
#[derive(Clone, Debug)]
pub struct Access {
    /// Who asked.
    pub peer: Peer,
    /// What was to be done.
    pub method: String,
    /// With what.
    pub target: String,
    /// In which version of HTTP it came.
    pub version: Version,
    /// How it ended.
    pub done: Done,
}

/// Tells a function of each request how it was answered.
pub struct AccessLog<F> {
    tell: F,
}

impl AccessLog<fn(&Access)> {
    /// To the crate `log`: level `info`, target `overt::access`.
    pub fn to_log() -> Self {
        Self { tell: |access| log::info!(target: "overt::access", "{access}") }
    }
}

impl<F: Fn(&Access) + Send + Sync + 'static> AccessLog<F> {
    /// To `tell`, which must not block: it is called on the loop.
    pub fn new(tell: F) -> Self {
        Self { tell }
    }
}

impl<F: Fn(&Access) + Send + Sync + 'static> Layer for AccessLog<F> {
    type State = Access;

    fn enter(&self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Entry<Access> {
        Entry::Pass(Access {
            peer: cx.peer(),
            method: head.method().as_str().to_owned(),
            target: head.target().to_owned(),
            version: head.version(),
            done: Done::default(),
        })
    }

    fn leave(&self, access: Access, done: &Done) {
        (self.tell)(&Access { done: *done, ..access });
    }
}

/// A target is visible ASCII, so it can't forge a line; and nothing in it ends the quotes.
impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { peer, method, target, version, done } = self;
        let target = target.replace('"', "%22");
        write!(f, "{peer} \"{method} {target} {version:?}\" ")?;
        match done.status {
            Some(status) => write!(f, "{}", status.as_u16())?,
            None => f.write_str("-")?,
        }
        write!(f, " {} B {:.3} ms", done.sent, done.took.as_secs_f64() * 1000.0)?;
        if done.reset { f.write_str(" reset") } else { Ok(()) }
    }
}
