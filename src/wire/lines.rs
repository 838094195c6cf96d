//! [`Lines`]: frames that end with a line feed.

use super::{Codec, WireError};
use crate::base::{Input, Output};

/// Lines that end with `\n`, which is not part of the frame; nor is a `\r` before it.
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
        let unsearched = input.get(self.searched..).unwrap_or_default();
        let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = input.len();
            // One more byte may be the `\r` that does not count.
            return match self.searched > max + 1 {
                true => Err(WireError::too_large(self.searched as u64, max as u64, max)),
                false => Ok(None),
            };
        };
        let end = self.searched + at;
        let size = match input.get(end.wrapping_sub(1)) {
            Some(b'\r') => end - 1,
            _ => end,
        };
        if size > max {
            return Err(WireError::too_large(size as u64, max as u64, max));
        }
        match input.take(end + 1) {
            Some(line) => {
                self.searched = 0;
                Ok(line.get(..size))
            }
            // Held back by the frame budget: found again at once.
            None => {
                self.searched = end;
                Ok(None)
            }
        }
    }

    fn encode(&mut self, line: &[u8], output: &mut Output) -> Result<(), WireError> {
        if line.len() > self.line_max as usize {
            return Err(WireError::too_large(line.len() as u64, self.line_max.into(), 0));
        }
        if let Some(at) = line.iter().position(|byte| *byte == b'\n') {
            return Err(WireError::malformed("a line feed inside a line", at));
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
        assert_eq!(lines(Lines::new(3), &[b"abcde"]), Err(WireError::too_large(5, 3, 3)));
    }

    #[test]
    fn what_would_break_the_stream_is_not_encoded() {
        let mut output = Output::default();
        assert!(Lines::new(9).encode(b"a\nb", &mut output).is_err());
        assert!(output.is_empty());
    }
}
