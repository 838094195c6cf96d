//! [`Done`]: how an exchange ended, for those who log and count.

use std::time::Duration;

use crate::wire::http::StatusCode;

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// What was answered; `None` if nothing was.
    pub status: Option<StatusCode>,
    /// How many bytes of body were sent, before compression.
    pub sent: u64,
    /// From the head of the request to the end of the answer.
    pub took: Duration,
    /// Whether it ended early.
    pub reset: bool,
}
