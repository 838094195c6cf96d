//! [`Secure`]: what a connection that is encrypted has besides its record, for as long as it lives;
//! and [`Blocks`], what its loop lends to it.

use std::sync::Arc;

use crate::base::buffer::Buffer;
use crate::net::TlsFacts;
use crate::net::layer::{Layer, TlsError};

pub(crate) struct Secure {
    pub(super) layer: Box<dyn Layer>,
    /// The beginning of a record, or of a message of a handshake.
    pub(super) unopened: Vec<u8>,
    /// What the socket has not taken, or was not yet given.
    pub(super) unsent: Buffer,
    /// The socket has not taken all that it was given.
    pub(super) is_refused: bool,
    /// Known when the handshake is done.
    pub(super) facts: Option<Arc<TlsFacts>>,
    /// How long the input was before the latest read.
    pub(super) unread_before: usize,
    /// The peer was told that no more will be sent.
    pub(super) end_is_sealed: bool,
    /// Why the connection ends, once its alert was sent.
    pub(super) failed: Option<TlsError>,
}

/// What the loop lends to those it visits. Empty until the first of them.
#[derive(Default)]
pub(super) struct Blocks {
    pub(super) came: Buffer,
    pub(super) sealed: Buffer,
    /// Content that lies in pieces.
    pub(super) gathered: Vec<u8>,
}

impl Secure {
    pub(super) fn new(layer: Box<dyn Layer>) -> Self {
        Self {
            layer,
            unopened: Vec::new(),
            unsent: Buffer::default(),
            is_refused: false,
            facts: None,
            unread_before: 0,
            end_is_sealed: false,
            failed: None,
        }
    }

    /// Sealed bytes that came, and sealed bytes that are to be sent.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.unopened.len(), self.unsent.len())
    }

    /// What is held in buffers, in bytes.
    pub(super) fn held(&self) -> usize {
        self.unopened.capacity() + self.unsent.size()
    }
}
