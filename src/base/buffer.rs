//! `Input` and `Output`: the two buffers of a connection, lent for the length of a visit.
//!
//! Both stand on [`Buffer`], a block of initialised bytes with a filled part. While a connection is
//! visited they are the loop's own 256 KiB blocks; only what is left over is kept by the connection.

use std::io::{self, IoSlice};
use std::mem;
use std::ops::Deref;

use bytes::Bytes;

/// The size of the two blocks that a loop lends to each connection it visits.
pub(crate) const BLOCK: usize = 256 * 1024;
/// Shared bytes shorter than this are copied: cheaper than one more slice in a `writev`.
const SHARE_MIN: usize = 512;

/// Initialised bytes, of which `start..end` are filled.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub(crate) fn with_size(size: usize) -> Self {
        Buffer { bytes: vec![0; size], start: 0, end: 0 }
    }

    #[inline]
    fn filled(&self) -> &[u8] {
        // `start <= end <= bytes.len()` always holds; `get` keeps the panic path out of the visit.
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    #[inline]
    fn len(&self) -> usize {
        self.end - self.start
    }

    #[inline]
    fn consume(&mut self, count: usize) {
        self.start += count.min(self.len());
    }

    #[inline]
    fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.end + bytes.len();
        match self.bytes.get_mut(self.end..end) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.end = end;
            }
            None => self.grow_and_put(bytes),
        }
    }

    #[cold]
    fn grow_and_put(&mut self, bytes: &[u8]) {
        let size = (self.end + bytes.len()).max(2 * self.bytes.len()).max(64);
        self.bytes.resize(size, 0);
        self.put(bytes);
    }

    fn compact(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
    }
}

/// Bytes received and not yet consumed. Reads like a `&[u8]`.
#[derive(Default)]
pub struct Input {
    buffer: Buffer,
    /// How many bytes a decoder asked for in vain: what the next read should make room for.
    wanted: usize,
}

impl Input {
    /// Takes the next `count` bytes, or none if they have not all come yet. Having asked is the
    /// hint: the rest of a large frame is then read straight into a buffer of that size.
    #[inline]
    pub fn take(&mut self, count: usize) -> Option<&[u8]> {
        if count > self.buffer.len() {
            self.wanted = count;
            return None;
        }
        let start = self.buffer.start;
        self.buffer.start += count;
        self.buffer.bytes.get(start..start + count)
    }

    /// As [`take`](Self::take), to be changed in place: WebSocket unmasks so.
    pub fn take_mut(&mut self, count: usize) -> Option<&mut [u8]> {
        if count > self.buffer.len() {
            self.wanted = count;
            return None;
        }
        let start = self.buffer.start;
        self.buffer.start += count;
        self.buffer.bytes.get_mut(start..start + count)
    }

    /// Drops the next `count` bytes.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        self.buffer.consume(count);
    }

    pub fn clear(&mut self) {
        self.buffer.clear();
    }

    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.buffer.start == self.buffer.end
    }

    /// Takes everything, owned, for another thread or connection.
    pub fn take_all(&mut self) -> Bytes {
        let all = Bytes::copy_from_slice(self);
        self.clear();
        all
    }

    #[inline]
    pub(crate) fn start_visit(&mut self) {
        self.wanted = 0;
    }

    /// Where the next read goes. Never empty.
    #[inline]
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.buffer.start == self.buffer.end {
            self.buffer.clear();
        } else if self.buffer.bytes.len() - self.buffer.end < 1024 {
            self.make_room();
        }
        self.buffer.bytes.get_mut(self.buffer.end..).unwrap_or_default()
    }

    #[cold]
    fn make_room(&mut self) {
        self.buffer.compact();
        let (have, size) = (self.buffer.end, self.buffer.bytes.len());
        if have == size || self.wanted > size {
            self.buffer.bytes.resize(own_size(have, self.wanted), 0);
        }
    }

    #[inline]
    pub(crate) fn filled_more(&mut self, count: usize) {
        self.buffer.end += count;
    }

    #[inline]
    pub(crate) fn swap(&mut self, kept: &mut Buffer) {
        mem::swap(&mut self.buffer, kept);
    }

    /// Moves what is left out of the loop's block into a buffer of its own.
    pub(crate) fn leave(&mut self) -> Buffer {
        let mut own = Buffer::with_size(own_size(self.buffer.len(), self.wanted));
        own.put(self.buffer.filled());
        self.clear();
        own
    }
}

/// The buffer of its own that a connection gets for an incomplete frame: what the frame needs, and
/// some slack so that the read which completes it is a short one; but no more than four times what
/// the peer has really sent, so that a mere length prefix allocates little.
fn own_size(have: usize, wanted: usize) -> usize {
    wanted.max(have + have / 2).min(have.max(16 * 1024) * 4) + 128
}

impl Deref for Input {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.buffer.filled()
    }
}

/// Bytes to send: appended ones, and shared ones between them.
#[derive(Default)]
pub struct Output {
    buffer: Buffer,
    /// Shared bytes, each with the place in `buffer` before which it is sent.
    shared: Vec<(usize, Bytes)>,
    shared_len: usize,
}

impl Output {
    pub(crate) fn lent() -> (Input, Output) {
        let input = Input { buffer: Buffer::with_size(BLOCK), wanted: 0 };
        (input, Output { buffer: Buffer::with_size(BLOCK), ..Output::default() })
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        self.buffer.put(bytes);
    }

    /// Appends `bytes` without copying them, unless they are few. One broadcast, one encoding.
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
        if self.is_empty() && self.buffer.bytes.len() == input.buffer.bytes.len() {
            self.buffer.clear();
            mem::swap(&mut self.buffer, &mut input.buffer);
        } else {
            self.put(input);
            input.clear();
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.buffer.len() + self.shared_len
    }

    /// Whether this is above the high-water mark. If so, `on_writable` will follow.
    #[inline]
    pub fn is_congested(&self) -> bool {
        self.len() > HIGH_WATER
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.buffer.start == self.buffer.end && self.shared.is_empty()
    }

    /// The bytes to send, if none of them are shared.
    #[inline]
    pub(crate) fn plain(&self) -> Option<&[u8]> {
        self.shared.is_empty().then(|| self.buffer.filled())
    }

    /// The bytes to send, piece by piece.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; 64]) -> usize {
        let (mut at, mut count) = (self.buffer.start, 0);
        for (before, bytes) in self.shared.iter().take(31) {
            if *before > at {
                slices[count] = IoSlice::new(&self.buffer.bytes[at..*before]);
                (at, count) = (*before, count + 1);
            }
            slices[count] = IoSlice::new(bytes);
            count += 1;
        }
        if self.shared.len() <= 31 && self.buffer.end > at {
            slices[count] = IoSlice::new(&self.buffer.bytes[at..self.buffer.end]);
            count += 1;
        }
        count
    }

    /// Drops the first `count` bytes; tells whether none are left.
    #[inline]
    pub(crate) fn sent(&mut self, count: usize) -> bool {
        if count == self.buffer.len() && self.shared.is_empty() && self.buffer.bytes.len() <= BLOCK {
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
                bytes::Buf::advance(bytes, part);
                (self.shared_len, count) = (self.shared_len - part, 0);
                break;
            }
            (self.shared_len, count, gone) = (self.shared_len - part, count - part, gone + 1);
        }
        self.shared.drain(..gone);
        self.buffer.consume(count);
        if self.is_empty() {
            self.clear();
        } else if self.buffer.start > self.buffer.bytes.len() / 2 {
            let start = self.buffer.start;
            self.shared.iter_mut().for_each(|(before, _)| *before -= start);
            self.buffer.compact();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.shared.clear();
        self.shared_len = 0;
        if self.buffer.bytes.len() > BLOCK {
            self.buffer.bytes.truncate(BLOCK);
            self.buffer.bytes.shrink_to_fit();
        }
    }

    /// Moves what could not be sent out of the loop's block.
    pub(crate) fn leave(&mut self) -> Output {
        let mut own = Output { shared_len: self.shared_len, ..Output::default() };
        own.buffer.put(self.buffer.filled());
        let start = self.buffer.start;
        own.shared.extend(self.shared.drain(..).map(|(before, bytes)| (before - start, bytes)));
        self.clear();
        own
    }

    #[inline]
    pub(crate) fn front(&self, at: usize, count: usize) -> &[u8] {
        self.buffer.bytes.get(at..at + count).unwrap_or_default()
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

/// The default high-water mark.
const HIGH_WATER: usize = 256 * 1024;
