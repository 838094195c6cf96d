//! [`Frame`]: what is sent.

use super::close::ClosePayload;
use super::code::CloseCode;
use super::header::{CONTROL_MAX, HEADER_MAX, Header, Opcode};
use super::mask::Mask;
use crate::base::Output;

/// A frame to send: a whole message, or a fragment of one, or a control frame.
///
/// ```
/// use overt::Output;
/// use overt::wire::websocket::{Frame, Opcode};
///
/// let mut output = Output::default();
/// Frame::new(Opcode::Text, b"Hello").encode(None, &mut output);
/// assert_eq!(output.to_vec(), b"\x81\x05Hello");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub opcode: Opcode,
    /// Whether it is the last of its message.
    pub fin: bool,
    /// Whether it begins a message that is compressed (RFC 7692).
    pub compressed: bool,
    /// What it carries, before masking.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A message in one frame, or a control frame, whose payload must then have at most 125 bytes.
    pub const fn new(opcode: Opcode, payload: &'a [u8]) -> Self {
        Self { opcode, fin: true, compressed: false, payload }
    }

    /// Appends it. A client must give a mask, drawn anew for each frame and not to be guessed; a
    /// server must give none.
    #[inline]
    pub fn encode(&self, mask: Option<Mask>, output: &mut Output) {
        let header = self.header(mask);
        match (mask, self.payload.len()) {
            (None, length @ 0..=CONTROL_MAX) => output.put(&[header.first(), length as u8]),
            _ => {
                let mut bytes = [0; HEADER_MAX];
                let size = header.write(&mut bytes);
                output.put(bytes.get(..size).unwrap_or_default());
            }
        }
        output.put(self.payload);
        if let Some(mut mask) = mask {
            mask.apply(output.last_mut(self.payload.len()));
        }
    }

    /// The frame of a server, as bytes.
    pub(super) fn to_vec(self) -> Vec<u8> {
        let mut header = [0; HEADER_MAX];
        let size = self.header(None).write(&mut header);
        let mut frame = Vec::with_capacity(size + self.payload.len());
        frame.extend_from_slice(header.get(..size).unwrap_or_default());
        frame.extend_from_slice(self.payload);
        frame
    }

    fn header(&self, mask: Option<Mask>) -> Header {
        let Self { fin, compressed: rsv1, opcode, payload } = *self;
        Header { fin, rsv1, opcode, mask, length: payload.len() as u64, size: 0 }
    }
}

/// Appends a close frame with as much of `reason` as fits into 123 bytes. A code that must not be
/// sent, such as [`CloseCode::NO_STATUS`], gives one without a code.
pub fn encode_close(code: CloseCode, reason: &str, mask: Option<Mask>, output: &mut Output) {
    let payload = ClosePayload::new(code, reason);
    Frame::new(Opcode::Close, payload.bytes()).encode(mask, output);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(frame: Frame<'_>, mask: Option<[u8; 4]>) -> Vec<u8> {
        let mut output = Output::default();
        frame.encode(mask.map(Mask::new), &mut output);
        output.to_vec()
    }

    #[test]
    fn the_examples_of_the_rfc() {
        let hello = Frame::new(Opcode::Text, b"Hello");
        assert_eq!(encoded(hello, None), b"\x81\x05Hello");
        assert_eq!(hello.to_vec(), b"\x81\x05Hello");
        let masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        assert_eq!(encoded(hello, Some([0x37, 0xfa, 0x21, 0x3d])), masked);
        let first = Frame { fin: false, ..Frame::new(Opcode::Text, b"Hel") };
        assert_eq!(encoded(first, None), b"\x01\x03Hel");
        assert_eq!(encoded(Frame::new(Opcode::Continuation, b"lo"), None), b"\x80\x02lo");
        let long = vec![0; 65_536];
        let bytes = encoded(Frame::new(Opcode::Binary, &long), None);
        assert_eq!(bytes[..10], *b"\x82\x7f\0\0\0\0\0\x01\0\0");
        assert_eq!(bytes.len(), 10 + 65_536);
    }
}
