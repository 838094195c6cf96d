//! Everything that can be set, on one page: [`Config`], [`Limits`], [`Deadlines`] and [`Grace`].
//! Everything has a limit with a name, a default that is not "none", and a reason.

use std::time::Duration;

use crate::base::AccessList;

/// How an engine is built.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many loops; 0, the default, for one per processor that this process may run on.
    pub loops: usize,
    /// How many worker threads; none unless set.
    pub workers: usize,
    /// Whether each loop stays on a processor of its own (Linux, with the feature `linux`).
    pub pin: bool,
    /// How long a loop that has nothing to do polls before it sleeps. Zero, the default, for never.
    /// 20 to 200 µs halve the latency of a nearly idle server, at the price of processor time; a
    /// loop that polled in vain several times in a row pauses doing so.
    pub spin: Duration,
    /// How connections are spread over the loops.
    pub spread: Spread,
    /// Bounds.
    pub limits: Limits,
    /// Deadlines of connections.
    pub deadlines: Deadlines,
    /// The times of a graceful shutdown.
    pub grace: Grace,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            loops: 0,
            workers: 0,
            pin: false,
            spin: Duration::ZERO,
            spread: Spread::ReusePort,
            limits: Limits::default(),
            deadlines: Deadlines::default(),
            grace: Grace::default(),
        }
    }
}

/// How accepted connections come to loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Each loop has a listening socket of its own, and the kernel picks one by a hash of the
    /// addresses (`SO_REUSEPORT`; Linux and DragonFly). A loop that is full gives what it accepts
    /// to the one with the fewest connections. Where the system can't, or the socket is not ours
    /// to open (passed by systemd, or Unix), as `HandOff(RoundRobin)`.
    ReusePort,
    /// The first loop accepts for all, and picks.
    HandOff(Balance),
}

/// How the accepting loop picks one, as long as that is not full: then, the one with the fewest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Each in turn.
    RoundRobin,
    /// The one with the fewest connections.
    LeastConnections,
    /// Of two drawn by chance, the one with fewer connections.
    PowerOfTwo,
    /// By a keyed hash of the peer's IP address: one address, one loop.
    SourceHash,
}

/// Bounds. Sizes are in bytes.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Unconsumed input of a connection; more closes it. Must exceed the largest frame. 8 MiB.
    pub input_max: usize,
    /// Unsent output above which a connection is not read from. 256 KiB.
    pub output_high: usize,
    /// Unsent output below which reading goes on, and `on_writable` is called. 64 KiB.
    pub output_low: usize,
    /// Unsent output of a connection; more closes it. 8 MiB.
    pub output_max: usize,
    /// Bytes that a connection may read in one visit, before the others get their turn. 256 KiB.
    pub read_per_visit: usize,
    /// Frames that a decoder may take in one visit, before the others get their turn. 1,024.
    pub frames_per_visit: u32,
    /// Connections accepted in one turn of a loop from one listener. 64.
    pub accepts_per_turn: u32,
    /// Steps of TLS handshakes computed by one turn of a loop; the rest comes in the next, and the
    /// others are served between. Each takes 0.1 to 1 ms, and a handshake has two or three. 8.
    pub handshakes_per_turn: u32,
    /// Outgoing connections begun in one turn of a loop; what is asked for beyond that comes in the
    /// next. 64.
    pub dials_per_turn: u32,
    /// Messages taken in by one turn of a loop, before its visits and again behind them. 1,024.
    pub messages_per_turn: u32,
    /// Datagrams that a socket may receive in one visit, before the others get their turn. Looked
    /// at between calls of the system, one of which may give 256. 256.
    pub datagrams_per_visit: u32,
    /// What a datagram socket may hold back until its buffer in the kernel has room; more is
    /// dropped. Several times what one visit can answer. 1 MiB.
    pub datagrams_unsent: usize,
    /// Messages that may wait for one loop; more are given back to their senders. 65,536.
    pub mailbox: u32,
    /// Jobs of one connection at the workers, above which it is not read from. 1,024.
    pub jobs_per_connection: u32,
    /// Jobs of one loop at the workers, above which connections that give work are not read from.
    /// 65,536.
    pub jobs: u32,
    /// Frames of one loop that were copied for the workers and are not answered yet, in bytes,
    /// above which connections that give work are not read from. 64 MiB.
    pub job_bytes: usize,
    /// What connections of the engine may hold in buffers of their own, in all, what their
    /// handlers say that they [hold besides](crate::Effects::hold_memory), and what clients of HTTP
    /// hold between two of them; what would make it more is closed. Counted per loop in steps of
    /// 64 KiB. Datagram sockets and their sessions have none: what they hold is bounded by
    /// `datagrams_unsent` and `Sessions::max`. 1 GiB.
    pub memory_max: u64,
    /// Open connections of the engine. Those that it opens itself count, but none of them is
    /// turned away. 65,536.
    pub connections: u32,
    /// Open connections on one loop; more go to another one. 65,536.
    pub connections_per_loop: u32,
    /// What is done when there are as many connections as allowed, or no descriptors left.
    pub when_full: WhenFull,
    /// Bounds on each listener, unless it has its own.
    pub admission: Admission,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            input_max: 8 << 20,
            output_high: 256 << 10,
            output_low: 64 << 10,
            output_max: 8 << 20,
            read_per_visit: 256 << 10,
            frames_per_visit: 1024,
            accepts_per_turn: 64,
            handshakes_per_turn: 8,
            dials_per_turn: 64,
            messages_per_turn: 1024,
            datagrams_per_visit: 256,
            datagrams_unsent: 1 << 20,
            mailbox: 65_536,
            jobs_per_connection: 1024,
            jobs: 65_536,
            job_bytes: 64 << 20,
            memory_max: 1 << 30,
            connections: 65_536,
            connections_per_loop: 65_536,
            when_full: WhenFull::StopAccepting,
            admission: Admission::default(),
        }
    }
}

/// What is done with more connections than are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// They wait in the kernel's queue until there is room: nobody is turned away who could be
    /// served a moment later.
    StopAccepting,
    /// They are accepted and closed at once, with a reset: who waits learns that it is in vain.
    Refuse,
}

/// Who is let in by a listener, and how many.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Open connections through this listener; `None`: only `Limits::connections` counts.
    pub connections: Option<u32>,
    /// Open connections from one address (IPv4 /32, IPv6 /64); `None`: as many as in all.
    pub per_address: Option<u32>,
    /// New connections from one address per second, and how many at once; `None`: any.
    pub rate_per_address: Option<(u32, u32)>,
    /// With any of the two above: how many addresses without connections are remembered for their
    /// rate, at about 50 bytes each; those with connections always are. Beyond that, who was away
    /// for longest is forgotten, and may begin with a fresh burst. 65,536.
    pub addresses_remembered: u32,
    /// Addresses that are let in, or turned away. Everybody is let in unless set.
    pub access: AccessList,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            connections: None,
            per_address: None,
            rate_per_address: None,
            addresses_remembered: 65_536,
            access: AccessList::default(),
        }
    }
}

impl Admission {
    pub(crate) fn counts_addresses(&self) -> bool {
        self.per_address.is_some() || self.rate_per_address.is_some()
    }
}

/// Bounds on the sessions of a datagram socket.
#[derive(Clone, Debug)]
pub struct Sessions {
    /// How many there may be at once, on each loop. 65,536.
    pub max: u32,
    /// Without a datagram from the peer. 60 s.
    pub idle: Duration,
    /// The age of a session. 24 h.
    pub lifetime: Duration,
    /// What is done with one more than `max`.
    pub when_full: Crowded,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            max: 65_536,
            idle: Duration::from_secs(60),
            lifetime: Duration::from_secs(24 * 3600),
            when_full: Crowded::Refuse,
        }
    }
}

/// What is done with the peers of a datagram socket that has as many sessions as it may have.
/// Anybody can invent peers, so the choice is who suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowded {
    /// Datagrams of new peers are dropped, and counted (`sessions_refused`); those who are there
    /// are served.
    Refuse,
    /// One of the idlest sessions is closed, as `Close::Over(Bound::Sessions)`: the one that was
    /// idle for longest, of eight that are drawn by chance.
    EvictIdle,
}

/// The deadlines of each connection. None is infinite; the longest possible is 24 days.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Until an outgoing connection, or a handshake, is done. 10 s.
    pub handshake: Duration,
    /// From the beginning of a connection until the first frame was consumed; `None`, the default:
    /// silence is bounded by `idle` alone.
    pub first_frame: Option<Duration>,
    /// From the first byte of a frame until the last. 60 s.
    pub frame: Duration,
    /// Bytes per second that an incomplete frame must come in, and waiting output must go out with,
    /// once it moves at all. 64.
    pub rate: u32,
    /// Over how long that rate is measured. 10 s.
    pub rate_window: Duration,
    /// Without a byte received or sent, unless it is the handler that does not read, or
    /// [owes](crate::Effects::owe) something. 60 s.
    pub idle: Duration,
    /// Output waits and the peer takes nothing. 30 s.
    pub drain: Duration,
    /// The age of a connection. 24 h.
    pub lifetime: Duration,
    /// After an orderly close: how long the peer's last bytes are waited for and dropped, so that
    /// no reset destroys what was sent to it. 2 s.
    pub linger: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            first_frame: None,
            frame: Duration::from_secs(60),
            rate: 64,
            rate_window: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            lifetime: Duration::from_secs(24 * 3600),
            linger: Duration::from_secs(2),
        }
    }
}

/// The phases of a graceful shutdown, each with its own time.
#[derive(Clone, Copy, Debug)]
pub struct Grace {
    /// Lame duck: still accepting and serving, while whoever sends us clients learns from
    /// [`Handle::phase`](crate::Handle::phase) that we are about to go. None unless set.
    pub lame_duck: Duration,
    /// Draining: no new connections; those open may end their conversation. 30 s.
    pub drain: Duration,
    /// Forced: nothing is read and no job waited for any more; output that is ready may still go
    /// out. 1 s.
    pub forced: Duration,
}

impl Default for Grace {
    fn default() -> Self {
        Self {
            lame_duck: Duration::ZERO,
            drain: Duration::from_secs(30),
            forced: Duration::from_secs(1),
        }
    }
}
