//! [`Lines`]: frames that end with a line feed.

use super::{Codec, WireError};
use crate::base::{Input, Output};

/// Lines that end with `\n`, which is not part of the frame; nor is one `\r` before it.
///
/// ```text
/// ├─ 0 B to line_max ─┬────────────┬──────
/// │ line              │ \n or \r\n │ …
/// ```
///
/// Nothing is said of the encoding: a line is bytes. Encoding ends each with `\n`.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    line_max: u32,
    /// How many bytes of the input are known not to hold the end. A peer that sends byte by byte
    /// costs one look at each byte, not at all bytes each time.
    searched: usize,
}

impl Lines {
    /// Lines of up to `line_max` bytes, their end not counted.
    pub const fn new(line_max: u32) -> Self {
        Self { line_max, searched: 0 }
    }
}

impl Codec for Lines {
    type Frame<'a> = &'a [u8];

    fn decode<'a>(&mut self, input: &'a mut Input) -> Result<Option<&'a [u8]>, WireError> {
        let max = self.line_max as usize;
        // A line feed further on is that of a line which is too long, with a `\r` or without.
        let end_max = max.saturating_add(2);
        let too_long = || WireError::too_large(max as u64 + 1, max as u64, max);
        let within = input.get(..end_max).unwrap_or(input);
        let unsearched = within.get(self.searched..).unwrap_or_default();
        let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = within.len();
            return if self.searched < end_max { Ok(None) } else { Err(too_long()) };
        };
        let end = self.searched + at;
        let size = match within.get(end.wrapping_sub(1)) {
            Some(b'\r') => end - 1,
            _ => end,
        };
        if size > max {
            return Err(too_long());
        }
        // If the frame budget holds it back, it is found again at once.
        self.searched = end;
        let Some(line) = input.take(end + 1) else { return Ok(None) };
        self.searched = 0;
        Ok(line.get(..size))
    }

    /// # Errors
    /// The line is longer than allowed, has a line feed in it, or ends with a `\r`, which would be
    /// taken for a part of its end.
    fn encode(&mut self, line: &[u8], output: &mut Output) -> Result<(), WireError> {
        if line.len() > self.line_max as usize {
            return Err(WireError::too_large(line.len() as u64, self.line_max.into(), 0));
        }
        if let Some(at) = line.iter().position(|byte| *byte == b'\n') {
            return Err(WireError::malformed("a line feed inside a line", at));
        }
        if let Some(b'\r') = line.last() {
            return Err(WireError::malformed("a line that ends with \\r", line.len() - 1));
        }
        output.put(line);
        output.put(b"\n");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut codec: Lines, pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, WireError> {
        let (mut input, mut found) = (Input::default(), Vec::new());
        for piece in pieces {
            input.extend(piece);
            while let Some(line) = codec.decode(&mut input)? {
                found.push(line.to_vec());
            }
        }
        Ok(found)
    }

    #[test]
    fn however_they_are_cut_the_lines_are_the_same() {
        let text = b"one\r\n\ntwo\nthr\ree\r\n";
        let expected: [&[u8]; 4] = [b"one", b"", b"two", b"thr\ree"];
        for first in 0..text.len() {
            for second in first..text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(lines(Lines::new(6), &pieces).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_line_at_the_limit_passes_and_one_beyond_is_refused() {
        assert_eq!(lines(Lines::new(3), &[b"abc\r", b"\n"]).unwrap(), [b"abc"]);
        assert_eq!(lines(Lines::new(3), &[b"abcd\n"]), Err(WireError::too_large(4, 3, 3)));
        assert_eq!(lines(Lines::new(3), &[b"abcde"]), Err(WireError::too_large(4, 3, 3)));
        assert_eq!(lines(Lines::new(3), &[b"abc\r"]).unwrap(), [b""; 0]);
        assert_eq!(lines(Lines::new(3), &[b"abc\r\r\n"]), Err(WireError::too_large(4, 3, 3)));
    }

    #[test]
    fn what_would_break_the_stream_is_not_encoded() {
        let mut output = Output::default();
        for line in [&b"a\nb"[..], b"a\r", b"\n", b"0123456789"] {
            assert!(Lines::new(9).encode(line, &mut output).is_err());
        }
        assert!(output.is_empty());
    }
}
