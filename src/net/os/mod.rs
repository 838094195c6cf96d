//! The real world: mio and socket2. To read or to write is one call of the system, and no more.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Waker};

#[cfg(feature = "websocket")]
use super::Secrets;
use super::{
    Bind, Endpoint, Listen, Net, Peer, Readiness, Received, Resolved, Source, Token, Transmit, Wake,
};

#[cfg(all(target_os = "linux", feature = "linux"))]
mod activation;
mod datagram;
#[cfg(all(target_os = "linux", feature = "linux"))]
mod descriptors;
#[cfg(all(unix, feature = "signals", feature = "command"))]
mod hangups;
mod listener;
mod processor;
mod resolver;
#[cfg(all(unix, feature = "signals"))]
mod signals;
mod stream;

#[cfg(all(target_os = "linux", feature = "linux"))]
pub use activation::{Inherited, InheritedSocket, inherited};
pub(crate) use datagram::Datagram;
#[cfg(all(target_os = "linux", feature = "linux"))]
pub use descriptors::raise_descriptor_limit;
#[cfg(all(unix, feature = "signals", feature = "command"))]
pub(crate) use hangups::Hangups;
pub(crate) use listener::Listener;

/// The waker's token. A connection's has a generation of 31 bits, so it is never this.
const WAKE: usize = usize::MAX;
// A token holds a slot and a generation, 32 bits each; cut in half, no event would find anybody.
const _: () = assert!(usize::BITS >= 64, "overt needs a platform of 64 bits");
/// How many events one poll takes in. So few that what the kernel and the loop touch of each
/// connection when its event comes is still in the cache when it is visited: with 1,000 events a
/// turn goes over megabytes, and takes some 4 % more processor time for a request of HTTP.
const EVENTS: usize = 64;

/// The real world of one loop.
pub struct Os {
    poll: Poll,
    events: Events,
    start: Instant,
    random: u64,
    reserve: listener::Reserve,
    #[cfg(all(unix, feature = "signals"))]
    signals: Option<signals::Signals>,
    /// For tests: waiting fails.
    #[cfg(test)]
    pub(crate) broken: bool,
}

impl Os {
    /// A poller of its own, and a clock that begins now.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            start: Instant::now(),
            random: RandomState::new().hash_one(0) | 1,
            reserve: listener::Reserve::new(),
            #[cfg(all(unix, feature = "signals"))]
            signals: None,
            #[cfg(test)]
            broken: false,
        })
    }

    /// From now on SIGTERM and SIGINT are noted here and no longer end the process.
    #[cfg(all(unix, feature = "signals"))]
    pub(crate) fn watch_signals(&mut self) -> io::Result<()> {
        self.signals = Some(signals::Signals::watch(self.poll.registry())?);
        Ok(())
    }

    /// A datagram socket for any loop: opening one takes no poller.
    pub(crate) fn open_datagram(how: &Bind) -> io::Result<(Datagram, Endpoint)> {
        Datagram::open(how)
    }

    /// A stream that exists already, as this world holds it.
    pub(crate) fn enroll(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        stream::bound_unsent(&stream, crate::net::endpoint::UNSENT_MAX)?;
        Ok(TcpStream::from_std(stream))
    }

    /// A stream that exists already, as this world holds it.
    #[cfg(unix)]
    pub(crate) fn enroll_unix(stream: std::os::unix::net::UnixStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        Ok(TcpStream::from(std::os::fd::OwnedFd::from(stream)))
    }
}

impl Net for Os {
    const REUSE_PORT_SPREADS: bool = listener::REUSE_PORT_SPREADS;

    /// On Unix also a Unix stream: it takes the same calls, and so the hot path has no match.
    type Stream = TcpStream;
    type Listener = Listener;
    type Datagram = Datagram;

    #[inline]
    fn now(&mut self) -> Duration {
        self.start.elapsed()
    }

    fn wall(&mut self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    /// xorshift64, seeded by the system.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    #[cfg(feature = "websocket")]
    fn secrets(&mut self) -> Secrets {
        Secrets::of_the_system()
    }

    fn waker(&mut self) -> io::Result<Wake> {
        let waker = Waker::new(self.poll.registry(), mio::Token(WAKE))?;
        // Waking fails only if the loop is gone, and then nobody is waiting.
        Ok(Arc::new(move || drop(waker.wake())))
    }

    fn signals(&mut self) -> u32 {
        #[cfg(all(unix, feature = "signals"))]
        return self.signals.as_mut().map_or(0, signals::Signals::take);
        #[cfg(not(all(unix, feature = "signals")))]
        return 0;
    }

    #[inline]
    fn wait(
        &mut self,
        timeout: Option<Duration>,
        mut note: impl FnMut(Token, Readiness),
    ) -> io::Result<()> {
        #[cfg(test)]
        if self.broken {
            return Err(io::Error::other("broken on purpose"));
        }
        match self.poll.poll(&mut self.events, timeout) {
            // A poll that a signal interrupts leaves the events of the one before.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        for event in &self.events {
            if event.token().0 == WAKE {
                continue;
            }
            // A hang-up is among the reasons for which reading counts as closed.
            let ended = event.is_read_closed() || event.is_error();
            let mut ready = 0;
            ready |= if event.is_readable() { Readiness::READ } else { 0 };
            ready |= if event.is_writable() { Readiness::WRITE } else { 0 };
            ready |= if ended { Readiness::READ | Readiness::ENDED } else { 0 };
            note(event.token().0 as Token, Readiness(ready));
        }
        Ok(())
    }

    fn watch(&mut self, source: Source<'_, Self>, token: Token) -> io::Result<()> {
        let (registry, token) = (self.poll.registry(), mio::Token(token as usize));
        let both = Interest::READABLE | Interest::WRITABLE;
        match source {
            Source::Stream(stream) => registry.register(stream, token, both),
            Source::Listener(listener) => registry.register(listener, token, Interest::READABLE),
            Source::Datagram(socket) => registry.register(socket, token, Interest::READABLE),
        }
    }

    fn resolve(&mut self, host: &str, port: u16, reply: Resolved) {
        resolver::resolve(host, port, reply);
    }

    fn listen(&mut self, how: Listen) -> io::Result<(Listener, Endpoint)> {
        Listener::open(how)
    }

    fn accept(&mut self, listener: &mut Listener) -> io::Result<(TcpStream, Peer)> {
        listener.accept()
    }

    fn shed(&mut self, listener: &mut Listener) -> io::Result<()> {
        self.reserve.shed(listener)
    }

    fn is_exhausted(error: &io::Error) -> bool {
        listener::is_exhausted(error)
    }

    fn connect(&mut self, to: &Endpoint) -> io::Result<TcpStream> {
        stream::connect(to)
    }

    fn connected(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
        stream::connected(stream)
    }

    #[inline]
    fn read(&mut self, stream: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
        stream.read(into)
    }

    #[inline]
    fn write(&mut self, stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
        stream.write(bytes)
    }

    #[inline]
    fn write_slices(
        &mut self,
        stream: &mut TcpStream,
        slices: &[IoSlice<'_>],
    ) -> io::Result<usize> {
        stream.write_vectored(slices)
    }

    fn finish(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        stream.shutdown(Shutdown::Write)
    }

    fn close(&mut self, stream: TcpStream, reset: bool) {
        stream::close(stream, reset);
    }

    fn bind(&mut self, how: &Bind) -> io::Result<(Datagram, Endpoint)> {
        Datagram::open(how)
    }

    fn receive(
        &mut self,
        socket: &mut Datagram,
        block: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<()> {
        socket.receive(block, received)
    }

    fn receptions_max(&self, socket: &Datagram) -> usize {
        socket.receptions_max()
    }

    fn segments_max(&self, socket: &Datagram) -> usize {
        socket.segments_max()
    }

    fn watch_writes(
        &mut self,
        socket: &mut Datagram,
        token: Token,
        wanted: bool,
    ) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        let interest = if wanted { both } else { Interest::READABLE };
        self.poll.registry().reregister(socket, mio::Token(token as usize), interest)
    }

    fn send(&mut self, socket: &mut Datagram, transmit: &Transmit<'_>) -> io::Result<()> {
        socket.send(transmit)
    }
}
