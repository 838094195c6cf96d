//! [`Decoder`]: from bytes to messages and control frames.
//!
//! ```text
//!            ┌───────── whole message, control frame: given where it lies ──────────┐
//!            ▼                                                                      │
//!        between frames ── a fragment, or the part of a message that has come ──► gathering
//!            ▲                                                                      │
//!            └────────────── the last of its bytes: given from the buffer ──────────┘
//! ```

use super::close;
use super::code::CloseCode;
use super::deflate::{Inflater, forget};
use super::error::WebSocketError;
use super::header::{CONTROL_MAX, Header, Opcode};
use super::mask::Mask;
use super::negotiation::Terms;
use super::scratch::Scratch;
use super::text;
use crate::base::Input;

/// Which end of a connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its frames are not masked, those of the peer are.
    Server,
    /// Its frames are masked, those of the peer are not.
    Client,
}

/// How long what a peer sends may be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLimits {
    /// The payload of a frame. 1 MiB.
    pub frame_max: usize,
    /// A message: all of its frames, and what it says once it is decompressed. 1 MiB.
    pub message_max: usize,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self { frame_max: 1 << 20, message_max: 1 << 20 }
    }
}

/// Something that the peer said. The payload lies in the input, or in the scratch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A message of text.
    Text(&'a str),
    /// A message of bytes.
    Binary(&'a [u8]),
    /// Wants a pong with the same payload, of at most 125 bytes.
    Ping(&'a [u8]),
    /// Answers a ping, or says that the peer is there.
    Pong(&'a [u8]),
    /// Nothing more will come. A code of [`CloseCode::NO_STATUS`] if the frame had none.
    Close(CloseCode, &'a str),
}

impl<'a> Event<'a> {
    /// What it carries; of a close frame, the reason.
    pub fn payload(self) -> &'a [u8] {
        match self {
            Self::Text(text) | Self::Close(_, text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
        }
    }
}

/// Finds messages and control frames in what a peer sends.
///
/// ```
/// use overt::Input;
/// use overt::wire::websocket::{Decoder, Event, MessageLimits, Role, Scratch};
///
/// let mut decoder = Decoder::new(Role::Client, MessageLimits::default(), None);
/// let mut scratch = Scratch::default();
/// let mut input = Input::from(&b"\x01\x03Hel\x89\x00\x80\x02lo"[..]);
/// assert_eq!(decoder.decode(&mut input, &mut scratch)?, Some(Event::Ping(b"")));
/// assert_eq!(decoder.decode(&mut input, &mut scratch)?, Some(Event::Text("Hello")));
/// assert_eq!(decoder.decode(&mut input, &mut scratch)?, None);
/// # Ok::<(), overt::wire::websocket::WebSocketError>(())
/// ```
pub struct Decoder {
    role: Role,
    limits: MessageLimits,
    /// The longest payload of a frame whose header has no more than a byte of length.
    short_max: u8,
    deflate: Option<PeerDeflate>,
    /// The message that is being gathered.
    message: Option<Message>,
    /// The frame whose payload is still to come, at least in part.
    frame: Option<Rest>,
    gathered: Vec<u8>,
    /// How much of `gathered` is known to be text.
    checked: usize,
}

/// How the peer compresses.
enum PeerDeflate {
    /// Each message by itself: any decompressor does.
    Alone,
    /// Messages refer to those before them.
    TakingOver(Inflater),
}

#[derive(Clone, Copy)]
struct Message {
    is_text: bool,
    is_compressed: bool,
}

/// What is still to come of a frame.
struct Rest {
    left: usize,
    mask: Option<Mask>,
    fin: bool,
}

/// The bytes of a header with one byte of length, and of one with a masking key, too.
const SHORT: usize = 2;
const SHORT_MASKED: usize = 6;

/// What can be done next.
enum Step {
    /// More bytes must come.
    Wait,
    /// Another frame.
    Next,
    /// A frame lies in the input that can be given as it is.
    Whole(Header),
    /// A message was gathered.
    Gathered(Message),
}

impl Decoder {
    /// A decoder for one connection. `terms` are those of permessage-deflate, if it was agreed on.
    pub fn new(role: Role, limits: MessageLimits, terms: Option<&Terms>) -> Self {
        let deflate = terms.map(|terms| match terms.peer_takeover {
            true => PeerDeflate::TakingOver(Inflater::default()),
            false => PeerDeflate::Alone,
        });
        let (message, frame, gathered, checked) = (None, None, Vec::new(), 0);
        let short_max = limits.frame_max.min(limits.message_max).min(CONTROL_MAX) as u8;
        Self { role, limits, short_max, deflate, message, frame, gathered, checked }
    }

    /// Whether a message has begun and not ended.
    pub fn is_gathering(&self) -> bool {
        self.message.is_some()
    }

    /// How much memory it holds, in bytes: for the message that is being gathered, and, if messages
    /// refer to those before them, to decompress the next one.
    #[inline]
    pub fn held(&self) -> usize {
        self.gathered.capacity()
            + match &self.deflate {
                Some(PeerDeflate::TakingOver(inflater)) => inflater.held(),
                _ => 0,
            }
    }

    /// The next message or control frame, or `None` until more bytes have come.
    ///
    /// # Errors
    /// The peer broke the protocol. The input is then of no more use.
    #[inline]
    pub fn decode<'a>(
        &mut self,
        input: &'a mut Input,
        scratch: &'a mut Scratch,
    ) -> Result<Option<Event<'a>>, WebSocketError> {
        if let Some((size, is_text, mask)) = self.short(input) {
            let Some(frame) = input.take_mut(size) else { return Ok(None) };
            let header = if mask.is_some() { SHORT_MASKED } else { SHORT };
            let payload = frame.get_mut(header..).unwrap_or_default();
            if let Some(mut mask) = mask {
                mask.apply(payload);
            }
            return Ok(Some(match is_text {
                true => Event::Text(text::whole(payload)?),
                false => Event::Binary(payload),
            }));
        }
        loop {
            match self.step(input, scratch)? {
                Step::Wait => return Ok(None),
                Step::Next => {}
                Step::Whole(header) => return self.whole(header, input, scratch),
                Step::Gathered(message) => return self.gathered(message, scratch).map(Some),
            }
        }
    }

    /// Whether a short message lies whole in the input, as nearly all do; its size, header
    /// included, whether it is text, and its mask. What it does not know may still be right.
    #[inline]
    fn short(&self, bytes: &[u8]) -> Option<(usize, bool, Option<Mask>)> {
        const WHOLE_TEXT: u8 = 0x81;
        const WHOLE_BINARY: u8 = 0x82;
        const MASKED: u8 = 0x80;
        let [first @ (WHOLE_TEXT | WHOLE_BINARY), second, rest @ ..] = bytes else { return None };
        let (masked, header, mask) = match self.role {
            Role::Server => (MASKED, SHORT_MASKED, Some(Mask::new(*rest.first_chunk()?))),
            Role::Client => (0, SHORT, None),
        };
        let length = second.wrapping_sub(masked);
        let size = header + usize::from(length);
        let fits = length <= self.short_max && size <= bytes.len() && self.message.is_none();
        fits.then_some((size, *first == WHOLE_TEXT, mask))
    }

    #[inline]
    fn step(&mut self, input: &mut Input, scratch: &mut Scratch) -> Result<Step, WebSocketError> {
        if self.frame.is_some() {
            return self.gather(input);
        }
        let Some(header) = Header::read(input)? else { return Ok(Step::Wait) };
        self.check(&header)?;
        // No longer than `frame_max`, as that was checked.
        let length = header.length as usize;
        let is_whole = input.len() - header.size >= length;
        if header.opcode.is_control() {
            return Ok(if is_whole { Step::Whole(header) } else { Step::Wait });
        }
        if is_whole && header.fin && self.message.is_none() {
            return Ok(Step::Whole(header));
        }
        self.begin(&header, length, input, scratch)
    }

    /// What can be said of a frame before its payload has come.
    #[inline]
    fn check(&self, header: &Header) -> Result<(), WebSocketError> {
        match (self.role, header.mask) {
            (Role::Server, None) => return Err(WebSocketError::protocol("a frame is not masked")),
            (Role::Client, Some(_)) => return Err(WebSocketError::protocol("a masked frame")),
            _ => {}
        }
        if header.opcode.is_control() {
            return Ok(());
        }
        let is_first = header.opcode != Opcode::Continuation;
        if is_first == self.message.is_some() {
            return Err(WebSocketError::protocol(match is_first {
                true => "a message begins inside another",
                false => "a continuation of nothing",
            }));
        }
        if header.rsv1 && !(is_first && self.deflate.is_some()) {
            return Err(WebSocketError::protocol("a compressed frame where none may be"));
        }
        let MessageLimits { frame_max, message_max } = self.limits;
        if header.length > frame_max as u64 {
            return Err(WebSocketError::too_big("a frame that is too long"));
        }
        if header.length > message_max.saturating_sub(self.gathered.len()) as u64 {
            return Err(WebSocketError::too_big("a message that is too long"));
        }
        Ok(())
    }

    /// Begins to gather a frame that is a fragment, or has not come whole.
    fn begin(
        &mut self,
        header: &Header,
        length: usize,
        input: &mut Input,
        scratch: &mut Scratch,
    ) -> Result<Step, WebSocketError> {
        // Taken, so that it counts as a frame of this visit: there is no end of empty ones.
        if input.take(header.size).is_none() {
            return Ok(Step::Wait);
        }
        if self.message.is_none() {
            let is_text = header.opcode == Opcode::Text;
            self.message = Some(Message { is_text, is_compressed: header.rsv1 });
            self.gathered = scratch.lend();
            self.checked = 0;
        }
        self.frame = Some(Rest { left: length, mask: header.mask, fin: header.fin });
        self.gather(input)
    }

    /// Moves what has come of the payload out of the input.
    fn gather(&mut self, input: &mut Input) -> Result<Step, WebSocketError> {
        let (Some(frame), Some(message)) = (&mut self.frame, self.message) else {
            return Ok(Step::Next);
        };
        let count = frame.left.min(input.len());
        let start = self.gathered.len();
        self.gathered.extend_from_slice(input.get(..count).unwrap_or_default());
        input.consume(count);
        if let Some(mask) = &mut frame.mask {
            mask.apply(self.gathered.get_mut(start..).unwrap_or_default());
        }
        frame.left -= count;
        let (left, fin) = (frame.left, frame.fin);
        // A message that is whole now is checked as a whole.
        if message.is_text && !message.is_compressed && !(left == 0 && fin) {
            self.checked = text::check(&self.gathered, self.checked)?;
        }
        if left > 0 {
            return Ok(Step::Wait);
        }
        self.frame = None;
        if !fin {
            return Ok(Step::Next);
        }
        self.message = None;
        Ok(Step::Gathered(message))
    }

    #[inline]
    fn whole<'a>(
        &mut self,
        header: Header,
        input: &'a mut Input,
        scratch: &'a mut Scratch,
    ) -> Result<Option<Event<'a>>, WebSocketError> {
        let Some(frame) = input.take_mut(header.size + header.length as usize) else {
            return Ok(None);
        };
        let payload = frame.get_mut(header.size..).unwrap_or_default();
        if let Some(mut mask) = header.mask {
            mask.apply(payload);
        }
        let payload = match header.rsv1 {
            true => self.inflate(Some(payload), scratch)?,
            false => payload,
        };
        Ok(Some(match header.opcode {
            Opcode::Text => Event::Text(text::whole(payload)?),
            Opcode::Binary | Opcode::Continuation => Event::Binary(payload),
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            Opcode::Close => {
                let (code, reason) = close::read(payload)?;
                Event::Close(code, reason)
            }
        }))
    }

    fn gathered<'a>(
        &mut self,
        message: Message,
        scratch: &'a mut Scratch,
    ) -> Result<Event<'a>, WebSocketError> {
        scratch.message = std::mem::take(&mut self.gathered);
        let payload = match message.is_compressed {
            true => self.inflate(None, scratch)?,
            false => &scratch.message,
        };
        match message.is_text {
            true => Ok(Event::Text(text::whole(payload)?)),
            false => Ok(Event::Binary(payload)),
        }
    }

    /// What a compressed message says: one that lies in the input, or the gathered one.
    fn inflate<'a>(
        &mut self,
        message: Option<&[u8]>,
        scratch: &'a mut Scratch,
    ) -> Result<&'a [u8], WebSocketError> {
        let Scratch { message: gathered, inflated, inflater } = scratch;
        let (inflater, takeover) = match &mut self.deflate {
            Some(PeerDeflate::TakingOver(own)) => (own, true),
            _ => (inflater, false),
        };
        let message = message.unwrap_or(gathered);
        forget(inflated);
        inflater.inflate(message, takeover, self.limits.message_max, inflated)?;
        Ok(inflated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Output;
    use crate::wire::websocket::deflate::Deflater;
    use crate::wire::websocket::frame::Frame;

    const LIMITS: MessageLimits = MessageLimits { frame_max: 1000, message_max: 2000 };
    const TERMS: Terms =
        Terms { takeover: false, peer_takeover: false, window_bits: 15, peer_window_bits: 15 };

    /// What a server makes of a stream that comes in these pieces.
    fn heard(terms: Option<&Terms>, pieces: &[&[u8]]) -> (Vec<String>, Option<WebSocketError>) {
        let mut decoder = Decoder::new(Role::Server, LIMITS, terms);
        let (mut input, mut scratch) = (Input::default(), Scratch::default());
        let mut events = Vec::new();
        for piece in pieces {
            input.extend(piece);
            loop {
                match decoder.decode(&mut input, &mut scratch) {
                    Ok(Some(event)) => events.push(format!("{event:?}")),
                    Ok(None) => break,
                    Err(error) => return (events, Some(error)),
                }
            }
        }
        (events, None)
    }

    fn masked(frames: &[Frame<'_>]) -> Vec<u8> {
        let mut output = Output::default();
        frames.iter().for_each(|it| it.encode(Some(Mask::new([9, 8, 7, 6])), &mut output));
        output.to_vec()
    }

    fn fragment(opcode: Opcode, payload: &[u8]) -> Frame<'_> {
        Frame { fin: false, ..Frame::new(opcode, payload) }
    }

    #[test]
    fn in_every_cut_the_same_is_heard() {
        let mut deflater = Deflater::new();
        let long = b"long and long and long and long".repeat(4);
        let small = deflater.deflate(&long, 15, 1).unwrap().to_vec();
        let (first, second) = small.split_at(5);
        let stream = masked(&[
            Frame::new(Opcode::Text, "käse".as_bytes()),
            Frame::new(Opcode::Ping, b"are you there"),
            fragment(Opcode::Text, b"\xf0\x9d"),
            Frame::new(Opcode::Pong, b""),
            fragment(Opcode::Continuation, b""),
            Frame::new(Opcode::Continuation, b"\x84\x9e"),
            Frame { compressed: true, ..Frame::new(Opcode::Binary, &small) },
            Frame { compressed: true, ..fragment(Opcode::Text, first) },
            Frame::new(Opcode::Continuation, second),
            Frame::new(Opcode::Close, b"\x03\xe8bye"),
        ]);
        let whole = heard(Some(&TERMS), &[&stream]);
        let long = String::from_utf8(long).unwrap();
        let expected = [
            format!("{:?}", Event::Text("käse")),
            format!("{:?}", Event::Ping(b"are you there")),
            format!("{:?}", Event::Pong(b"")),
            format!("{:?}", Event::Text("𝄞")),
            format!("{:?}", Event::Binary(long.as_bytes())),
            format!("{:?}", Event::Text(&long)),
            format!("{:?}", Event::Close(CloseCode::NORMAL, "bye")),
        ];
        assert_eq!(whole, (expected.to_vec(), None));
        for first in 0..stream.len() {
            for second in [first, (first + stream.len()) / 2, stream.len()] {
                let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(heard(Some(&TERMS), &pieces), whole, "cut at {first} and {second}");
            }
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(heard(Some(&TERMS), &bytes), whole);
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        let text = |payload| Frame::new(Opcode::Text, payload);
        let more = Frame::new(Opcode::Continuation, b"x");
        let compressed = |frame: Frame<'static>| Frame { compressed: true, ..frame };
        let cases: [(Vec<Frame<'_>>, CloseCode); 9] = [
            (vec![more], CloseCode::PROTOCOL),
            (vec![fragment(Opcode::Text, b"x"), text(b"y")], CloseCode::PROTOCOL),
            (vec![fragment(Opcode::Text, b"x"), compressed(more)], CloseCode::PROTOCOL),
            (vec![compressed(Frame::new(Opcode::Binary, b"\xff\xff"))], CloseCode::INVALID_DATA),
            (vec![text(b"\xff")], CloseCode::INVALID_DATA),
            (vec![fragment(Opcode::Text, b"\xf4\x90")], CloseCode::INVALID_DATA),
            (vec![text(&[b'x'; 1001])], CloseCode::TOO_BIG),
            (
                vec![fragment(Opcode::Text, b"\xf4"), Frame::new(Opcode::Continuation, b"")],
                CloseCode::INVALID_DATA,
            ),
            (vec![Frame::new(Opcode::Close, b"\x03")], CloseCode::PROTOCOL),
        ];
        for (frames, code) in cases {
            let apart: Vec<_> = frames.iter().map(|frame| masked(&[*frame])).collect();
            let apart: Vec<_> = apart.iter().map(|frame| &frame[..]).collect();
            for pieces in [&[&*masked(&frames)][..], &apart] {
                let (events, error) = heard(Some(&TERMS), pieces);
                assert_eq!(error.map(|error| error.code), Some(code), "{frames:?}");
                assert!(events.is_empty());
            }
        }
        let frames = masked(&[compressed(Frame::new(Opcode::Text, b"x"))]);
        assert_eq!(heard(None, &[&frames]).1.unwrap().code, CloseCode::PROTOCOL);
        assert_eq!(heard(None, &[b"\x81\x01x"]).1.unwrap().what, "a frame is not masked");
    }

    #[test]
    fn what_a_server_masks_is_refused() {
        let mut decoder = Decoder::new(Role::Client, LIMITS, None);
        let (mut input, mut scratch) =
            (Input::from(masked(&[Frame::new(Opcode::Ping, b"x")])), Scratch::default());
        let error = decoder.decode(&mut input, &mut scratch).unwrap_err();
        assert_eq!((error.code, error.what), (CloseCode::PROTOCOL, "a masked frame"));
        let text = masked(&[Frame::new(Opcode::Text, b"x")]);
        let mut decoder = Decoder::new(Role::Client, LIMITS, None);
        assert!(decoder.decode(&mut Input::from(text), &mut scratch).is_err());
    }

    #[test]
    fn a_long_message_is_refused_before_it_has_come() {
        let part = fragment(Opcode::Continuation, &[b'x'; 1000]);
        let first = Frame { opcode: Opcode::Binary, ..part };
        assert_eq!(heard(None, &[&masked(&[first, part])]), (vec![], None));
        let one_more = Frame::new(Opcode::Continuation, b"x");
        let stream = masked(&[first, part, one_more]);
        let header_only = &stream[..stream.len() - 1];
        assert_eq!(heard(None, &[header_only]).1.unwrap().code, CloseCode::TOO_BIG);
        let mut huge = vec![0x82, 0xff];
        huge.extend_from_slice(&(1u64 << 40).to_be_bytes());
        huge.extend_from_slice(&[0; 4]);
        assert_eq!(heard(None, &[&huge]).1.unwrap().code, CloseCode::TOO_BIG);
    }

    #[test]
    fn between_two_messages_a_decoder_holds_no_memory() {
        let (mut input, mut scratch) = (Input::default(), Scratch::default());
        let mut decoder = Decoder::new(Role::Server, LIMITS, None);
        let stream = masked(&[Frame::new(Opcode::Binary, &[7; 900])]);
        for piece in stream.chunks(100) {
            input.extend(piece);
            let last = piece.len() < 100;
            assert_eq!(decoder.decode(&mut input, &mut scratch).unwrap().is_some(), last);
            assert_eq!((decoder.is_gathering(), decoder.gathered.capacity() > 0), (!last, !last));
        }
        assert!(scratch.message.capacity() >= 900);
        assert!(size_of::<Decoder>() <= 128, "{}", size_of::<Decoder>());
    }
}
