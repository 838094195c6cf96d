//! [`Codec`]: what all framings have in common.

use super::WireError;
use crate::base::{Input, Output};

/// Turns bytes into frames, and frames into bytes.
///
/// ```
/// use overt::wire::{Codec, LengthPrefixed};
/// use overt::{Input, Output};
///
/// let mut codec = LengthPrefixed::MIB;
/// let mut output = Output::default();
/// codec.encode(b"hello", &mut output)?;
///
/// let mut input = Input::from(output.to_vec());
/// assert_eq!(codec.decode(&mut input)?, Some(&b"hello"[..]));
/// assert_eq!(codec.decode(&mut input)?, None);
/// # Ok::<(), overt::wire::WireError>(())
/// ```
///
/// # For authors of codecs
///
/// Look first (through `Deref`), and take once, at the end: then no borrow is conditional. Check
/// every size that the peer names before it is asked for.
pub trait Codec {
    /// What a frame looks like while it still lies in the input: `&'a [u8]`, or a struct of slices.
    /// A complete frame costs no allocation.
    type Frame<'a>;

    /// The next whole frame, or `None` until more bytes have come.
    ///
    /// # Errors
    /// The peer broke the protocol. The input is then of no more use: nobody knows where the next
    /// frame begins.
    fn decode<'a>(&mut self, input: &'a mut Input) -> Result<Option<Self::Frame<'a>>, WireError>;

    /// Appends a frame.
    ///
    /// # Errors
    /// The frame can't be expressed, such as one that is longer than allowed. Nothing is appended
    /// then, so that the stream stays whole.
    fn encode(&mut self, frame: Self::Frame<'_>, output: &mut Output) -> Result<(), WireError>;
}
