//! Sockets that accept, and what happens when there are no descriptors left.

use std::io;
use std::net::SocketAddr;

use mio::event::Source;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
#[cfg(unix)]
use socket2::SockAddr;
use socket2::{Domain, Protocol, Socket, Type};

use crate::net::endpoint::Listening;
use crate::net::{Endpoint, Listen, Peer};

/// A socket that accepts TCP or Unix streams.
pub struct Listener(Kind);

enum Kind {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(mio::net::UnixListener, #[allow(dead_code, reason = "dropped")] RemoveFile),
}

impl Listener {
    pub(super) fn open(how: Listen) -> io::Result<(Self, Endpoint)> {
        match (how.socket, &how.at) {
            (Some(Listening::Tcp(socket)), _) => {
                socket.set_nonblocking(true)?;
                Self::tcp(TcpListener::from_std(socket), how.unsent_max)
            }
            #[cfg(unix)]
            (Some(Listening::Unix(socket)), at) => {
                socket.set_nonblocking(true)?;
                let listener = mio::net::UnixListener::from_std(socket);
                // Whoever passed the socket owns its path.
                Ok((Self(Kind::Unix(listener, RemoveFile(None))), at.clone()))
            }
            (None, Endpoint::Ip(at)) => {
                let socket = bound_tcp(*at, how.dual_stack, how.reuse_port)?;
                listen(&socket, how.backlog)?;
                socket.set_nonblocking(true)?;
                Self::tcp(TcpListener::from_std(socket.into()), how.unsent_max)
            }
            #[cfg(unix)]
            (None, Endpoint::Unix(path)) => {
                let listener = bound_unix(path, how.backlog)?;
                Ok((Self(Kind::Unix(listener, RemoveFile(Some(path.clone())))), how.at))
            }
            #[cfg(not(unix))]
            (None, Endpoint::Unix(_)) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn tcp(listener: TcpListener, unsent_max: u32) -> io::Result<(Self, Endpoint)> {
        // Accepted sockets inherit both, which saves a system call for each.
        #[cfg(target_os = "linux")]
        socket2::SockRef::from(&listener).set_tcp_nodelay(true)?;
        super::stream::bound_unsent(&listener, unsent_max)?;
        let at = listener.local_addr()?;
        Ok((Self(Kind::Tcp(listener)), at.into()))
    }

    pub(super) fn accept(&mut self) -> io::Result<(TcpStream, Peer)> {
        match &self.0 {
            Kind::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                #[cfg(not(target_os = "linux"))]
                stream.set_nodelay(true)?;
                Ok((stream, peer.into()))
            }
            #[cfg(unix)]
            Kind::Unix(listener, _) => {
                let (stream, _) = listener.accept()?;
                Ok((TcpStream::from(std::os::fd::OwnedFd::from(stream)), Peer::UNIX))
            }
        }
    }
}

fn bound_tcp(at: SocketAddr, dual_stack: bool, reuse_port: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if at.is_ipv6() {
        socket.set_only_v6(!dual_stack)?;
    }
    // On Windows the same option would let others take the port over.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if reuse_port {
        set_reuse_port(&socket)?;
    }
    socket.bind(&at.into())?;
    Ok(socket)
}

/// Whether connections are spread by the kernel over several sockets at one address. Elsewhere the
/// option exists, but does something else.
pub(crate) const REUSE_PORT_SPREADS: bool =
    cfg!(any(target_os = "linux", target_os = "android", target_os = "dragonfly"));

pub(super) fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "dragonfly"))]
    return socket.set_reuse_port(true);
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "dragonfly")))]
    return Err(io::Error::new(io::ErrorKind::Unsupported, format!("no SO_REUSEPORT: {socket:?}")));
}

fn listen(socket: &Socket, backlog: u32) -> io::Result<()> {
    socket.listen(backlog.min(i32::MAX as u32) as i32)
}

/// A file that a dead process left is replaced; one that somebody listens at is not.
#[cfg(unix)]
fn bound_unix(path: &std::path::Path, backlog: u32) -> io::Result<mio::net::UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    let at = SockAddr::unix(path)?;
    match socket.bind(&at) {
        // Whoever lives need not have room for one more, so this must not wait for it.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            match mio::net::UnixStream::connect(path) {
                Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path)?;
                    socket.bind(&at)?;
                }
                _ => return Err(error),
            }
        }
        other => other?,
    }
    listen(&socket, backlog)?;
    socket.set_nonblocking(true)?;
    Ok(mio::net::UnixListener::from_std(socket.into()))
}

/// Removes the file of a Unix socket when the socket is closed.
#[cfg(unix)]
pub(super) struct RemoveFile(pub(super) Option<std::path::PathBuf>);

#[cfg(unix)]
impl Drop for RemoveFile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A descriptor held in reserve, to be given up for the moment that it takes to accept a connection
/// and close it: else a process without descriptors could not even refuse.
pub(super) struct Reserve(Option<Socket>);

impl Reserve {
    pub(super) fn new() -> Self {
        Self(Socket::new(Domain::IPV4, Type::DGRAM, None).ok())
    }

    pub(super) fn shed(&mut self, listener: &mut Listener) -> io::Result<()> {
        drop(self.0.take());
        let shed = listener.accept().map(|(stream, _)| super::stream::close(stream, true));
        *self = Self::new();
        shed
    }
}

/// EMFILE, ENFILE, ENOBUFS, ENOMEM.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    const CODES: &[i32] = match () {
        _ if cfg!(target_os = "linux") => &[24, 23, 105, 12],
        _ if cfg!(unix) => &[24, 23, 55, 12],
        _ => &[10024, 10055],
    };
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

impl Source for Listener {
    fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match &mut self.0 {
            Kind::Tcp(listener) => listener.register(to, token, interests),
            #[cfg(unix)]
            Kind::Unix(listener, _) => listener.register(to, token, interests),
        }
    }

    fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match &mut self.0 {
            Kind::Tcp(listener) => listener.reregister(to, token, interests),
            #[cfg(unix)]
            Kind::Unix(listener, _) => listener.reregister(to, token, interests),
        }
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        match &mut self.0 {
            Kind::Tcp(listener) => listener.deregister(from),
            #[cfg(unix)]
            Kind::Unix(listener, _) => listener.deregister(from),
        }
    }
}
