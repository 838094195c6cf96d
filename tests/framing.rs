//! However a stream is cut, every codec makes the same frames of it, and the same error: valid
//! streams and invalid ones, short ones in all ways and long ones by chance. The general length
//! field is held to a model that is slow and simple.

use std::fmt::Debug;

use overt::wire::{
    Codec, Delimited, Endian, FixedLength, LengthField, LengthPrefixed, Lines, Tlv, TlvFrame,
    Width, WireCause,
};
use overt::{Input, Output};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::Config as ProptestConfig;
use proptest::{prop_assert, prop_assert_eq, proptest};
use streams::{Outcome, check, check_every_cut};

#[path = "../fuzz/streams.rs"]
mod streams;

/// `streams`, each in every cut; and each with its last byte missing.
fn in_every_cut<C>(codec: C, streams: &[&[u8]])
where
    C: Codec + Clone,
    for<'a> C::Frame<'a>: Debug,
{
    for stream in streams {
        check_every_cut(&codec, stream);
        check_every_cut(&codec, &stream[..stream.len().saturating_sub(1)]);
    }
}

#[test]
fn short_streams_in_every_cut() {
    in_every_cut(FixedLength::new(3), &[b"abcdefgh"]);
    in_every_cut(
        LengthPrefixed::new(5),
        &[b"\0\0\0\x02ab\0\0\0\0\0\0\0\x05abcde", b"\0\0\0\x01a\0\0\0\x06abcdef", b"\xff\0\0\0"],
    );
    in_every_cut(
        Tlv::new(Width::U16, Width::U24, 4),
        &[b"\0\x01\0\0\x02ab\0\x02\0\0\0", b"\0\x01\0\0\x05abcde"],
    );
    in_every_cut(
        Tlv::new(Width::Varint, Width::Varint, 4),
        &[
            b"\xac\x02\x02ab\x01\0",
            b"\x01\x85\0abcde",
            &[0xff; 12],
            b"\x01\xff\xff\xff\xff\xff\xff",
        ],
    );
    in_every_cut(
        Lines::new(4),
        &[b"a\r\n\nab\r\rc\n", b"abcd\r\nabcd\n", b"abcde\n", b"abcd\r\r\n", b"abcdefgh", b"\r\n"],
    );
    in_every_cut(
        Delimited::new(b"aab", 4),
        &[b"aabaaabxaab", b"abcdaab", b"abcdeaab", b"aaaaaaaaaab", b"abababababab"],
    );
    let field = LengthField::new(Width::U16, 9).offset(1).adjustment(-1).strip(2);
    in_every_cut(field, &[b"?\0\x04abc?\0\x01", b"?\0\0a", b"?\0\x08abcdefgh", b"?\xff\xffabc"]);
    let field = LengthField::new(Width::Varint, 9).offset(1).strip_header();
    in_every_cut(field, &[b"?\x03abc?\0", b"?\x83\0abc", b"?\x08abcdefgh", &[0xff; 12]]);
}

#[cfg(feature = "json")]
#[test]
fn json_in_every_cut() {
    type Names = overt::wire::Json<Vec<String>>;
    in_every_cut(
        Names::new(20),
        &[
            b"\0\0\0\x09[\"a\",\"b\"]\0\0\0\x02[]",
            b"\0\0\0\x03[1]",
            b"\0\0\0\x02[\"",
            b"\0\0\0\0",
            b"\0\0\0\x15[                   ]",
        ],
    );
}

#[cfg(feature = "protobuf")]
#[test]
fn protobuf_in_every_cut() {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Named {
        #[prost(string, tag = "2")]
        name: String,
    }
    let streams: [&[u8]; 4] =
        [b"\x05\x12\x03ada\0", b"\x05\x12\x07ada", b"\x83\0\x12\x01a", b"\x7f"];
    in_every_cut(overt::wire::Protobuf::<Named>::delimited(20), &streams);
    let streams: [&[u8]; 2] = [b"\0\0\0\x05\x12\x03ada\0\0\0\0", b"\0\0\0\x02\x12\x01"];
    in_every_cut(overt::wire::Protobuf::<Named>::prefixed(20), &streams);
}

/// Encodes all frames, after which the stream may be spoiled.
fn encoded<'f, C: Codec>(mut codec: C, frames: impl IntoIterator<Item = C::Frame<'f>>) -> Vec<u8> {
    let mut output = Output::default();
    for frame in frames {
        codec.encode(frame, &mut output).expect("the frame can be encoded");
    }
    output.to_vec()
}

/// A byte of the stream that is changed: where (of 1,000), and to what. None, half the time.
fn spoil() -> impl Strategy<Value = Option<(usize, u8)>> {
    prop_oneof![Just(None), (0..1000_usize, any::<u8>()).prop_map(Some)]
}

fn spoilt(mut stream: Vec<u8>, spoil: Option<(usize, u8)>) -> Vec<u8> {
    if let Some((at, byte)) = spoil {
        let at = at * stream.len() / 1000;
        stream.iter_mut().skip(at).take(1).for_each(|it| *it = byte);
    }
    stream
}

/// Where a long stream is cut.
fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(0..4000_usize, 0..12)
}

fn all_came(outcome: &Outcome, frames: &[Vec<u8>], spoil: Option<(usize, u8)>) {
    if spoil.is_none() {
        let expected: Vec<String> = frames.iter().map(|frame| format!("{frame:?}")).collect();
        assert_eq!(outcome.frames, expected);
        assert_eq!(outcome.left, Some(0));
    }
}

proptest! {
    #[test]
    fn long_streams_of_lengths(
        frames in vec(vec(any::<u8>(), 0..200), 0..20), spoil in spoil(), cuts in cuts()
    ) {
        let codec = LengthPrefixed::new(200);
        let stream = spoilt(encoded(codec, frames.iter().map(|it| &it[..])), spoil);
        all_came(&check(&codec, &stream, &cuts), &frames, spoil);

        let codec = LengthField::new(Width::Varint, 210).offset(2).strip_header();
        let stream = spoilt(encoded(codec, frames.iter().map(|it| &it[..])), spoil);
        all_came(&check(&codec, &stream, &cuts), &frames, spoil);

        let codec = Tlv::new(Width::U8, Width::Varint, 200);
        let tagged = frames.iter().enumerate();
        let tagged = tagged.map(|(tag, value)| TlvFrame { tag: tag as u64, value });
        let stream = spoilt(encoded(codec, tagged), spoil);
        check(&codec, &stream, &cuts);
    }

    #[test]
    fn long_streams_of_lines(
        frames in vec(vec(prop_oneof![Just(b'a'), Just(b'\r')], 0..60), 0..40),
        spoil in spoil(),
        cuts in cuts(),
    ) {
        let frames: Vec<Vec<u8>> =
            frames.into_iter().filter(|frame| frame.last() != Some(&b'\r')).collect();
        let codec = Lines::new(60);
        let stream = spoilt(encoded(codec, frames.iter().map(|it| &it[..])), spoil);
        all_came(&check(&codec, &stream, &cuts), &frames, spoil);
    }

    /// Of two letters, so that frames and delimiters overlap; against a search that is simple.
    #[test]
    fn delimiters_are_found_where_a_simple_search_finds_them(
        delimiter in vec(0..2_u8, 1..6), stream in vec(0..2_u8, 0..200), cuts in cuts()
    ) {
        let codec = Delimited::new(delimiter.clone(), 1000);
        let outcome = check(&codec, &stream, &cuts);
        let (mut rest, mut frames) = (&stream[..], Vec::new());
        while let Some(at) = rest.windows(delimiter.len()).position(|it| it == delimiter) {
            frames.push(format!("{:?}", &rest[..at]));
            rest = &rest[at + delimiter.len()..];
        }
        prop_assert_eq!(outcome, Outcome { frames, error: None, left: Some(rest.len()) });
    }

    #[test]
    fn what_a_delimiter_ends_comes_back_or_is_refused(
        delimiter in vec(0..2_u8, 1..6), frame in vec(0..2_u8, 0..12)
    ) {
        let mut codec = Delimited::new(delimiter.clone(), 12);
        let whole = [&frame[..], &delimiter].concat();
        let first = whole.windows(delimiter.len()).position(|it| it == delimiter);
        let mut output = Output::default();
        let encoded = codec.encode(&frame, &mut output);
        prop_assert_eq!(encoded.is_ok(), first == Some(frame.len()));
        prop_assert_eq!(output.to_vec(), if encoded.is_ok() { whole } else { vec![] });
    }
}

proptest! {
    // Many parameters, of which few fit together by chance.
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn the_length_field_does_as_its_model(field in field(), stream in stream(), cuts in cuts()) {
        let outcome = check(&field.codec(), &stream, &cuts);
        let (frames, error) = field.model(&stream);
        let frames: Vec<String> = frames.iter().map(|frame| format!("{frame:?}")).collect();
        prop_assert_eq!(outcome.frames, frames);
        let too_large = |error: overt::wire::WireError| {
            matches!(error.cause, WireCause::TooLarge { .. })
        };
        prop_assert_eq!(outcome.error.map(too_large), error);
    }

    #[test]
    fn what_the_length_field_encodes_comes_back(field in field(), frame in stream()) {
        let (mut codec, mut output) = (field.codec(), Output::default());
        output.put(b"before");
        if codec.encode(&frame, &mut output).is_ok() {
            let mut input = Input::from(&output.to_vec()[6..]);
            prop_assert_eq!(codec.decode(&mut input), Ok(Some(&frame[..])));
            prop_assert!(input.is_empty());
        } else {
            prop_assert_eq!(output.to_vec(), b"before");
        }
    }
}

/// All parameters of a length field.
#[derive(Clone, Copy, Debug)]
struct Field {
    width: Width,
    little: bool,
    offset: u32,
    adjustment: i32,
    /// `None` for the header.
    strip: Option<u32>,
    frame_max: u32,
}

fn field() -> impl Strategy<Value = Field> {
    let width = prop_oneof![
        Just(Width::U8),
        Just(Width::U16),
        Just(Width::U24),
        Just(Width::U32),
        Just(Width::U64),
        Just(Width::Varint),
    ];
    let adjustment =
        prop_oneof![4 => Just(0), 4 => -14..14_i32, 1 => Just(i32::MIN), 1 => Just(i32::MAX)];
    let strip = prop_oneof![Just(None), Just(Some(0)), (0..14_u32).prop_map(Some)];
    let frame_max = prop_oneof![Just(300_u32), 0..40_u32, Just(u32::MAX)];
    (width, any::<bool>(), 0..5_u32, adjustment, strip, frame_max).prop_map(
        |(width, little, offset, adjustment, strip, frame_max)| Field {
            width,
            little,
            offset,
            adjustment,
            strip,
            frame_max,
        },
    )
}

/// Mostly zeros and small numbers, so that lengths are often short.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![6 => Just(0_u8), 4 => 0..12_u8, 1 => 0x80..=0x83_u8, 1 => any::<u8>()];
    vec(byte, 0..80)
}

impl Field {
    fn codec(self) -> LengthField {
        let endian = if self.little { Endian::Little } else { Endian::Big };
        let codec = LengthField::new(self.width, self.frame_max)
            .endian(endian)
            .offset(self.offset)
            .adjustment(self.adjustment);
        match self.strip {
            Some(count) => codec.strip(count),
            None => codec.strip_header(),
        }
    }

    /// The frames of a stream; then whether one was too large (or else malformed), if it ends so.
    fn model(self, mut stream: &[u8]) -> (Vec<&[u8]>, Option<bool>) {
        let mut frames = Vec::new();
        loop {
            let Some(bytes) = stream.get(self.offset as usize..) else { return (frames, None) };
            let (length, size) = match self.length(bytes) {
                Some(Ok(read)) => read,
                Some(Err(())) => return (frames, Some(false)),
                None => return (frames, None),
            };
            let header = i128::from(self.offset) + size as i128;
            let total = header + length + i128::from(self.adjustment);
            let strip = self.strip.map_or(header, i128::from);
            if total > i128::from(self.frame_max) {
                return (frames, Some(true));
            }
            if total < header || strip > total {
                return (frames, Some(false));
            }
            let Some(frame) = stream.get(..total as usize) else { return (frames, None) };
            frames.push(&frame[strip as usize..]);
            stream = &stream[total as usize..];
        }
    }

    /// The number and its size; `None` if it has not all come.
    fn length(self, bytes: &[u8]) -> Option<Result<(i128, usize), ()>> {
        let size = match self.width {
            Width::U8 => 1,
            Width::U16 => 2,
            Width::U24 => 3,
            Width::U32 => 4,
            Width::U64 => 8,
            Width::Varint => {
                let last = bytes.iter().position(|byte| *byte < 0x80);
                let Some(last) = last.filter(|last| *last < 10) else {
                    return (bytes.len() >= 10).then_some(Err(()));
                };
                let digits = bytes[..=last].iter().rev();
                let number = digits.fold(0, |sum, byte| sum * 128 + i128::from(byte & 0x7f));
                let fits = number <= i128::from(u64::MAX);
                return Some(if fits { Ok((number, last + 1)) } else { Err(()) });
            }
        };
        let mut digits = bytes.get(..size)?.to_vec();
        if self.little {
            digits.reverse();
        }
        Some(Ok((digits.iter().fold(0, |sum, byte| sum * 256 + i128::from(*byte)), size)))
    }
}
