//! Floor 2: the seam. All that the operating system, the clock and chance decide enters through
//! [`Net`]; no code elsewhere calls the system, reads a clock or draws a random number.
//!
//! [`Os`] is the real world, on mio and socket2: to read or to write is one call of the system, and
//! types are known at compile time, so that the seam costs nothing. The simulation (`overt::sim`)
//! is a world made of a seed.
//!
//! Who uses an engine needs little of it: [`Listen`], [`Bind`] and [`Endpoint`] to open sockets,
//! [`Peer`] and [`Remote`] for those at the other end.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

pub mod doorbell;
mod endpoint;
#[cfg(feature = "http")]
pub(crate) mod files;
pub(crate) mod layer;
pub(crate) mod mailbox;
mod os;
#[cfg(feature = "websocket")]
pub(crate) mod secrets;
pub(crate) mod sim;
#[cfg(feature = "tls")]
pub mod transport;
pub(crate) mod workers;

pub use endpoint::{
    Bind, BoundSocket, Endpoint, IntoBind, IntoListen, Listen, Listening, Peer, Remote,
};
pub use layer::{Secured, TlsError, TlsFacts, TlsFailure, TlsVersion};
#[cfg(all(unix, feature = "signals", feature = "command"))]
pub(crate) use os::Hangups;
pub use os::Os;
#[cfg(all(target_os = "linux", feature = "linux"))]
pub use os::{Inherited, InheritedSocket, inherited, raise_descriptor_limit};
#[cfg(feature = "websocket")]
pub use secrets::Secrets;

/// What a source is called when it becomes ready.
pub type Token = u64;

/// The token of a signal that asks the process to end: see [`Net::signals`].
pub const SIGNAL: Token = Token::MAX - 1;

/// What an event says about a source: a set of [`READ`](Self::READ), [`WRITE`](Self::WRITE) and
/// [`ENDED`](Self::ENDED).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness(pub u8);

impl Readiness {
    /// A read may give something.
    pub const READ: u8 = 1;
    /// A write may take something.
    pub const WRITE: u8 = 2;
    /// The peer closed or an error is pending: no further edge may come, so a short read must not
    /// be taken for the last one.
    pub const ENDED: u8 = 4;
}

/// Something that can be watched.
pub enum Source<'a, N: Net> {
    /// A connection, or one that is being opened.
    Stream(&'a mut N::Stream),
    /// A socket that accepts connections.
    Listener(&'a mut N::Listener),
    /// A datagram socket.
    Datagram(&'a mut N::Datagram),
}

/// Wakes a loop from another thread.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Takes the addresses of a resolved host name. Called once, on any thread.
pub type Resolved = Box<dyn FnOnce(io::Result<Vec<Endpoint>>) + Send>;

/// One datagram, or several of one size from one sender, as [`Net::receive`] found them.
#[derive(Clone, Debug)]
pub struct Received {
    /// Where the bytes begin in the block that was given.
    pub start: usize,
    /// How many bytes there are in all.
    pub len: usize,
    /// The size of each datagram but the last, which may be shorter.
    pub stride: usize,
    /// Who sent them.
    pub from: Remote,
}

/// Datagrams to send in one call: `bytes` cut into pieces of `segment`, the last maybe shorter.
#[derive(Debug)]
pub struct Transmit<'a> {
    /// Where to.
    pub to: &'a Remote,
    /// What.
    pub bytes: &'a [u8],
    /// The size of each datagram; at least `bytes.len()` if there is only one.
    pub segment: usize,
}

/// The world of one loop. All sources are watched edge-triggered, once, and streams for both
/// directions.
///
/// Sockets never block: what can't be done now gives `WouldBlock`.
pub trait Net: Sized + 'static {
    /// Whether several sockets may listen at one address, and the system spreads connections.
    const REUSE_PORT_SPREADS: bool;

    /// A byte stream: TCP or Unix.
    type Stream: Send + 'static;
    /// A socket that accepts streams.
    type Listener: Send + 'static;
    /// A datagram socket: UDP or Unix.
    type Datagram: Send + 'static;

    /// Time since the loop began. Never goes back.
    fn now(&mut self) -> Duration;
    /// Time since 1970-01-01 00:00 UTC. May jump: for telling people the time, not for deadlines.
    fn wall(&mut self) -> Duration;
    /// 64 random bits; not for secrets.
    fn random(&mut self) -> u64;
    /// Random bytes that nobody can guess.
    #[cfg(feature = "websocket")]
    fn secrets(&mut self) -> Secrets;
    /// What wakes this loop.
    fn waker(&mut self) -> io::Result<Wake>;
    /// How many signals that ask the process to end have come since the last call.
    fn signals(&mut self) -> u32;
    /// Sleeps until something is ready, the time is over (`None`: never), or the loop is woken.
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        note: impl FnMut(Token, Readiness),
    ) -> io::Result<()>;
    /// Begins to watch a source. A datagram socket is watched for reading, and for writing only
    /// while [`watch_writes`](Self::watch_writes) says so, or always, if it costs nothing.
    fn watch(&mut self, source: Source<'_, Self>, token: Token) -> io::Result<()>;
    /// Finds the addresses of `host`, off the loop.
    fn resolve(&mut self, host: &str, port: u16, reply: Resolved);

    /// Begins to listen; tells the address bound.
    fn listen(&mut self, how: Listen) -> io::Result<(Self::Listener, Endpoint)>;
    /// Takes the next connection. Running out of descriptors is an error like any other: the
    /// connection then stays in the queue.
    fn accept(&mut self, listener: &mut Self::Listener) -> io::Result<(Self::Stream, Peer)>;
    /// Takes the next connection and cuts it at once, as [`close`](Self::close) with `reset` does,
    /// with a descriptor held in reserve if there is no other.
    fn shed(&mut self, listener: &mut Self::Listener) -> io::Result<()>;
    /// Whether `error`, from [`accept`](Self::accept), means that the process or the system ran out
    /// of descriptors or memory, so that trying again at once is of no use.
    fn is_exhausted(error: &io::Error) -> bool;
    /// Begins to connect.
    fn connect(&mut self, to: &Endpoint) -> io::Result<Self::Stream>;
    /// Whether a stream that was connecting is connected now.
    fn connected(&mut self, stream: &mut Self::Stream) -> io::Result<bool>;

    /// Reads; zero means that the peer has closed its sending half.
    fn read(&mut self, stream: &mut Self::Stream, into: &mut [u8]) -> io::Result<usize>;
    /// Writes some of `bytes`.
    fn write(&mut self, stream: &mut Self::Stream, bytes: &[u8]) -> io::Result<usize>;
    /// Writes some of `slices`.
    fn write_slices(
        &mut self,
        stream: &mut Self::Stream,
        slices: &[IoSlice<'_>],
    ) -> io::Result<usize>;
    /// Ends the sending half.
    fn finish(&mut self, stream: &mut Self::Stream) -> io::Result<()>;
    /// Closes. With `reset`, the peer is told that the stream was cut (TCP: RST).
    fn close(&mut self, stream: Self::Stream, reset: bool);

    /// Opens a datagram socket; tells the address bound.
    fn bind(&mut self, how: &Bind) -> io::Result<(Self::Datagram, Endpoint)>;
    /// Receives what fits into `block`, batched where the system can; appends to `received`.
    fn receive(
        &mut self,
        socket: &mut Self::Datagram,
        block: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<()>;
    /// How many receptions one [`receive`](Self::receive) gives at most. Fewer mean that no more
    /// were there. 1 proves nothing.
    fn receptions_max(&self, _socket: &Self::Datagram) -> usize {
        1
    }
    /// How many datagrams one [`send`](Self::send) may carry to one peer; at least 1.
    fn segments_max(&self, socket: &Self::Datagram) -> usize;
    /// Whether a socket is to be watched for writing, too. If so, and it can be written to, an
    /// event follows, even if that was so all the time. Each datagram that leaves a UDP socket is
    /// an edge: who watched always would be woken for each.
    fn watch_writes(
        &mut self,
        _socket: &mut Self::Datagram,
        _token: Token,
        _wanted: bool,
    ) -> io::Result<()> {
        Ok(())
    }
    /// Sends all of `transmit`, or nothing.
    fn send(&mut self, socket: &mut Self::Datagram, transmit: &Transmit<'_>) -> io::Result<()>;
}
