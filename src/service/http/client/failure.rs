//! [`Failure`]: why a request got no answer, or not all of it. Told apart, because what to do next
//! depends on it: a name that does not exist is nothing to try again, a reset may be.

use std::fmt;
use std::io;

use crate::handler::{Bound, Close, Deadline};
use crate::net::TlsError;
use crate::wire::http::StatusCode;

/// Why there is no answer, or no more of it.
#[derive(Debug)]
pub enum Failure {
    /// The name of the host was not resolved.
    Resolve(io::Error),
    /// No connection was opened: nobody listens, or there is no way there.
    Connect(io::Error),
    /// TLS could not be agreed on, or the certificate did not hold.
    Tls(TlsError),
    /// The proxy on the way would not open a tunnel, and answered this.
    Proxy(StatusCode),
    /// A deadline passed.
    Late(Wait),
    /// The server broke the protocol.
    Protocol(&'static str),
    /// The connection ended before the answer did; with the error of the system, unless the
    /// server closed it properly.
    Reset(Option<io::Error>),
    /// The request can't be sent: a field of its head is none, or its body is not as long as it
    /// said.
    Question(&'static str),
    /// A redirect that leads nowhere, or was one too many.
    Redirect(&'static str),
    /// As many connections to that origin are open as are allowed.
    Busy,
    /// The answer is larger than whoever asked would take.
    Large,
    /// The engine shuts down, or has ended.
    Shutdown,
    /// A bound of the engine was exceeded, or a handler panicked: our own fault.
    Ours(Close),
}

/// What was waited for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The connection: its address, its opening, TLS, a tunnel through a proxy.
    Connect,
    /// The first byte of the answer, once the request was sent.
    FirstByte,
    /// The next byte of the answer, or the server's taking the next one of the request.
    Idle,
    /// All of the answer.
    Total,
}

impl Failure {
    /// What the end of a connection means to the request on it; `open` tells whether it had been
    /// opened.
    pub(super) fn of(why: Close, open: bool) -> Self {
        match why {
            Close::Unresolved(error) => Self::Resolve(error),
            Close::Unreachable(error) => Self::Connect(error),
            Close::Late(Deadline::Handshake) => Self::Late(Wait::Connect),
            Close::Late(_) if open => Self::Late(Wait::Idle),
            Close::Late(_) => Self::Late(Wait::Connect),
            Close::Protocol(what) => Self::Protocol(what),
            Close::Reset(error) if !open => Self::Connect(error),
            Close::Reset(error) | Close::Io(error) => Self::Reset(Some(error)),
            Close::ByPeer | Close::ByUs => Self::Reset(None),
            Close::Shutdown => Self::Shutdown,
            Close::Over(Bound::Input) => Self::Protocol("the head of the answer is too large"),
            Close::Wire(_) => Self::Protocol("an answer that is none"),
            // Broken, or just not ended properly, in the middle of something.
            Close::Tls(error) if open => Self::Reset(Some(io::Error::other(error))),
            Close::Tls(error) => Self::Tls(error),
            why @ (Close::Over(_) | Close::Panicked) => Self::Ours(why),
        }
    }

    /// Whether the connection just broke: the one kind of failure that may be nobody's fault, if a
    /// server closes a connection in the moment in which it is used again.
    pub(super) fn is_cut(&self) -> bool {
        matches!(self, Self::Reset(_))
    }

    /// Whether it was nothing that the server, or the network, did.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Busy | Self::Question(_) | Self::Shutdown | Self::Ours(_))
    }

    /// Whether the server can't have seen anything of the request.
    pub fn is_before_connection(&self) -> bool {
        match self {
            Self::Resolve(_) | Self::Connect(_) | Self::Tls(_) | Self::Proxy(_) | Self::Busy => {
                true
            }
            Self::Late(wait) => *wait == Wait::Connect,
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => write!(f, "the host was not resolved: {error}"),
            Self::Connect(error) => write!(f, "no connection: {error}"),
            Self::Tls(what) => write!(f, "TLS: {what}"),
            Self::Proxy(status) => write!(f, "the proxy opened no tunnel: {status}"),
            Self::Late(Wait::Connect) => f.write_str("no connection in time"),
            Self::Late(Wait::FirstByte) => f.write_str("no answer in time"),
            Self::Late(Wait::Idle) => f.write_str("the server was silent for too long"),
            Self::Late(Wait::Total) => f.write_str("the answer took too long"),
            Self::Protocol(what) => write!(f, "the server broke the protocol: {what}"),
            Self::Question(what) => write!(f, "the request can't be sent: {what}"),
            Self::Reset(None) => f.write_str("the server ended the connection too early"),
            Self::Reset(Some(error)) => write!(f, "the connection was cut: {error}"),
            Self::Redirect(what) => write!(f, "a redirect that can't be followed: {what}"),
            Self::Busy => f.write_str("too many connections to this origin are open"),
            Self::Large => f.write_str("the answer is too large"),
            Self::Shutdown => f.write_str("the engine shuts down"),
            Self::Ours(why) => write!(f, "our own fault: {why}"),
        }
    }
}

impl std::error::Error for Failure {}
