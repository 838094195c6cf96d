//! [`Protobuf`]: a length, then a message as Protobuf, typed by prost.

use std::marker::PhantomData;

use prost::Message;

use super::field::{Endian, Width};
use super::{Codec, WireError};
use crate::base::{Input, Output};

/// A length, then a Protobuf message of type `M`.
///
/// ```text
/// ┌─ 1 to 5 B ─┬─ length, 0 B to message_max ─┐
/// │ varint     │ message                      │     delimited
/// └────────────┴──────────────────────────────┘
/// ┌─── 4 B ────┬─ length, 0 B to message_max ─┐
/// │ big-endian │ message                      │     prefixed
/// └────────────┴──────────────────────────────┘
/// ```
///
/// ```
/// use overt::wire::{Codec, Protobuf};
/// use overt::{Input, Output};
///
/// #[derive(Clone, PartialEq, prost::Message)]
/// struct Login {
///     #[prost(string, tag = "1")]
///     user: String,
/// }
///
/// let mut codec = Protobuf::<Login>::delimited(64 * 1024);
/// let mut output = Output::default();
/// codec.encode(Login { user: "ada".into() }, &mut output)?;
/// assert_eq!(output.to_vec(), b"\x05\x0a\x03ada");
///
/// let mut input = Input::from(output.to_vec());
/// assert_eq!(codec.decode(&mut input)?.unwrap().user, "ada");
/// # Ok::<(), overt::wire::WireError>(())
/// ```
///
/// # Bounds
///
/// `message_max` is checked before a message is asked for. Messages nest at most 100 deep, as prost
/// has it.
#[derive(Debug)]
pub struct Protobuf<M> {
    width: Width,
    message_max: u32,
    message: PhantomData<fn(M) -> M>,
}

impl<M> Protobuf<M> {
    /// Messages of up to `message_max` bytes behind a varint: Protobuf's own way, which its
    /// libraries call delimited (`writeDelimitedTo` in Java, `encode_length_delimited` in prost).
    pub const fn delimited(message_max: u32) -> Self {
        Self { width: Width::Varint, message_max, message: PhantomData }
    }

    /// Messages of up to `message_max` bytes behind four bytes of length, big-endian.
    pub const fn prefixed(message_max: u32) -> Self {
        Self { width: Width::U32, message_max, message: PhantomData }
    }
}

impl<M: Message> Protobuf<M> {
    /// As [`encode`](Codec::encode), by reference. Written straight into the output.
    ///
    /// # Errors
    /// The message is longer than allowed.
    pub fn encode_ref(&mut self, message: &M, output: &mut Output) -> Result<(), WireError> {
        let (size, before) = (message.encoded_len(), output.len());
        if size as u64 > self.message_max.into() {
            return Err(WireError::too_large(size as u64, self.message_max.into(), 0));
        }
        let written = self.width.write(Endian::Big, size as u64).and_then(|length| {
            output.put(length.bytes());
            message.encode(&mut output.put_zeros(size)).ok()
        });
        written.ok_or_else(|| {
            output.shorten(before);
            WireError::malformed("a message longer than it says", 0)
        })
    }
}

impl<M: Message + Default> Codec for Protobuf<M> {
    type Frame<'a> = M;

    /// # Errors
    /// The message is longer than allowed, or not an `M`. The offset is where prost stopped.
    fn decode(&mut self, input: &mut Input) -> Result<Option<M>, WireError> {
        let Some((length, width)) = self.width.read(Endian::Big, input, 0)? else {
            return Ok(None);
        };
        if length > self.message_max.into() {
            return Err(WireError::too_large(length, self.message_max.into(), 0));
        }
        let Some(frame) = input.take((length as usize).saturating_add(width)) else {
            return Ok(None);
        };
        let (mut message, mut left) = (M::default(), frame.get(width..).unwrap_or_default());
        match message.merge(&mut left) {
            Ok(()) => Ok(Some(message)),
            Err(_) => {
                let what = "not the Protobuf message expected, or nested too deep";
                Err(WireError::malformed(what, frame.len() - left.len()))
            }
        }
    }

    fn encode(&mut self, message: M, output: &mut Output) -> Result<(), WireError> {
        self.encode_ref(&message, output)
    }
}

impl<M> Clone for Protobuf<M> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, PartialEq, prost::Message)]
    struct Tree {
        #[prost(uint32, tag = "1")]
        number: u32,
        #[prost(string, tag = "2")]
        name: String,
        #[prost(message, optional, boxed, tag = "3")]
        below: Option<Box<Self>>,
    }

    fn tree(depth: usize) -> Tree {
        (1..depth).fold(Tree { number: 150, ..Tree::default() }, |below, _| Tree {
            below: Some(Box::new(below)),
            ..Tree::default()
        })
    }

    #[test]
    fn messages_are_written_as_the_table_says() {
        let named = Tree { name: "testing".into(), ..Tree::default() };
        let long = Tree { name: "x".repeat(300), ..Tree::default() };
        let long_bytes = [&b"\x12\xac\x02"[..], &[b'x'; 300]].concat();
        type Row<'a> = (Tree, &'a [u8], &'a [u8], &'a [u8]);
        let table: [Row<'_>; 4] = [
            // The two examples of Protobuf's "Encoding" page.
            (tree(1), b"\x03", b"\0\0\0\x03", b"\x08\x96\x01"),
            (named, b"\x09", b"\0\0\0\x09", b"\x12\x07testing"),
            (Tree::default(), b"\0", b"\0\0\0\0", b""),
            (long, b"\xaf\x02", b"\0\0\x01\x2f", &long_bytes),
        ];
        for (message, varint, four, bytes) in &table {
            for (mut codec, length) in
                [(Protobuf::delimited(400), varint), (Protobuf::prefixed(400), four)]
            {
                let mut output = Output::default();
                codec.encode_ref(message, &mut output).unwrap();
                assert_eq!(output.to_vec(), [*length, *bytes].concat());
                let mut input = Input::from(output.to_vec());
                assert_eq!(codec.decode(&mut input), Ok(Some(message.clone())));
                assert!(input.is_empty());
            }
        }
    }

    #[test]
    fn a_message_at_the_limit_passes_and_one_beyond_is_refused() {
        let (mut codec, mut output) = (Protobuf::delimited(3), Output::default());
        let error = WireError::too_large(6, 3, 0);
        let large = Tree { name: "four".into(), ..Tree::default() };
        assert_eq!(codec.encode(large, &mut output), Err(error));
        assert!(output.is_empty());
        codec.encode(tree(1), &mut output).unwrap();
        assert_eq!(codec.decode(&mut Input::from(&b"\x06"[..])), Err(error));
        let mut prefixed = Protobuf::<Tree>::prefixed(3);
        assert_eq!(prefixed.decode(&mut Input::from(&b"\0\0\0\x06"[..])), Err(error));
    }

    #[test]
    fn the_error_says_where() {
        let what = "not the Protobuf message expected, or nested too deep";
        let mut codec = Protobuf::<Tree>::delimited(100);
        for (bytes, offset) in [
            // A wire type that does not fit, a length beyond the end, a name that is no UTF-8.
            (&b"\x04\x08\x01\x0d\x01"[..], 4),
            (b"\x05\x08\x01\x12\x09a", 5),
            (b"\x05\x08\x01\x12\x01\xff", 6),
        ] {
            let decoded = codec.decode(&mut Input::from(bytes));
            assert_eq!(decoded, Err(WireError::malformed(what, offset)), "{bytes:?}");
        }
    }

    #[test]
    fn what_nests_too_deep_is_refused_and_not_followed() {
        for (depth, passes) in [(100, true), (101, true), (102, false), (1000, false)] {
            let (mut codec, mut output) = (Protobuf::prefixed(100_000), Output::default());
            codec.encode(tree(depth), &mut output).unwrap();
            let decoded = codec.decode(&mut Input::from(output.to_vec()));
            assert_eq!(decoded.is_ok(), passes, "{depth}");
        }
    }
}
