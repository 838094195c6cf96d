//! Opening streams.

use std::io;
use std::time::Duration;

use mio::net::TcpStream;

use crate::net::Endpoint;

/// Begins to connect.
pub(super) fn connect(to: &Endpoint) -> io::Result<TcpStream> {
    match to {
        Endpoint::Ip(address) => {
            let stream = TcpStream::connect(*address)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        }
        #[cfg(unix)]
        Endpoint::Unix(path) => {
            let stream = mio::net::UnixStream::connect(path)?;
            Ok(TcpStream::from(std::os::fd::OwnedFd::from(stream)))
        }
        #[cfg(not(unix))]
        Endpoint::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Whether it is connected now. Writable does not mean connected: the system tells by `SO_ERROR`,
/// and by whether there is a peer.
pub(super) fn connected(stream: &mut TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        // A Unix stream's peer has no IP address, but it is there.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(true),
        Err(error) => Err(error),
    }
}

/// Closing the descriptor takes it out of the poller, too.
pub(super) fn close(stream: TcpStream, reset: bool) {
    if reset {
        // Without a place to linger in, closing sends RST. Of no use if the peer is gone.
        let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    }
}
