//! [`Inbound`]: the datagrams that a loop has received and not yet handed on.
//!
//! They lie where the system put them until the next are received, so that a state machine sees
//! them without a copy; and how far they are handed on is known, so that a panic over one does not
//! cost the others.

use std::ops::Range;

use crate::handler::ConnectionId;
use crate::net::{Received, Remote};

/// The block that is received into: 256 KiB, room for four of the largest datagrams.
const BLOCK: usize = 256 * 1024;

#[derive(Default)]
pub(crate) struct Inbound {
    /// Allocated when the first socket is bound.
    block: Vec<u8>,
    received: Vec<Received>,
    /// Which of `received` is handed on next, and how much of it is.
    at: usize,
    done: usize,
    /// The session that is being called: whose a panic would be.
    pub(super) session: Option<ConnectionId>,
}

impl Inbound {
    pub(super) fn allocate(&mut self) {
        self.block.resize(BLOCK, 0);
    }

    /// Where to receive to. What was there before is gone.
    #[inline]
    pub(super) fn room(&mut self) -> (&mut [u8], &mut Vec<Received>) {
        (self.at, self.done) = (0, 0);
        self.received.clear();
        (&mut self.block, &mut self.received)
    }

    /// How many receptions there are, and how many datagrams in them.
    #[inline]
    pub(super) fn count(&self) -> (usize, usize) {
        let datagrams = |received: &Received| match received.len {
            0 => 1,
            len => len.div_ceil(received.stride.max(1)),
        };
        (self.received.len(), self.received.iter().map(datagrams).sum())
    }

    /// The number of the reception that the next datagram is of, and where it lies.
    #[inline]
    pub(super) fn advance(&mut self) -> Option<(usize, Range<usize>)> {
        let number = self.at;
        let reception = self.received.get(number)?;
        let size = (reception.len - self.done).min(reception.stride);
        let start = reception.start + self.done;
        self.done += size;
        if self.done >= reception.len || size == 0 {
            (self.at, self.done) = (number + 1, 0);
        }
        Some((number, start..start + size))
    }

    #[inline]
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.block.get(range).unwrap_or_default()
    }

    pub(super) fn sender(&self, reception: usize) -> Option<&Remote> {
        self.received.get(reception).map(|received| &received.from)
    }

    /// The next datagram.
    #[inline]
    pub(super) fn next(&mut self) -> Option<(&[u8], &Remote)> {
        let (number, range) = self.advance()?;
        Some((self.bytes(range), self.sender(number)?))
    }

    pub(super) fn clear(&mut self) {
        self.received.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_that_came_together_are_told_apart() {
        let mut inbound = Inbound::default();
        inbound.allocate();
        let (block, received) = inbound.room();
        block[..5].copy_from_slice(b"aabbc");
        block[100..103].copy_from_slice(b"ddd");
        for (start, len, stride) in [(0, 5, 2), (50, 0, 0), (100, 3, 3), (103, 0, 64)] {
            received.push(Received { start, len, stride, from: Remote::Unix(None) });
        }
        assert_eq!(inbound.count(), (4, 6));
        let mut seen = Vec::new();
        while let Some((datagram, _)) = inbound.next() {
            seen.push(String::from_utf8_lossy(datagram).into_owned());
        }
        assert_eq!(seen, ["aa", "bb", "c", "", "ddd", ""]);
    }
}
