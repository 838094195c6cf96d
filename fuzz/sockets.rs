//! The bodies of the fuzz targets for WebSocket: whatever comes, however it is cut, the same comes
//! of it; and what was understood, sent on, is understood in the same way.

use overt::wire::websocket::{
    Decoder, Deflate, Deflater, Encoder, Event, Frame, Kind, Mask, MessageLimits, Opcode, Role,
    Scratch, Terms, WebSocketError, encode_close,
};
use overt::{Input, Output};

use super::messages::cut_alike;
use super::{Choices, Cuts};

/// How the stream is read.
#[derive(Clone, Copy)]
struct Reading {
    role: Role,
    limits: MessageLimits,
    terms: Option<Terms>,
}

/// What comes of a stream.
#[derive(Debug)]
struct Told {
    events: Vec<Said>,
    error: Option<WebSocketError>,
    /// Bytes left over, and whether a message has begun; only known if nothing was wrong.
    left: Option<(usize, bool)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Said {
    Message(Kind, Vec<u8>),
    Control(Opcode, Vec<u8>),
    Close(u16, String),
}

impl From<Event<'_>> for Said {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Message(Kind::Text, text.as_bytes().to_vec()),
            Event::Binary(bytes) => Self::Message(Kind::Binary, bytes.to_vec()),
            Event::Ping(payload) => Self::Control(Opcode::Ping, payload.to_vec()),
            Event::Pong(payload) => Self::Control(Opcode::Pong, payload.to_vec()),
            Event::Close(code, reason) => Self::Close(code.0, reason.to_owned()),
        }
    }
}

fn told(reading: Reading, pieces: &[&[u8]]) -> Told {
    let mut decoder = Decoder::new(reading.role, reading.limits, reading.terms.as_ref());
    let (mut input, mut scratch) = (Input::default(), Scratch::default());
    let mut events = Vec::new();
    for piece in pieces {
        input.extend(piece);
        loop {
            match decoder.decode(&mut input, &mut scratch) {
                Ok(Some(event)) => events.push(event.into()),
                Ok(None) => break,
                Err(error) => return Told { events, error: Some(error), left: None },
            }
        }
    }
    Told { events, error: None, left: Some((input.len(), decoder.is_gathering())) }
}

/// 1 byte: role, limits, compression. The rest is what the peer sends.
pub(crate) fn frames(data: &[u8], cuts: Cuts) {
    let mut choices = Choices(data);
    let choice = choices.byte();
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let limits = match choice & 2 {
        0 => MessageLimits::default(),
        _ => MessageLimits { frame_max: 20, message_max: 40 },
    };
    let takeover = choice & 8 != 0;
    let terms = Terms { takeover, peer_takeover: takeover, window_bits: 15, peer_window_bits: 15 };
    let reading = Reading { role, limits, terms: (choice & 4 != 0).then_some(terms) };
    let told = cut_alike(choices.0, cuts, |pieces| self::told(reading, pieces));
    assert_eq!(told.left.is_none(), told.error.is_some());
    for said in &told.events {
        if let Said::Message(_, message) = said {
            assert!(message.len() <= reading.limits.message_max);
        }
    }
    comes_back(reading, &told.events);
}

/// What was understood is sent on, by somebody else in the place of the peer.
fn comes_back(reading: Reading, events: &[Said]) {
    let (mut output, mut deflater) = (Output::default(), Deflater::new());
    let deflate = Deflate { min: 0, ..Deflate::default() };
    let mut encoder = Encoder::new(reading.terms.as_ref(), &deflate);
    let mask = (reading.role == Role::Server).then(|| Mask::new([7, 77, 177, 0]));
    for said in events {
        match said {
            Said::Message(kind, message) => {
                encoder.message(*kind, message, mask, &mut deflater, &mut output);
            }
            Said::Control(opcode, payload) => {
                Frame::new(*opcode, payload).encode(mask, &mut output);
            }
            Said::Close(code, reason) => {
                encode_close(overt::wire::websocket::CloseCode(*code), reason, mask, &mut output);
            }
        }
    }
    // Compressing one byte may make several of it.
    let limits = MessageLimits { frame_max: 2 << 20, message_max: 2 << 20 };
    let back = told(Reading { limits, ..reading }, &[&output.to_vec()]);
    assert_eq!((back.events, back.error), (events.to_vec(), None));
}

/// No parameters: a `Sec-WebSocket-Extensions` header, of an offer or an answer.
pub(crate) fn extensions(data: &[u8], _: Cuts) {
    let generous = Deflate { takeover: true, peer_takeover: true, ..Deflate::default() };
    for deflate in [Deflate::default(), generous] {
        let bits = |terms: &Terms| {
            assert!((8..=15).contains(&terms.window_bits));
            assert!((8..=15).contains(&terms.peer_window_bits));
        };
        if let Ok(Some((terms, answer))) = deflate.accept([data]) {
            bits(&terms);
            assert!(terms.takeover <= deflate.takeover);
            // An answer never asks for what makes it invalid by itself.
            assert!(
                Deflate { peer_takeover: true, ..deflate.clone() }
                    .agree([answer.as_bytes()])
                    .is_ok()
            );
        }
        if let Ok(Some(terms)) = deflate.agree([data]) {
            bits(&terms);
            assert!(terms.peer_takeover <= deflate.peer_takeover);
        }
    }
}
