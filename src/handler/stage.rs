//! What the engine lends to a visit: [`Stage`], the two buffers and what the handler asked for.
//! The engine's side of the contract; the handler's is in `handler.rs`.

use std::any::Any;
use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::close::Close;
use super::jobs::{Desk, Out};
use super::mail::{ConnectionId, Home};
use crate::base::{Budget, Input, Output};
#[cfg(feature = "websocket")]
use crate::net::Secrets;
#[cfg(feature = "tls")]
use crate::net::transport::TlsClient;
use crate::net::{Endpoint, Peer, Secured, TlsFacts};
#[cfg(feature = "http")]
use crate::wire::http::HttpDate;

/// How many timers of its own a connection can have.
pub(crate) const TIMERS: usize = 4;

/// What the loop lends to every visit.
pub(crate) struct Stage {
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) asked: Asked,
}

/// What was asked for in one call, and the facts of the turn. Owned by the loop; `bits` is zero
/// unless something was asked for, which is all that a visit looks at.
pub(crate) struct Asked {
    pub(crate) bits: u32,
    /// The time of this turn, since the loop began; and in whole milliseconds, rounded down.
    pub(crate) clock: Duration,
    pub(crate) now: u64,
    /// How far the wall clock is ahead of [`clock`](Self::clock), as it was at that second of it.
    pub(crate) wall_ahead: Duration,
    pub(crate) wall_second: u64,
    /// The second that the date of HTTP was last made for.
    #[cfg(feature = "http")]
    pub(crate) date: Option<(u64, HttpDate)>,
    pub(crate) timers: [Duration; TIMERS],
    pub(crate) read_deadline: Option<Duration>,
    pub(crate) write_deadline: Option<Duration>,
    /// The memory that the handler holds by itself.
    pub(crate) own: usize,
    /// What the engine holds, as this loop counts it.
    pub(crate) budget: Budget,
    pub(crate) successor: Option<Box<dyn AnyHandler>>,
    /// How to encrypt from now on, and whom the peer must be.
    #[cfg(feature = "tls")]
    pub(crate) secured: Option<(Secured, String)>,
    pub(crate) dials: Vec<DialOrder>,
    /// No connection is opened any more, because the engine shuts down.
    pub(crate) is_draining: bool,
    /// What the connection of this name, the latest one that was encrypted, agreed on.
    pub(crate) tls: Option<(ConnectionId, Arc<TlsFacts>)>,
    pub(crate) home: Home,
    pub(crate) mailbox_max: u32,
    pub(crate) desk: Desk,
    pub(crate) random: Random,
    #[cfg(feature = "websocket")]
    pub(crate) secrets: Secrets,
}

impl Asked {
    /// Time since 1970.
    pub(crate) fn wall(&self) -> Duration {
        self.clock + self.wall_ahead
    }

    #[cfg(feature = "http")]
    pub(crate) fn http_date(&mut self) -> HttpDate {
        let second = self.wall().as_secs();
        match self.date {
            Some((made_for, date)) if made_for == second => date,
            _ => {
                let date = HttpDate::at(second);
                self.date = Some((second, date));
                date
            }
        }
    }

    /// `what` is one of [`ask::ARM`], [`ask::ARM_EVERY`] and [`ask::DISARM`].
    pub(crate) fn set_timer(&mut self, timer: u8, after: Duration, what: u32) {
        let index = usize::from(timer);
        self.timers[index] = after;
        self.bits &= !((ask::ARM | ask::ARM_EVERY | ask::DISARM) << index);
        self.bits |= what << index;
    }
}

/// Bits of [`Asked::bits`].
pub(crate) mod ask {
    pub(crate) const CLOSE: u32 = 1;
    pub(crate) const PAUSE: u32 = 1 << 1;
    pub(crate) const RESUME: u32 = 1 << 2;
    pub(crate) const UPGRADE: u32 = 1 << 3;
    pub(crate) const FINISH: u32 = 1 << 4;
    /// Too many jobs are in flight: hold back the reading.
    pub(crate) const HOLD: u32 = 1 << 5;
    pub(crate) const JOBS: u32 = 1 << 6;
    pub(crate) const READ_DEADLINE: u32 = 1 << 7;
    pub(crate) const WRITE_DEADLINE: u32 = 1 << 8;
    pub(crate) const OWE: u32 = 1 << 9;
    pub(crate) const SETTLE: u32 = 1 << 10;
    pub(crate) const KEEP_TIME: u32 = 1 << 11;
    #[cfg(feature = "tls")]
    pub(crate) const SECURE: u32 = 1 << 12;
    pub(crate) const OWN: u32 = 1 << 13;
    pub(crate) const DUPLEX: u32 = 1 << 14;
    /// … and the bits above it: one for each timer.
    pub(crate) const ARM: u32 = 1 << 16;
    pub(crate) const ARM_EVERY: u32 = 1 << 20;
    pub(crate) const DISARM: u32 = 1 << 24;
}

/// A small generator for jitter and choices: xorshift64, seeded by the seam.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// What a connection is called, what it has at the workers, and where it came in.
pub(crate) struct Facts {
    pub(crate) id: ConnectionId,
    pub(crate) out: Out,
    pub(crate) peer: Peer,
    /// The number of the listener that let it in. Here, because here it fits into a gap.
    pub(crate) gate: u16,
}

/// The gate of what no listener let in.
pub(crate) const NO_GATE: u16 = u16::MAX;

/// An outgoing connection to open: where to, how long to try, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    pub(crate) to: Target,
    pub(crate) timeout: Option<Duration>,
    pub(crate) after: Duration,
    pub(crate) secured: Option<Secured>,
    pub(crate) while_draining: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Endpoints(Vec<Endpoint>),
    Host(String, u16),
}

impl Dial {
    fn target(to: Target) -> Self {
        Self { to, timeout: None, after: Duration::ZERO, secured: None, while_draining: false }
    }

    /// To an address.
    pub fn to(endpoint: impl Into<Endpoint>) -> Self {
        Self::target(Target::Endpoints(vec![endpoint.into()]))
    }

    /// To the first of several addresses that answers, tried in turn.
    pub fn any(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        Self::target(Target::Endpoints(endpoints.into_iter().collect()))
    }

    /// To a host by name. The name is resolved off the loop, anew for each attempt, and all its
    /// addresses are tried in turn.
    pub fn host(name: impl Into<String>, port: u16) -> Self {
        Self::target(Target::Host(name.into(), port))
    }

    /// By TLS: what is received was decrypted, and what is sent will be encrypted. The server's
    /// certificate must be for the name, or the address, that is dialled, unless the client has
    /// [another](crate::tls::TlsClientBuilder::server_name).
    #[cfg(feature = "tls")]
    pub fn tls(self, client: &TlsClient) -> Self {
        Self { secured: Some(client.secured()), ..self }
    }

    /// How long to try in all: resolving the name, every address, and the handshake.
    /// `Deadlines::handshake` unless set.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// Also while the engine drains for a shutdown, when others end as `Close::Shutdown`: for what
    /// takes a connection to answer those who are still served. It is asked to end at once, as all
    /// that are open then.
    pub fn while_draining(self) -> Self {
        Self { while_draining: true, ..self }
    }

    /// How long to wait first. Not at all unless set.
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

/// `10.0.0.1:80`, `unix:/run/app.sock`, or `example.org:80`.
impl FromStr for Dial {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Self> {
        if let Ok(endpoint) = text.parse::<Endpoint>() {
            return Ok(Self::to(endpoint));
        }
        match text.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) if !host.is_empty() && !host.contains(':') => {
                Ok(Self::host(host, port))
            }
            _ => {
                let what = format!("cannot connect to `{text}`: write HOST:PORT or unix:PATH");
                Err(io::Error::new(io::ErrorKind::InvalidInput, what))
            }
        }
    }
}

impl<E: Into<Endpoint>> From<E> for Dial {
    fn from(endpoint: E) -> Self {
        Self::to(endpoint)
    }
}

pub(crate) struct DialOrder {
    pub(crate) dial: Dial,
    pub(crate) handler: Box<dyn AnyHandler>,
}

/// Everything that can happen to a connection, but for data: see [`AnyHandler::data`].
pub(crate) enum Event<'a> {
    Open,
    Eof,
    /// An `Option<H::Message>`.
    Message(&'a mut dyn Any),
    Timer(u8),
    Writable,
    Drain,
}

/// A handler with its type erased: what the slab stores.
pub(crate) trait AnyHandler: Any + Send {
    /// New bytes came: nearly all that happens, so it has a way of its own.
    fn data(&mut self, stage: &mut Stage, facts: &mut Facts) -> Result<(), Close>;
    fn handle(
        &mut self,
        event: Event<'_>,
        stage: &mut Stage,
        facts: &mut Facts,
    ) -> Result<(), Close>;
    fn close(self: Box<Self>, why: Close, asked: &mut Asked);
    fn name(&self) -> &'static str;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dial_is_read_from_an_address_a_path_or_a_name() {
        let target = |text: &str| text.parse::<Dial>().map(|dial| format!("{:?}", dial.to));
        assert_eq!(target("127.0.0.1:80").unwrap(), "Endpoints([Ip(127.0.0.1:80)])");
        assert_eq!(target("[::1]:80").unwrap(), "Endpoints([Ip([::1]:80)])");
        assert_eq!(target("unix:/run/a").unwrap(), "Endpoints([Unix(\"/run/a\")])");
        assert_eq!(target("example.org:80").unwrap(), "Host(\"example.org\", 80)");
        for wrong in ["", "example.org", ":80", "example.org:", "example.org:65536", "::1:80"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
