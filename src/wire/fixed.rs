//! [`FixedLength`]: frames that all have one size.

use super::{Codec, WireError};
use crate::base::{Input, Output};

/// Frames of one size, with nothing between them.
///
/// ```text
/// ├── size ──┼── size ──┼── size ──┤
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FixedLength {
    size: u32,
}

impl FixedLength {
    /// Frames of `size` bytes.
    ///
    /// # Panics
    /// If `size` is 0: there would be no end of frames. In a constant, that is an error of
    /// compilation.
    pub const fn new(size: u32) -> Self {
        assert!(size > 0, "a frame of a fixed length has at least one byte");
        Self { size }
    }
}

impl Codec for FixedLength {
    type Frame<'a> = &'a [u8];

    fn decode<'a>(&mut self, input: &'a mut Input) -> Result<Option<&'a [u8]>, WireError> {
        Ok(input.take(self.size as usize))
    }

    /// # Errors
    /// The frame is longer or shorter.
    fn encode(&mut self, frame: &[u8], output: &mut Output) -> Result<(), WireError> {
        let (size, fixed) = (frame.len(), self.size as usize);
        if size > fixed {
            return Err(WireError::too_large(size as u64, fixed as u64, fixed));
        }
        if size < fixed {
            return Err(WireError::malformed("a frame shorter than the fixed length", size));
        }
        output.put(frame);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_lie_side_by_side() {
        let mut codec = FixedLength::new(3);
        let mut input = Input::from(&b"abcdefg"[..]);
        assert_eq!(codec.decode(&mut input), Ok(Some(&b"abc"[..])));
        assert_eq!(codec.decode(&mut input), Ok(Some(&b"def"[..])));
        assert_eq!(codec.decode(&mut input), Ok(None));
        assert_eq!(input[..], b"g"[..]);
    }

    #[test]
    fn what_has_another_size_is_not_encoded() {
        let (mut codec, mut output) = (FixedLength::new(3), Output::default());
        let short = WireError::malformed("a frame shorter than the fixed length", 2);
        assert_eq!(codec.encode(b"ab", &mut output), Err(short));
        assert_eq!(codec.encode(b"abcd", &mut output), Err(WireError::too_large(4, 3, 3)));
        assert!(output.is_empty());
        codec.encode(b"abc", &mut output).unwrap();
        assert_eq!(output.to_vec(), b"abc");
    }
}
