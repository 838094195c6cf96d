//! Datagram sockets: UDP, batched where the system can, and Unix.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use mio::event::Source;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::listener;
use crate::net::{Bind, Endpoint, Received, Remote, Transmit};

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
        match &how.at {
            Endpoint::Ip(at) => {
                let socket = UdpSocket::from_std(bound_udp(*at, how)?.into());
                let (at, batching) = (socket.local_addr()?, Batching::new(&socket)?);
                Ok((Self(Kind::Udp(socket, batching)), at.into()))
            }
            #[cfg(unix)]
            Endpoint::Unix(path) => {
                let remove = listener::RemoveFile(Some(path.clone()));
                let socket = mio::net::UnixDatagram::bind(path)?;
                Ok((Self(Kind::Unix(socket, remove)), how.at.clone()))
            }
            #[cfg(not(unix))]
            Endpoint::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    #[inline]
    pub(super) fn receive(
        &mut self,
        block: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<()> {
        match &self.0 {
            Kind::Udp(socket, batching) => batching.receive(socket, block, received),
            #[cfg(unix)]
            Kind::Unix(socket, _) => {
                let (len, from) = socket.recv_from(block)?;
                let from = Remote::Unix(from.as_pathname().map(Into::into));
                received.push(Received { start: 0, len, stride: len, from });
                Ok(())
            }
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
                socket.send_to(transmit.bytes, path).map(drop)
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
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    for group in &how.groups {
        match group {
            IpAddr::V4(group) => socket.join_multicast_v4(group, &Ipv4Addr::UNSPECIFIED)?,
            IpAddr::V6(group) => socket.join_multicast_v6(group, 0)?,
        }
    }
    Ok(socket)
}

/// Several datagrams a call: `recvmmsg`, and segmentation offload both ways (GRO, GSO).
#[cfg(feature = "linux")]
struct Batching(quinn_udp::UdpSocketState);

#[cfg(feature = "linux")]
impl Batching {
    fn new(socket: &UdpSocket) -> io::Result<Self> {
        Ok(Self(quinn_udp::UdpSocketState::new(socket.into())?))
    }

    fn receive(
        &self,
        socket: &UdpSocket,
        block: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<()> {
        use quinn_udp::{BATCH_SIZE, RecvMeta};
        let count = (block.len() / DATAGRAM_MAX).clamp(1, BATCH_SIZE);
        let room = block.len() / count;
        let mut rooms = block.chunks_exact_mut(room).map(io::IoSliceMut::new);
        let mut slices: [_; BATCH_SIZE] =
            std::array::from_fn(|_| rooms.next().unwrap_or_else(|| io::IoSliceMut::new(&mut [])));
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let Some(slices) = slices.get_mut(..count) else { return Ok(()) };
        let got = self.0.recv(socket.into(), slices, &mut metas)?;
        received.extend(metas.iter().take(got).enumerate().map(|(index, meta)| Received {
            start: index * room,
            len: meta.len,
            stride: meta.stride,
            from: Remote::Ip(canonical(meta.addr)),
        }));
        Ok(())
    }

    fn segments_max(&self) -> usize {
        self.0.max_gso_segments()
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
        self.0.try_send(
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
        &self,
        socket: &UdpSocket,
        block: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<()> {
        debug_assert!(block.len() >= DATAGRAM_MAX);
        let (len, from) = socket.recv_from(block)?;
        let from = Remote::Ip(canonical(from));
        received.push(Received { start: 0, len, stride: len, from });
        Ok(())
    }

    fn segments_max(&self) -> usize {
        1
    }

    fn send(&self, socket: &UdpSocket, transmit: &Transmit<'_>, to: SocketAddr) -> io::Result<()> {
        socket.send_to(transmit.bytes, to).map(drop)
    }
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
