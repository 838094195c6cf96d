//! [`Tlv`]: a type, a length, and as many bytes of value.

use super::field::{Endian, Width};
use super::{Codec, WireError};
use crate::base::{Input, Output};

/// Frames that say what they are: type, length, value.
///
/// ```text
/// ┌───────────┬─────────────┬────── length ──────┐
/// │ type      │ length      │ value              │
/// └───────────┴─────────────┴────────────────────┘
///   1 to 10 B   1 to 10 B     0 B to value_max
/// ```
///
/// Both numbers have a [`Width`] of their own, and the same byte order: big-endian unless set. The
/// length counts the value alone. Where it counts its header as well, see
/// [`LengthField`](super::LengthField).
///
/// ```
/// use overt::wire::{Codec, Tlv, TlvFrame, Width};
/// use overt::{Input, Output};
///
/// let mut codec = Tlv::new(Width::U8, Width::U16, 1024);
/// let mut output = Output::default();
/// codec.encode(TlvFrame { tag: 7, value: b"abc" }, &mut output)?;
/// assert_eq!(output.to_vec(), b"\x07\0\x03abc");
///
/// let mut input = Input::from(output.to_vec());
/// let frame = codec.decode(&mut input)?.unwrap();
/// assert_eq!((frame.tag, frame.value), (7, &b"abc"[..]));
/// # Ok::<(), overt::wire::WireError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Tlv {
    tag: Width,
    length: Width,
    endian: Endian,
    value_max: u32,
}

/// A frame of [`Tlv`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlvFrame<'a> {
    /// The type.
    pub tag: u64,
    /// The value.
    pub value: &'a [u8],
}

impl Tlv {
    /// Types and lengths of these widths, big-endian, and values of up to `value_max` bytes.
    pub const fn new(tag: Width, length: Width, value_max: u32) -> Self {
        Self { tag, length, endian: Endian::Big, value_max }
    }

    /// As this, in this byte order.
    pub const fn endian(self, endian: Endian) -> Self {
        Self { endian, ..self }
    }
}

impl Codec for Tlv {
    type Frame<'a> = TlvFrame<'a>;

    fn decode<'a>(&mut self, input: &'a mut Input) -> Result<Option<TlvFrame<'a>>, WireError> {
        let Some((tag, at)) = self.tag.read(self.endian, input, 0)? else { return Ok(None) };
        let Some((length, width)) = self.length.read(self.endian, input, at)? else {
            return Ok(None);
        };
        if length > self.value_max.into() {
            return Err(WireError::too_large(length, self.value_max.into(), at));
        }
        let header = at + width;
        let frame = input.take((length as usize).saturating_add(header));
        Ok(frame.map(|frame| TlvFrame { tag, value: frame.get(header..).unwrap_or_default() }))
    }

    /// # Errors
    /// The value is longer than allowed, or the type or the length too large for its width.
    fn encode(&mut self, frame: TlvFrame<'_>, output: &mut Output) -> Result<(), WireError> {
        let size = frame.value.len() as u64;
        let Some(tag) = self.tag.write(self.endian, frame.tag) else {
            return Err(WireError::malformed("a type too large for its width", 0));
        };
        let at = tag.bytes().len();
        if size > self.value_max.into() {
            return Err(WireError::too_large(size, self.value_max.into(), at));
        }
        let Some(length) = self.length.write(self.endian, size) else {
            return Err(WireError::malformed("a value too long for the width of its length", at));
        };
        output.put(tag.bytes());
        output.put(length.bytes());
        output.put(frame.value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_written_as_the_table_says() {
        let table: &[(Tlv, u64, &[u8], &[u8])] = &[
            (Tlv::new(Width::U8, Width::U8, 9), 1, b"", b"\x01\0"),
            (Tlv::new(Width::U16, Width::U24, 9), 1, b"ab", b"\0\x01\0\0\x02ab"),
            (
                Tlv::new(Width::U16, Width::U32, 9).endian(Endian::Little),
                0x0102,
                b"ab",
                b"\x02\x01\x02\0\0\0ab",
            ),
            (Tlv::new(Width::Varint, Width::Varint, 9), 300, b"abc", b"\xac\x02\x03abc"),
        ];
        for (codec, tag, value, bytes) in table {
            let (mut codec, mut output) = (*codec, Output::default());
            let frame = TlvFrame { tag: *tag, value };
            codec.encode(frame, &mut output).unwrap();
            assert_eq!(output.to_vec(), *bytes);
            assert_eq!(codec.decode(&mut Input::from(*bytes)), Ok(Some(frame)));
        }
    }

    #[test]
    fn a_value_at_the_limit_passes_and_one_beyond_is_refused_at_its_length() {
        let mut codec = Tlv::new(Width::U16, Width::U8, 3);
        let mut input = Input::from(&b"\0\x01\x03abc\0\x02\x04"[..]);
        assert_eq!(codec.decode(&mut input), Ok(Some(TlvFrame { tag: 1, value: b"abc" })));
        assert_eq!(codec.decode(&mut input), Err(WireError::too_large(4, 3, 2)));
    }

    #[test]
    fn what_cannot_be_expressed_is_not_encoded() {
        let mut output = Output::default();
        let mut put =
            |codec: &mut Tlv, tag, value| codec.encode(TlvFrame { tag, value }, &mut output);
        let codec = &mut Tlv::new(Width::U8, Width::U8, 300);
        let wide = WireError::malformed("a type too large for its width", 0);
        assert_eq!(put(codec, 256, b""), Err(wide));
        let long = WireError::malformed("a value too long for the width of its length", 1);
        assert_eq!(put(codec, 255, &[0; 256]), Err(long));
        assert_eq!(put(codec, 255, &[0; 301]), Err(WireError::too_large(301, 300, 1)));
        assert!(output.is_empty());
    }

    #[test]
    fn a_length_near_the_end_of_numbers_is_refused_before_it_is_asked_for() {
        let mut codec = Tlv::new(Width::Varint, Width::U64, u32::MAX);
        let bytes = [&[1][..], &[0xff; 8]].concat();
        let error = WireError::too_large(u64::MAX, u32::MAX.into(), 1);
        assert_eq!(codec.decode(&mut Input::from(bytes)), Err(error));
    }
}
