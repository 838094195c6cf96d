//! [`Secure`]: what a connection that is encrypted has besides its record, for as long as it lives;
//! and [`Blocks`], what its loop lends to it.

use std::sync::Arc;

use crate::base::Input;
use crate::base::buffer::Buffer;
use crate::handler::jobs::{Desk, Out};
use crate::net::TlsFacts;
use crate::net::layer::{Layer, Opened, Progress, TlsError};

pub(crate) struct Secure {
    /// None while a worker has it.
    pub(super) layer: Option<Box<dyn Layer>>,
    /// Workers compute the handshake, if there are any.
    pub(super) shakes_aside: bool,
    pub(super) has_begun: bool,
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

/// A layer that comes back from a worker, and what became of what it was given.
pub(super) struct Shaken {
    pub(super) layer: Box<dyn Layer>,
    pub(super) unopened: Vec<u8>,
    pub(super) content: Input,
    pub(super) sealed: Buffer,
    pub(super) progress: Result<Progress, TlsError>,
}

impl Shaken {
    /// What a worker does.
    pub(super) fn new(mut layer: Box<dyn Layer>, mut came: Vec<u8>) -> Self {
        let (mut content, mut sealed) = (Input::default(), Buffer::default());
        let Opened { taken, progress } = layer.open(&mut came, &mut content, &mut sealed);
        came.drain(..taken);
        Self { layer, unopened: came, content, sealed, progress }
    }
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
    pub(super) fn new(layer: Box<dyn Layer>, shakes_aside: bool) -> Self {
        Self {
            layer: Some(layer),
            shakes_aside,
            has_begun: false,
            unopened: Vec::new(),
            unsent: Buffer::default(),
            is_refused: false,
            facts: None,
            unread_before: 0,
            end_is_sealed: false,
            failed: None,
        }
    }

    /// Whether the next step of the handshake is for a worker: if there are any that have room.
    pub(super) fn goes_aside(&self, out: Out, desk: &Desk) -> bool {
        self.shakes_aside && desk.workers() > 0 && !desk.is_full(out)
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
