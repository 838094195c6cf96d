//! [`WebSocketError`]: what a peer did wrong, and what it is told.

use std::fmt;

use super::code::CloseCode;
use crate::wire::WireError;

/// What a peer did wrong, and the code to close with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSocketError {
    /// The code that tells the peer.
    pub code: CloseCode,
    /// What was wrong.
    pub what: &'static str,
}

impl WebSocketError {
    /// The peer broke the protocol: 1002.
    #[cold]
    pub(super) fn protocol(what: &'static str) -> Self {
        Self { code: CloseCode::PROTOCOL, what }
    }

    /// What came is not what it says it is: 1007.
    #[cold]
    pub(super) fn invalid(what: &'static str) -> Self {
        Self { code: CloseCode::INVALID_DATA, what }
    }

    /// What came is longer than allowed: 1009.
    #[cold]
    pub(super) fn too_big(what: &'static str) -> Self {
        Self { code: CloseCode::TOO_BIG, what }
    }
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, closed with {}", self.what, self.code)
    }
}

impl std::error::Error for WebSocketError {}

impl From<WebSocketError> for WireError {
    fn from(error: WebSocketError) -> Self {
        Self::malformed(error.what, 0)
    }
}
