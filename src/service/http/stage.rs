//! [`Stage`]: how far the request has come that is being served.

/// How far the request has come that is being served.
///
/// ```text
///        head              end                  answered
/// Idle ────────► Body ──────────► Answering ───────────────► Idle
///                  │ answered                    end, or Over if too much follows
///                  └─────────► Draining ───────────────────► Idle
/// any ──► Over: the connection ends when what was said is sent
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Between requests.
    Idle,
    /// Its body comes.
    Body,
    /// All of it has come.
    Answering,
    /// It was answered before it ended: so many bytes more of it are read, and dropped.
    Draining { left: u64 },
    /// Nothing more is read.
    Over,
}

impl Stage {
    /// Whether the last answer is complete, and it is the peer's turn.
    pub(super) fn is_answered(self) -> bool {
        matches!(self, Self::Idle | Self::Draining { .. })
    }
}
