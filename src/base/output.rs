//! [`Output`]: the bytes that a connection is to send, flushed when its visit ends.
//!
//! Appended bytes lie in one block; shared ones ([`Output::share`]) stand beside it, so that a
//! broadcast to ten thousand connections is encoded once and copied never.

use std::fmt;
use std::io::{self, IoSlice};
use std::mem;

use bytes::{Buf, Bytes};

use super::buffer::{BLOCK, Buffer};
use super::input::Input;

/// Shared bytes shorter than this are copied: cheaper than one more slice in a `writev`.
const SHARE_MIN: usize = 512;
/// How many slices one `writev` gets.
pub(crate) const SLICES: usize = 64;

/// When an output counts as congested, and when as overfull. Bytes.
#[derive(Clone, Copy)]
pub(crate) struct Marks {
    pub(crate) high: usize,
    pub(crate) cap: usize,
}

/// Bytes to send: appended ones, and shared ones between them.
///
/// It can be used without the engine: `Output::default()` and, when all is encoded,
/// [`to_vec`](Self::to_vec).
pub struct Output {
    buffer: Buffer,
    /// Shared bytes, each with the place in `buffer` before which it is sent.
    shared: Vec<(usize, Bytes)>,
    shared_len: usize,
    marks: Marks,
}

impl Default for Output {
    fn default() -> Self {
        Self::with_marks(Marks { high: 256 * 1024, cap: usize::MAX })
    }
}

impl Output {
    pub(crate) fn with_marks(marks: Marks) -> Self {
        Self { buffer: Buffer::default(), shared: Vec::new(), shared_len: 0, marks }
    }

    /// The loop's own, on a block of 256 KiB.
    pub(crate) fn lent(marks: Marks) -> Self {
        Self { buffer: Buffer::with_size(BLOCK), ..Self::with_marks(marks) }
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.buffer.put(bytes);
    }

    /// Appends `count` zeros, to be written over: for encoders that fill in a slice.
    pub fn put_zeros(&mut self, count: usize) -> &mut [u8] {
        self.buffer.put_zeros(count)
    }

    /// The last `count` bytes, to be written over: for encoders that know a length only when what
    /// it counts is written. Nothing if so many were not appended; shared bytes do not count.
    pub fn last_mut(&mut self, count: usize) -> &mut [u8] {
        let end = self.buffer.end;
        let start = end.checked_sub(count).filter(|start| *start >= self.buffer.start);
        start.and_then(|start| self.buffer.bytes.get_mut(start..end)).unwrap_or_default()
    }

    /// Appends `bytes` without copying them, unless they are few (under 512). One broadcast, one
    /// encoding.
    #[inline]
    pub fn share(&mut self, bytes: Bytes) {
        if bytes.len() < SHARE_MIN {
            return self.put(&bytes);
        }
        self.shared_len += bytes.len();
        self.shared.push((self.buffer.end, bytes));
    }

    /// Moves everything from `input`, as `Vec::append` does; nothing is copied if `self` is empty.
    #[inline]
    pub fn append(&mut self, input: &mut Input) {
        // Only between equal sizes, or the loop would lose its block to a connection.
        if self.is_empty() && self.buffer.size() == input.buffer_mut().size() {
            self.buffer.clear();
            mem::swap(&mut self.buffer, input.buffer_mut());
        } else {
            self.put(input);
            input.clear();
        }
    }

    /// How many bytes are to be sent.
    #[inline]
    pub fn len(&self) -> usize {
        self.buffer.len() + self.shared_len
    }

    /// Whether nothing is to be sent.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.shared_len == 0
    }

    /// Whether this is above the high-water mark (`Limits::output_high`). If so, the connection is
    /// not read from, and `on_writable` will follow when this has fallen below the low-water mark.
    #[inline]
    pub fn is_congested(&self) -> bool {
        self.len() > self.marks.high
    }

    /// Whether this is above the hard cap (`Limits::output_max`), which closes the connection.
    pub(crate) fn is_overfull(&self) -> bool {
        self.len() > self.marks.cap
    }

    /// A copy of everything: for encoders that are driven without an engine.
    pub fn to_vec(&self) -> Vec<u8> {
        let (mut all, mut at) = (Vec::with_capacity(self.len()), self.buffer.start);
        for (before, bytes) in &self.shared {
            all.extend_from_slice(self.buffer.bytes.get(at..*before).unwrap_or_default());
            all.extend_from_slice(bytes);
            at = *before;
        }
        all.extend_from_slice(self.buffer.bytes.get(at..self.buffer.end).unwrap_or_default());
        all
    }

    /// Takes back what was appended since it had [`len`](Self::len) bytes: for encoders that fail
    /// half-way.
    pub fn shorten(&mut self, len: usize) {
        while self.len() > len {
            match self.shared.last() {
                Some((before, bytes)) if *before == self.buffer.end => {
                    self.shared_len -= bytes.len();
                    self.shared.pop();
                }
                last => {
                    let floor = last.map_or(self.buffer.start, |(before, _)| *before);
                    let excess = self.len() - len;
                    self.buffer.end = floor.max(self.buffer.end.saturating_sub(excess));
                }
            }
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.shared.clear();
        self.shared_len = 0;
        if self.buffer.size() > BLOCK {
            self.buffer.bytes.truncate(BLOCK);
            self.buffer.bytes.shrink_to_fit();
        }
    }

    /// The bytes to send, if none of them are shared.
    #[inline]
    pub(crate) fn plain(&self) -> Option<&[u8]> {
        (self.shared_len == 0).then(|| self.buffer.filled())
    }

    /// The bytes to send, piece by piece; tells how many pieces.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        let (mut at, mut count) = (self.buffer.start, 0);
        let mut put = |piece: &'a [u8]| {
            if let Some(slice) = slices.get_mut(count).filter(|_| !piece.is_empty()) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
        };
        // Each shared piece may need two slices; the rest waits for the next `writev`.
        let most = (SLICES - 1) / 2;
        for (before, bytes) in self.shared.iter().take(most) {
            put(self.buffer.bytes.get(at..*before).unwrap_or_default());
            put(bytes);
            at = *before;
        }
        if self.shared.len() <= most {
            put(self.buffer.bytes.get(at..self.buffer.end).unwrap_or_default());
        }
        count
    }

    /// The first bytes to send, `most` of them at most. If some are shared, all are gathered in
    /// `gathered`.
    pub(crate) fn front<'a>(&'a self, most: usize, gathered: &'a mut Vec<u8>) -> &'a [u8] {
        if let Some(plain) = self.plain() {
            return plain.get(..most).unwrap_or(plain);
        }
        gathered.clear();
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = self.slices(&mut slices);
        for slice in slices.iter().take(count) {
            let room = most - gathered.len();
            gathered.extend_from_slice(slice.get(..room).unwrap_or(slice));
        }
        gathered
    }

    /// Drops the first `count` bytes, which were sent; tells whether none are left.
    #[inline]
    pub(crate) fn sent(&mut self, count: usize) -> bool {
        if count == self.buffer.len() && self.shared_len == 0 && self.buffer.size() <= BLOCK {
            self.buffer.clear();
            return true;
        }
        self.sent_some(count);
        self.is_empty()
    }

    #[cold]
    fn sent_some(&mut self, mut count: usize) {
        let mut gone = 0;
        for (before, bytes) in &mut self.shared {
            let own = (*before - self.buffer.start).min(count);
            self.buffer.start += own;
            count -= own;
            let part = bytes.len().min(count);
            if *before > self.buffer.start || part < bytes.len() {
                bytes.advance(part);
                (self.shared_len, count) = (self.shared_len - part, 0);
                break;
            }
            (self.shared_len, count, gone) = (self.shared_len - part, count - part, gone + 1);
        }
        self.shared.drain(..gone);
        self.buffer.consume(count);
        if self.is_empty() {
            self.clear();
        } else if self.buffer.start > self.buffer.size() / 2 {
            // Compacting moves the bytes under the places of the shared pieces.
            let start = self.buffer.start;
            self.shared.iter_mut().for_each(|(before, _)| *before -= start);
            self.buffer.compact();
        }
    }

    /// Moves what could not be sent out of the loop's block.
    pub(crate) fn leave(&mut self) -> Self {
        let mut own = Self { shared_len: self.shared_len, ..Self::with_marks(self.marks) };
        own.buffer.put(self.buffer.filled());
        let start = self.buffer.start;
        own.shared.extend(self.shared.drain(..).map(|(before, bytes)| (before - start, bytes)));
        self.clear();
        own
    }

    /// Moves the first `count` bytes to `to`, shared pieces as shared pieces. `count` must fall
    /// between two puts, as an earlier `len` does.
    #[inline]
    pub(crate) fn move_front(&mut self, count: usize, to: &mut Self) {
        if self.shared_len > 0 {
            return self.move_pieces(count, to);
        }
        let start = self.buffer.start;
        to.put(self.buffer.bytes.get(start..start + count).unwrap_or_default());
        self.buffer.consume(count);
    }

    #[cold]
    fn move_pieces(&mut self, mut count: usize, to: &mut Self) {
        let mut gone = 0;
        for (before, bytes) in &mut self.shared {
            let own = (*before - self.buffer.start).min(count);
            to.put(
                self.buffer
                    .bytes
                    .get(self.buffer.start..self.buffer.start + own)
                    .unwrap_or_default(),
            );
            (self.buffer.start, count) = (self.buffer.start + own, count - own);
            if *before > self.buffer.start || bytes.len() > count {
                break;
            }
            (self.shared_len, count) = (self.shared_len - bytes.len(), count - bytes.len());
            to.share(mem::take(bytes));
            gone += 1;
        }
        self.shared.drain(..gone);
        to.put(
            self.buffer.bytes.get(self.buffer.start..self.buffer.start + count).unwrap_or_default(),
        );
        self.buffer.consume(count);
    }

    /// Drops the first `count` bytes unsent.
    pub(crate) fn drop_front(&mut self, count: usize) {
        if count > 0 {
            self.sent_some(count);
        }
    }

    /// The memory that this holds on to, in bytes. Shared pieces count in full, though others may
    /// hold them too: nobody knows who is the last.
    pub(crate) fn held(&self) -> usize {
        self.buffer.size() + self.shared_len
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output(b\"{}\")", self.to_vec().escape_ascii())
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed() -> Output {
        let mut output = Output::default();
        output.put(b"one ");
        output.share(Bytes::from(vec![b'x'; SHARE_MIN]));
        output.put(b" two ");
        output.share(Bytes::from(vec![b'y'; SHARE_MIN + 1]));
        output.put(b" three");
        output
    }

    fn gathered(output: &Output) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = output.slices(&mut slices);
        slices[..count].iter().flat_map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn pieces_come_in_the_order_in_which_they_were_put() {
        let output = mixed();
        assert_eq!(gathered(&output), output.to_vec());
        assert_eq!(output.len(), output.to_vec().len());
    }

    #[test]
    fn whatever_part_is_sent_the_rest_stays() {
        let whole = mixed().to_vec();
        for first in 1..whole.len() {
            let mut output = mixed();
            assert!(!output.sent(first));
            assert_eq!(gathered(&output), whole[first..], "after {first}");
            let mut left = output.leave();
            assert_eq!(left.to_vec(), whole[first..]);
            assert!(left.sent(whole.len() - first));
        }
    }

    #[test]
    fn more_pieces_than_slices_go_in_several_rounds() {
        let mut output = Output::default();
        for number in 0..200u8 {
            output.put(&[number]);
            output.share(Bytes::from(vec![number; SHARE_MIN]));
        }
        let (whole, mut seen) = (output.to_vec(), Vec::new());
        while !output.is_empty() {
            let some = gathered(&output);
            output.sent(some.len());
            seen.extend(some);
        }
        assert_eq!(seen, whole);
    }

    #[test]
    fn appending_swaps_blocks_of_equal_size_only() {
        let marks = Marks { high: 10, cap: 20 };
        let (mut input, mut output) = (Input::lent(), Output::lent(marks));
        input.extend(b"hello");
        output.append(&mut input);
        assert_eq!((output.to_vec(), input.len()), (b"hello".to_vec(), 0));
        let mut small = Input::from(&b" world!"[..]);
        output.append(&mut small);
        assert_eq!(output.to_vec(), b"hello world!");
        assert_eq!(output.buffer.size(), BLOCK);
        assert!(output.is_congested() && !output.is_overfull());
    }

    #[test]
    fn shortening_takes_back_the_latest() {
        let mut output = mixed();
        output.put(b"more");
        output.share(Bytes::from(vec![b'z'; SHARE_MIN]));
        output.put(b"and more");
        output.shorten(mixed().len());
        assert_eq!(output.to_vec(), mixed().to_vec());
    }

    #[test]
    fn what_was_put_last_can_be_written_over() {
        let mut output = mixed();
        let len = output.len();
        output.put_zeros(100_000)[99_999] = 7;
        output.last_mut(3).copy_from_slice(b"end");
        assert_eq!(output.len(), len + 100_000);
        assert!(output.to_vec().ends_with(b"\0\0end"));
        assert!(output.last_mut(output.len()).is_empty());
        output.shorten(len);
        assert_eq!(output.to_vec(), mixed().to_vec());
        // What was there before is not shown.
        assert!(output.put_zeros(100_000).iter().all(|byte| *byte == 0));
    }

    #[test]
    fn moving_the_front_keeps_the_order() {
        let (mut from, mut to) = (mixed(), Output::default());
        let first = from.len();
        from.put(b"!");
        from.share(Bytes::from(vec![b'z'; SHARE_MIN]));
        from.move_front(first, &mut to);
        assert_eq!(to.to_vec(), mixed().to_vec());
        assert_eq!(from.len(), 1 + SHARE_MIN);
        from.move_front(1 + SHARE_MIN, &mut to);
        assert!(from.is_empty());
        assert!(to.to_vec().ends_with(&[b"!".to_vec(), vec![b'z'; SHARE_MIN]].concat()));
    }
}
