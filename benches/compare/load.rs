//! [`Load`]: what clients do to a server; [`Client`], who does it; [`Sample`], what came of it.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::broadcast::Listeners;
use crate::churn::Churn;
use crate::datagrams::Datagrams;
use crate::echo::Echo;
use crate::message::{Message, Talk, dial};
use crate::paced::Paced;

/// A server that says nothing for so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// Each connection sends so many messages in one write, awaits all answers, and begins again.
    Echo { connections: usize, message: Message, in_flight: usize },
    /// One message at a time, so many a second in all, whether or not the server keeps up.
    Paced { connections: usize, message: Message, share: f64 },
    /// Each socket sends so many datagrams in one call, awaits all echoes, and begins again.
    Datagrams { sockets: usize, size: usize, in_flight: usize },
    /// So many at a time connect, get one message echoed, and close.
    Churn { connections: usize, size: usize },
    /// One member says something, and the next does when everybody has heard it.
    Broadcast { members: usize, message: Message },
}

/// When a client is to stop. It ends what it began.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Time(Duration),
    Messages(u64),
}

/// What a client saw.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    pub(crate) messages: u64,
    pub(crate) elapsed: Duration,
    /// Of all that was awaited.
    pub(crate) latencies_ns: Vec<u32>,
}

pub(crate) trait Client {
    fn run(&mut self, until: Until) -> io::Result<Sample>;
}

impl Load {
    /// Opens all connections. `rate` is messages per second at saturation, if that is known.
    pub(crate) fn connect(self, to: SocketAddr, rate: f64) -> io::Result<Box<dyn Client>> {
        Ok(match self {
            Self::Echo { connections, message, in_flight } => {
                Box::new(Echo::connect(to, connections, message.talk(to, in_flight)?, in_flight)?)
            }
            Self::Paced { connections, message, share } => {
                let echo = Echo::connect(to, connections, message.talk(to, 1)?, 1)?;
                Box::new(Paced::new(echo, rate * share))
            }
            Self::Datagrams { sockets, size, in_flight } => {
                Box::new(Datagrams::open(to, sockets, size, in_flight)?)
            }
            Self::Churn { connections, size } => Box::new(Churn::new(to, connections, size)?),
            Self::Broadcast { members, message } => {
                Box::new(Listeners::connect(to, members, message.talk(to, 1)?)?)
            }
        })
    }

    /// The same with at most so many connections.
    pub(crate) fn at_most(mut self, max: usize) -> Self {
        let (Self::Echo { connections: count, .. }
        | Self::Paced { connections: count, .. }
        | Self::Datagrams { sockets: count, .. }
        | Self::Churn { connections: count, .. }
        | Self::Broadcast { members: count, .. }) = &mut self;
        *count = (*count).min(max);
        self
    }

    /// Whether the server does it right: one batch, byte for byte.
    pub(crate) fn probe(self, to: SocketAddr) -> io::Result<()> {
        let (message, in_flight) = match self {
            Self::Echo { message, in_flight, .. } => (message, in_flight),
            Self::Paced { message, .. } | Self::Broadcast { message, .. } => (message, 1),
            Self::Churn { size, .. } => (Message::Raw(size), 1),
            Self::Datagrams { size, .. } => return Datagrams::probe(to, size),
        };
        let Talk { is_sealed, opening, batch, answer } = message.talk(to, in_flight)?;
        let mut stream = dial(to, is_sealed, &opening)?;
        let mut heard = vec![0; answer];
        stream.write_all(&batch)?;
        stream.read_exact(&mut heard)?;
        match message.is_answered(in_flight, &heard) {
            true => Ok(()),
            false => Err(io::Error::other("the answer is not what it should be")),
        }
    }
}

/// Counts down what a client may still begin.
pub(crate) struct Budget {
    began: std::time::Instant,
    until: Until,
    left: u64,
}

impl Budget {
    pub(crate) fn new(until: Until) -> Self {
        let left = match until {
            Until::Time(_) => u64::MAX,
            Until::Messages(count) => count,
        };
        Self { began: std::time::Instant::now(), until, left }
    }

    /// Whether to begin `count` messages more.
    #[inline]
    pub(crate) fn take(&mut self, count: u64, now: std::time::Instant) -> bool {
        match self.until {
            Until::Time(time) if now - self.began >= time => return false,
            _ if self.left == 0 => return false,
            _ => self.left = self.left.saturating_sub(count),
        }
        true
    }

    pub(crate) fn began(&self) -> std::time::Instant {
        self.began
    }
}

/// That nothing came for too long.
pub(crate) fn silence(waiting: usize) -> io::Error {
    let what = format!("no answer within {} s; {waiting} are awaited", PATIENCE.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, what)
}
