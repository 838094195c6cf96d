//! [`ClientConfig`]: everything that can be set of a client, on one page.

use std::time::Duration;

use super::route::ProxyServer;
use crate::wire::http::HttpLimits;

/// How a client behaves. Everything has a limit, and none is infinite.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Until a connection is open: its name resolved, TLS agreed on, a tunnel through a proxy
    /// opened. 10 s.
    pub connect: Duration,
    /// From the end of a request until the first byte of its answer. 30 s.
    pub first_byte: Duration,
    /// Between two bytes of an answer, while it is read. 30 s.
    pub idle: Duration,
    /// From the beginning of a request until the end of its answer, second tries and redirects
    /// included. 5 min.
    pub total: Duration,
    /// How long a connection rests before it is closed. Servers close theirs too: shorter is safer,
    /// and a request that meets a connection in this moment may have to be made twice. 30 s.
    pub rest: Duration,
    /// Connections that rest, to one origin and on one loop. As many as are busy at one moment
    /// should find room, or they are opened and closed all the time. 1,024.
    pub resting_per_origin: usize,
    /// Connections that rest, on one loop. 2,048.
    pub resting: usize,
    /// Connections that are open, to one origin and on one loop; one more is refused
    /// (`Failure::Busy`). 4,096.
    pub open_per_origin: usize,
    /// Bytes of a body, each way, that lie between a connection and whoever uses it, before the
    /// connection is not read from, or the sender told to wait. What one visit of a loop reads
    /// comes on top. 128 KiB.
    pub window: usize,
    /// What an answer may have. Its body may be of any length: it is streamed, and takes no memory.
    pub limits: HttpLimits,
    /// Through which proxy all requests go; `None`: through none.
    pub proxy: Option<ProxyServer>,
    /// How TLS is spoken to origins of `https`; `None`: not at all.
    #[cfg(feature = "tls")]
    pub tls: Option<crate::tls::TlsClient>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(300),
            rest: Duration::from_secs(30),
            resting_per_origin: 1024,
            resting: 2048,
            open_per_origin: 4096,
            window: 128 * 1024,
            limits: HttpLimits { body_max: u64::MAX, ..HttpLimits::default() },
            proxy: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}
