//! [`Churn`]: connections that live for one message. A message of the report is one of them.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::load::{Budget, Client, PATIENCE, Sample, Until, silence};

pub(crate) struct Churn {
    poll: Poll,
    to: SocketAddr,
    places: Vec<Option<Life>>,
    message: Vec<u8>,
}

struct Life {
    stream: TcpStream,
    began: Instant,
    sent: bool,
    received: usize,
}

impl Churn {
    pub(crate) fn new(to: SocketAddr, count: usize, size: usize) -> io::Result<Self> {
        let places = (0..count).map(|_| None).collect();
        Ok(Self { poll: Poll::new()?, to, places, message: vec![7; size] })
    }

    fn begin(&mut self, index: usize, now: Instant) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.to)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(index), both)?;
        self.places[index] = Some(Life { stream, began: now, sent: false, received: 0 });
        Ok(())
    }
}

impl Client for Churn {
    fn run(&mut self, until: Until) -> io::Result<Sample> {
        let (mut budget, mut sample) = (Budget::new(until), Sample::default());
        let mut events = Events::with_capacity(1024);
        let mut alive = 0;
        for index in 0..self.places.len() {
            if budget.take(1, budget.began()) {
                self.begin(index, Instant::now())?;
                alive += 1;
            }
        }
        while alive > 0 {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                return Err(silence(alive));
            }
            for event in &events {
                let Token(index) = event.token();
                let Some(life) = &mut self.places[index] else { continue };
                if !life.advance(&self.message)? {
                    continue;
                }
                let now = Instant::now();
                sample.messages += 1;
                sample.latencies_ns.push((now - life.began).as_nanos() as u32);
                self.places[index] = None; // Closes it, in an orderly way.
                match budget.take(1, now) {
                    true => self.begin(index, now)?,
                    false => alive -= 1,
                }
            }
        }
        sample.elapsed = budget.began().elapsed();
        Ok(sample)
    }
}

impl Life {
    /// Tells whether all has been said and heard.
    fn advance(&mut self, message: &[u8]) -> io::Result<bool> {
        if !self.sent {
            match self.stream.write(message) {
                Ok(count) if count == message.len() => self.sent = true,
                Ok(_) => return Err(io::Error::other("a new socket took a part of a message")),
                // Not connected yet.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        let mut block = [0; 4096];
        match self.stream.read(&mut block) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.received += count;
                Ok(self.received == message.len())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}
