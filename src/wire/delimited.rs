//! [`Delimited`]: frames that end with given bytes.

use super::{Codec, WireError};
use crate::base::{Input, Output};

/// Frames that end with a delimiter of one or more bytes, which is not part of the frame.
///
/// ```text
/// ├──── 0 B to frame_max ────┬───────────┬──────
/// │ frame                    │ delimiter │ …
/// ```
///
/// For lines, which may end with `\r\n` as well as with `\n`, see [`Lines`](super::Lines).
///
/// ```
/// use overt::Input;
/// use overt::wire::{Codec, Delimited};
///
/// let mut codec = Delimited::new(b"\r\n\r\n", 1024);
/// let mut input = Input::from(&b"one\r\n\r\ntwo\r\n\r"[..]);
/// assert_eq!(codec.decode(&mut input)?, Some(&b"one"[..]));
/// assert_eq!(codec.decode(&mut input)?, None);
/// # Ok::<(), overt::wire::WireError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Delimited {
    search: Search,
    frame_max: u32,
    /// How many bytes of the input the search has seen. A peer that sends byte by byte costs one
    /// look at each byte, not at all bytes each time.
    searched: usize,
    /// How many bytes of the delimiter the last of those are.
    matched: usize,
}

impl Delimited {
    /// Frames of up to `frame_max` bytes, the delimiter not counted.
    ///
    /// # Panics
    /// If the delimiter is empty: there would be no end of frames.
    pub fn new(delimiter: impl Into<Vec<u8>>, frame_max: u32) -> Self {
        let delimiter = delimiter.into();
        assert!(!delimiter.is_empty(), "a delimiter has at least one byte");
        Self { search: Search::new(delimiter), frame_max, searched: 0, matched: 0 }
    }

    /// Searches on, up to `end_max`; tells whether the delimiter is found.
    fn search(&mut self, input: &[u8], end_max: usize) -> bool {
        let whole = self.search.delimiter.len();
        for byte in input.iter().take(end_max).skip(self.searched) {
            if self.matched == whole {
                break;
            }
            self.matched = self.search.next(self.matched, *byte);
            self.searched += 1;
        }
        self.matched == whole
    }
}

impl Codec for Delimited {
    type Frame<'a> = &'a [u8];

    fn decode<'a>(&mut self, input: &'a mut Input) -> Result<Option<&'a [u8]>, WireError> {
        let (max, delimiter) = (self.frame_max as usize, self.search.delimiter.len());
        // A delimiter that ends further on is that of a frame which is too long.
        let end_max = max.saturating_add(delimiter);
        if !self.search(input, end_max) {
            return match self.searched < end_max {
                true => Ok(None),
                false => Err(WireError::too_large(max as u64 + 1, max as u64, max)),
            };
        }
        // If the frame budget holds it back, it stays found.
        let Some(frame) = input.take(self.searched) else { return Ok(None) };
        (self.searched, self.matched) = (0, 0);
        Ok(frame.get(..frame.len() - delimiter))
    }

    /// # Errors
    /// The frame is longer than allowed, or would be found to end earlier than it does.
    fn encode(&mut self, frame: &[u8], output: &mut Output) -> Result<(), WireError> {
        if frame.len() > self.frame_max as usize {
            return Err(WireError::too_large(frame.len() as u64, self.frame_max.into(), 0));
        }
        let delimiter = &*self.search.delimiter;
        let mut matched = 0;
        // The end of the frame and the beginning of the delimiter may make a delimiter as well.
        let found = frame.iter().chain(delimiter).position(|byte| {
            matched = self.search.next(matched, *byte);
            matched == delimiter.len()
        });
        if let Some(last) = found.filter(|last| last + 1 < frame.len() + delimiter.len()) {
            let at = last + 1 - delimiter.len();
            return Err(WireError::malformed("a delimiter inside a frame", at));
        }
        output.put(frame);
        output.put(delimiter);
        Ok(())
    }
}

/// A search that looks at no byte twice, and can be interrupted after any: Knuth, Morris and Pratt,
/// "Fast Pattern Matching in Strings" (SIAM Journal on Computing 6, 1977).
#[derive(Clone, Debug)]
struct Search {
    delimiter: Vec<u8>,
    /// How many bytes of the delimiter still match if the one after so many does not: its longest
    /// beginning that is an end of what matched.
    shorter: Vec<usize>,
}

impl Search {
    fn new(delimiter: Vec<u8>) -> Self {
        // Of no byte and of one byte, nothing shorter matches. Then it is searched in itself.
        let mut search = Self { delimiter, shorter: vec![0, 0] };
        let mut matched = 0;
        for index in 1..search.delimiter.len() {
            let byte = search.delimiter.get(index).copied().unwrap_or_default();
            matched = search.next(matched, byte);
            search.shorter.push(matched);
        }
        search
    }

    /// How many bytes match behind `byte`, if `matched` did before it.
    fn next(&self, mut matched: usize, byte: u8) -> usize {
        while self.delimiter.get(matched) != Some(&byte) {
            if matched == 0 {
                return 0;
            }
            matched = self.shorter.get(matched).copied().unwrap_or_default();
        }
        matched + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(mut codec: Delimited, pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, WireError> {
        let (mut input, mut found) = (Input::default(), Vec::new());
        for piece in pieces {
            input.extend(piece);
            while let Some(frame) = codec.decode(&mut input)? {
                found.push(frame.to_vec());
            }
        }
        Ok(found)
    }

    #[test]
    fn frames_end_with_the_first_delimiter() {
        type Row = (&'static [u8], &'static [u8], &'static [&'static [u8]]);
        let table: [Row; 6] = [
            (b"|", b"a||bc|d", &[b"a", b"", b"bc"]),
            (b"\r\n\r\n", b"a\r\n\r\r\n\r\nb\r\n\r\n", &[b"a\r\n\r", b"b"]),
            (b"aab", b"aaab", &[b"a"]),
            (b"aabaaa", b"aabaabaaa", &[b"aab"]),
            (b"abab", b"abacababab", &[b"abac"]),
            (b"aa", b"aaaaa", &[b"", b""]),
        ];
        for (delimiter, bytes, expected) in table {
            let codec = Delimited::new(delimiter, 100);
            assert_eq!(frames(codec.clone(), &[bytes]).unwrap(), expected);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(frames(codec, &single).unwrap(), expected);
        }
    }

    #[test]
    fn a_frame_at_the_limit_passes_and_one_beyond_is_refused() {
        let codec = Delimited::new(b"--", 3);
        assert_eq!(frames(codec.clone(), &[b"abc--"]).unwrap(), [b"abc"]);
        let error = WireError::too_large(4, 3, 3);
        for pieces in [&[&b"abcd--"[..]][..], &[b"abcde"], &[b"ab", b"c-d"]] {
            assert_eq!(frames(codec.clone(), pieces), Err(error));
        }
        assert_eq!(frames(codec, &[b"abc-"]).unwrap(), [b""; 0]);
    }

    #[test]
    fn no_byte_is_looked_at_twice() {
        let mut codec = Delimited::new(b"aaab", 1000);
        let mut input = Input::default();
        for size in 1..500 {
            input.extend(b"a");
            assert_eq!(codec.decode(&mut input), Ok(None));
            assert_eq!(codec.searched, size);
        }
    }

    #[test]
    fn what_was_found_is_kept_until_it_may_be_taken() {
        let mut codec = Delimited::new(b"--", 9);
        let mut input = Input::from(&b"a--b--"[..]);
        input.start_visit(1);
        assert_eq!(codec.decode(&mut input), Ok(Some(&b"a"[..])));
        assert_eq!(codec.decode(&mut input), Ok(None));
        input.start_visit(1);
        assert_eq!(codec.decode(&mut input), Ok(Some(&b"b"[..])));
    }

    #[test]
    fn what_would_end_early_is_not_encoded() {
        let inside = |at| Err(WireError::malformed("a delimiter inside a frame", at));
        let mut output = Output::default();
        assert_eq!(Delimited::new(b"--", 9).encode(b"a--b", &mut output), inside(1));
        assert_eq!(Delimited::new(b"--", 9).encode(b"a-", &mut output), inside(1));
        assert_eq!(Delimited::new(b"aba", 9).encode(b"xab", &mut output), inside(1));
        let long = WireError::too_large(4, 3, 0);
        assert_eq!(Delimited::new(b"--", 3).encode(b"abcd", &mut output), Err(long));
        assert!(output.is_empty());
        Delimited::new(b"aab", 3).encode(b"a", &mut output).unwrap();
        assert_eq!(output.to_vec(), b"aaab");
    }
}
