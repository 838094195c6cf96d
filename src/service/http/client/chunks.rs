//! [`Chunks`]: bytes that wait in a pipe, in pieces that are neither tiny nor huge.
//!
//! A body may come a byte at a time, and a queue of such pieces would take a hundred times what it
//! holds: so small pieces grow together. And it may come a quarter of a megabyte at a time, which
//! its taker could only take as a whole: so large ones are cut.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes of the largest piece.
pub(super) const PIECE: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct Chunks {
    pieces: VecDeque<Piece>,
    bytes: usize,
}

enum Piece {
    Growing(BytesMut),
    Shared(Bytes),
}

impl Chunks {
    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// Adds a copy of `bytes`.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len();
        for part in bytes.chunks(PIECE) {
            match self.pieces.back_mut() {
                Some(Piece::Growing(last)) if last.len() + part.len() <= PIECE => {
                    last.extend_from_slice(part);
                }
                _ => self.pieces.push_back(Piece::Growing(part.into())),
            }
        }
    }

    /// Adds `bytes` without a copy, unless they are few.
    pub(super) fn share(&mut self, bytes: Bytes) {
        const SHARE_MIN: usize = 512;
        if bytes.len() < SHARE_MIN {
            return self.put(&bytes);
        }
        self.bytes += bytes.len();
        self.pieces.push_back(Piece::Shared(bytes));
    }

    /// Takes the next piece; never an empty one.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let piece = match self.pieces.pop_front()? {
            Piece::Growing(bytes) => bytes.freeze(),
            Piece::Shared(mut bytes) => {
                let first = bytes.split_to(bytes.len().min(PIECE));
                if !bytes.is_empty() {
                    self.pieces.push_front(Piece::Shared(bytes));
                }
                first
            }
        };
        self.bytes -= piece.len();
        Some(piece)
    }

    /// Drops all.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_grow_together_and_large_ones_are_cut() {
        let mut chunks = Chunks::default();
        let all: Vec<u8> = (0..3 * PIECE + 7).map(|number| number as u8).collect();
        let (small, large) = all.split_at(1000);
        small.iter().for_each(|byte| chunks.put(std::slice::from_ref(byte)));
        chunks.put(b"");
        assert_eq!(chunks.pieces.len(), 1);
        chunks.put(large);
        assert_eq!(chunks.len(), all.len());
        let pieces: Vec<Bytes> = std::iter::from_fn(|| chunks.pop()).collect();
        assert!(pieces.len() <= 5 && pieces.iter().all(|piece| (1..=PIECE).contains(&piece.len())));
        assert!(pieces.concat() == all && chunks.len() == 0);
    }

    #[test]
    fn what_is_shared_is_not_copied_and_keeps_its_place() {
        let mut chunks = Chunks::default();
        let shared = Bytes::from(vec![7; 1000]);
        chunks.put(b"a");
        chunks.share(shared.clone());
        chunks.share(Bytes::from_static(b"b"));
        chunks.put(b"c");
        assert_eq!(chunks.pop().unwrap(), "a");
        assert_eq!(chunks.pop().unwrap().as_ptr(), shared.as_ptr());
        assert_eq!(chunks.pop().unwrap(), "bc");
        assert_eq!((chunks.pop(), chunks.len()), (None, 0));
        chunks.share(vec![7; 2 * PIECE + 9].into());
        let sizes: Vec<usize> = std::iter::from_fn(|| chunks.pop()).map(|it| it.len()).collect();
        assert_eq!((sizes, chunks.len()), (vec![PIECE, PIECE, 9], 0));
    }
}
