//! [`Input`]: the bytes that a connection has received and not yet consumed.
//!
//! During a visit it stands on the loop's own block; only what the handler leaves over is moved to
//! a buffer of the connection's own, so that an idle connection owns no buffer memory.

use std::fmt;
use std::mem;
use std::ops::Deref;

use bytes::{Buf, Bytes};

use super::buffer::{BLOCK, Buffer};

/// Bytes received and not yet consumed. Reads like a `&[u8]`.
///
/// A decoder looks at the bytes first, through `Deref`, and takes a whole frame once, at the end.
/// It can be used without the engine: make one by `Input::from(bytes)`, and
/// [`extend`](Self::extend) it with what comes later.
pub struct Input {
    buffer: Buffer,
    /// How many bytes a decoder asked for in vain: what the next read should make room for.
    wanted: usize,
    /// How many more frames may be taken in this visit, before the others get their turn.
    frames_left: u32,
    yielded: bool,
}

impl Default for Input {
    fn default() -> Self {
        Self { buffer: Buffer::default(), wanted: 0, frames_left: u32::MAX, yielded: false }
    }
}

impl Input {
    /// Takes the next `count` bytes, or `None` if they have not all come yet. Having asked is the
    /// hint: the rest of a large frame is then read straight into a buffer of that size.
    ///
    /// In an engine it also gives `None` once a visit has taken as many frames as
    /// `Limits::frames_per_visit`; `on_data` is then called again after the other connections had
    /// their turn.
    #[inline]
    pub fn take(&mut self, count: usize) -> Option<&[u8]> {
        self.take_mut(count).map(|taken| &*taken)
    }

    /// As [`take`](Self::take), to be changed in place: WebSocket unmasks so.
    #[inline]
    pub fn take_mut(&mut self, count: usize) -> Option<&mut [u8]> {
        if count > self.buffer.len() || self.frames_left == 0 {
            return self.not_yet(count);
        }
        self.frames_left -= 1;
        let start = self.buffer.start;
        self.buffer.start += count;
        self.buffer.bytes.get_mut(start..start + count)
    }

    #[cold]
    fn not_yet(&mut self, count: usize) -> Option<&mut [u8]> {
        match count > self.buffer.len() {
            true => self.wanted = count,
            false => self.yielded = true,
        }
        None
    }

    /// Drops the next `count` bytes, or all if there are fewer.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        self.buffer.consume(count);
    }

    /// Drops everything.
    #[inline]
    pub fn clear(&mut self) {
        self.buffer.clear();
    }

    /// Takes everything, owned, for another thread or connection. A large buffer of the
    /// connection's own changes hands without a copy; what lies in the loop's block is copied.
    pub fn take_all(&mut self) -> Bytes {
        if self.buffer.size() == BLOCK || self.buffer.len() < self.buffer.size() / 2 {
            let all = Bytes::copy_from_slice(self);
            self.clear();
            return all;
        }
        let Buffer { mut bytes, start, end } = mem::take(&mut self.buffer);
        bytes.truncate(end);
        let mut all = Bytes::from(bytes);
        all.advance(start);
        all
    }

    /// Appends received bytes: for decoders that are driven without an engine.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.buffer.start > 0 && self.buffer.size() - self.buffer.end < bytes.len() {
            self.buffer.compact();
        }
        self.buffer.put(bytes);
    }

    /// The loop's own, on a block of 256 KiB.
    pub(crate) fn lent() -> Self {
        Self { buffer: Buffer::with_size(BLOCK), ..Self::default() }
    }

    /// Whether nothing is left, decided by what the visit sees anyway.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.buffer.is_empty()
    }

    #[inline]
    pub(crate) fn start_visit(&mut self, frames: u32) {
        // What was asked for in the visit before was asked for by another connection.
        (self.wanted, self.frames_left, self.yielded) = (0, frames, false);
    }

    /// Whether a decoder was held back by the frame budget in this visit.
    #[inline]
    pub(crate) fn has_yielded(&self) -> bool {
        self.yielded
    }

    /// Whether this is a loop's block, and full: the rest then waits for the next visit, which has
    /// a buffer of the connection's own, so that the block does not grow.
    #[inline]
    pub(crate) fn is_full_block(&self) -> bool {
        self.is_block() && BLOCK - self.buffer.len() < ROOM_MIN
    }

    /// How many bytes it can be [extended](Self::extend) by in this visit: a loop's block must not
    /// grow, or its size would no longer tell that it is one.
    pub(crate) fn extendable(&self) -> usize {
        if self.is_block() { BLOCK - self.buffer.len() } else { usize::MAX }
    }

    fn is_block(&self) -> bool {
        self.buffer.size() == BLOCK
    }

    /// Where the next read goes. Never empty.
    #[inline]
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.buffer.is_empty() {
            self.buffer.clear();
        }
        if self.buffer.size() - self.buffer.end < ROOM_MIN {
            self.make_room();
        }
        self.buffer.bytes.get_mut(self.buffer.end..).unwrap_or_default()
    }

    #[cold]
    fn make_room(&mut self) {
        self.buffer.compact();
        let (have, size) = (self.buffer.end, self.buffer.size());
        if have == size || size - have < ROOM_MIN && self.wanted > size {
            self.buffer.bytes.resize(own_size(have, self.wanted), 0);
        }
    }

    #[inline]
    pub(crate) fn filled_more(&mut self, count: usize) {
        self.buffer.end += count;
    }

    /// Puts what a connection left over in the place of the loop's block. Few bytes are copied into
    /// the block instead: what follows them is then read by the block, not by the little buffer
    /// that they lie in.
    pub(crate) fn lend(&mut self, own: &mut Buffer) {
        if own.len() > FEW {
            return mem::swap(&mut self.buffer, own);
        }
        self.buffer.clear();
        self.buffer.put(own.filled());
        own.clear();
    }

    /// Undoes [`lend`](Self::lend): what is left lies in `own` then, and the block here is empty.
    pub(crate) fn give_back(&mut self, own: &mut Option<Buffer>) {
        match own {
            Some(block) if !self.is_block() => mem::swap(&mut self.buffer, block),
            _ if self.is_empty() => self.clear(),
            _ => *own = Some(self.leave(own.take())),
        }
        if own.as_ref().is_some_and(Buffer::is_empty) {
            *own = None;
        }
    }

    /// The block below, for `Output::append`.
    #[inline]
    pub(crate) fn buffer_mut(&mut self) -> &mut Buffer {
        &mut self.buffer
    }

    /// Moves what is left out of the loop's block into a buffer of its own: the one that it had, if
    /// that fits.
    fn leave(&mut self, own: Option<Buffer>) -> Buffer {
        let size = own_size(self.buffer.len(), self.wanted);
        let own = own.filter(|own| own.is_empty() && (size..=4 * size).contains(&own.size()));
        let mut own = own.unwrap_or_else(|| Buffer::with_size(size));
        own.clear();
        own.put(self.buffer.filled());
        self.clear();
        own
    }
}

/// Less room than this is not worth a read.
const ROOM_MIN: usize = 1024;
/// So many bytes left over are rather copied than read behind.
const FEW: usize = 4096;

/// The buffer of its own that a connection gets for an incomplete frame: what the frame needs, and
/// some slack so that the read which completes it is a short one; but no more than four times what
/// the peer has really sent, so that a mere length prefix allocates little.
fn own_size(have: usize, wanted: usize) -> usize {
    const SLACK: usize = 128;
    const LITTLE: usize = 16 * 1024;
    wanted.max(have + have / 2).max(SLACK).min(have.max(LITTLE) * 4) + SLACK
}

impl Deref for Input {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.buffer.filled()
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input(b\"{}\")", self.escape_ascii())
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        Self { buffer: Buffer { bytes, start: 0, end }, ..Self::default() }
    }
}

impl From<&[u8]> for Input {
    fn from(bytes: &[u8]) -> Self {
        Self::from(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_prefix_alone_allocates_little() {
        assert!(own_size(4, 1 << 30) <= 64 * 1024 + 128);
        assert_eq!(own_size(40_000, 100_000), 100_128);
    }

    #[test]
    fn taking_too_much_takes_nothing_and_is_remembered() {
        let mut input = Input::from(&b"abc"[..]);
        assert_eq!(input.take(4), None);
        assert_eq!(input.wanted, 4);
        input.extend(b"d");
        assert_eq!(input.take(4), Some(&b"abcd"[..]));
        assert!(input.is_empty());
    }

    #[test]
    fn the_frame_budget_holds_back_what_is_there() {
        let mut input = Input::from(&b"abcd"[..]);
        input.start_visit(1);
        assert_eq!(input.take(2), Some(&b"ab"[..]));
        assert_eq!(input.take(2), None);
        assert!(input.has_yielded());
        input.start_visit(1);
        assert_eq!(input.take(2), Some(&b"cd"[..]));
        assert!(!input.has_yielded());
    }

    #[test]
    fn what_one_connection_asked_for_in_vain_is_nothing_to_the_next() {
        let mut input = Input::lent();
        input.start_visit(1);
        input.extend(b"abc");
        assert!(input.take(1).is_some() && input.take(1).is_none() && input.has_yielded());
        assert_eq!(input.take(60_000), None);
        input.clear();
        input.start_visit(1);
        assert!(!input.has_yielded());
        input.extend(b"d");
        let mut own = None;
        input.give_back(&mut own);
        assert!(own.unwrap().size() < 1000);
    }

    #[test]
    fn whatever_is_left_over_the_loop_keeps_a_block() {
        for size in [1, FEW, FEW + 1, BLOCK - ROOM_MIN + 1, BLOCK] {
            let mut input = Input::lent();
            let (bytes, mut own) = (vec![7; size], None);
            for visit in 0..4 {
                if let Some(own) = &mut own {
                    input.lend(own);
                }
                input.start_visit(1);
                let before = input.len();
                assert!(visit == 0 || before == size + visit - 1);
                let room = input.room();
                assert!(!room.is_empty());
                let more = if visit == 0 { &bytes[..] } else { &[8] };
                room[..more.len()].copy_from_slice(more);
                input.filled_more(more.len());
                assert_eq!(input.take(10 * BLOCK), None);
                input.give_back(&mut own);
                assert_eq!((input.len(), input.buffer.size()), (0, BLOCK));
                assert_eq!(own.as_ref().map(Buffer::len), Some(size + visit));
            }
        }
    }

    #[test]
    fn a_buffer_of_its_own_changes_hands_without_a_copy() {
        let mut input = Input::from(vec![7; 1000]);
        input.consume(10);
        let place = input.as_ptr();
        let all = input.take_all();
        assert_eq!((all.len(), all.as_ptr()), (990, place));
        assert!(input.is_empty());
        assert!(input.room().len() >= 128);
    }
}
