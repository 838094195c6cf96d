//! Floor 2½: a world made of a seed. [`World`] is to a loop what the operating system is, and all
//! the worlds of a simulation share one [`Network`]; whatever that does to them, [`Faults`] says
//! how much of it.
//!
//! Nothing here runs by itself: the [simulation](crate::sim) decides whose turn it is.

use std::io::{self, ErrorKind, IoSlice};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(feature = "websocket")]
use super::Secrets;
use super::{
    Bind, Endpoint, Listen, Net, Peer, Readiness, Received, Remote, Resolved, Source, Token,
    Transmit, Wake,
};
use door::DoorOwner;
use link::Owner;
use socket::SocketOwner;

mod chance;
mod datagrams;
mod door;
mod faults;
mod link;
mod network;
mod opening;
mod peer;
mod peers;
mod poll;
mod socket;
mod streams;

pub(crate) use chance::Chance;
pub use faults::Faults;
pub(crate) use network::{Network, Outside};
pub use peer::{Reading, Status};

/// What the wall clock shows when a simulation begins.
pub(crate) const NEW_YEAR_2026: Duration = Duration::from_secs(1_767_225_600);

/// A network that several own.
#[derive(Clone)]
pub(crate) struct SharedNetwork(Arc<Mutex<Network>>);

impl SharedNetwork {
    pub(crate) fn new(network: Network) -> Self {
        Self(Arc::new(Mutex::new(network)))
    }

    /// A test that fails while it looks at the network leaves it whole enough to be dropped.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Network> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever connects to `at` is served by a script.
    pub(crate) fn serve(&self, at: Listen, script: usize) -> io::Result<Endpoint> {
        let mut network = self.lock();
        let door = network.open_door(at, DoorOwner::Script(script))?;
        Ok(network.door_at(door))
    }

    /// A datagram socket for a simulated peer; tells its number and address.
    pub(crate) fn bind(&self, how: &Bind) -> io::Result<(usize, Endpoint)> {
        let mut network = self.lock();
        let socket = network.open_socket(how, SocketOwner::Peer)?;
        Ok((socket, network.socket_at(socket)))
    }

    pub(crate) fn send_from(&self, socket: usize, to: &Remote, bytes: &[u8]) -> io::Result<()> {
        let segment = bytes.len().max(1);
        // A peer tries again where a loop would be told to wait.
        loop {
            match self.lock().send_datagrams(socket, &Transmit { to, bytes, segment }) {
                Err(error) if is_hindrance(&error) => {}
                other => return other,
            }
        }
    }

    pub(crate) fn receive_at(&self, socket: usize) -> Option<(Remote, Vec<u8>)> {
        self.lock().receive_datagram(socket)
    }
}

fn is_hindrance(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// The simulated world of one loop.
pub struct World {
    network: SharedNetwork,
    number: usize,
    told: Vec<(Token, u8)>,
}

/// A simulated stream. Closed when it is dropped.
pub struct Stream {
    network: SharedNetwork,
    link: usize,
    side: usize,
}

/// A simulated socket that accepts. Closed when it is dropped.
pub struct Listener {
    network: SharedNetwork,
    door: usize,
}

/// A simulated datagram socket. Closed when it is dropped.
pub struct Datagram {
    network: SharedNetwork,
    socket: usize,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.network.lock().close(self.link, self.side, false);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.network.lock().close_door(self.door);
    }
}

impl Drop for Datagram {
    fn drop(&mut self) {
        self.network.lock().close_socket(self.socket);
    }
}

impl World {
    pub(crate) fn new(network: &SharedNetwork) -> Self {
        let number = network.lock().add_world();
        Self { network: network.clone(), number, told: Vec::new() }
    }

    /// Its number in the network.
    pub(crate) fn number(&self) -> usize {
        self.number
    }
}

impl Net for World {
    const REUSE_PORT_SPREADS: bool = true;

    type Stream = Stream;
    type Listener = Listener;
    type Datagram = Datagram;

    fn now(&mut self) -> Duration {
        self.network.lock().now()
    }

    /// Every simulation begins when the year 2026 does.
    fn wall(&mut self) -> Duration {
        NEW_YEAR_2026 + self.network.lock().clock
    }

    fn random(&mut self) -> u64 {
        self.network.lock().chance.next()
    }

    #[cfg(feature = "websocket")]
    fn secrets(&mut self) -> Secrets {
        Secrets::of_a_seed(self.random())
    }

    fn waker(&mut self) -> io::Result<Wake> {
        let woken = self.network.lock().pollers[self.number].woken.clone();
        Ok(Arc::new(move || woken.store(true, Relaxed)))
    }

    fn signals(&mut self) -> u32 {
        std::mem::take(&mut self.network.lock().pollers[self.number].signals)
    }

    /// Never sleeps: whoever drives the loop has waited already.
    fn wait(
        &mut self,
        _timeout: Option<Duration>,
        mut note: impl FnMut(Token, Readiness),
    ) -> io::Result<()> {
        let mut network = self.network.lock();
        network.pollers[self.number].woken.store(false, Relaxed);
        network.harvest(self.number, &mut self.told);
        drop(network);
        self.told.drain(..).for_each(|(token, bits)| note(token, Readiness(bits)));
        Ok(())
    }

    fn watch(&mut self, source: Source<'_, Self>, token: Token) -> io::Result<()> {
        let mut network = self.network.lock();
        match source {
            Source::Stream(stream) => {
                network.watch_stream(self.number, stream.link, stream.side, token);
            }
            Source::Listener(listener) => network.watch_door(self.number, listener.door, token),
            Source::Datagram(socket) => network.watch_socket(self.number, socket.socket, token),
        }
        Ok(())
    }

    fn resolve(&mut self, host: &str, port: u16, reply: Resolved) {
        self.network.lock().resolve(host, port, reply);
    }

    fn listen(&mut self, how: Listen) -> io::Result<(Listener, Endpoint)> {
        let mut network = self.network.lock();
        let door = network.open_door(how, DoorOwner::World(self.number, None))?;
        let at = network.door_at(door);
        Ok((Listener { network: self.network.clone(), door }, at))
    }

    fn accept(&mut self, listener: &mut Listener) -> io::Result<(Stream, Peer)> {
        let (link, from) = self.network.lock().accept(self.number, listener.door)?;
        Ok((Stream { network: self.network.clone(), link, side: link::SERVER }, from))
    }

    fn shed(&mut self, listener: &mut Listener) -> io::Result<()> {
        let mut network = self.network.lock();
        let link = network.next_in_queue(listener.door).ok_or(ErrorKind::WouldBlock)?;
        network.close(link, link::SERVER, true);
        Ok(())
    }

    fn is_exhausted(error: &io::Error) -> bool {
        error.raw_os_error() == Some(opening::EMFILE)
    }

    fn connect(&mut self, to: &Endpoint) -> io::Result<Stream> {
        let mut network = self.network.lock();
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let link = network.connect_world(Owner::World(self.number, None), from, to)?;
        Ok(Stream { network: self.network.clone(), link, side: link::CLIENT })
    }

    fn connected(&mut self, stream: &mut Stream) -> io::Result<bool> {
        self.network.lock().connected(stream.link, stream.side)
    }

    fn read(&mut self, stream: &mut Stream, into: &mut [u8]) -> io::Result<usize> {
        self.network.lock().read(stream.link, stream.side, into)
    }

    fn write(&mut self, stream: &mut Stream, bytes: &[u8]) -> io::Result<usize> {
        self.network.lock().write(stream.link, stream.side, &[IoSlice::new(bytes)])
    }

    fn write_slices(&mut self, stream: &mut Stream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.network.lock().write(stream.link, stream.side, slices)
    }

    fn finish(&mut self, stream: &mut Stream) -> io::Result<()> {
        self.network.lock().finish(stream.link, stream.side)
    }

    fn close(&mut self, stream: Stream, reset: bool) {
        self.network.lock().close(stream.link, stream.side, reset);
    }

    fn bind(&mut self, how: &Bind) -> io::Result<(Datagram, Endpoint)> {
        let mut network = self.network.lock();
        let socket = network.open_socket(how, SocketOwner::World(self.number, None))?;
        let at = network.socket_at(socket);
        Ok((Datagram { network: self.network.clone(), socket }, at))
    }

    fn receive(
        &mut self,
        socket: &mut Datagram,
        block: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<()> {
        self.network.lock().receive_datagrams(socket.socket, block, received)
    }

    fn segments_max(&self, _socket: &Datagram) -> usize {
        datagrams::SEGMENTS_MAX
    }

    fn send(&mut self, socket: &mut Datagram, transmit: &Transmit<'_>) -> io::Result<()> {
        self.network.lock().send_datagrams(socket.socket, transmit)
    }
}
