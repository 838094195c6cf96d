//! [`Echo`]: connections that send a batch, await its answer, and begin again.
//!
//! Cheap enough not to be the bottleneck: one read and one write a batch, no parsing, `TCP_NODELAY`
//! set. Batches are checked byte for byte beforehand, by `Load::probe`; here they are counted.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::load::{Budget, Client, PATIENCE, Sample, Until, silence};
use crate::message::{Talk, dial};
use crate::wire::Wire;

const BLOCK: usize = 256 * 1024;

pub(crate) struct Echo {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    batch: Vec<u8>,
    /// How long the answer to it is.
    answer: usize,
    in_flight: u64,
    block: Vec<u8>,
}

pub(crate) struct Connection {
    stream: Wire<TcpStream>,
    /// How much of the batch was sent, and how much of the answer has come.
    sent: usize,
    received: usize,
    began: Instant,
}

impl Echo {
    pub(crate) fn connect(
        to: SocketAddr,
        count: usize,
        talk: Talk,
        in_flight: usize,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let began = Instant::now();
        let streams = connect(&poll, to, count, &talk)?;
        let Talk { batch, answer, .. } = talk;
        let sent = batch.len();
        let connections = streams
            .into_iter()
            .map(|stream| Connection { stream, sent, received: answer, began })
            .collect();
        let events = Events::with_capacity(1024);
        let in_flight = in_flight as u64;
        Ok(Self { poll, events, connections, batch, answer, in_flight, block: vec![0; BLOCK] })
    }

    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(crate) fn is_idle(&self, index: usize) -> bool {
        self.connections[index].received == self.answer
    }

    /// Sends a batch on an idle connection.
    #[inline]
    pub(crate) fn begin(&mut self, index: usize, now: Instant) -> io::Result<()> {
        let connection = &mut self.connections[index];
        (connection.sent, connection.received, connection.began) = (0, 0, now);
        connection.send(&self.batch)
    }

    /// Waits for at most `timeout`, and calls `done` with each connection whose batch is
    /// answered, and when that was begun.
    pub(crate) fn wait(
        &mut self,
        timeout: Duration,
        mut done: impl FnMut(&mut Self, usize, Instant) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        self.poll.poll(&mut events, Some(timeout))?;
        for event in &events {
            let Token(index) = event.token();
            let connection = &mut self.connections[index];
            if event.is_writable() {
                connection.send(&self.batch)?;
            }
            if event.is_readable() && connection.receive(&mut self.block, self.answer)? {
                let began = connection.began;
                done(self, index, began)?;
            }
        }
        let any = !events.is_empty();
        self.events = events;
        Ok(any)
    }
}

impl Client for Echo {
    fn run(&mut self, until: Until) -> io::Result<Sample> {
        let (mut budget, mut sample) = (Budget::new(until), Sample::default());
        let (in_flight, mut awaited) = (self.in_flight, 0);
        for index in 0..self.connections.len() {
            if budget.take(in_flight, budget.began()) {
                self.begin(index, Instant::now())?;
                awaited += 1;
            }
        }
        while awaited > 0 {
            let any = self.wait(PATIENCE, |this, index, began| {
                let now = Instant::now();
                sample.messages += in_flight;
                sample.latencies_ns.push((now - began).as_nanos() as u32);
                match budget.take(in_flight, now) {
                    true => this.begin(index, now),
                    false => {
                        awaited -= 1;
                        Ok(())
                    }
                }
            })?;
            if !any {
                return Err(silence(awaited));
            }
        }
        sample.elapsed = budget.began().elapsed();
        Ok(sample)
    }
}

impl Connection {
    fn send(&mut self, batch: &[u8]) -> io::Result<()> {
        while self.sent < batch.len() {
            match self.stream.write(&batch[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        match self.stream.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Tells whether a whole batch has come, with this.
    #[inline]
    fn receive(&mut self, block: &mut [u8], whole: usize) -> io::Result<bool> {
        let before = self.received;
        loop {
            match self.stream.read(block) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.received += count;
                    // A short read is the last one until the next edge; but of records, one.
                    if count < block.len() && !self.stream.is_sealed() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(before < whole && self.received == whole)
    }
}

/// Opens so many connections, and watches them; the token is the index.
pub(crate) fn connect(
    poll: &Poll,
    to: SocketAddr,
    count: usize,
    talk: &Talk,
) -> io::Result<Vec<Wire<TcpStream>>> {
    let open = |index| {
        let mut stream = dial(to, talk.is_sealed, &talk.opening)?;
        stream.stream().set_nonblocking(true)?;
        // The client's ports must last for all rounds: a reset leaves none in TIME_WAIT.
        socket2::SockRef::from(&*stream.stream()).set_linger(Some(Duration::ZERO))?;
        let mut stream = stream.map(TcpStream::from_std);
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(stream.stream(), Token(index), both)?;
        Ok(stream)
    };
    (0..count).map(open).collect()
}
