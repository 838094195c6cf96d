//! Datagram sockets: UDP, batched where the system can, and Unix.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::event::Source;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::listener;
use crate::net::{Bind, BoundSocket, Endpoint, Received, Remote, Transmit};

/// The largest datagram, and the room that each needs in a block: 64 KiB.
const DATAGRAM_MAX: usize = 64 * 1024;

/// A UDP or Unix datagram socket.
pub struct Datagram(Kind);

enum Kind {
    Udp(UdpSocket, Batching),
    #[cfg(unix)]
    Unix(mio::net::UnixDatagram, #[allow(dead_code, reason = "dropped")] listener::RemoveFile),
}

impl Datagram {
    pub(super) fn open(how: &Bind) -> io::Result<(Self, Endpoint)> {
        match (&how.socket, &how.at) {
            (Some(BoundSocket::Udp(socket)), _) => {
                let socket = socket.try_clone()?;
                socket.set_nonblocking(true)?;
                Self::udp(socket)
            }
            #[cfg(unix)]
            (Some(BoundSocket::Unix(socket)), at) => {
                let socket = socket.try_clone()?;
                socket.set_nonblocking(true)?;
                let socket = mio::net::UnixDatagram::from_std(socket);
                // Whoever passed the socket owns its path.
                Ok((Self(Kind::Unix(socket, listener::RemoveFile(None))), at.clone()))
            }
            (None, Endpoint::Ip(at)) => Self::udp(bound_udp(*at, how)?.into()),
            #[cfg(unix)]
            (None, Endpoint::Unix(path)) => {
                let socket = bound_unix(path)?;
                let remove = listener::RemoveFile(Some(path.clone()));
                set_buffers(&SockRef::from(&socket), how)?;
                Ok((Self(Kind::Unix(socket, remove)), how.at.clone()))
            }
            #[cfg(not(unix))]
            (None, Endpoint::Unix(_)) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn udp(socket: std::net::UdpSocket) -> io::Result<(Self, Endpoint)> {
        let socket = UdpSocket::from_std(socket);
        let (at, batching) = (socket.local_addr()?, Batching::new(&socket)?);
        Ok((Self(Kind::Udp(socket, batching)), at.into()))
    }

    #[inline]
    pub(super) fn receive(
        &mut self,
        block: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<()> {
        match &mut self.0 {
            Kind::Udp(socket, batching) => batching.receive(socket, block, received),
            #[cfg(unix)]
            Kind::Unix(socket, _) => {
                let (len, from) = socket.recv_from(block)?;
                // What is cut off is lost, and what is left of it is not what was sent.
                if len == block.len() {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "too large a datagram"));
                }
                let from = Remote::Unix(from.as_pathname().map(Into::into));
                received.push(Received { start: 0, len, stride: len, from });
                Ok(())
            }
        }
    }

    pub(super) fn receptions_max(&self) -> usize {
        match &self.0 {
            Kind::Udp(_, batching) => batching.receptions_max(),
            #[cfg(unix)]
            Kind::Unix(..) => 1,
        }
    }

    pub(super) fn segments_max(&self) -> usize {
        match &self.0 {
            Kind::Udp(_, batching) => batching.segments_max(),
            #[cfg(unix)]
            Kind::Unix(..) => 1,
        }
    }

    #[inline]
    pub(super) fn send(&mut self, transmit: &Transmit<'_>) -> io::Result<()> {
        match (&self.0, transmit.to) {
            (Kind::Udp(socket, batching), Remote::Ip(to)) => batching.send(socket, transmit, *to),
            #[cfg(unix)]
            (Kind::Unix(socket, _), Remote::Unix(Some(path))) => {
                socket.send_to(transmit.bytes, path).map(drop).map_err(|error| match error.kind() {
                    // It is the peer's queue that is full, and no event tells when it isn't.
                    io::ErrorKind::WouldBlock => {
                        io::Error::new(io::ErrorKind::ResourceBusy, "the peer does not read")
                    }
                    _ => error,
                })
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "no such address here")),
        }
    }
}

fn bound_udp(at: SocketAddr, how: &Bind) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    if at.is_ipv6() {
        socket.set_only_v6(!how.dual_stack)?;
    }
    if !how.groups.is_empty() {
        // Several receivers of one group may share a machine.
        socket.set_reuse_address(true)?;
    }
    if how.reuse_port {
        listener::set_reuse_port(&socket)?;
    }
    socket.set_broadcast(how.broadcast)?;
    set_buffers(&SockRef::from(&socket), how)?;
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    let (v4, v6) = &how.interface;
    for group in &how.groups {
        match group {
            IpAddr::V4(group) => socket.join_multicast_v4(group, v4)?,
            IpAddr::V6(group) => socket.join_multicast_v6(group, *v6)?,
        }
    }
    if at.is_ipv6() {
        socket.set_multicast_if_v6(*v6)?;
        socket.set_multicast_hops_v6(how.multicast_hops)?;
        socket.set_multicast_loop_v6(how.multicast_loop)?;
    } else {
        socket.set_multicast_if_v4(v4)?;
        socket.set_multicast_ttl_v4(how.multicast_hops)?;
        socket.set_multicast_loop_v4(how.multicast_loop)?;
    }
    Ok(socket)
}

fn set_buffers(socket: &SockRef<'_>, how: &Bind) -> io::Result<()> {
    let (receive, send) = how.buffers;
    receive.map_or(Ok(()), |size| socket.set_recv_buffer_size(size))?;
    send.map_or(Ok(()), |size| socket.set_send_buffer_size(size))
}

/// A file that a dead process left is replaced; one that somebody has bound is not.
#[cfg(unix)]
fn bound_unix(path: &std::path::Path) -> io::Result<mio::net::UnixDatagram> {
    use mio::net::UnixDatagram;
    match UnixDatagram::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            match UnixDatagram::unbound()?.connect(path) {
                Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path)?;
                    UnixDatagram::bind(path)
                }
                _ => Err(error),
            }
        }
        other => other,
    }
}

/// How many receptions one call gives, once calls are batched: what fits into a block of 256 KiB.
#[cfg(feature = "linux")]
const RECEPTIONS: usize = 4;

/// Several datagrams a call: `recvmmsg`, and segmentation offload both ways (GSO, GRO).
///
/// GRO, by which the system hands over what one peer sent at once as one, is turned on when there
/// is something to gain: with it come notes on each reception, which cost a server of many peers
/// that send one datagram at a time 5 % of its processor time. Until then datagrams are received
/// one by one: for small ones that is cheaper than `recvmmsg`, too.
#[cfg(feature = "linux")]
struct Batching {
    state: quinn_udp::UdpSocketState,
    bulk: Bulk,
}

/// Whether one peer sends so much that GRO would gain something.
#[cfg(feature = "linux")]
#[derive(Clone, Copy)]
enum Bulk {
    /// How many datagrams in a row were of equal length, from one peer.
    Unknown { last: (SocketAddr, usize), equals: u32, runs: u32 },
    /// It does, and is received so.
    Yes,
    /// It doesn't matter: the system can't.
    No,
}

/// A run is so long …
#[cfg(feature = "linux")]
const RUN: u32 = 4;
/// … and so many are seen before GRO is turned on.
#[cfg(feature = "linux")]
const RUNS: u32 = 16;

#[cfg(feature = "linux")]
impl Batching {
    fn new(socket: &UdpSocket) -> io::Result<Self> {
        let at = socket.local_addr()?;
        // What the system can do is found out by turning it on; here, on a socket of no use.
        let probe = Socket::new(Domain::for_address(at), Type::DGRAM, None)?;
        let state = quinn_udp::UdpSocketState::new((&probe).into())?;
        // On IPv6 it could not be turned on without forbidding fragments.
        let bulk = match at.is_ipv4() && state.gro_segments() > 1 {
            true => Bulk::Unknown { last: (at, 0), equals: 0, runs: 0 },
            false => Bulk::No,
        };
        Ok(Self { state, bulk })
    }

    fn receptions_max(&self) -> usize {
        if matches!(self.bulk, Bulk::Yes) { RECEPTIONS } else { 1 }
    }

    #[inline]
    fn receive(
        &mut self,
        socket: &UdpSocket,
        block: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<()> {
        if matches!(self.bulk, Bulk::Yes) {
            return self.receive_several(socket, block, received);
        }
        let (len, from) = receive_one(socket, block, received)?;
        if let Bulk::Unknown { last, equals, runs } = &mut self.bulk {
            *equals = if *last == (from, len) { *equals + 1 } else { 0 };
            *last = (from, len);
            if *equals >= RUN {
                (*equals, *runs) = (0, *runs + 1);
            }
            if *runs >= RUNS {
                self.offload(socket);
            }
        }
        Ok(())
    }

    fn receive_several(
        &self,
        socket: &UdpSocket,
        block: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<()> {
        use quinn_udp::RecvMeta;
        let room = block.len() / RECEPTIONS;
        debug_assert!(room >= DATAGRAM_MAX);
        let mut rooms = block.chunks_exact_mut(room).map(io::IoSliceMut::new);
        let mut slices: [_; RECEPTIONS] =
            std::array::from_fn(|_| rooms.next().unwrap_or_else(|| io::IoSliceMut::new(&mut [])));
        let mut metas = [RecvMeta::default(); RECEPTIONS];
        let count = self.state.recv(socket.into(), &mut slices, &mut metas)?;
        received.extend(metas.iter().take(count).enumerate().map(|(index, meta)| Received {
            start: index * room,
            len: meta.len,
            stride: meta.stride,
            from: Remote::Ip(canonical(meta.addr)),
        }));
        Ok(())
    }

    #[cold]
    fn offload(&mut self, socket: &UdpSocket) {
        self.bulk = match self.turn_on(socket) {
            Ok(()) => Bulk::Yes,
            Err(error) => {
                log::debug!("no segmentation offload for receiving: {error}");
                Bulk::No
            }
        };
    }

    fn turn_on(&mut self, socket: &UdpSocket) -> io::Result<()> {
        self.state = quinn_udp::UdpSocketState::new(socket.into())?;
        // As before, large datagrams may be cut up on the way; and nobody asks how each was marked.
        #[cfg(target_os = "linux")]
        {
            use rustix::net::sockopt::{Ipv4PathMtuDiscovery, set_ip_mtu_discover};
            set_ip_mtu_discover(socket, Ipv4PathMtuDiscovery::WANT)?;
        }
        SockRef::from(socket).set_recv_tos_v4(false)
    }

    fn segments_max(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn send(
        &self,
        socket: &UdpSocket,
        transmit: &Transmit<'_>,
        destination: SocketAddr,
    ) -> io::Result<()> {
        let several = transmit.segment < transmit.bytes.len();
        if !several {
            return socket.send_to(transmit.bytes, destination).map(drop);
        }
        self.state.try_send(
            socket.into(),
            &quinn_udp::Transmit {
                destination,
                ecn: None,
                contents: transmit.bytes,
                segment_size: Some(transmit.segment),
                src_ip: None,
            },
        )
    }
}

/// One datagram a call.
#[cfg(not(feature = "linux"))]
struct Batching;

#[cfg(not(feature = "linux"))]
impl Batching {
    fn new(_socket: &UdpSocket) -> io::Result<Self> {
        Ok(Self)
    }

    fn receive(
        &mut self,
        socket: &UdpSocket,
        block: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<()> {
        receive_one(socket, block, received).map(drop)
    }

    fn receptions_max(&self) -> usize {
        1
    }

    fn segments_max(&self) -> usize {
        1
    }

    fn send(&self, socket: &UdpSocket, transmit: &Transmit<'_>, to: SocketAddr) -> io::Result<()> {
        socket.send_to(transmit.bytes, to).map(drop)
    }
}

#[inline]
fn receive_one(
    socket: &UdpSocket,
    block: &mut [u8],
    received: &mut Vec<Received>,
) -> io::Result<(usize, SocketAddr)> {
    debug_assert!(block.len() >= DATAGRAM_MAX);
    let (len, from) = socket.recv_from(block)?;
    received.push(Received { start: 0, len, stride: len, from: Remote::Ip(canonical(from)) });
    Ok((len, from))
}

/// Who sends from an IPv4 address to a dual-stack socket has an IPv6 address here; answers must go
/// to that, so it is left as it is, but for the flow label, which is not part of who it is.
fn canonical(mut from: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(from) = &mut from {
        from.set_flowinfo(0);
    }
    from
}

impl Source for Datagram {
    fn register(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match &mut self.0 {
            Kind::Udp(socket, _) => socket.register(to, token, interests),
            #[cfg(unix)]
            Kind::Unix(socket, _) => socket.register(to, token, interests),
        }
    }

    fn reregister(&mut self, to: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        match &mut self.0 {
            Kind::Udp(socket, _) => socket.reregister(to, token, interests),
            #[cfg(unix)]
            Kind::Unix(socket, _) => socket.reregister(to, token, interests),
        }
    }

    fn deregister(&mut self, from: &Registry) -> io::Result<()> {
        match &mut self.0 {
            Kind::Udp(socket, _) => socket.deregister(from),
            #[cfg(unix)]
            Kind::Unix(socket, _) => socket.deregister(from),
        }
    }
}
