//! [`LengthPrefixed`]: four bytes of length, then the frame.

use super::{Codec, WireError};
use crate::base::{Input, Output};

/// Four bytes of length, big-endian, then that many bytes: the usual case.
///
/// ```text
/// ┌── 4 B ──┬─ length, 0 B to frame_max ─┐
/// │ length  │ frame                      │
/// └─────────┴────────────────────────────┘
/// ```
///
/// Other lengths, and lengths that stand elsewhere: [`LengthField`](super::LengthField).
#[derive(Clone, Copy, Debug)]
pub struct LengthPrefixed {
    frame_max: u32,
}

/// The bytes of the length.
const PREFIX: usize = 4;

impl LengthPrefixed {
    /// Frames of up to 1 MiB.
    pub const MIB: Self = Self::new(1 << 20);

    /// Frames of up to `frame_max` bytes, the length not counted.
    pub const fn new(frame_max: u32) -> Self {
        Self { frame_max }
    }
}

impl Codec for LengthPrefixed {
    type Frame<'a> = &'a [u8];

    #[inline]
    fn decode<'a>(&mut self, input: &'a mut Input) -> Result<Option<&'a [u8]>, WireError> {
        let Some(prefix) = input.first_chunk::<PREFIX>() else { return Ok(None) };
        let size = u32::from_be_bytes(*prefix);
        if size > self.frame_max {
            return Err(WireError::too_large(size.into(), self.frame_max.into(), 0));
        }
        let frame = input.take(PREFIX.saturating_add(size as usize));
        Ok(frame.map(|frame| frame.get(PREFIX..).unwrap_or_default()))
    }

    #[inline]
    fn encode(&mut self, frame: &[u8], output: &mut Output) -> Result<(), WireError> {
        if frame.len() > self.frame_max as usize {
            return Err(WireError::too_large(frame.len() as u64, self.frame_max.into(), 0));
        }
        output.put(&(frame.len() as u32).to_be_bytes());
        output.put(frame);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_at_the_limit_passes_and_one_beyond_is_refused_at_its_length() {
        let mut codec = LengthPrefixed::new(3);
        let mut input = Input::from(&b"\0\0\0\x03abc\0\0\0\x04"[..]);
        assert_eq!(codec.decode(&mut input), Ok(Some(&b"abc"[..])));
        assert_eq!(codec.decode(&mut input), Err(WireError::too_large(4, 3, 0)));
        let mut output = Output::default();
        assert_eq!(codec.encode(b"abcd", &mut output), Err(WireError::too_large(4, 3, 0)));
        assert!(output.is_empty());
    }

    #[test]
    fn nothing_is_taken_before_all_has_come() {
        let mut codec = LengthPrefixed::MIB;
        let mut input = Input::default();
        for byte in b"\0\0\0\x02ab" {
            assert_eq!(codec.decode(&mut input), Ok(None));
            input.extend(&[*byte]);
        }
        assert_eq!(codec.decode(&mut input), Ok(Some(&b"ab"[..])));
    }
}
