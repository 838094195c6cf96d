//! [`Search`]: where a head ends, found without looking at a byte twice.

/// Where a block of lines ends: behind its first empty line. A peer that sends byte by byte costs
/// one look at each byte, not at all of them each time.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// How many bytes have been looked at.
    seen: usize,
    /// Where the line begins that is not complete yet.
    line: usize,
}

impl Search {
    /// The end of the block, if it has come; `bytes` are those of before and maybe more. A line may
    /// end with a bare line feed here; who reads the block refuses it.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(at) = bytes.get(self.seen..).and_then(line_feed) {
            let end = self.seen + at;
            let is_empty = matches!(bytes.get(self.line..end), Some(b"" | b"\r"));
            (self.seen, self.line) = (end + 1, end + 1);
            if is_empty {
                return Some(end + 1);
            }
        }
        self.seen = bytes.len();
        None
    }

    /// Whether something has been looked at.
    pub(super) fn has_begun(&self) -> bool {
        self.seen > 0
    }

    /// Whether a whole line has been seen.
    pub(super) fn has_line(&self) -> bool {
        self.line > 0
    }
}

/// Where the first line feed is. Eight bytes at a time.
fn line_feed(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW: u64 = 0x7f * ONES;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let differs = u64::from_le_bytes(*word) ^ (ONES * b'\n' as u64);
        // The highest bit of each byte that is zero, and of no other.
        let zero = !(((differs & LOW) + LOW) | differs | LOW);
        if zero != 0 {
            return Some(index * 8 + zero.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|byte| *byte == b'\n')?;
    Some(words.len() * 8 + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_feed_is_found_wherever_it_is() {
        for len in 0..40 {
            let mut bytes = vec![b'\r'; len];
            bytes.iter_mut().step_by(3).for_each(|byte| *byte = 0x8a);
            assert_eq!(line_feed(&bytes), None);
            for at in (0..len).rev() {
                bytes[at] = b'\n';
                assert_eq!(line_feed(&bytes), Some(at), "{len}");
            }
        }
    }

    #[test]
    fn a_block_ends_behind_its_first_empty_line() {
        for (bytes, end) in [
            (&b"a\r\nb\r\n\r\nc\r\n\r\n"[..], Some(8)),
            (b"a\nb\n\nc", Some(5)),
            (b"\r\na", Some(2)),
            (b"a\r\n\n", Some(4)),
            (b"a\r\n \r\n", None),
            (b"a\r\n\r", None),
            (b"", None),
        ] {
            assert_eq!(Search::default().find(bytes), end);
            let mut search = Search::default();
            let found = (0..=bytes.len()).find_map(|len| search.find(&bytes[..len]));
            assert_eq!(found, end);
        }
    }
}
