//! What may lie between a socket and the two buffers of a connection: a [`Layer`], bytes to bytes;
//! and what the floors above may know of it: [`TlsFacts`], and [`TlsError`] if it failed.
//!
//! The engine knows this much of TLS and no more, with or without the feature `tls`: what stands
//! behind the trait is one floor up, in `transport/`, and comes down here through [`Secured`].

use std::fmt;
use std::sync::Arc;

use crate::base::Input;
use crate::base::buffer::Buffer;

/// One side of an encrypted conversation. It moves no bytes itself: what it is given came from the
/// socket, and what it gives is to be sent, in this order and whole.
pub(crate) trait Layer: Send {
    /// Opens what came: its content goes to `plain`, and what must be answered at once (the
    /// handshake, an alert) to `sealed`. What [`Opened::taken`] leaves must come again, in front
    /// of what follows it. After an error there may still be an alert in `sealed`.
    fn open(&mut self, came: &mut [u8], plain: &mut Input, sealed: &mut Buffer) -> Opened;

    /// Seals `plain`. `unopened` is what the latest [`open`](Self::open) left.
    fn seal(
        &mut self,
        plain: &[u8],
        unopened: &mut [u8],
        sealed: &mut Buffer,
    ) -> Result<(), TlsError>;

    /// Seals the end of what is sent: the peer can then tell it from a cut.
    fn seal_end(&mut self, unopened: &mut [u8], sealed: &mut Buffer) -> Result<(), TlsError>;

    /// What was agreed on. Not before it is [open](Progress::Open).
    fn facts(&self) -> TlsFacts;
}

/// What became of bytes that came.
pub(crate) struct Opened {
    /// How many of them are done with.
    pub(crate) taken: usize,
    pub(crate) progress: Result<Progress, TlsError>,
}

/// How far a conversation has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "tls"), allow(dead_code, reason = "TLS is the only layer there is"))]
pub(crate) enum Progress {
    /// Content can be neither sent nor received.
    Handshaking,
    Open,
    /// The peer has said that it sends no more.
    Ended,
}

/// Makes a layer for each connection.
pub(crate) trait Layers: Send + Sync {
    /// `host` is what was dialled, a name or an address; empty for accepted connections.
    fn layer(&self, host: &str) -> Result<Box<dyn Layer>, TlsError>;

    /// Whether workers compute the handshake, if there are any.
    fn shakes_aside(&self) -> bool;
}

/// How connections are encrypted, whatever it is: what a listener or a dial carries of it.
#[derive(Clone)]
pub struct Secured(pub(crate) Arc<dyn Layers>);

/// The same configuration, not an equal one.
impl PartialEq for Secured {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Secured {}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TLS")
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    V1_2,
    /// TLS 1.3, RFC 8446.
    V1_3,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "TLS 1.2",
            Self::V1_3 => "TLS 1.3",
        })
    }
}

/// What both sides of a TLS connection agreed on. See [`Effects::tls`](crate::Effects::tls).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// The version.
    pub version: TlsVersion,
    /// The cipher suite, as the IANA registry names it, but for TLS 1.3 suites, which begin with
    /// `TLS13_`.
    pub cipher_suite: &'static str,
    /// The application protocol (ALPN, RFC 7301); `None` if one side named none.
    pub alpn: Option<Vec<u8>>,
    /// The host name that the client asked for (SNI, RFC 6066); `None` if it named none, or an
    /// address.
    pub server_name: Option<String>,
    /// The peer's certificate and those that lead to its root, verified, as DER. A client that was
    /// not asked for one has none.
    pub peer_certificates: Vec<Vec<u8>>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
}

/// In what way TLS failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsFailure {
    /// What came is not TLS, or can't be decoded.
    Malformed,
    /// There is no version, cipher suite or application protocol that both sides have.
    Incompatible,
    /// The peer's certificate does not hold: expired, for another host, from an issuer that is not
    /// trusted.
    Certificate,
    /// The peer has shown no certificate, and must.
    NoCertificate,
    /// The peer's certificate holds, and its key is none of those that were pinned.
    NotPinned,
    /// The peer ended the conversation by an alert.
    Alert,
    /// The peer broke the protocol, or a record was forged on its way.
    Misbehaved,
    /// The peer ended before the handshake did.
    Unfinished,
    /// The peer ended without saying so: what it sent may have been cut by somebody else.
    Truncated,
    /// Our own configuration, or the system, failed.
    Internal,
}

/// How TLS failed, and in which words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError(Box<(TlsFailure, String)>);

impl TlsError {
    #[cold]
    pub(crate) fn new(failure: TlsFailure, what: impl Into<String>) -> Self {
        Self(Box::new((failure, what.into())))
    }

    /// In what way.
    pub fn failure(&self) -> TlsFailure {
        self.0.0
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.1)
    }
}

impl std::error::Error for TlsError {}
