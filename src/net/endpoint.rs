//! Names of sockets: [`Endpoint`], where to listen or connect; [`Peer`], who is at the other end
//! of a stream; [`Remote`], who sent a datagram; and how to open: [`Listen`] and [`Bind`].

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::layer::Secured;

/// Where to listen, or what to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// An IP address and port.
    Ip(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// The IP address and port, unless it is a Unix socket.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `127.0.0.1:80`, `[::1]:80`, or `unix:/run/overt.sock`.
impl FromStr for Endpoint {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        text.parse().map(Self::Ip).map_err(|_| {
            let what = format!("`{text}` is not an address: write IP:PORT or unix:PATH");
            io::Error::new(io::ErrorKind::InvalidInput, what)
        })
    }
}

/// How to listen.
#[derive(Debug)]
pub struct Listen {
    /// Where, unless `socket` is given.
    pub at: Endpoint,
    /// How many connections the system may hold before they are accepted.
    pub backlog: u32,
    /// Whether an IPv6 wildcard address takes IPv4 connections too.
    pub dual_stack: bool,
    /// Whether several loops may each have a socket at this address (`SO_REUSEPORT`). Set by the
    /// engine.
    pub reuse_port: bool,
    /// How many bytes of a connection the system may hold that it could not send yet, because the
    /// peer takes them slowly (`TCP_NOTSENT_LOWAT`; Linux and Android). What is more waits in the
    /// output, and is bounded there.
    pub unsent_max: u32,
    /// A socket that listens already, such as one that systemd passed.
    pub socket: Option<Listening>,
    /// How connections are encrypted, if they are: see `Listen::tls`, with the feature `tls`.
    pub secured: Option<Secured>,
}

/// A socket that listens already.
#[derive(Debug)]
pub enum Listening {
    /// For TCP.
    Tcp(std::net::TcpListener),
    /// For Unix streams.
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

/// What the system holds unsent of a connection unless said otherwise: enough for it to go on
/// sending while a loop is busy. Linux would take 4 MB for each peer that does not read, and
/// needs milliseconds to cut them into the small segments that such peers like to ask for.
pub(super) const UNSENT_MAX: u32 = 128 << 10;

impl Listen {
    /// At `at`, with a backlog of 1,024, dual stack, and up to 128 KiB unsent.
    pub fn at(at: impl Into<Endpoint>) -> Self {
        let (backlog, dual_stack, unsent_max) = (1024, true, UNSENT_MAX);
        let (at, reuse_port, socket, secured) = (at.into(), false, None, None);
        Self { at, backlog, dual_stack, reuse_port, unsent_max, socket, secured }
    }
}

/// What can be listened at.
pub trait IntoListen {
    /// Says how.
    fn into_listen(self) -> io::Result<Listen>;
}

impl IntoListen for Listen {
    fn into_listen(self) -> io::Result<Listen> {
        Ok(self)
    }
}

impl IntoListen for SocketAddr {
    fn into_listen(self) -> io::Result<Listen> {
        Ok(Listen::at(self))
    }
}

impl IntoListen for Endpoint {
    fn into_listen(self) -> io::Result<Listen> {
        Ok(Listen::at(self))
    }
}

/// As `Endpoint::from_str` reads it.
impl IntoListen for &str {
    fn into_listen(self) -> io::Result<Listen> {
        Ok(Listen::at(self.parse::<Endpoint>()?))
    }
}

impl IntoListen for std::net::TcpListener {
    fn into_listen(self) -> io::Result<Listen> {
        let at = self.local_addr()?;
        Ok(Listen { socket: Some(Listening::Tcp(self)), ..Listen::at(at) })
    }
}

#[cfg(unix)]
impl IntoListen for std::os::unix::net::UnixListener {
    fn into_listen(self) -> io::Result<Listen> {
        let path = self.local_addr()?.as_pathname().map(PathBuf::from).unwrap_or_default();
        Ok(Listen { socket: Some(Listening::Unix(self)), ..Listen::at(Endpoint::Unix(path)) })
    }
}

/// How to open a datagram socket.
#[derive(Clone, Debug)]
pub struct Bind {
    /// Where, unless `socket` is given.
    pub at: Endpoint,
    /// Whether an IPv6 wildcard address takes IPv4 datagrams too.
    pub dual_stack: bool,
    /// One socket, on one loop, however many loops there are.
    pub single: bool,
    /// Whether several loops may each have a socket at this address. Set by the engine.
    pub reuse_port: bool,
    /// Whether datagrams to broadcast addresses may be sent.
    pub broadcast: bool,
    /// Multicast groups to join.
    pub groups: Vec<IpAddr>,
    /// The interface on which multicast is received and sent: for IPv4 one of its addresses, for
    /// IPv6 its number. Unspecified, or 0: the system chooses.
    pub interface: (Ipv4Addr, u32),
    /// How many hops multicast may travel: 1 stays on the local network.
    pub multicast_hops: u32,
    /// Whether sockets on this machine get the multicast that this one sends.
    pub multicast_loop: bool,
    /// The sizes in bytes of the system's buffers for receiving and for sending (`SO_RCVBUF`,
    /// `SO_SNDBUF`), as far as it allows.
    pub buffers: (Option<usize>, Option<usize>),
    /// A socket that is bound already, such as one that systemd passed. It is used as it is.
    pub socket: Option<BoundSocket>,
}

/// A datagram socket that is bound already, and not connected to a peer.
#[derive(Clone, Debug)]
pub enum BoundSocket {
    /// For UDP.
    Udp(Arc<std::net::UdpSocket>),
    /// For Unix datagrams.
    #[cfg(unix)]
    Unix(Arc<std::os::unix::net::UnixDatagram>),
}

impl Bind {
    /// At `at`, dual stack, without broadcast or groups.
    pub fn at(at: impl Into<Endpoint>) -> Self {
        Self {
            at: at.into(),
            dual_stack: true,
            single: false,
            reuse_port: false,
            broadcast: false,
            groups: Vec::new(),
            interface: (Ipv4Addr::UNSPECIFIED, 0),
            multicast_hops: 1,
            multicast_loop: true,
            buffers: (None, None),
            socket: None,
        }
    }

    /// One socket, on one loop: for clients, and for state that no two loops can share.
    pub fn single(self) -> Self {
        Self { single: true, ..self }
    }

    /// With this multicast group joined.
    pub fn group(mut self, group: IpAddr) -> Self {
        self.groups.push(group);
        self
    }

    /// Whether several sockets at one address share the datagrams: of broadcast and multicast, each
    /// would get them all.
    pub(crate) fn can_be_several(&self) -> bool {
        let ours = self.socket.is_none() && matches!(self.at, Endpoint::Ip(_));
        ours && !self.single && !self.broadcast && self.groups.is_empty()
    }
}

/// Where a datagram socket can be bound.
pub trait IntoBind {
    /// Says how.
    fn into_bind(self) -> io::Result<Bind>;
}

impl IntoBind for Bind {
    fn into_bind(self) -> io::Result<Bind> {
        Ok(self)
    }
}

impl IntoBind for SocketAddr {
    fn into_bind(self) -> io::Result<Bind> {
        Ok(Bind::at(self))
    }
}

impl IntoBind for Endpoint {
    fn into_bind(self) -> io::Result<Bind> {
        Ok(Bind::at(self))
    }
}

/// As `Endpoint::from_str` reads it.
impl IntoBind for &str {
    fn into_bind(self) -> io::Result<Bind> {
        Ok(Bind::at(self.parse::<Endpoint>()?))
    }
}

impl IntoBind for std::net::UdpSocket {
    fn into_bind(self) -> io::Result<Bind> {
        let at = self.local_addr()?;
        Ok(Bind { socket: Some(BoundSocket::Udp(Arc::new(self))), ..Bind::at(at) })
    }
}

#[cfg(unix)]
impl IntoBind for std::os::unix::net::UnixDatagram {
    fn into_bind(self) -> io::Result<Bind> {
        let path = self.local_addr()?.as_pathname().map(PathBuf::from).unwrap_or_default();
        let socket = Some(BoundSocket::Unix(Arc::new(self)));
        Ok(Bind { socket, ..Bind::at(Endpoint::Unix(path)) })
    }
}

/// Who is at the other end of a stream, in 18 bytes: an IPv4 address is held as the IPv6 address
/// that it is mapped to (RFC 4291, 2.5.5.2), a Unix socket as the unspecified address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    ip: [u8; 16],
    port: [u8; 2],
}

impl Peer {
    /// Somebody on this machine, through a Unix socket.
    pub const UNIX: Self = Self { ip: [0; 16], port: [0; 2] };

    /// The IP address and port, unless it came through a Unix socket.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        let ip = self.ip()?;
        Some(SocketAddr::new(ip, u16::from_be_bytes(self.port)))
    }

    /// The IP address, unless it came through a Unix socket.
    pub fn ip(&self) -> Option<IpAddr> {
        (*self != Self::UNIX).then(|| Ipv6Addr::from(self.ip).to_canonical())
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            IpAddr::V6(ip) => ip.octets(),
        };
        Self { ip, port: address.port().to_be_bytes() }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.socket_addr() {
            Some(address) => address.fmt(f),
            None => f.write_str("unix"),
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who sent a datagram, or is to get one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Remote {
    /// An IP address and port.
    Ip(SocketAddr),
    /// A Unix socket, which need not have a path.
    Unix(Option<Arc<std::path::Path>>),
}

impl From<SocketAddr> for Remote {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl From<Endpoint> for Remote {
    fn from(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Ip(address) => Self::Ip(address),
            Endpoint::Unix(path) => Self::Unix(Some(path.into())),
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(Some(path)) => write!(f, "unix:{}", path.display()),
            Self::Unix(None) => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_gives_back_the_address_it_was_made_of() {
        for text in ["127.0.0.1:80", "[2001:db8::1]:65535", "0.0.0.0:0"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(Peer::from(address).socket_addr(), Some(address));
        }
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:9".parse().unwrap();
        assert_eq!(Peer::from(mapped).to_string(), "10.0.0.1:9");
        assert_eq!(Peer::UNIX.socket_addr(), None);
        assert_eq!(size_of::<Peer>(), 18);
    }

    #[test]
    fn endpoints_are_read_and_written_alike() {
        for text in ["127.0.0.1:80", "[::1]:80", "unix:/run/overt.sock"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        let error = "localhost".parse::<Endpoint>().unwrap_err();
        assert_eq!(error.to_string(), "`localhost` is not an address: write IP:PORT or unix:PATH");
    }
}
