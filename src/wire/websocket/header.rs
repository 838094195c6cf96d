//! [`Header`]: the two to fourteen bytes before a payload (RFC 6455, section 5.2), and the rules
//! that can be checked by them alone.

use super::error::WebSocketError;
use super::mask::Mask;

/// The longest payload of a control frame.
pub(super) const CONTROL_MAX: usize = 125;
/// The longest header: two bytes, eight of length, four of masking key.
pub(super) const HEADER_MAX: usize = 14;

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;
const RSV2_RSV3: u8 = 0x30;
const MASKED: u8 = 0x80;
/// Two more bytes of length follow, or eight.
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Goes on with the message that a frame before it began.
    Continuation = 0,
    /// Begins a message of text, in UTF-8.
    Text = 1,
    /// Begins a message of bytes.
    Binary = 2,
    /// Ends the conversation.
    Close = 8,
    /// Asks for a pong with the same payload.
    Ping = 9,
    /// Answers a ping, or says that somebody is here.
    Pong = 10,
}

impl Opcode {
    fn new(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    /// Whether it may come between the fragments of a message, and is short and whole.
    #[inline]
    pub const fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The last frame of its message.
    pub(super) fin: bool,
    /// The first frame of a message that is compressed (RFC 7692).
    pub(super) rsv1: bool,
    pub(super) opcode: Opcode,
    pub(super) mask: Option<Mask>,
    /// The length of the payload.
    pub(super) length: u64,
    /// How long the header itself is.
    pub(super) size: usize,
}

impl Header {
    /// The header at the beginning of `bytes`, or `None` until more have come.
    #[inline]
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, WebSocketError> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let (first, second) = (*first, *second);
        let Some(opcode) = Opcode::new(first & 0x0f) else {
            return Err(WebSocketError::protocol("an opcode that has no meaning"));
        };
        if first & RSV2_RSV3 != 0 {
            return Err(WebSocketError::protocol("a reserved bit is set"));
        }
        let (fin, rsv1) = (first & FIN != 0, first & RSV1 != 0);
        let short = second & !MASKED;
        if opcode.is_control() && (!fin || rsv1 || short > CONTROL_MAX as u8) {
            return Err(bad_control(fin, rsv1));
        }
        let (length, rest) = match short {
            LENGTH_16 | LENGTH_64 => match long_length(short, rest)? {
                Some(found) => found,
                None => return Ok(None),
            },
            _ => (u64::from(short), rest),
        };
        let (mask, rest) = match (second & MASKED != 0, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((key, rest))) => (Some(Mask::new(*key)), rest),
            (true, None) => return Ok(None),
        };
        let size = bytes.len() - rest.len();
        Ok(Some(Self { fin, rsv1, opcode, mask, length, size }))
    }

    /// Writes a header, in the shortest form that there is.
    #[inline]
    pub(super) fn write(&self, into: &mut [u8; HEADER_MAX]) -> usize {
        let mut at = 2;
        let mut put = |bytes: &[u8]| {
            if let Some(room) = into.get_mut(at..at + bytes.len()) {
                room.copy_from_slice(bytes);
                at += bytes.len();
            }
        };
        let short = match self.length {
            length @ 0..=125 => length as u8,
            length @ 126..=0xffff => {
                put(&(length as u16).to_be_bytes());
                LENGTH_16
            }
            length => {
                put(&length.to_be_bytes());
                LENGTH_64
            }
        };
        if let Some(mask) = self.mask {
            put(&mask.key());
        }
        let [first, second, ..] = into;
        (*first, *second) =
            (self.first(), if self.mask.is_some() { MASKED | short } else { short });
        at
    }

    /// Its first byte.
    #[inline]
    pub(super) fn first(&self) -> u8 {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        bit(self.fin, FIN) | bit(self.rsv1, RSV1) | self.opcode as u8
    }
}

/// The length that stands in the two or eight bytes after the first two, and what follows it.
fn long_length(short: u8, bytes: &[u8]) -> Result<Option<(u64, &[u8])>, WebSocketError> {
    let (length, least, rest) = if short == LENGTH_16 {
        let Some((length, rest)) = bytes.split_first_chunk() else { return Ok(None) };
        (u64::from(u16::from_be_bytes(*length)), LENGTH_16.into(), rest)
    } else {
        let Some((length, rest)) = bytes.split_first_chunk() else { return Ok(None) };
        (u64::from_be_bytes(*length), 1 << 16, rest)
    };
    if length < least {
        return Err(WebSocketError::protocol("a length that is written longer than it need be"));
    }
    if length > i64::MAX as u64 {
        return Err(WebSocketError::protocol("a length of 64 bits"));
    }
    Ok(Some((length, rest)))
}

#[cold]
fn bad_control(fin: bool, rsv1: bool) -> WebSocketError {
    WebSocketError::protocol(match (fin, rsv1) {
        (false, _) => "a control frame in fragments",
        (true, true) => "a control frame that is compressed",
        (true, false) => "a control frame of more than 125 bytes",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(opcode: Opcode, length: u64, mask: Option<[u8; 4]>) -> Header {
        Header { fin: true, rsv1: false, opcode, mask: mask.map(Mask::new), length, size: 0 }
    }

    #[test]
    fn every_length_comes_back_in_its_shortest_form_and_not_before_it_is_whole() {
        let sizes = [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10), (i64::MAX as u64, 10)];
        for (length, size) in sizes {
            for mask in [None, Some([1, 2, 3, 4])] {
                let header = header(Opcode::Binary, length, mask);
                let mut bytes = [0; HEADER_MAX];
                let written = header.write(&mut bytes);
                assert_eq!(written, size + mask.map_or(0, |key| key.len()));
                for end in 0..written {
                    assert_eq!(Header::read(&bytes[..end]), Ok(None), "{length}: {end}");
                }
                let expected = Header { size: written, ..header };
                assert_eq!(Header::read(&bytes), Ok(Some(expected)));
            }
        }
    }

    #[test]
    fn what_the_rfc_forbids_is_refused() {
        let cases: [(&[u8], &str); 10] = [
            (b"\x83\0", "opcode"),
            (b"\x87\0", "opcode"),
            (b"\x8b\0", "opcode"),
            (b"\xa1\0", "reserved"),
            (b"\x91\0", "reserved"),
            (b"\x09\0", "in fragments"),
            (b"\xc9\0", "compressed"),
            (b"\x89\x7e", "more than 125"),
            (b"\x82\x7e\0\x7d", "longer than it need be"),
            (b"\x82\x7f\x80\0\0\0\0\0\0\0", "64 bits"),
        ];
        for (bytes, what) in cases {
            let error = Header::read(bytes).unwrap_err();
            assert!(error.what.contains(what), "{bytes:02x?}: {}", error.what);
        }
        assert!(Header::read(b"\x82\x7f\0\0\0\0\0\0\xff\xff").is_err());
    }
}
