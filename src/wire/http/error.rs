//! [`HttpError`]: what was wrong with a message, and the status to say it with.

use std::fmt;

use ::http::StatusCode;

/// What was wrong with a message, and the status to say it with. The connection is of no more use
/// then: nobody knows where the next message would begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpError {
    /// What a server answers before it closes. For a response that was wrong, what a gateway would
    /// tell its own client: 502.
    pub status: StatusCode,
    /// What was wrong, for logs.
    pub what: &'static str,
}

impl HttpError {
    /// Says `what` was wrong.
    #[cold]
    pub const fn new(status: StatusCode, what: &'static str) -> Self {
        Self { status, what }
    }

    /// 400: a request that is not what the protocol says.
    #[cold]
    pub(crate) const fn bad(what: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, what)
    }

    /// 500: we were about to send what is no message.
    #[cold]
    pub(crate) const fn misuse(what: &'static str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, what)
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.status.as_str())
    }
}

impl std::error::Error for HttpError {}
