//! What can be set of an HTTP server: [`HttpConfig`] and [`HttpDeadlines`].

use std::time::Duration;

use crate::wire::http::HttpLimits;

/// How connections of HTTP are served.
#[derive(Clone, Debug, Default)]
pub struct HttpConfig {
    /// Bounds on what a request may be.
    pub limits: HttpLimits,
    /// How long things may take.
    pub deadlines: HttpDeadlines,
    /// Bounds on how much of a request is taken in vain, and gathered for a service.
    pub bodies: BodyLimits,
    /// What `Server` says; it is not sent unless set. Whoever attacks likes to read it.
    pub server: Option<String>,
}

/// Bounds on bodies, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// The body that a [`Service`](super::Service) gets as a whole; a larger one is answered with
    /// 413. 1 MiB.
    pub whole: usize,
    /// What all services of a server gather at a time, on all loops together; who would make it
    /// more is answered with 503. 256 MiB.
    pub gathered: u64,
    /// What is still read, and dropped, of a request that was answered before it ended, so that
    /// the connection can be used again; with more, or if it takes longer than
    /// [`HttpDeadlines::head`], the connection ends. 256 KiB.
    pub drained: u64,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { whole: 1 << 20, gathered: 256 << 20, drained: 256 << 10 }
    }
}

/// The deadlines of HTTP. They stand beside those of the engine
/// ([`Deadlines`](crate::Deadlines)), which know nothing of requests; none is infinite.
#[derive(Clone, Copy, Debug)]
pub struct HttpDeadlines {
    /// From the first byte of a request to the end of its head. Then 408. 10 s.
    pub head: Duration,
    /// From the beginning to the first request, or from an answer, once it is taken, to the next
    /// one. Then the connection closes. 60 s; `Deadlines::idle` counts, too.
    pub idle: Duration,
    /// Bytes per second that a body must come in with, unless it is us who hold it back, and that
    /// an answer must be taken with. Then 408, or a close as `Late(Rate)`. 500.
    pub rate: u32,
    /// Over how long that rate is measured. 10 s.
    pub rate_window: Duration,
    /// From the end of a request until its answer begins. Then 503. 60 s.
    pub answer: Duration,
    /// In a graceful shutdown: how long a client that keeps an idle connection may still come with
    /// a request, so that it is not closed in its face. 1 s.
    pub last_request: Duration,
}

impl Default for HttpDeadlines {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            rate: 500,
            rate_window: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            last_request: Duration::from_secs(1),
        }
    }
}
