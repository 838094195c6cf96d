//! [`State`]: where in a message a decoder is.

use crate::wire::http::HttpError;

/// Where in a message a decoder is.
///
/// ```text
///   ┌──────────────┐
///   ▼              │
/// Head ─► Body ─► end    Head, or end ─► Raw    from anywhere ─► Failed
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Before a message, or in its head.
    #[default]
    Head,
    /// Behind its head.
    Body,
    /// What follows is another protocol's.
    Raw,
    /// What follows is of no use.
    Failed(HttpError),
}
