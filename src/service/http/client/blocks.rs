//! [`Blocks`]: memory for large pieces of bodies, kept for the next ones.
//!
//! A large piece lives for a moment, between two connections. Given back to the allocator it would
//! often go back to the system, and each of its pages cost a fault when the next piece comes: a
//! fifth of the processor time of a proxy whose answers have 64 KiB.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a block.
pub(super) const BLOCK: usize = 64 * 1024;

/// So many are kept, for all loops together: 2 MiB.
const KEPT_MAX: usize = 32;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Blocks {
    kept: Mutex<Vec<Vec<u8>>>,
}

/// A block in use. It goes back when it is dropped.
pub(super) struct Block {
    bytes: Vec<u8>,
    home: Arc<Blocks>,
}

impl Blocks {
    /// An empty block, which is to hold no more than [`BLOCK`].
    pub(super) fn take(self: &Arc<Self>) -> Block {
        let kept = self.kept().pop();
        let bytes = kept.unwrap_or_else(|| Vec::with_capacity(BLOCK));
        Block { bytes, home: self.clone() }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Block {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        let mut kept = self.home.kept();
        if kept.len() < KEPT_MAX {
            kept.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_is_used_again_and_little_is_kept() {
        let blocks = Arc::new(Blocks::default());
        let mut block = blocks.take();
        block.extend(b"abc");
        let place = block.bytes.as_ptr();
        drop(block);
        let block = blocks.take();
        assert_eq!((block.len(), block.bytes.as_ptr()), (0, place));
        let many: Vec<Block> = (0..2 * KEPT_MAX).map(|_| blocks.take()).collect();
        drop((block, many));
        assert_eq!(blocks.kept().len(), KEPT_MAX);
    }
}
