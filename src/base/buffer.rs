//! A block of initialised bytes with a filled part: what [`Input`](super::input::Input) and
//! [`Output`](super::output::Output) both stand on.
//!
//! The bytes are initialised once and then reused, so that a socket reads straight into them
//! without `unsafe`; and both buffers stand on the same type, so that `output.append(input)` is a
//! swap.

/// The size of the two blocks that a loop lends to each connection it visits: 256 KiB.
pub(crate) const BLOCK: usize = 256 * 1024;

/// Initialised bytes, of which `start..end` are filled. `start <= end <= bytes.len()` always holds;
/// `get` in place of indexing keeps the panic path out of the visit.
#[derive(Default)]
pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Buffer {
    pub(crate) fn with_size(size: usize) -> Self {
        Self { bytes: vec![0; size], start: 0, end: 0 }
    }

    /// How many bytes it could hold.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    pub(crate) fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        self.start += count.min(self.len());
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
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
        let size = (self.end + bytes.len()).max(2 * self.size()).max(64);
        self.bytes.resize(size, 0);
        self.put(bytes);
    }

    /// Appends `count` zeros, to be written over.
    pub(crate) fn put_zeros(&mut self, count: usize) -> &mut [u8] {
        let (start, end) = (self.end, self.end + count);
        self.bytes.resize(end.max(self.size()), 0);
        self.end = end;
        let zeros = self.bytes.get_mut(start..end).unwrap_or_default();
        zeros.fill(0);
        zeros
    }

    /// Room for `count` bytes behind the filled part, to be written over; see
    /// [`filled_more`](Self::filled_more).
    pub(crate) fn room(&mut self, count: usize) -> &mut [u8] {
        let end = self.end + count;
        if end > self.size() {
            self.bytes.resize(end, 0);
        }
        self.bytes.get_mut(self.end..end).unwrap_or_default()
    }

    pub(crate) fn filled_more(&mut self, count: usize) {
        self.end = self.size().min(self.end + count);
    }

    pub(crate) fn filled_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Moves the filled part to the front.
    pub(crate) fn compact(&mut self) {
        if self.start == 0 {
            return; // Else each byte that trickles in would move all that came before.
        }
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
    }
}
