//! [`Closed`]: how a WebSocket ended.

use std::fmt;
use std::time::Duration;

use crate::handler::Close;
use crate::wire::http::StatusCode;
use crate::wire::websocket::{CloseCode, retry_after};

/// How a WebSocket ended: what was said, and what became of the connection below.
#[derive(Debug)]
pub struct Closed {
    /// The code that the one who closed gave; [`CloseCode::ABNORMAL`] if none did,
    /// [`CloseCode::NO_STATUS`] if it gave none.
    pub code: CloseCode,
    /// The reason that the one who closed gave.
    pub reason: Box<str>,
    /// Who closed.
    pub by: Side,
    /// Whether both ends have said that this is the end, so that nothing was cut off.
    pub is_clean: bool,
    /// What a server answered to a client instead of opening a WebSocket, and after how long it
    /// asks to come back.
    pub refused: Option<(StatusCode, Option<Duration>)>,
    /// Why the connection below ended.
    pub why: Close,
}

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This one.
    Us,
    /// The other one.
    Peer,
    /// Neither: the connection was lost, or never opened.
    Neither,
}

impl Closed {
    /// How long the peer asks to wait before the next connection.
    pub fn retry_after(&self) -> Option<Duration> {
        match (self.by, self.refused) {
            (Side::Peer, _) => retry_after(&self.reason),
            (_, Some((_, wait))) => wait,
            _ => None,
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            Side::Us => write!(f, "closed by us with {}", self.code)?,
            Side::Peer => write!(f, "closed by the peer with {}", self.code)?,
            Side::Neither => match self.refused {
                Some((status, _)) => return write!(f, "refused with {status}"),
                None => return write!(f, "lost: {}", self.why),
            },
        }
        match &*self.reason {
            "" => Ok(()),
            reason => write!(f, ": {reason}"),
        }
    }
}

/// What was said of the end so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) code: CloseCode,
    pub(super) reason: Box<str>,
    pub(super) by: Side,
    /// The other end has said so, too.
    pub(super) by_both: bool,
}

impl Closed {
    pub(super) fn new(said: Option<Box<Said>>, why: Close) -> Self {
        let said = said.map(|said| *said).unwrap_or_default();
        let Said { code, reason, by, by_both: is_clean } = said;
        Self { code, reason, by, is_clean, refused: None, why }
    }
}

impl Default for Said {
    fn default() -> Self {
        let (code, reason) = (CloseCode::ABNORMAL, "".into());
        Self { code, reason, by: Side::Neither, by_both: false }
    }
}
