//! [`Link`]: one simulated stream, seen from both ends. What is here is its state and what follows
//! from it at once; how it changes in time is in `streams.rs`.

use std::collections::VecDeque;
use std::io;

use crate::net::{Peer, Readiness, Token};

/// The end that connected.
pub(super) const CLIENT: usize = 0;
/// The end that was accepted.
pub(super) const SERVER: usize = 1;

pub(super) struct Link {
    pub(super) ends: [End; 2],
    /// Each by the side that writes to it.
    pub(super) pipes: [Pipe; 2],
    /// Who the client is, to the server.
    pub(super) from: Peer,
}

/// One end of a stream.
pub(super) struct End {
    pub(super) owner: Owner,
    pub(super) state: State,
    /// Bits of [`Readiness`] that are news.
    pub(super) news: u8,
    /// Whether it is in its poller's list.
    pub(super) listed: bool,
    pub(super) closed: bool,
    /// The stream was cut; and the end has been told, which happens once.
    pub(super) cut: bool,
    pub(super) told: bool,
}

/// Whose an end is.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    /// Not accepted yet, or closed.
    Nobody,
    /// A loop's; with a token, if it is watched.
    World(usize, Option<Token>),
    /// A simulated peer's.
    Peer(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Connecting,
    Failed(io::ErrorKind),
    Open,
}

/// Bytes on their way from one end to the other. Between being sent and being read they lie in two
/// bounded buffers, as those of a kernel at either end.
#[derive(Default)]
pub(super) struct Pipe {
    pub(super) sent: VecDeque<u8>,
    pub(super) arrived: VecDeque<u8>,
    /// The writer will write no more; and the reader can see that.
    pub(super) finished: bool,
    pub(super) ended: bool,
    /// Whether an arrival is to come.
    pub(super) moving: bool,
    /// The writer found no room, and is to be told when there is some.
    pub(super) wanted: bool,
}

impl Link {
    pub(super) fn new(client: Owner, from: Peer) -> Self {
        let end = |owner, state| End {
            owner,
            state,
            news: 0,
            listed: false,
            closed: false,
            cut: false,
            told: false,
        };
        let ends = [end(client, State::Connecting), end(Owner::Nobody, State::Open)];
        Self { ends, pipes: Default::default(), from }
    }

    /// What is true of an end: bits of [`Readiness`].
    pub(super) fn readiness(&self, side: usize, window: usize) -> u8 {
        let (end, from, to) = (&self.ends[side], &self.pipes[1 - side], &self.pipes[side]);
        match end.state {
            State::Connecting => return 0,
            State::Failed(_) => return ALL,
            State::Open if end.cut => return ALL,
            State::Open => {}
        }
        let ended = from.ended;
        let mut bits = 0;
        bits |= if ended || !from.arrived.is_empty() { Readiness::READ } else { 0 };
        bits |= if to.finished || to.sent.len() < window { Readiness::WRITE } else { 0 };
        bits |= if ended { Readiness::ENDED } else { 0 };
        bits
    }

    /// Nobody can see it any more.
    pub(super) fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.closed)
    }
}

pub(super) const ALL: u8 = Readiness::READ | Readiness::WRITE | Readiness::ENDED;

impl Pipe {
    /// Takes up to `most` arrived bytes.
    pub(super) fn take(&mut self, into: &mut [u8]) -> usize {
        let most = into.len().min(self.arrived.len());
        let (front, back) = self.arrived.as_slices();
        let first = front.len().min(most);
        into[..first].copy_from_slice(&front[..first]);
        into[first..most].copy_from_slice(&back[..most - first]);
        self.arrived.drain(..most);
        most
    }

    /// Lets up to `most` bytes arrive.
    pub(super) fn arrive(&mut self, most: usize) {
        let count = most.min(self.sent.len());
        if self.arrived.is_empty() && count == self.sent.len() {
            std::mem::swap(&mut self.arrived, &mut self.sent);
        } else {
            self.arrived.extend(self.sent.drain(..count));
        }
    }
}
