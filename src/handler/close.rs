//! [`Close`]: why a connection ended. One closed list, the same in the log, the counters and the
//! hands of [`Handler::on_close`](super::Handler::on_close).

use std::fmt;
use std::io;

use super::jobs::Busy;
use crate::net::{TlsError, TlsFailure};
use crate::wire::WireError;
#[cfg(feature = "http")]
use crate::wire::http::HttpError;

/// Why a connection ended.
#[derive(Debug)]
pub enum Close {
    /// The peer closed its sending half, and was answered in full.
    ByPeer,
    /// The handler asked for it, and the output was flushed.
    ByUs,
    /// The peer broke the protocol.
    Wire(WireError),
    /// The peer broke the protocol in a way that no codec sees.
    Protocol(&'static str),
    /// TLS failed: in the handshake, and then `on_open` was never called, or later.
    Tls(TlsError),
    /// A deadline passed.
    Late(Deadline),
    /// A bound of `Limits` was exceeded.
    Over(Bound),
    /// The peer, or the network, cut the connection.
    Reset(io::Error),
    /// An outgoing connection could not be opened.
    Unreachable(io::Error),
    /// The name of a host that was to be connected to has no address that could be found.
    Unresolved(io::Error),
    /// The system failed us in another way.
    Io(io::Error),
    /// The handler, or work that it gave to a worker, panicked.
    Panicked,
    /// The engine shuts down, and the time to drain was over.
    Shutdown,
}

/// The deadlines of a connection. The times of those that the engine keeps for every connection are
/// in [`Deadlines`](crate::Deadlines).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// From the beginning of an outgoing connection, or of a handshake, until it is open.
    Handshake,
    /// From the first byte of a frame to its last.
    Frame,
    /// A frame begun, or an output that waits, must move at a minimum rate.
    Rate,
    /// Nothing was received or sent for too long.
    Idle,
    /// Output waits, and the peer took none of it for too long.
    Drain,
    /// The connection is too old.
    Lifetime,
    /// Set by [`Effects::set_read_deadline`](super::Effects::set_read_deadline).
    Read,
    /// Set by [`Effects::set_write_deadline`](super::Effects::set_write_deadline).
    Write,
    /// A peer that was asked whether it is there did not answer. Kept by handlers that have a
    /// heartbeat, not by the engine.
    Heartbeat,
}

/// How many deadlines the engine keeps.
pub(crate) const DEADLINES: usize = 8;

/// The bounds of `Limits` that end a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// More unconsumed input than `Limits::input_max`.
    Input,
    /// More unsent output than `Limits::output_max`.
    Output,
    /// The engine holds more than `Limits::memory_max`, and this connection was growing.
    Memory,
    /// More jobs in flight than allowed, and the handler chose to close.
    Jobs,
    /// More sessions at a datagram socket than `Sessions::max`, and this one was idle.
    Sessions,
}

/// Whose doing it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nobody's: a connection ended as connections do.
    Nobody,
    /// The peer's.
    Peer,
    /// Ours.
    Us,
    /// The system's or the network's.
    System,
}

macro_rules! reasons {
    ($($name:ident $text:literal $blame:ident,)*) => {
        /// [`Close`] without its details: what is counted. Names are stable.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is the case of `Close` that it is named after")]
        pub enum Reason { $($name,)* }

        impl Reason {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// A stable name, for logs and metrics.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whose doing it was.
            pub fn blame(self) -> Blame {
                match self { $(Self::$name => Blame::$blame,)* }
            }
        }
    };
}

reasons! {
    ByPeer "by_peer" Nobody,
    ByUs "by_us" Nobody,
    Wire "wire" Peer,
    Protocol "protocol" Peer,
    TlsMalformed "tls_malformed" Peer,
    TlsIncompatible "tls_incompatible" Peer,
    TlsCertificate "tls_certificate" Peer,
    TlsNoCertificate "tls_no_certificate" Peer,
    TlsNotPinned "tls_not_pinned" Peer,
    TlsAlert "tls_alert" Peer,
    TlsMisbehaved "tls_misbehaved" Peer,
    TlsUnfinished "tls_unfinished" Peer,
    TlsTruncated "tls_truncated" Peer,
    TlsInternal "tls_internal" Us,
    LateHandshake "late_handshake" Peer,
    LateFrame "late_frame" Peer,
    LateRate "late_rate" Peer,
    LateIdle "late_idle" Nobody,
    LateDrain "late_drain" Peer,
    LateLifetime "late_lifetime" Nobody,
    LateRead "late_read" Peer,
    LateWrite "late_write" Peer,
    LateHeartbeat "late_heartbeat" Peer,
    OverInput "over_input" Peer,
    OverOutput "over_output" Peer,
    OverMemory "over_memory" Us,
    OverJobs "over_jobs" Us,
    OverSessions "over_sessions" Us,
    Reset "reset" Peer,
    Unreachable "unreachable" System,
    Unresolved "unresolved" System,
    Io "io" System,
    Panicked "panicked" Us,
    Shutdown "shutdown" Us,
}

impl Close {
    /// This without its details.
    pub fn reason(&self) -> Reason {
        match self {
            Self::ByPeer => Reason::ByPeer,
            Self::ByUs => Reason::ByUs,
            Self::Wire(_) => Reason::Wire,
            Self::Protocol(_) => Reason::Protocol,
            Self::Tls(error) => error.failure().into(),
            Self::Late(Deadline::Handshake) => Reason::LateHandshake,
            Self::Late(Deadline::Frame) => Reason::LateFrame,
            Self::Late(Deadline::Rate) => Reason::LateRate,
            Self::Late(Deadline::Idle) => Reason::LateIdle,
            Self::Late(Deadline::Drain) => Reason::LateDrain,
            Self::Late(Deadline::Lifetime) => Reason::LateLifetime,
            Self::Late(Deadline::Read) => Reason::LateRead,
            Self::Late(Deadline::Write) => Reason::LateWrite,
            Self::Late(Deadline::Heartbeat) => Reason::LateHeartbeat,
            Self::Over(Bound::Input) => Reason::OverInput,
            Self::Over(Bound::Output) => Reason::OverOutput,
            Self::Over(Bound::Memory) => Reason::OverMemory,
            Self::Over(Bound::Jobs) => Reason::OverJobs,
            Self::Over(Bound::Sessions) => Reason::OverSessions,
            Self::Reset(_) => Reason::Reset,
            Self::Unreachable(_) => Reason::Unreachable,
            Self::Unresolved(_) => Reason::Unresolved,
            Self::Io(_) => Reason::Io,
            Self::Panicked => Reason::Panicked,
            Self::Shutdown => Reason::Shutdown,
        }
    }
}

impl Close {
    /// Whether the peer should be told that this was not the orderly end.
    pub(crate) fn is_cut(&self) -> bool {
        match self {
            Self::Late(Deadline::Idle | Deadline::Lifetime) => false,
            Self::Late(_) | Self::Over(Bound::Input | Bound::Output | Bound::Memory) => true,
            // Of no use to a peer that sent one, but a handler may pass on what befell another.
            Self::Reset(_) | Self::Panicked | Self::Shutdown => true,
            _ => false,
        }
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(error) => write!(f, "wire: {error}"),
            Self::Protocol(what) => write!(f, "protocol: {what}"),
            Self::Tls(error) => write!(f, "{}: {error}", self.reason().name()),
            Self::Reset(error) => write!(f, "reset: {error}"),
            Self::Unreachable(error) => write!(f, "unreachable: {error}"),
            Self::Unresolved(error) => write!(f, "unresolved: {error}"),
            Self::Io(error) => write!(f, "io: {error}"),
            other => f.write_str(other.reason().name()),
        }
    }
}

impl From<io::Error> for Close {
    #[cold]
    fn from(error: io::Error) -> Self {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkUnreachable,
            NotConnected, TimedOut,
        };
        match error.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected => Self::Reset(error),
            HostUnreachable | NetworkUnreachable | TimedOut => Self::Reset(error),
            _ => Self::Io(error),
        }
    }
}

impl From<WireError> for Close {
    #[cold]
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

#[cfg(feature = "http")]
impl From<HttpError> for Close {
    #[cold]
    fn from(error: HttpError) -> Self {
        Self::Protocol(error.what)
    }
}

impl From<TlsError> for Close {
    #[cold]
    fn from(error: TlsError) -> Self {
        Self::Tls(error)
    }
}

impl From<TlsFailure> for Reason {
    fn from(failure: TlsFailure) -> Self {
        match failure {
            TlsFailure::Malformed => Self::TlsMalformed,
            TlsFailure::Incompatible => Self::TlsIncompatible,
            TlsFailure::Certificate => Self::TlsCertificate,
            TlsFailure::NoCertificate => Self::TlsNoCertificate,
            TlsFailure::NotPinned => Self::TlsNotPinned,
            TlsFailure::Alert => Self::TlsAlert,
            TlsFailure::Misbehaved => Self::TlsMisbehaved,
            TlsFailure::Unfinished => Self::TlsUnfinished,
            TlsFailure::Truncated => Self::TlsTruncated,
            TlsFailure::Internal => Self::TlsInternal,
        }
    }
}

impl From<Busy> for Close {
    #[cold]
    fn from(_: Busy) -> Self {
        Self::Over(Bound::Jobs)
    }
}
