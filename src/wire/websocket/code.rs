//! [`CloseCode`]: why a WebSocket ends, as its two ends tell each other (RFC 6455, section 7.4).

use std::fmt;

/// A status code of a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// All that was to be said is said.
    pub const NORMAL: Self = Self(1000);
    /// A server goes down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// A kind of data that is not taken, such as binary where text is expected.
    pub const UNSUPPORTED: Self = Self(1003);
    /// The close frame had no code. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// The connection ended without a close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// A message that is not what its kind says: text that is not UTF-8, or broken compression.
    pub const INVALID_DATA: Self = Self(1007);
    /// A message that breaks a rule of the application.
    pub const POLICY: Self = Self(1008);
    /// A message that is too long.
    pub const TOO_BIG: Self = Self(1009);
    /// An extension that the client needs was not agreed on.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// The server failed.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts: come back.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// The server has too much to do: come back later.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// The server behind the gateway gave no valid answer.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// Whether it may stand in a close frame: those that are defined or registered (1000 to 1014,
    /// but for 1004 to 1006), and those of libraries and applications (3000 to 4999).
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    fn name(self) -> &'static str {
        match self {
            Self::NORMAL => "normal",
            Self::GOING_AWAY => "going away",
            Self::PROTOCOL => "protocol error",
            Self::UNSUPPORTED => "unsupported data",
            Self::NO_STATUS => "no code",
            Self::ABNORMAL => "no close frame",
            Self::INVALID_DATA => "invalid data",
            Self::POLICY => "policy violation",
            Self::TOO_BIG => "too big",
            Self::MANDATORY_EXTENSION => "extension needed",
            Self::INTERNAL => "internal error",
            Self::SERVICE_RESTART => "service restart",
            Self::TRY_AGAIN_LATER => "try again later",
            Self::BAD_GATEWAY => "bad gateway",
            _ => "application",
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.name())
    }
}
