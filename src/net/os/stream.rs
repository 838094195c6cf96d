//! Opening streams.

use std::io;
use std::time::Duration;

use mio::net::TcpStream;

use crate::net::Endpoint;
use crate::net::endpoint::UNSENT_MAX;

/// Begins to connect.
pub(super) fn connect(to: &Endpoint) -> io::Result<TcpStream> {
    match to {
        Endpoint::Ip(address) => {
            let stream = TcpStream::connect(*address)?;
            stream.set_nodelay(true)?;
            bound_unsent(&stream, UNSENT_MAX)?;
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

/// How much the system takes of what it can't send yet.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn bound_unsent(socket: &impl std::os::fd::AsFd, max: u32) -> io::Result<()> {
    // The system takes it for a signed number.
    socket2::SockRef::from(socket).set_tcp_notsent_lowat(max.clamp(1, i32::MAX as u32))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn bound_unsent<S>(_: &S, _: u32) -> io::Result<()> {
    Ok(())
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
