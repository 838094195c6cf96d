//! The bodies of the fuzz targets: [`TARGETS`]. Each takes any bytes, and panics if something does
//! not hold that must. `fuzz_targets/` hands them to libFuzzer; `tests/corpus.rs` replays what was
//! found, on a stable compiler.
//!
//! The first bytes choose the parameters of the codec, the rest is the stream.

use std::fmt::Debug;

use overt::Dial;
use overt::net::Endpoint;
use overt::wire::{
    Codec, Delimited, Endian, FixedLength, Json, LengthField, LengthPrefixed, Lines, Protobuf, Tlv,
    Width,
};
use serde::{Deserialize, Serialize};

use crate::streams::{check, check_every_cut};

#[path = "messages.rs"]
pub(crate) mod messages;
#[path = "sockets.rs"]
pub(crate) mod sockets;

/// A body.
pub(crate) type Target = fn(&[u8], Cuts);

/// How the stream is cut.
#[derive(Clone, Copy)]
pub(crate) enum Cuts {
    /// Byte by byte, and behind as many bytes as its last two say: quick.
    Few,
    /// In all ways.
    Every,
}

/// All of them, by the names of their folders in `corpus/`.
pub(crate) const TARGETS: [(&str, Target); 15] = [
    ("fixed_length", fixed_length),
    ("length_prefixed", length_prefixed),
    ("length_field", length_field),
    ("tlv", tlv),
    ("lines", lines),
    ("delimited", delimited),
    ("json", json),
    ("protobuf", protobuf),
    ("addresses", addresses),
    ("http_requests", messages::requests),
    ("http_responses", messages::responses),
    ("http_chunks", messages::chunks),
    ("http_fields", messages::fields),
    ("websocket", sockets::frames),
    ("websocket_extensions", sockets::extensions),
];

const WIDTHS: [Width; 6] =
    [Width::U8, Width::U16, Width::U24, Width::U32, Width::U64, Width::Varint];

/// Parameters, taken from the front.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn width(&mut self) -> Width {
        WIDTHS[usize::from(self.byte()) % WIDTHS.len()]
    }

    fn endian(&mut self) -> Endian {
        if self.byte() & 1 == 0 { Endian::Big } else { Endian::Little }
    }
}

/// The rest is the stream.
fn stream<C>(codec: &C, choices: &Choices<'_>, cuts: Cuts)
where
    C: Codec + Clone,
    for<'a> C::Frame<'a>: Debug,
{
    let bytes = choices.0;
    match cuts {
        Cuts::Few => {
            let last = bytes.iter().rev().take(2);
            check(codec, bytes, &last.map(|byte| usize::from(*byte)).collect::<Vec<_>>());
        }
        Cuts::Every => drop(check_every_cut(codec, bytes)),
    }
}

/// 1 byte: the size, less one.
pub(crate) fn fixed_length(data: &[u8], cuts: Cuts) {
    let mut choices = Choices(data);
    let size = u32::from(choices.byte()) + 1;
    stream(&FixedLength::new(size), &choices, cuts);
}

/// 1 byte: the longest frame.
pub(crate) fn length_prefixed(data: &[u8], cuts: Cuts) {
    let mut choices = Choices(data);
    let max = choices.byte();
    stream(&LengthPrefixed::new(max.into()), &choices, cuts);
}

/// 6 bytes: width, order, offset, adjustment (signed), strip (255 for the header), longest frame.
pub(crate) fn length_field(data: &[u8], cuts: Cuts) {
    let mut choices = Choices(data);
    let (width, endian) = (choices.width(), choices.endian());
    let (offset, adjustment) = (choices.byte(), choices.byte() as i8);
    let (strip, max) = (choices.byte(), choices.byte());
    let codec = LengthField::new(width, max.into())
        .endian(endian)
        .offset(offset.into())
        .adjustment(adjustment.into());
    let codec = match strip {
        u8::MAX => codec.strip_header(),
        count => codec.strip(count.into()),
    };
    stream(&codec, &choices, cuts);
}

/// 4 bytes: the two widths, the order, the longest value.
pub(crate) fn tlv(data: &[u8], cuts: Cuts) {
    let mut choices = Choices(data);
    let (tag, length, endian) = (choices.width(), choices.width(), choices.endian());
    let max = choices.byte();
    stream(&Tlv::new(tag, length, max.into()).endian(endian), &choices, cuts);
}

/// 1 byte: the longest line.
pub(crate) fn lines(data: &[u8], cuts: Cuts) {
    let mut choices = Choices(data);
    let max = choices.byte();
    stream(&Lines::new(max.into()), &choices, cuts);
}

/// 2 bytes: the longest frame, and how many bytes of delimiter follow, less one.
pub(crate) fn delimited(data: &[u8], cuts: Cuts) {
    let mut choices = Choices(data);
    let max = choices.byte();
    let size = choices.byte() % 8 + 1;
    let delimiter: Vec<u8> = (0..size).map(|_| choices.byte()).collect();
    stream(&Delimited::new(delimiter, max.into()), &choices, cuts);
}

/// Something with all that JSON has, and without numbers that it writes only nearly.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    #[serde(default)]
    number: i64,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    flag: bool,
    #[serde(default)]
    parts: Vec<Self>,
}

/// No parameters.
pub(crate) fn json(data: &[u8], cuts: Cuts) {
    stream(&Json::<Document>::new(4096), &Choices(data), cuts);
}

/// The same as Protobuf.
#[derive(Clone, PartialEq, prost::Message)]
struct Message {
    #[prost(int64, tag = "1")]
    number: i64,
    #[prost(string, optional, tag = "2")]
    text: Option<String>,
    #[prost(bool, tag = "3")]
    flag: bool,
    #[prost(message, repeated, tag = "4")]
    parts: Vec<Self>,
    #[prost(bytes = "vec", tag = "5")]
    bytes: Vec<u8>,
}

/// 1 byte: whether four bytes of length come first, or a varint.
pub(crate) fn protobuf(data: &[u8], cuts: Cuts) {
    let mut choices = Choices(data);
    match choices.byte() & 1 {
        0 => stream(&Protobuf::<Message>::delimited(4096), &choices, cuts),
        _ => stream(&Protobuf::<Message>::prefixed(4096), &choices, cuts),
    }
}

/// No parameters: a text, which an operator wrote, is an address, or a one-line error.
pub(crate) fn addresses(data: &[u8], _: Cuts) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Endpoint>() {
        Ok(endpoint) => {
            assert_eq!(endpoint.to_string().parse::<Endpoint>().unwrap(), endpoint, "{text:?}");
            text.parse::<Dial>().expect("what can be listened at can be connected to");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Err(error) = text.parse::<Dial>() {
        assert!(!error.to_string().is_empty());
    }
}
