//! [`Chunks`]: bytes that wait in a pipe, in pieces that are neither tiny nor huge.
//!
//! A body may come a byte at a time, and a queue of such pieces would take a hundred times what it
//! holds: so small pieces grow together. And it may come a quarter of a megabyte at a time, which
//! its taker could only take as a whole: so large ones are cut.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::blocks::{BLOCK, Block, Blocks};

/// Bytes of the largest piece.
pub(super) const PIECE: usize = BLOCK;

#[derive(Default)]
pub(super) struct Chunks {
    /// Apart from the others, as mostly there are none: then nothing is allocated for a queue.
    first: Option<Piece>,
    others: VecDeque<Piece>,
    bytes: usize,
}

enum Piece {
    Growing(BytesMut),
    /// As that, for one that is large from the beginning.
    Block(Block),
    Shared(Bytes),
}

impl Chunks {
    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// Adds a copy of `bytes`.
    pub(super) fn put(&mut self, bytes: &[u8], blocks: &Arc<Blocks>) {
        self.bytes += bytes.len();
        for part in bytes.chunks(PIECE) {
            match self.others.back_mut().or(self.first.as_mut()) {
                Some(Piece::Growing(last)) if last.len() + part.len() <= PIECE => {
                    last.extend_from_slice(part);
                }
                Some(Piece::Block(last)) if last.len() + part.len() <= PIECE => last.extend(part),
                _ if part.len() > PIECE / 2 => {
                    let mut block = blocks.take();
                    block.extend(part);
                    self.push(Piece::Block(block));
                }
                _ => self.push(Piece::Growing(part.into())),
            }
        }
    }

    /// Adds `bytes` without a copy, unless they are few.
    pub(super) fn share(&mut self, bytes: Bytes, blocks: &Arc<Blocks>) {
        const SHARE_MIN: usize = 512;
        if bytes.len() < SHARE_MIN {
            return self.put(&bytes, blocks);
        }
        self.bytes += bytes.len();
        self.push(Piece::Shared(bytes));
    }

    fn push(&mut self, piece: Piece) {
        match self.first {
            None => self.first = Some(piece),
            Some(_) => self.others.push_back(piece),
        }
    }

    /// Takes the next piece; never an empty one.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let piece = match self.first.take()? {
            Piece::Shared(mut bytes) if bytes.len() > PIECE => {
                let piece = bytes.split_to(PIECE);
                self.first = Some(Piece::Shared(bytes));
                piece
            }
            whole => {
                self.first = self.others.pop_front();
                match whole {
                    Piece::Growing(bytes) => bytes.freeze(),
                    Piece::Block(block) => Bytes::from_owner(block),
                    Piece::Shared(bytes) => bytes,
                }
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
        let (mut chunks, blocks) = (Chunks::default(), Arc::default());
        let all: Vec<u8> = (0..3 * PIECE + 7).map(|number| number as u8).collect();
        let (small, large) = all.split_at(1000);
        small.iter().for_each(|byte| chunks.put(std::slice::from_ref(byte), &blocks));
        chunks.put(b"", &blocks);
        assert!(chunks.others.is_empty());
        chunks.put(large, &blocks);
        assert_eq!(chunks.len(), all.len());
        let pieces: Vec<Bytes> = std::iter::from_fn(|| chunks.pop()).collect();
        assert!(pieces.len() <= 5 && pieces.iter().all(|piece| (1..=PIECE).contains(&piece.len())));
        assert!(pieces.concat() == all && chunks.len() == 0);
    }

    #[test]
    fn what_is_shared_is_not_copied_and_keeps_its_place() {
        let (mut chunks, blocks) = (Chunks::default(), Arc::default());
        let shared = Bytes::from(vec![7; 1000]);
        chunks.put(b"a", &blocks);
        chunks.share(shared.clone(), &blocks);
        chunks.share(Bytes::from_static(b"b"), &blocks);
        chunks.put(b"c", &blocks);
        assert_eq!(chunks.pop().unwrap(), "a");
        assert_eq!(chunks.pop().unwrap().as_ptr(), shared.as_ptr());
        assert_eq!(chunks.pop().unwrap(), "bc");
        assert_eq!((chunks.pop(), chunks.len()), (None, 0));
        chunks.share(vec![7; 2 * PIECE + 9].into(), &blocks);
        let sizes: Vec<usize> = std::iter::from_fn(|| chunks.pop()).map(|it| it.len()).collect();
        assert_eq!((sizes, chunks.len()), (vec![PIECE, PIECE, 9], 0));
    }
}
