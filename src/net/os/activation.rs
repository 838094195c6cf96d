//! Socket activation: [`inherited`] takes the sockets that this process was started with, by
//! systemd or whatever else speaks its protocol (`sd_listen_fds(3)`). So a service is reachable
//! while it restarts, and needs no right to bind its port.

use std::io;
use std::os::fd::AsFd;

use listenfd::ListenFd;
use socket2::SockRef;

use crate::net::{Bind, IntoBind, IntoListen, Listen};

/// A socket that this process was started with. [`Engine::listen`](crate::Engine::listen) takes one
/// that listens, [`Engine::bind`](crate::Engine::bind) one for datagrams.
#[derive(Debug)]
pub struct Inherited {
    /// Its name: `FileDescriptorName=` of a systemd unit, or the unit's own; `unknown`, if the
    /// sockets were passed without names.
    pub name: String,
    /// What it is.
    pub socket: InheritedSocket,
}

/// What a process can be started with.
#[derive(Debug)]
pub enum InheritedSocket {
    /// A TCP or Unix socket that listens.
    Listening(Listen),
    /// A UDP or Unix datagram socket.
    Datagram(Bind),
}

/// The sockets that this process was started with, in the order of their descriptors: the variables
/// `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` tell. None, if it was started without any, or
/// they are meant for another process, or were taken already.
///
/// To be called early, while no other thread reads the environment: `LISTEN_FDS` and `LISTEN_PID`
/// are removed from it, so that no child of this process takes the sockets for its own.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// use overt::{Config, Engine, service::Echo};
///
/// let inherited = overt::net::inherited()?;
/// let mut engine = Engine::new(Config::default())?;
/// if inherited.is_empty() {
///     engine.listen("127.0.0.1:7000", || Echo)?;
/// }
/// for socket in inherited {
///     engine.listen(socket, || Echo)?;
/// }
/// engine.run()?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// One of them is no socket, or one that serves nobody else, such as a connection (`Accept=yes`).
/// Or `LISTEN_FDS` is no number from 0 to 4,096.
pub fn inherited() -> io::Result<Vec<Inherited>> {
    check_number()?;
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut sockets = ListenFd::from_env();
    let number = sockets.len();
    let take = |index| {
        let name = names.next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
        match take(&mut sockets, index)? {
            Some(socket) => Ok(Inherited { name, socket }),
            None => Err(useless(&name, "neither listens nor takes datagrams")),
        }
    };
    (0..number).map(take).collect()
}

/// More sockets than this are a mistake, and room is made for as many as are said to be passed.
const PASSED_MAX: i64 = 4096;

fn check_number() -> io::Result<()> {
    let Ok(number) = std::env::var("LISTEN_FDS") else { return Ok(()) };
    let process = std::env::var("LISTEN_PID").unwrap_or_default();
    if !process.is_empty() && process.parse() != Ok(std::process::id()) {
        return Ok(()); // They are not for us.
    }
    match number.parse() {
        Ok(0..=PASSED_MAX) => Ok(()),
        _ => {
            let what = format!("LISTEN_FDS is `{number}`: not a number from 0 to {PASSED_MAX}");
            Err(io::Error::new(io::ErrorKind::InvalidInput, what))
        }
    }
}

/// What is at `index`, if it is of use to a server.
fn take(sockets: &mut ListenFd, index: usize) -> io::Result<Option<InheritedSocket>> {
    let listen = match (sockets.take_tcp_listener(index), sockets.take_unix_listener(index)) {
        (Ok(Some(socket)), _) if is_listening(&socket)? => Some(socket.into_listen()?),
        (_, Ok(Some(socket))) if is_listening(&socket)? => Some(socket.into_listen()?),
        _ => None,
    };
    if let Some(listen) = listen {
        return Ok(Some(InheritedSocket::Listening(listen)));
    }
    let bound = match (sockets.take_udp_socket(index), sockets.take_unix_datagram(index)) {
        (Ok(Some(socket)), _) => socket.into_bind()?,
        (_, Ok(Some(socket))) => socket.into_bind()?,
        _ => return Ok(None),
    };
    Ok(Some(InheritedSocket::Datagram(bound)))
}

/// A connection is a stream socket, too.
fn is_listening(socket: &impl AsFd) -> io::Result<bool> {
    SockRef::from(socket).is_listener()
}

fn useless(name: &str, what: &str) -> io::Error {
    let what = format!("the inherited socket `{name}` {what}");
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

/// An error, if it is for datagrams.
impl IntoListen for Inherited {
    fn into_listen(self) -> io::Result<Listen> {
        match self.socket {
            InheritedSocket::Listening(listen) => Ok(listen),
            InheritedSocket::Datagram(_) => Err(useless(&self.name, "is for datagrams")),
        }
    }
}

/// An error, unless it is for datagrams.
impl IntoBind for Inherited {
    fn into_bind(self) -> io::Result<Bind> {
        match self.socket {
            InheritedSocket::Datagram(bind) => Ok(bind),
            InheritedSocket::Listening(_) => Err(useless(&self.name, "is not for datagrams")),
        }
    }
}
