//! [`PeerState`]: a simulated peer at one end of a stream, which is not overt: what it is to send,
//! what it has received, and how eagerly it reads.

use std::collections::VecDeque;
use std::time::Duration;

/// How a simulated peer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Everything, as it comes.
    Eager,
    /// Nothing: what is sent to it fills the buffers between.
    Never,
    /// So many bytes at a time, this far apart.
    Slow {
        /// How many bytes it takes at a time, at most.
        bytes: usize,
        /// How long it then waits.
        every: Duration,
    },
}

pub(crate) struct PeerState {
    pub(crate) link: usize,
    pub(crate) side: usize,
    pub(crate) outbox: VecDeque<u8>,
    pub(crate) received: Vec<u8>,
    /// How many bytes it has received in all.
    pub(crate) received_in_all: u64,
    pub(crate) reading: Reading,
    /// When it reads again, if it is slow.
    pub(super) read_again: Duration,
    /// Its sending half is to end when the outbox is empty.
    pub(crate) finishing: bool,
    pub(crate) status: Status,
    /// What is called when something happened to it.
    pub(super) script: Option<usize>,
    /// Whether it is in the list of those that have something to do.
    pub(super) listed: bool,
}

/// How far a peer's stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is not open yet.
    Connecting,
    /// It could not be opened.
    Failed,
    /// It is open.
    Open,
    /// The other side has closed its sending half, and every byte was received.
    Ended,
    /// The other side, or the network, cut it.
    Reset,
}

impl PeerState {
    pub(super) fn new(link: usize, side: usize, script: Option<usize>) -> Self {
        Self {
            link,
            side,
            outbox: VecDeque::new(),
            received: Vec::new(),
            received_in_all: 0,
            reading: Reading::Eager,
            read_again: Duration::ZERO,
            finishing: false,
            status: Status::Connecting,
            script,
            listed: false,
        }
    }
}
