//! [`Datagrams`]: sockets that send a burst, await its echo, and begin again.
//!
//! A burst leaves in one call and, where the system can, as one packet that is cut up as late as
//! possible (segmentation offload), as busy peers send; and it is received in as few.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};

use crate::load::{Budget, Client, PATIENCE, Sample, Until, silence};

/// After so long a burst counts as lost, and is sent again.
const LOST: Duration = Duration::from_millis(50);
const BLOCK: usize = 64 * 1024;

pub(crate) struct Datagrams {
    poll: Poll,
    to: SocketAddr,
    sockets: Vec<Socket>,
    burst: Vec<u8>,
    size: usize,
}

struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
    received: usize,
    began: Instant,
}

impl Datagrams {
    pub(crate) fn open(
        to: SocketAddr,
        count: usize,
        size: usize,
        in_flight: usize,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let burst = vec![7; size * in_flight];
        let open = |index| {
            let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.connect(to)?;
            let state = UdpSocketState::new((&socket).into())?;
            socket.set_nonblocking(true)?;
            let mut socket = UdpSocket::from_std(socket);
            poll.registry().register(&mut socket, Token(index), Interest::READABLE)?;
            Ok(Socket { socket, state, received: burst.len(), began: Instant::now() })
        };
        let sockets = (0..count).map(open).collect::<io::Result<_>>()?;
        Ok(Self { poll, to, sockets, burst, size })
    }

    /// One datagram, byte for byte.
    pub(crate) fn probe(to: SocketAddr, size: usize) -> io::Result<()> {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(to)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let sent: Vec<u8> = (0..size).map(|at| at as u8).collect();
        let mut answer = vec![0; size + 1];
        socket.send(&sent)?;
        let count = socket.recv(&mut answer)?;
        match answer[..count] == sent {
            true => Ok(()),
            false => Err(io::Error::other("the answer is not what was sent")),
        }
    }

    fn begin(&mut self, index: usize, now: Instant) -> io::Result<()> {
        let socket = &mut self.sockets[index];
        (socket.received, socket.began) = (0, now);
        if self.burst.len() == self.size {
            return socket.socket.send(&self.burst).map(drop);
        }
        let most = (BLOCK / self.size - 1).min(socket.state.max_gso_segments());
        for contents in self.burst.chunks(most * self.size) {
            let (destination, segment_size) = (self.to, Some(self.size));
            let transmit =
                Transmit { destination, contents, segment_size, ecn: None, src_ip: None };
            match socket.state.try_send((&socket.socket).into(), &transmit) {
                // What does not fit is lost, as on any network.
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads what has come; tells whether a whole burst has, with this.
    fn receive(&mut self, index: usize, block: &mut [u8]) -> io::Result<bool> {
        let (socket, whole) = (&mut self.sockets[index], self.burst.len());
        let before = socket.received;
        loop {
            let mut metas = [RecvMeta::default()];
            let mut slices = [IoSliceMut::new(block)];
            match socket.state.recv((&socket.socket).into(), &mut slices, &mut metas) {
                Ok(_) => socket.received += metas[0].len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(before < whole && socket.received >= whole)
    }
}

impl Client for Datagrams {
    fn run(&mut self, until: Until) -> io::Result<Sample> {
        let (mut budget, mut sample) = (Budget::new(until), Sample::default());
        let in_flight = (self.burst.len() / self.size) as u64;
        let (mut events, mut block) = (Events::with_capacity(1024), vec![0; BLOCK]);
        let (mut awaited, mut heard) = (0, Instant::now());
        for index in 0..self.sockets.len() {
            if budget.take(in_flight, budget.began()) {
                self.begin(index, Instant::now())?;
                awaited += 1;
            }
        }
        while awaited > 0 {
            self.poll.poll(&mut events, Some(LOST))?;
            if events.is_empty() {
                self.repeat_the_lost(heard, awaited)?;
            } else {
                heard = Instant::now();
            }
            for event in &events {
                let Token(index) = event.token();
                if !self.receive(index, &mut block)? {
                    continue;
                }
                let now = Instant::now();
                sample.messages += in_flight;
                sample.latencies_ns.push((now - self.sockets[index].began).as_nanos() as u32);
                match budget.take(in_flight, now) {
                    true => self.begin(index, now)?,
                    false => awaited -= 1,
                }
            }
        }
        sample.elapsed = budget.began().elapsed();
        Ok(sample)
    }
}

impl Datagrams {
    fn repeat_the_lost(&mut self, heard: Instant, awaited: usize) -> io::Result<()> {
        if heard.elapsed() > PATIENCE {
            return Err(silence(awaited));
        }
        for index in 0..self.sockets.len() {
            if self.sockets[index].received < self.burst.len() {
                self.begin(index, Instant::now())?;
            }
        }
        Ok(())
    }
}
