//! [`RoomProtocol`]: what connections that speak the protocol of rooms may do.

use std::time::Duration;

/// What connections that speak the protocol of rooms may do.
#[derive(Clone, Debug)]
pub struct RoomProtocol {
    /// Bytes of a message from a client, as JSON: room for a post of `RoomLimits::body_max`, even
    /// if much of it must be escaped. 64 KiB.
    pub message_max: u32,
    /// Until a client has said who it is. 10 s.
    pub hello: Duration,
    /// Messages that a client may send at once; then, one every `message_every`. Whoever is faster
    /// is not read from until it is time, and loses nothing. 50.
    pub messages_at_once: u32,
    /// 20 ms.
    pub message_every: Duration,
    /// Posts that are told at most in one answer about the history, and names in one about who is
    /// there, or rooms in one about which there are. 200.
    pub answer_max: usize,
    /// How often a connection looks for what no mail told of. 5 s.
    pub tick: Duration,
    /// Over frames: connections are closed one by one over this time when the server goes down.
    /// WebSocket has its own `Drain`. 5 s.
    pub drain: Duration,
    /// Over frames: clients are asked to come back within this time. 5 s.
    pub retry: Duration,
}

impl Default for RoomProtocol {
    fn default() -> Self {
        Self {
            message_max: 64 << 10,
            hello: Duration::from_secs(10),
            messages_at_once: 50,
            message_every: Duration::from_millis(20),
            answer_max: 200,
            tick: Duration::from_secs(5),
            drain: Duration::from_secs(5),
            retry: Duration::from_secs(5),
        }
    }
}
