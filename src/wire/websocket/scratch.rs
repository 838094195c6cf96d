//! [`Scratch`]: what the connections of one loop have in common for decoding.

use super::deflate::{Inflater, forget};

/// Memory that any number of decoders share, as long as they decode one after another: a
/// decompressor, and the buffers of messages that did not come whole. One for each loop, so that a
/// connection between two messages holds none.
#[derive(Default)]
pub struct Scratch {
    /// A message that was gathered, until the next one is.
    pub(super) message: Vec<u8>,
    /// What a compressed message says.
    pub(super) inflated: Vec<u8>,
    pub(super) inflater: Inflater,
}

impl Scratch {
    /// Holds nothing yet.
    pub const fn new() -> Self {
        Self { message: Vec::new(), inflated: Vec::new(), inflater: Inflater::new() }
    }

    /// Memory for a message to be gathered in.
    pub(super) fn lend(&mut self) -> Vec<u8> {
        forget(&mut self.message);
        std::mem::take(&mut self.message)
    }
}
