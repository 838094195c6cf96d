//! [`Json`]: four bytes of length, then a value as JSON, typed by serde.

use std::io;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeOwned};
use serde::ser::Serialize;
use serde_json::error::Category;
use serde_json::ser::{Formatter, Serializer};

use super::{Codec, LengthPrefixed, WireError};
use crate::base::{Input, Output};

/// Four bytes of length, big-endian, then a value of type `T` as JSON (RFC 8259).
///
/// ```text
/// ┌── 4 B ──┬─ length, 1 B to frame_max ─┐
/// │ length  │ {"user":"ada","age":36}    │
/// └─────────┴────────────────────────────┘
/// ```
///
/// ```
/// use overt::wire::{Codec, Json};
/// use overt::{Input, Output};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Login {
///     user: String,
/// }
///
/// let mut codec = Json::<Login>::new(64 * 1024);
/// let mut output = Output::default();
/// codec.encode(Login { user: "ada".into() }, &mut output)?;
/// assert_eq!(output.to_vec(), b"\0\0\0\x0e{\"user\":\"ada\"}");
///
/// let mut input = Input::from(output.to_vec());
/// assert_eq!(codec.decode(&mut input)?.unwrap().user, "ada");
/// # Ok::<(), overt::wire::WireError>(())
/// ```
///
/// # Bounds
///
/// `frame_max` is checked before a frame is asked for, and while one is written. A value lies in at
/// most 127 arrays and objects, both ways, so that what is encoded can be decoded; what a decoder
/// passes over, such as unknown fields, is not followed, and may lie deeper. A frame that holds
/// more than one value is malformed.
#[derive(Debug)]
pub struct Json<T> {
    frames: LengthPrefixed,
    frame_max: u32,
    value: PhantomData<fn(T) -> T>,
}

/// The bytes of the length.
const PREFIX: usize = 4;
/// In how many arrays and objects a value may lie: as serde_json has it, which looks at it only
/// while decoding.
const NESTING_MAX: u8 = 127;

impl<T> Json<T> {
    /// Values of up to `frame_max` bytes of JSON, the length not counted.
    pub const fn new(frame_max: u32) -> Self {
        Self { frames: LengthPrefixed::new(frame_max), frame_max, value: PhantomData }
    }

    /// As [`decode`](Codec::decode), of another type, which may borrow from the input: with a
    /// `&str` in it nothing is copied, as long as the text has no escapes.
    ///
    /// # Errors
    /// The frame is longer than allowed, is not JSON, or is not a `V`. The offset is the place that
    /// serde_json names.
    pub fn decode_as<'a, V: Deserialize<'a>>(
        &mut self,
        input: &'a mut Input,
    ) -> Result<Option<V>, WireError> {
        let Some(frame) = self.frames.decode(input)? else { return Ok(None) };
        serde_json::from_slice(frame).map(Some).map_err(|error| malformed(frame, &error))
    }

    /// As [`encode`](Codec::encode), of another type, by reference. Written straight into the
    /// output.
    ///
    /// # Errors
    /// The value is longer than allowed, nested too deep, or can't be expressed in JSON, such as a
    /// map whose keys are no strings.
    pub fn encode_as<V: Serialize + ?Sized>(
        &mut self,
        value: &V,
        output: &mut Output,
    ) -> Result<(), WireError> {
        let (before, max) = (output.len(), self.frame_max as usize);
        output.put_zeros(PREFIX);
        let mut bounded = Bounded { output, left: max };
        let nesting = Nesting { left: NESTING_MAX };
        let mut serializer = Serializer::with_formatter(&mut bounded, nesting);
        let written = value.serialize(&mut serializer);
        let size = max - bounded.left;
        if let Err(error) = written {
            output.shorten(before);
            return Err(match error.io_error_kind() {
                Some(TOO_LARGE) => WireError::too_large(max as u64 + 1, max as u64, 0),
                Some(_) => WireError::malformed("a value that nests too deep", PREFIX + size),
                None => WireError::malformed("a value that JSON can't express", PREFIX + size),
            });
        }
        if let Some(prefix) = output.last_mut(PREFIX + size).first_chunk_mut::<PREFIX>() {
            *prefix = (size as u32).to_be_bytes();
        }
        Ok(())
    }
}

impl<T: Serialize + DeserializeOwned> Codec for Json<T> {
    type Frame<'a> = T;

    fn decode(&mut self, input: &mut Input) -> Result<Option<T>, WireError> {
        self.decode_as(input)
    }

    fn encode(&mut self, value: T, output: &mut Output) -> Result<(), WireError> {
        self.encode_as(&value, output)
    }
}

impl<T> Clone for Json<T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

/// What the two below fail with.
const TOO_LARGE: io::ErrorKind = io::ErrorKind::FileTooLarge;
const TOO_DEEP: io::ErrorKind = io::ErrorKind::InvalidData;

/// Fails as soon as too much is written.
struct Bounded<'a> {
    output: &'a mut Output,
    left: usize,
}

impl io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len());
        self.left = left.ok_or(TOO_LARGE)?;
        self.output.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compact, and fails where an array or object begins that lies too deep.
struct Nesting {
    left: u8,
}

impl Nesting {
    fn begin<W: ?Sized + io::Write>(&mut self, with: &[u8], to: &mut W) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or(TOO_DEEP)?;
        to.write_all(with)
    }

    fn end<W: ?Sized + io::Write>(&mut self, with: &[u8], to: &mut W) -> io::Result<()> {
        self.left += 1;
        to.write_all(with)
    }
}

impl Formatter for Nesting {
    fn begin_array<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.begin(b"[", to)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.end(b"]", to)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.begin(b"{", to)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, to: &mut W) -> io::Result<()> {
        self.end(b"}", to)
    }
}

#[cold]
fn malformed(frame: &[u8], error: &serde_json::Error) -> WireError {
    let what = match error.classify() {
        Category::Eof => "JSON that ends too early",
        Category::Data => "JSON of another shape than expected",
        Category::Syntax | Category::Io => "no JSON, or nested too deep",
    };
    // Lines and columns are counted from 1, columns in bytes.
    let before = frame.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let line: usize = before.map(<[u8]>::len).sum();
    WireError::malformed(what, PREFIX + line + error.column().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Point {
        x: i32,
        y: i32,
    }

    fn framed(json: &[u8]) -> Input {
        Input::from([&(json.len() as u32).to_be_bytes(), json].concat())
    }

    fn refused(json: &[u8]) -> (&'static str, u32) {
        match Json::<Point>::new(1000).decode(&mut framed(json)) {
            Err(WireError { cause: crate::wire::WireCause::Malformed(what), offset }) => {
                (what, offset)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_come_back() {
        let (mut codec, mut output) = (Json::new(100), Output::default());
        output.put(b"?");
        codec.encode(Point { x: 1, y: -2 }, &mut output).unwrap();
        codec.encode(Point { x: 3, y: 4 }, &mut output).unwrap();
        assert_eq!(output.to_vec(), b"?\0\0\0\x0e{\"x\":1,\"y\":-2}\0\0\0\x0d{\"x\":3,\"y\":4}");
        let mut input = Input::from(output.to_vec());
        input.consume(1);
        assert_eq!(codec.decode(&mut input), Ok(Some(Point { x: 1, y: -2 })));
        assert_eq!(codec.decode(&mut input), Ok(Some(Point { x: 3, y: 4 })));
        assert_eq!(codec.decode(&mut input), Ok(None));
    }

    #[test]
    fn text_is_borrowed() {
        let mut input = framed(b"[\"ada\",\"bob\"]");
        let names = Json::<()>::new(100).decode_as::<Vec<&str>>(&mut input).unwrap();
        assert_eq!(names, Some(vec!["ada", "bob"]));
    }

    #[test]
    fn the_error_says_where() {
        let wrong = "JSON of another shape than expected";
        assert_eq!(refused(b"{\"x\":1,\"y\":?}"), ("no JSON, or nested too deep", 4 + 11));
        assert_eq!(refused(b"{\n\"x\":1,\n\"y\":?}"), ("no JSON, or nested too deep", 4 + 13));
        assert_eq!(refused(b"{\"x\":1}"), (wrong, 4 + 6));
        assert_eq!(refused(b"{\"x\":1,"), ("JSON that ends too early", 4 + 6));
        assert_eq!(refused(b""), ("JSON that ends too early", 4));
        assert_eq!(refused(b"{\"x\":1,\"y\":2} 3"), ("no JSON, or nested too deep", 4 + 14));
        assert_eq!(refused(b"{\"x\":1,\"y\":\xff}"), ("no JSON, or nested too deep", 4 + 11));
    }

    #[test]
    fn what_nests_too_deep_is_refused_and_not_followed() {
        for (depth, passes) in [(127, true), (128, false), (900, false)] {
            let json = [vec![b'['; depth], vec![b']'; depth]].concat();
            let decoded = Json::<serde_json::Value>::new(2000).decode(&mut framed(&json));
            assert_eq!(decoded.is_ok(), passes, "{depth}");
        }
    }

    #[derive(Serialize, Deserialize)]
    struct Node {
        #[serde(default)]
        parts: Vec<Self>,
    }

    #[test]
    fn what_is_encoded_nests_no_deeper_than_what_is_decoded() {
        let (mut codec, mut output) = (Json::<Node>::new(5000), Output::default());
        let node = |depth: usize| {
            (0..depth).fold(Node { parts: Vec::new() }, |node, _| Node { parts: vec![node] })
        };
        // Each is an object and an array, the innermost one has no part and is written as empty.
        codec.encode(node(62), &mut output).unwrap();
        assert!(codec.decode(&mut Input::from(output.to_vec())).unwrap().is_some());
        let deep = "a value that nests too deep";
        let (before, size) = (output.len(), 63 * "{'parts':[".len() + "{'parts':".len());
        assert_eq!(codec.encode(node(63), &mut output), Err(WireError::malformed(deep, 4 + size)));
        assert_eq!(output.len(), before);
        // What a decoder passes over has no depth; but what stands in its place by default has.
        let json = format!("{}{{\"more\":[]}}{}", "{\"parts\":[".repeat(63), "]}".repeat(63));
        let decoded = codec.decode(&mut framed(json.as_bytes())).unwrap().unwrap();
        assert_eq!(codec.encode(decoded, &mut output), Err(WireError::malformed(deep, 4 + size)));
    }

    #[test]
    fn a_value_at_the_limit_passes_and_one_beyond_is_refused() {
        let (mut codec, mut output) = (Json::<String>::new(5), Output::default());
        output.put(b"?");
        let error = Err(WireError::too_large(6, 5, 0));
        assert_eq!(codec.encode("four".into(), &mut output), error);
        assert_eq!(output.to_vec(), b"?");
        codec.encode("abc".into(), &mut output).unwrap();
        assert_eq!(output.to_vec(), b"?\0\0\0\x05\"abc\"");
        assert_eq!(codec.decode(&mut framed(b"\"four\"")), error.map(|()| None));
    }

    #[test]
    fn what_json_cannot_express_is_not_encoded() {
        let mut output = Output::default();
        let odd = BTreeMap::from([(vec![1], 1)]);
        let error = Json::<()>::new(100).encode_as(&odd, &mut output).unwrap_err();
        assert_eq!(error, WireError::malformed("a value that JSON can't express", 5));
        assert!(output.is_empty());
    }
}
