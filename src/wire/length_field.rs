//! [`LengthField`]: a header with a length somewhere in it, then the rest of the frame.

use super::field::{Endian, Field, Width};
use super::{Codec, WireError};
use crate::base::{Input, Output};

/// Frames with a length in their header, in nearly any shape that a protocol chose for that.
///
/// ```text
/// ├──────────────────────── total ≤ frame_max ──────────────────────┤
/// ┌──────── offset ────────┬── width ──┬────────────────────────────┐
/// │ what comes before it   │ length    │ length + adjustment        │
/// └────────────────────────┴───────────┴────────────────────────────┘
/// ├──────── strip ──────┼─────────────── the frame ─────────────────┤
/// ```
///
/// These are the parameters of Netty's `LengthFieldBasedFrameDecoder`, and their names:
///
/// - `offset`: how many bytes come before the length. None unless set.
/// - `width` and `endian` of the length. Big-endian unless set.
/// - `adjustment`: how many bytes follow the length beyond those that it counts. 0 unless set;
///   negative if it counts bytes up to its own end: `-(offset + width)` if it counts the whole.
/// - `strip`: how many bytes at the beginning are not part of the frame. None unless set;
///   [`strip_header`](Self::strip_header) drops all up to the end of the length.
/// - `frame_max`: how many bytes the whole may have, before anything is stripped. Checked as soon
///   as the length has come, before the rest is asked for.
///
/// For the usual case, four bytes and then the frame, [`LengthPrefixed`](super::LengthPrefixed) is
/// faster.
///
/// ```
/// use overt::wire::{Codec, LengthField, Width};
/// use overt::{Input, Output};
///
/// // A kind (1 byte), a length (2 bytes) that counts all of the frame, and the body.
/// let mut codec = LengthField::new(Width::U16, 1024).offset(1).adjustment(-3);
/// let mut input = Input::from(&b"\x07\0\x06abc"[..]);
/// assert_eq!(codec.decode(&mut input)?, Some(&b"\x07\0\x06abc"[..]));
/// # Ok::<(), overt::wire::WireError>(())
/// ```
///
/// # Encoding
///
/// The reverse of decoding: a frame that is encoded comes out of the decoder unchanged. The length
/// is computed; other bytes that are stripped are written as zeros. If the frame holds its own
/// length, wholly or in part, then that must be right.
#[derive(Clone, Copy, Debug)]
pub struct LengthField {
    width: Width,
    endian: Endian,
    offset: u32,
    adjustment: i32,
    strip: Strip,
    frame_max: u32,
}

#[derive(Clone, Copy, Debug)]
enum Strip {
    Bytes(u32),
    Header,
}

impl LengthField {
    /// Frames of up to `frame_max` bytes in all, that begin with a length of this width.
    pub const fn new(width: Width, frame_max: u32) -> Self {
        let (endian, strip) = (Endian::Big, Strip::Bytes(0));
        Self { width, endian, offset: 0, adjustment: 0, strip, frame_max }
    }

    /// As this, with so many bytes before the length.
    pub const fn offset(self, offset: u32) -> Self {
        Self { offset, ..self }
    }

    /// As this, with so many bytes added to the length.
    pub const fn adjustment(self, adjustment: i32) -> Self {
        Self { adjustment, ..self }
    }

    /// As this, in this byte order.
    pub const fn endian(self, endian: Endian) -> Self {
        Self { endian, ..self }
    }

    /// As this, dropping so many bytes at the beginning of each frame.
    pub const fn strip(self, count: u32) -> Self {
        Self { strip: Strip::Bytes(count), ..self }
    }

    /// As this, dropping everything up to the end of the length, however long that is.
    pub const fn strip_header(self) -> Self {
        Self { strip: Strip::Header, ..self }
    }

    /// How many bytes a frame has in all, and how many of them are stripped.
    fn measure(&self, length: u64, header: usize) -> Result<(usize, usize), WireError> {
        let at = self.offset as usize;
        // Wide enough for any sum of these.
        let total = i128::from(length) + i128::from(self.adjustment) + header as i128;
        if total > self.frame_max.into() {
            let size = u64::try_from(total).unwrap_or(u64::MAX);
            return Err(WireError::too_large(size, self.frame_max.into(), at));
        }
        let Some(total) = usize::try_from(total).ok().filter(|total| *total >= header) else {
            return Err(WireError::malformed("a frame that ends before its length does", at));
        };
        let strip = match self.strip {
            Strip::Bytes(count) => count as usize,
            Strip::Header => header,
        };
        match strip <= total {
            true => Ok((total, strip)),
            false => Err(WireError::malformed("a frame shorter than what is stripped", at)),
        }
    }

    /// The length of a frame that is to be encoded, and how many bytes were stripped from it.
    fn length_of(&self, frame: &[u8]) -> Result<(Field, usize), WireError> {
        let at = self.offset as usize;
        let strip = match (self.strip, self.width.fixed()) {
            (Strip::Header, _) => return self.length_after_header(frame.len()),
            (Strip::Bytes(count), _) => count as usize,
        };
        let header = match self.width.fixed() {
            Some(width) => at + width,
            None => at + self.varint_in(frame, strip)?,
        };
        let total = frame.len().saturating_add(strip);
        if total < header {
            return Err(WireError::malformed("a frame that ends before its length does", at));
        }
        self.field(total as i128 - header as i128).map(|field| (field, strip))
    }

    fn length_after_header(&self, size: usize) -> Result<(Field, usize), WireError> {
        let field = self.field(size as i128)?;
        let strip = self.offset as usize + field.bytes().len();
        Ok((field, strip))
    }

    /// How many bytes the varint takes that a frame holds.
    fn varint_in(&self, frame: &[u8], strip: usize) -> Result<usize, WireError> {
        let at = self.offset as usize;
        let within = at.checked_sub(strip);
        match within.map(|within| self.width.read(self.endian, frame, within)).transpose()? {
            Some(Some((_, width))) => Ok(width),
            _ => Err(WireError::malformed("a frame without its whole length", at)),
        }
    }

    /// The length that is to be sent when so many bytes follow it.
    fn field(&self, rest: i128) -> Result<Field, WireError> {
        let length = u64::try_from(rest - i128::from(self.adjustment)).ok();
        let field = length.and_then(|length| self.width.write(self.endian, length));
        let error = || WireError::malformed("a length that can't be written", self.offset as usize);
        field.ok_or_else(error)
    }
}

impl Codec for LengthField {
    type Frame<'a> = &'a [u8];

    fn decode<'a>(&mut self, input: &'a mut Input) -> Result<Option<&'a [u8]>, WireError> {
        let offset = self.offset as usize;
        let Some((length, width)) = self.width.read(self.endian, input, offset)? else {
            return Ok(None);
        };
        let (total, strip) = self.measure(length, offset.saturating_add(width))?;
        Ok(input.take(total).map(|frame| frame.get(strip..).unwrap_or_default()))
    }

    /// # Errors
    /// The frame is longer than allowed, its length can't be written in this width, or it holds a
    /// wrong one.
    fn encode(&mut self, frame: &[u8], output: &mut Output) -> Result<(), WireError> {
        let offset = self.offset as usize;
        let (field, strip) = self.length_of(frame)?;
        let total = frame.len().saturating_add(strip);
        if total > self.frame_max as usize {
            return Err(WireError::too_large(total as u64, self.frame_max.into(), offset));
        }
        // What of the length is not stripped stands in the frame.
        let cut = strip.saturating_sub(offset).min(field.bytes().len());
        let own = field.bytes().get(cut..).unwrap_or_default();
        let within = offset.saturating_sub(strip);
        let rest = frame.get(within..).unwrap_or_default();
        if !rest.starts_with(own) {
            return Err(WireError::malformed("a frame that holds a wrong length", offset));
        }
        put_zeros(strip.min(offset), output);
        output.put(field.bytes().get(..cut).unwrap_or_default());
        put_zeros(strip.saturating_sub(offset + field.bytes().len()), output);
        output.put(frame);
        Ok(())
    }
}

fn put_zeros(mut count: usize, output: &mut Output) {
    const ZEROS: [u8; 64] = [0; 64];
    while count > 0 {
        let some = ZEROS.get(..count).unwrap_or(&ZEROS);
        output.put(some);
        count -= some.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"HELLO, WORLD";

    /// What comes in, and what is made of it.
    fn decodes(codec: LengthField, bytes: &[u8], frame: &[u8]) {
        let (mut decoder, mut input) = (codec, Input::from(bytes));
        assert_eq!(decoder.decode(&mut input), Ok(Some(frame)), "{codec:?}");
        assert!(input.is_empty());
    }

    /// … and back.
    fn both_ways(codec: LengthField, bytes: &[u8], frame: &[u8]) {
        decodes(codec, bytes, frame);
        let (mut encoder, mut output) = (codec, Output::default());
        encoder.encode(frame, &mut output).unwrap();
        assert_eq!(output.to_vec(), bytes, "{codec:?}");
    }

    fn after(header: &[u8]) -> Vec<u8> {
        [header, BODY].concat()
    }

    #[test]
    fn the_examples_in_the_documentation_of_netty_hold() {
        let two = LengthField::new(Width::U16, 100);
        both_ways(two, &after(&[0, 12]), &after(&[0, 12]));
        both_ways(two.strip(2), &after(&[0, 12]), BODY);
        both_ways(two.adjustment(-2), &after(&[0, 14]), &after(&[0, 14]));
        let three = LengthField::new(Width::U24, 100);
        let header = [0xca, 0xfe, 0, 0, 12];
        both_ways(three.offset(2), &after(&header), &after(&header));
        let header = [0, 0, 12, 0xca, 0xfe];
        both_ways(three.adjustment(2), &after(&header), &after(&header));
        let header = [0xca, 0, 12, 0xfe];
        decodes(two.offset(1).adjustment(1).strip(3), &after(&header), &after(&[0xfe]));
        let header = [0xca, 0, 16, 0xfe];
        decodes(two.offset(1).adjustment(-3).strip(3), &after(&header), &after(&[0xfe]));
    }

    #[test]
    fn every_width_and_order_is_read_and_written() {
        let table: &[(Width, Endian, &[u8])] = &[
            (Width::U8, Endian::Big, &[12]),
            (Width::U16, Endian::Little, &[12, 0]),
            (Width::U24, Endian::Little, &[12, 0, 0]),
            (Width::U32, Endian::Big, &[0, 0, 0, 12]),
            (Width::U64, Endian::Little, &[12, 0, 0, 0, 0, 0, 0, 0]),
            (Width::Varint, Endian::Big, &[12]),
        ];
        for (width, endian, header) in table {
            let codec = LengthField::new(*width, 100).endian(*endian);
            both_ways(codec.strip_header(), &after(header), BODY);
            both_ways(codec, &after(header), &after(header));
        }
        let long = vec![7; 300];
        let bytes = [&[0, 0, 0xac, 2], &long[..]].concat();
        both_ways(LengthField::new(Width::Varint, 400).offset(2).strip_header(), &bytes, &long);
    }

    #[test]
    fn a_frame_at_the_limit_passes_and_one_beyond_is_refused_at_its_length() {
        let mut codec = LengthField::new(Width::U8, 5).offset(1).strip_header();
        let mut input = Input::from(&b"?\x03abc?\x04"[..]);
        assert_eq!(codec.decode(&mut input), Ok(Some(&b"abc"[..])));
        assert_eq!(codec.decode(&mut input), Err(WireError::too_large(6, 5, 1)));
        let mut output = Output::default();
        assert_eq!(codec.encode(b"abcd", &mut output), Err(WireError::too_large(6, 5, 1)));
        assert!(output.is_empty());
    }

    #[test]
    fn lengths_that_overflow_are_refused_before_they_are_asked_for() {
        let huge = [0xff; 8];
        let max = u32::MAX;
        for adjustment in [i32::MIN, -8, 0, 8, i32::MAX] {
            let mut codec = LengthField::new(Width::U64, max).adjustment(adjustment);
            let total = i128::from(u64::MAX) + 8 + i128::from(adjustment);
            let size = u64::try_from(total).unwrap_or(u64::MAX);
            let error = WireError::too_large(size, max.into(), 0);
            assert_eq!(codec.decode(&mut Input::from(&huge[..])), Err(error));
        }
        let varint = [&[0xff; 9][..], &[1]].concat();
        let mut codec = LengthField::new(Width::Varint, max);
        let error = WireError::too_large(u64::MAX, max.into(), 0);
        assert_eq!(codec.decode(&mut Input::from(varint)), Err(error));
    }

    #[test]
    fn a_total_below_the_header_or_below_zero_is_malformed() {
        let short = WireError::malformed("a frame that ends before its length does", 1);
        for adjustment in [-1, -3, -100, i32::MIN] {
            let mut codec = LengthField::new(Width::U16, 99).offset(1).adjustment(adjustment);
            assert_eq!(codec.decode(&mut Input::from(&b"?\0\0"[..])), Err(short));
        }
        let mut codec = LengthField::new(Width::U8, 99).strip(4);
        let stripped = WireError::malformed("a frame shorter than what is stripped", 0);
        assert_eq!(codec.decode(&mut Input::from(&b"\x02ab"[..])), Err(stripped));
    }

    #[test]
    fn what_cannot_be_expressed_is_not_encoded() {
        let byte = LengthField::new(Width::U8, 1000);
        let unwritable = WireError::malformed("a length that can't be written", 0);
        let wrong = WireError::malformed("a frame that holds a wrong length", 0);
        let short = WireError::malformed("a frame that ends before its length does", 0);
        let lost = WireError::malformed("a frame without its whole length", 0);
        let varint = LengthField::new(Width::Varint, 1000);
        for (mut codec, frame, error) in [
            (byte.strip_header(), &[7; 256][..], unwritable),
            (byte.strip_header().adjustment(3), b"ab", unwritable),
            (byte, b"\x03ab", wrong),
            (byte, b"", short),
            (varint, b"\x82", lost),
            (varint.strip(1), b"ab", lost),
        ] {
            let mut output = Output::default();
            assert_eq!(codec.encode(frame, &mut output), Err(error), "{codec:?}");
            assert!(output.is_empty());
        }
    }

    #[test]
    fn what_is_stripped_beside_the_length_is_written_as_zeros() {
        let codec = LengthField::new(Width::U8, 1000).offset(100).strip(103);
        let (mut encoder, mut output) = (codec, Output::default());
        encoder.encode(b"abc", &mut output).unwrap();
        let bytes = [&[0; 100][..], &[5, 0, 0], b"abc"].concat();
        assert_eq!(output.to_vec(), bytes);
        decodes(codec, &bytes, b"abc");
    }
}
