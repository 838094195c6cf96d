//! What can be set of a WebSocket: [`WebSocketConfig`], on one page.

use std::time::Duration;

use crate::wire::websocket::{CloseCode, Deflate, MessageLimits};

/// How WebSockets are accepted, opened and kept.
#[derive(Clone, Debug)]
pub struct WebSocketConfig {
    /// How long frames and messages may be: 1 MiB each.
    pub limits: MessageLimits,
    /// How messages are compressed, if the other end is willing; `None`: not at all.
    pub deflate: Option<Deflate>,
    /// The subprotocols that are spoken, the best first. A server takes the first of these that the
    /// client offers too, and none if there is none.
    pub protocols: Vec<String>,
    /// From which pages a server takes connections. [`Origins::SameHost`].
    pub origins: Origins,
    /// How it is found out that the peer is gone; `None`: by the engine's idle deadline alone.
    pub heartbeat: Option<Heartbeat>,
    /// From the first byte of a message that doesn't come whole until its last. Then the connection
    /// ends as `Late(Read)`. 60 s.
    pub message_time: Duration,
    /// How long the answer to a close frame, and the end of the connection, are waited for. 5 s.
    pub close_time: Duration,
    /// How connections are closed when the server shuts down.
    pub drain: Drain,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self {
            limits: MessageLimits::default(),
            deflate: Some(Deflate::default()),
            protocols: Vec::new(),
            origins: Origins::SameHost,
            heartbeat: Some(Heartbeat::default()),
            message_time: Duration::from_secs(60),
            close_time: Duration::from_secs(5),
            drain: Drain::default(),
        }
    }
}

/// From which pages a server takes connections. A browser sends its cookies with the opening of a
/// WebSocket whatever page asks for it, and says which page that is (RFC 6455, section 10.2): who
/// doesn't look lets any page of the web speak in the name of its visitors.
///
/// Clients that are no browsers say nothing of a page, and are let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Pages of the host that the request names. A proxy in between must leave `Host` as it is.
    SameHost,
    /// Pages of these origins, as browsers write them: `https://example.org`, with a port if it is
    /// not the usual one.
    These(Vec<String>),
    /// All pages. Right if nothing depends on who the visitor is.
    Any,
}

/// Pings, and how long the pong may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The longest time between two pings; it is drawn anew each time, down to three quarters of
    /// this, so that not all connections are pinged in the same instant. Less than proxies and
    /// routers let a connection be silent, and than `Deadlines::idle`. 25 s.
    pub every: Duration,
    /// Without a pong, or anything else, for so long after a ping, the peer is gone: the connection
    /// ends as `Late(Heartbeat)`. 20 s.
    pub timeout: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { every: Duration::from_secs(25), timeout: Duration::from_secs(20) }
    }
}

/// How connections are closed when a server shuts down. A client closes at once, as
/// [`CloseCode::GOING_AWAY`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drain {
    /// The code that clients are told. [`CloseCode::SERVICE_RESTART`]; for a server that won't come
    /// back, [`CloseCode::GOING_AWAY`].
    pub code: CloseCode,
    /// Connections are closed one by one over this time, so that their clients don't come back in
    /// the same instant. Less than `Grace::drain`. 5 s.
    pub spread: Duration,
    /// Clients are asked to come back within this time, each after one of its own, which the close
    /// reason says. 5 s.
    pub retry: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        let spread = Duration::from_secs(5);
        Self { code: CloseCode::SERVICE_RESTART, spread, retry: spread }
    }
}
