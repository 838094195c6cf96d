//! What must hold for any codec and any stream: [`check`]. Shared by the fuzz targets, the replay
//! of their corpus (`tests/corpus.rs`) and the properties of the codecs (`tests/framing.rs`).

use std::fmt::Debug;

use overt::wire::{Codec, WireError};
use overt::{Input, Output};

/// What a decoder makes of a stream: its frames, as `Debug` shows them, and how it ends.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    /// The frames.
    pub(crate) frames: Vec<String>,
    /// What was wrong with the next.
    pub(crate) error: Option<WireError>,
    /// How many bytes are left over; only known if nothing was wrong.
    pub(crate) left: Option<usize>,
}

/// What `codec` makes of a stream that comes in pieces.
pub(crate) fn outcome<'p, C>(mut codec: C, pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome
where
    C: Codec,
    for<'a> C::Frame<'a>: Debug,
{
    let (mut input, mut frames) = (Input::default(), Vec::new());
    for piece in pieces {
        input.extend(piece);
        loop {
            match codec.decode(&mut input) {
                Ok(Some(frame)) => frames.push(format!("{frame:?}")),
                Ok(None) => break,
                Err(error) => return Outcome { frames, error: Some(error), left: None },
            }
        }
    }
    Outcome { frames, error: None, left: Some(input.len()) }
}

/// Cuts `stream` behind so many bytes, each counted from the beginning; they need not be in order.
pub(crate) fn cut<'s>(stream: &'s [u8], at: &[usize]) -> Vec<&'s [u8]> {
    let mut at: Vec<usize> = at.iter().map(|at| (*at).min(stream.len())).collect();
    at.push(stream.len());
    at.sort_unstable();
    let mut start = 0;
    let piece = |end| {
        let piece = &stream[start..end];
        start = end;
        piece
    };
    at.into_iter().map(piece).collect()
}

/// Every codec gives the same frames and the same error however the stream is cut: here whole, byte
/// by byte, and behind each of `cuts`. Frames that are encoded come back; one that can't be leaves
/// nothing behind. Tells the outcome.
pub(crate) fn check<C>(codec: &C, stream: &[u8], cuts: &[usize]) -> Outcome
where
    C: Codec + Clone,
    for<'a> C::Frame<'a>: Debug,
{
    let whole = outcome(codec.clone(), [stream]);
    assert_eq!(outcome(codec.clone(), stream.chunks(1)), whole, "byte by byte: {stream:02x?}");
    assert_eq!(outcome(codec.clone(), cut(stream, cuts)), whole, "{cuts:?}: {stream:02x?}");
    comes_back(codec, stream);
    whole
}

/// [`check`], with every cut in two, and if the stream is short, every cut in three.
pub(crate) fn check_every_cut<C>(codec: &C, stream: &[u8]) -> Outcome
where
    C: Codec + Clone,
    for<'a> C::Frame<'a>: Debug,
{
    const SHORT: usize = 48;
    let whole = check(codec, stream, &[]);
    for first in 0..=stream.len() {
        let seconds = if stream.len() <= SHORT { first..=stream.len() } else { first..=first };
        for second in seconds {
            let cuts = [first, second];
            let pieces = outcome(codec.clone(), cut(stream, &cuts));
            assert_eq!(pieces, whole, "{cuts:?}: {stream:02x?}");
        }
    }
    whole
}

fn comes_back<C>(codec: &C, stream: &[u8])
where
    C: Codec + Clone,
    for<'a> C::Frame<'a>: Debug,
{
    let (mut decoder, mut encoder) = (codec.clone(), codec.clone());
    let (mut input, mut output) = (Input::from(stream), Output::default());
    let mut sent = Vec::new();
    while let Ok(Some(frame)) = decoder.decode(&mut input) {
        let (text, before) = (format!("{frame:?}"), output.len());
        match encoder.encode(frame, &mut output) {
            Ok(()) => sent.push(text),
            Err(error) => assert_eq!(output.len(), before, "{error} left something behind"),
        }
    }
    let back = outcome(codec.clone(), [&output.to_vec()[..]]);
    assert_eq!(back, Outcome { frames: sent, error: None, left: Some(0) }, "{stream:02x?}");
}
