//! [`Inflater`] and [`Deflater`]: the compression of permessage-deflate (RFC 7692, section 7.2).
//!
//! A message is a DEFLATE stream that ends with an empty block, whose last four bytes are left out.
//! Where nothing is taken over from one message to the next, one of each serves any number of
//! connections, one message at a time.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::error::WebSocketError;
use super::negotiation::Terms;

/// What is left out at the end of each message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// The least that is made room for. Also the least that zlib wants at the end of a message.
const ROOM_MIN: usize = 1024;
/// So much memory for a message is kept for the next one.
const KEPT_MAX: usize = 1 << 20;
/// No compressor of zlib has a window of 2^8 bytes.
const BITS_MIN: u8 = 9;
const BITS_MAX: u8 = 15;

/// Decompresses messages. Holds some 50 KiB once it was used.
#[derive(Default)]
pub(super) struct Inflater(Option<Box<Decompress>>);

impl Inflater {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// How much memory it takes, about, in bytes.
    #[inline]
    pub(super) fn held(&self) -> usize {
        const USED: usize = 50 << 10;
        if self.0.is_some() { USED } else { 0 }
    }

    /// Appends what `message` says to `to`, which may then have up to `max` bytes. What stood
    /// before is forgotten, unless `takeover` is set.
    pub(super) fn inflate(
        &mut self,
        message: &[u8],
        takeover: bool,
        max: usize,
        to: &mut Vec<u8>,
    ) -> Result<(), WebSocketError> {
        // A window of the largest size reads what was written with any.
        let new = || Box::new(Decompress::new_with_window_bits(false, BITS_MAX));
        let zlib = self.0.get_or_insert_with(new);
        if !takeover {
            zlib.reset(false);
        }
        // A stream may end within a message; what follows then is another one.
        if inflate_part(zlib, message, max, to)? {
            return Ok(());
        }
        let whole = to.len();
        inflate_part(zlib, &TAIL, max, to)?;
        // The end of an empty block says nothing, unless it fell into a block that is not complete.
        match to.len() == whole {
            true => Ok(()),
            false => Err(WebSocketError::invalid("compression that is cut short")),
        }
    }
}

/// Tells whether a stream ended exactly with `part`.
fn inflate_part(
    zlib: &mut Decompress,
    mut part: &[u8],
    max: usize,
    to: &mut Vec<u8>,
) -> Result<bool, WebSocketError> {
    loop {
        make_room(to, max);
        let (read, written) = (zlib.total_in(), to.len());
        let Ok(status) = zlib.decompress_vec(part, to, FlushDecompress::Sync) else {
            return Err(WebSocketError::invalid("compression that is broken"));
        };
        let read = zlib.total_in().wrapping_sub(read) as usize;
        part = part.get(read..).unwrap_or_default();
        if to.len() > max {
            return Err(WebSocketError::too_big("a message that is too long once decompressed"));
        }
        if status == Status::StreamEnd {
            zlib.reset(false);
            if part.is_empty() {
                return Ok(true);
            }
        } else if to.len() < to.capacity() {
            // It would have written more, had it more to write.
            return match part {
                [] => Ok(false),
                _ if read > 0 || to.len() > written => continue,
                _ => Err(WebSocketError::invalid("compression that is broken")),
            };
        }
    }
}

/// Room for one byte beyond `max` at most: to see that there is one.
fn make_room(to: &mut Vec<u8>, max: usize) {
    if to.len() == to.capacity() {
        let most = max.saturating_add(1).saturating_sub(to.len());
        to.reserve_exact(to.len().max(ROOM_MIN).min(most));
    }
}

/// Compresses messages. Holds some 300 KiB for each pair of window and level once that was used.
#[derive(Default)]
pub struct Deflater {
    shared: Vec<(u8, u8, Compress)>,
    message: Vec<u8>,
}

impl Deflater {
    /// A compressor for any number of connections.
    pub const fn new() -> Self {
        Self { shared: Vec::new(), message: Vec::new() }
    }

    /// Compresses a message by itself, referring to 2^`window_bits` bytes back at most. `None` if
    /// that makes it no smaller.
    pub(super) fn deflate(&mut self, message: &[u8], window_bits: u8, level: u8) -> Option<&[u8]> {
        if !(BITS_MIN..=BITS_MAX).contains(&window_bits) {
            return None;
        }
        let Self { shared, message: compressed } = self;
        let known = shared.iter().position(|(bits, of, _)| (*bits, *of) == (window_bits, level));
        let (.., zlib) = match known.and_then(|at| shared.get_mut(at)) {
            Some(known) => known,
            None => {
                shared.push((window_bits, level, compressor(window_bits, level)));
                shared.last_mut()?
            }
        };
        zlib.reset();
        forget(compressed);
        deflate_all(zlib, message, compressed);
        (compressed.len() < message.len()).then_some(&**compressed)
    }

    /// Compresses a message of a connection with a compressor of its own.
    pub(super) fn deflate_with(&mut self, own: &mut OwnDeflater, message: &[u8]) -> &[u8] {
        forget(&mut self.message);
        deflate_all(&mut own.0, message, &mut self.message);
        &self.message
    }
}

/// The compressor of one connection, whose messages refer to those before them.
pub(super) struct OwnDeflater(Box<Compress>);

impl OwnDeflater {
    /// `None` if these terms need none.
    pub(super) fn new(terms: &Terms, level: u8) -> Option<Self> {
        let needed = terms.takeover && terms.window_bits >= BITS_MIN;
        needed.then(|| Self(Box::new(compressor(terms.window_bits, level))))
    }
}

/// How much memory a compressor takes, about, in bytes: two windows, where strings of each begin,
/// and tables that do not depend on them.
pub(super) fn compressor_held(window_bits: u8) -> usize {
    const TABLES: usize = 192 << 10;
    (4 << window_bits) + TABLES
}

fn compressor(window_bits: u8, level: u8) -> Compress {
    let level = Compression::new(level.clamp(1, 9).into());
    Compress::new_with_window_bits(level, false, window_bits.clamp(BITS_MIN, BITS_MAX))
}

fn deflate_all(zlib: &mut Compress, mut message: &[u8], to: &mut Vec<u8>) {
    if message.is_empty() {
        // An empty block. Zlib has nothing to flush where nothing was written since the last.
        return to.push(0);
    }
    loop {
        to.reserve((message.len() / 2).max(ROOM_MIN));
        let read = zlib.total_in();
        // Only wrong use is an error, and an input without an output can't be one.
        let flushed = zlib.compress_vec(message, to, FlushCompress::Sync);
        let read = zlib.total_in().wrapping_sub(read) as usize;
        message = message.get(read..).unwrap_or_default();
        if flushed.is_err() || message.is_empty() && to.len() < to.capacity() {
            break;
        }
    }
    if to.ends_with(&TAIL) {
        to.truncate(to.len() - TAIL.len());
    }
}

/// Empties a buffer, and gives back its memory if that is much.
pub(super) fn forget(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > KEPT_MAX {
        *buffer = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::websocket::CloseCode;

    fn inflated(message: &[u8], max: usize) -> Result<Vec<u8>, WebSocketError> {
        let mut to = Vec::new();
        Inflater::default().inflate(message, false, max, &mut to).map(|()| to)
    }

    #[test]
    fn the_examples_of_the_rfc() {
        let hello = b"\xf2\x48\xcd\xc9\xc9\x07\x00";
        assert_eq!(inflated(hello, 5).unwrap(), b"Hello");
        // Not compressed; two blocks; with the bit that ends a stream.
        let stored = b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00";
        assert_eq!(inflated(stored, 5).unwrap(), b"Hello");
        let blocks = b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00";
        assert_eq!(inflated(blocks, 5).unwrap(), b"Hello");
        let ended = b"\xf3\x48\xcd\xc9\xc9\x07\x00";
        assert_eq!(inflated(&[&ended[..], b"\0"].concat(), 5).unwrap(), b"Hello");
        assert_eq!(inflated(ended, 5).unwrap(), b"Hello");
        assert_eq!(inflated(b"\0", 0).unwrap(), b"");
        // The second message refers to the first.
        let (mut inflater, mut to) = (Inflater::default(), Vec::new());
        inflater.inflate(hello, true, 10, &mut to).unwrap();
        inflater.inflate(b"\xf2\x00\x11\x00\x00", true, 10, &mut to).unwrap();
        assert_eq!(to, b"HelloHello");
        assert!(inflater.inflate(b"\xf2\x00\x11\x00\x00", false, 20, &mut to).is_err());
    }

    #[test]
    fn a_message_that_was_cut_is_not_taken_for_a_whole_one() {
        // A block of 100 bytes as they are, of which three came; and one that is not complete.
        assert_eq!(
            inflated(b"\x00\x64\x00\x9b\xffabc", 200).unwrap_err().code,
            CloseCode::INVALID_DATA
        );
        let text: Vec<u8> = (0..200u8).flat_map(|at| [at, at / 3, b'x']).collect();
        let mut deflater = Deflater::new();
        let small = deflater.deflate(&text, 15, 9).unwrap();
        assert_eq!(inflated(small, text.len()).unwrap(), text);
        for end in 1..small.len() {
            let heard = inflated(&small[..end], 2 * text.len());
            assert!(heard.is_err() || heard.as_ref().is_ok_and(|it| text.starts_with(it)), "{end}");
        }
    }

    #[test]
    fn a_bomb_is_given_up_at_the_limit() {
        let zeros = vec![0; 10 << 20];
        let mut deflater = Deflater::new();
        let bomb = deflater.deflate(&zeros, 15, 9).unwrap();
        assert!(bomb.len() < 50_000);
        let mut to = Vec::new();
        let error = Inflater::default().inflate(bomb, false, 100_000, &mut to).unwrap_err();
        assert_eq!(error.code, CloseCode::TOO_BIG);
        assert!(to.capacity() <= 100_001, "{}", to.capacity());
        assert_eq!(inflated(bomb, zeros.len()).unwrap(), zeros);
    }

    #[test]
    fn what_is_compressed_comes_back_whatever_the_window() {
        let text: Vec<u8> =
            (0..60_000u32).flat_map(|at| (at % 999).to_string().into_bytes()).collect();
        let mut deflater = Deflater::new();
        for bits in 9..=15 {
            for len in [1, 100, 1000, text.len()] {
                let Some(small) = deflater.deflate(&text[..len], bits, 1) else {
                    assert!(len <= 100);
                    continue;
                };
                assert_eq!(inflated(small, len).unwrap(), text[..len], "{bits} bits, {len} bytes");
            }
        }
        assert_eq!(deflater.shared.len(), 7);
        assert!(deflater.deflate(&text, 8, 1).is_none());
        assert!(deflater.deflate(b"", 15, 1).is_none());
    }

    #[test]
    fn messages_that_refer_to_those_before_them_are_small() {
        let terms =
            Terms { takeover: true, peer_takeover: true, window_bits: 12, peer_window_bits: 12 };
        let mut own = OwnDeflater::new(&terms, 6).unwrap();
        let (mut deflater, mut inflater) = (Deflater::new(), Inflater::default());
        let text = b"the quick brown fox jumps over the lazy dog";
        let mut sizes = Vec::new();
        for message in [&text[..], b"", text, b"", b"", text] {
            let small = deflater.deflate_with(&mut own, message);
            sizes.push(small.len());
            let mut to = Vec::new();
            inflater.inflate(small, true, 100, &mut to).unwrap();
            assert_eq!(to, message);
        }
        assert!(sizes[2] < sizes[0] / 3, "{sizes:?}");
    }
}
