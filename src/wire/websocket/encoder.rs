//! [`Encoder`]: from messages to frames, compressed if that was agreed on; and [`Prepared`], a
//! message that is encoded once and sent to many.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::deflate::{Deflater, OwnDeflater, compressor_held};
use super::frame::Frame;
use super::header::Opcode;
use super::mask::Mask;
use super::negotiation::{Deflate, Terms};
use crate::base::Output;

/// What a message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Bytes.
    Binary,
}

impl From<Kind> for Opcode {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Binary => Self::Binary,
        }
    }
}

/// Encodes the messages of one connection.
#[derive(Default)]
pub struct Encoder(Option<Compressing>);

struct Compressing {
    /// If messages refer to those before them.
    own: Option<OwnDeflater>,
    window_bits: u8,
    level: u8,
    min: usize,
}

impl Encoder {
    /// An encoder that compresses if these terms were agreed on.
    pub fn new(terms: Option<&Terms>, deflate: &Deflate) -> Self {
        Self(terms.map(|terms| Compressing {
            own: OwnDeflater::new(terms, deflate.level),
            window_bits: terms.window_bits,
            level: deflate.level,
            min: deflate.min,
        }))
    }

    /// How much memory it holds, in bytes: none, unless messages refer to those before them.
    #[inline]
    pub fn held(&self) -> usize {
        match &self.0 {
            Some(Compressing { own: Some(_), window_bits, .. }) => compressor_held(*window_bits),
            _ => 0,
        }
    }

    /// Whether a message of so many bytes is to be compressed.
    #[inline]
    pub fn compresses(&self, len: usize) -> bool {
        self.0.as_ref().is_some_and(|compressing| len >= compressing.min)
    }

    /// Appends a message, in one frame. A client must give a mask, a server none.
    pub fn message(
        &mut self,
        kind: Kind,
        message: &[u8],
        mask: Option<Mask>,
        deflater: &mut Deflater,
        output: &mut Output,
    ) {
        let whole = Frame::new(kind.into(), message);
        let smaller = match &mut self.0 {
            Some(it) if message.len() >= it.min => match &mut it.own {
                Some(own) => Some(deflater.deflate_with(own, message)),
                None => deflater.deflate(message, it.window_bits, it.level),
            },
            _ => None,
        };
        let frame = smaller.map_or(whole, |smaller| Frame {
            compressed: true,
            ..Frame::new(kind.into(), smaller)
        });
        frame.encode(mask, output);
    }

    /// Appends a message that was prepared, without copying it if it is long: a server's only.
    pub fn prepared(&mut self, message: &Prepared, deflater: &mut Deflater, output: &mut Output) {
        let Prepared(it) = message;
        match &mut self.0 {
            Some(compressing) if it.payload().len() >= compressing.min => {
                match compressing.own {
                    // Only this connection's own compressor knows what was said before.
                    Some(_) => self.message(it.kind, it.payload(), None, deflater, output),
                    None => share(it.for_window(compressing, deflater), output),
                }
            }
            _ => share(&it.frame, output),
        }
    }
}

/// To copy a few bytes costs less than to count who has them.
#[inline]
fn share(frame: &Bytes, output: &mut Output) {
    const COPIED_MAX: usize = 512;
    match frame.len() {
        ..COPIED_MAX => output.put(frame),
        _ => output.share(frame.clone()),
    }
}

/// A message to send to many: encoded once, compressed at most once, and shared by all.
///
/// It is compressed when somebody is to get it who has agreed on compression. That must be without
/// context takeover and with a window of 2^15 bytes, as it is unless a client asks for less memory;
/// the others get it as it is.
#[derive(Clone)]
pub struct Prepared(Arc<Encoded>);

struct Encoded {
    kind: Kind,
    /// As a server sends it, not compressed.
    frame: Bytes,
    /// Where the payload begins in it.
    header: usize,
    /// `None` in it if compression makes it no smaller.
    compressed: OnceLock<Option<Bytes>>,
}

impl Prepared {
    /// A message of text.
    pub fn text(text: &str) -> Self {
        Self::new(Kind::Text, text.as_bytes())
    }

    /// A message of bytes.
    pub fn binary(bytes: &[u8]) -> Self {
        Self::new(Kind::Binary, bytes)
    }

    fn new(kind: Kind, payload: &[u8]) -> Self {
        let frame = Frame::new(kind.into(), payload).to_vec();
        let header = frame.len() - payload.len();
        let compressed = OnceLock::new();
        Self(Arc::new(Encoded { kind, frame: frame.into(), header, compressed }))
    }

    /// What it is made of.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What it says.
    pub fn payload(&self) -> &[u8] {
        self.0.payload()
    }
}

impl Encoded {
    fn payload(&self) -> &[u8] {
        self.frame.get(self.header..).unwrap_or_default()
    }

    /// Loops that come here at the same moment both compress: none waits for the other.
    fn for_window(&self, compressing: &Compressing, deflater: &mut Deflater) -> &Bytes {
        if compressing.window_bits < 15 {
            return &self.frame;
        }
        if self.compressed.get().is_none() {
            let smaller = deflater.deflate(self.payload(), 15, compressing.level);
            let frame = smaller.map(|smaller| {
                Frame { compressed: true, ..Frame::new(self.kind.into(), smaller) }.to_vec().into()
            });
            let _ = self.compressed.set(frame);
        }
        self.compressed.get().and_then(Option::as_ref).unwrap_or(&self.frame)
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared({:?}, {} bytes)", self.kind(), self.payload().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Input;
    use crate::wire::websocket::{Decoder, Event, MessageLimits, Role, Scratch};

    fn terms(takeover: bool, window_bits: u8) -> Terms {
        Terms { takeover, peer_takeover: takeover, window_bits, peer_window_bits: window_bits }
    }

    #[test]
    fn whatever_was_agreed_on_messages_come_back() {
        let text = "so it goes, so it goes, so it goes".repeat(30);
        let agreed = [None, Some(terms(false, 15)), Some(terms(true, 9)), Some(terms(false, 8))];
        for terms in agreed {
            let deflate = Deflate { min: 0, ..Deflate::default() };
            let mut encoder = Encoder::new(terms.as_ref(), &deflate);
            let (mut deflater, mut output) = (Deflater::new(), Output::default());
            for message in [&text[..], "", "x", &text, &text] {
                encoder.message(Kind::Text, message.as_bytes(), None, &mut deflater, &mut output);
                let prepared = Prepared::text(message);
                encoder.prepared(&prepared, &mut deflater, &mut output);
            }
            let mut decoder = Decoder::new(Role::Client, MessageLimits::default(), terms.as_ref());
            let (mut input, mut scratch) = (Input::from(output.to_vec()), Scratch::default());
            for message in [&text[..], "", "x", &text, &text] {
                for _ in 0..2 {
                    let event = decoder.decode(&mut input, &mut scratch);
                    assert_eq!(event, Ok(Some(Event::Text(message))), "{terms:?}");
                }
            }
            assert!(input.is_empty());
        }
    }

    #[test]
    fn a_broadcast_is_compressed_once_and_shared() {
        let text = "so it goes, so it goes, so it goes ".repeat(3000);
        let (prepared, mut deflater) = (Prepared::text(&text), Deflater::new());
        let sent = |terms: Option<Terms>, deflater: &mut Deflater| {
            let mut output = Output::default();
            Encoder::new(terms.as_ref(), &Deflate::default()).prepared(
                &prepared,
                deflater,
                &mut output,
            );
            output.to_vec()
        };
        assert!(sent(Some(terms(false, 15)), &mut deflater).len() < text.len() / 20);
        let first = prepared.0.compressed.get().unwrap().clone().unwrap();
        assert!(sent(Some(terms(false, 15)), &mut deflater) == first);
        assert_eq!(first.as_ptr(), prepared.0.compressed.get().unwrap().as_ref().unwrap().as_ptr());
        // Who agreed on less gets what it can read.
        for terms in [None, Some(terms(false, 12)), Some(terms(false, 8))] {
            assert_eq!(sent(terms, &mut deflater).len(), prepared.0.frame.len());
        }
        assert!(sent(Some(terms(true, 12)), &mut deflater).len() < text.len() / 10);
    }
}
