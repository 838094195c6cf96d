//! What the connections of one loop have in common: memory and compressors, which each needs only
//! while it is visited.
//!
//! A loop has one thread, and visits one connection at a time, so the thread is where they are
//! kept. Nothing in them outlasts a message: whose turn it was before makes no difference.

use std::cell::{Cell, RefCell};

use crate::wire::websocket::{Deflater, Scratch};

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch::new()) };
    static DEFLATER: RefCell<Deflater> = const { RefCell::new(Deflater::new()) };
}

/// Lends what decoding needs. After a panic it begins anew.
pub(super) fn with_scratch<T>(decode: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take();
    let decoded = decode(&mut scratch);
    SCRATCH.set(scratch);
    decoded
}

/// Lends what compressing needs. What is done with it must not come back here.
pub(super) fn with_deflater<T>(encode: impl FnOnce(&mut Deflater) -> T) -> T {
    DEFLATER.with_borrow_mut(encode)
}
