//! What a test holds of a simulated peer: [`Peer`] of one with a stream, [`DatagramPeer`] of one
//! with a datagram socket.

use std::fmt;
use std::io;

use crate::net::sim::{Reading, SharedNetwork, Status};
use crate::net::{Endpoint, Remote};

/// One end of a stream whose other end is a connection of an engine. It is not overt: it sends what
/// it is told, and receives as eagerly as it is told, whenever the [simulation](super::Simulation)
/// runs.
#[derive(Clone)]
pub struct Peer {
    network: SharedNetwork,
    number: usize,
}

impl Peer {
    pub(super) fn new(network: &SharedNetwork, number: usize) -> Self {
        Self { network: network.clone(), number }
    }

    /// Its number among the peers of the simulation: scripts tell their peers apart by it.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Sends `bytes`, after what is still to be sent.
    pub fn send(&self, bytes: &[u8]) {
        let mut network = self.network.lock();
        network.peer(self.number).outbox.extend(bytes);
        // A script that has nothing to say must not be called again because it said so.
        if !bytes.is_empty() {
            network.rouse(self.number);
        }
    }

    /// Closes the sending half once everything is sent.
    pub fn finish(&self) {
        let mut network = self.network.lock();
        if !std::mem::replace(&mut network.peer(self.number).finishing, true) {
            network.rouse(self.number);
        }
    }

    /// Closes at once. What was not received yet is answered with a reset, as systems do.
    pub fn close(&self) {
        self.network.lock().close_peer(self.number, false);
    }

    /// Cuts the stream: the other side gets a reset.
    pub fn reset(&self) {
        self.network.lock().close_peer(self.number, true);
    }

    /// How it reads from now on. [`Reading::Eager`] unless set.
    pub fn set_reading(&self, reading: Reading) {
        let mut network = self.network.lock();
        if std::mem::replace(&mut network.peer(self.number).reading, reading) != reading {
            network.rouse(self.number);
        }
    }

    /// What it has received, and was not [taken](Self::take).
    pub fn received(&self) -> Vec<u8> {
        self.network.lock().peer(self.number).received.clone()
    }

    /// Takes what it has received.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.network.lock().peer(self.number).received)
    }

    /// How many bytes it has received in all.
    pub fn received_in_all(&self) -> u64 {
        self.network.lock().peer(self.number).received_in_all
    }

    /// How many bytes it is still to send: those that found no room in the network yet.
    pub fn unsent(&self) -> usize {
        self.network.lock().peer(self.number).outbox.len()
    }

    /// How far its stream has come.
    pub fn status(&self) -> Status {
        self.network.lock().peer(self.number).status
    }

    /// Whether nothing more will come: the other side has ended, or the stream was cut, or could
    /// not be opened.
    pub fn is_over(&self) -> bool {
        matches!(self.status(), Status::Ended | Status::Reset | Status::Failed)
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Peer {{ number: {}, status: {:?} }}", self.number, self.status())
    }
}

/// A simulated peer with a datagram socket.
#[derive(Clone)]
pub struct DatagramPeer {
    network: SharedNetwork,
    socket: usize,
    at: Endpoint,
}

impl DatagramPeer {
    pub(super) fn new(network: &SharedNetwork, socket: usize, at: Endpoint) -> Self {
        Self { network: network.clone(), socket, at }
    }

    /// Its address.
    pub fn at(&self) -> &Endpoint {
        &self.at
    }

    /// Sends one datagram.
    ///
    /// # Errors
    /// It is too large (over 65,507 bytes), or its socket may not send there.
    pub fn send(&self, to: impl Into<Endpoint>, bytes: &[u8]) -> io::Result<()> {
        let to = match to.into() {
            Endpoint::Ip(at) => Remote::Ip(at),
            Endpoint::Unix(path) => Remote::Unix(Some(path.into())),
        };
        self.network.send_from(self.socket, &to, bytes)
    }

    /// Takes the next datagram that has come, and who sent it.
    pub fn receive(&self) -> Option<(Remote, Vec<u8>)> {
        self.network.receive_at(self.socket)
    }
}

impl fmt::Debug for DatagramPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatagramPeer({})", self.at)
    }
}
