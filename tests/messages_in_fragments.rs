//! However a message of a WebSocket is compressed, fragmented, interrupted by pings and cut up by
//! the network, it comes out as it went in.
#![cfg(feature = "websocket")]

use overt::wire::websocket::{
    Decoder, Deflate, Deflater, Encoder, Event, Frame, Kind, Mask, MessageLimits, Opcode, Prepared,
    Role, Scratch, Terms,
};
use overt::{Input, Output};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::test_runner::Config as ProptestConfig;
use proptest::{option, prop_assert, prop_assert_eq, proptest};

#[derive(Clone, Debug)]
enum Message {
    Text(String),
    Binary(Vec<u8>),
}

impl Message {
    fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Binary(_) => Kind::Binary,
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    fn is(&self, event: Event<'_>) -> bool {
        match (self, event) {
            (Self::Text(sent), Event::Text(text)) => sent == text,
            (Self::Binary(sent), Event::Binary(bytes)) => sent == bytes,
            _ => false,
        }
    }
}

/// Short and long, and such that can be compressed.
fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        ".{0,200}".prop_map(Message::Text),
        ("[a-zäöü𝄞 ]{1,20}", 1..2000_usize)
            .prop_map(|(word, times)| Message::Text(word.repeat(times))),
        vec(any::<u8>(), 0..400).prop_map(Message::Binary),
        (any::<u8>(), 0..70_000_usize).prop_map(|(byte, len)| Message::Binary(vec![byte; len])),
    ]
}

fn terms() -> impl Strategy<Value = Option<Terms>> {
    option::of((any::<bool>(), 8..=15_u8).prop_map(|(takeover, bits)| Terms {
        takeover,
        peer_takeover: takeover,
        window_bits: bits,
        peer_window_bits: bits,
    }))
}

/// Splits a frame that was encoded into fragments, with a ping between any two.
fn fragmented(frame: &[u8], mut mask: Option<[u8; 4]>, sizes: &[usize], output: &mut Output) {
    let opcode = if frame[0] & 0x0f == 1 { Opcode::Text } else { Opcode::Binary };
    let header = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    let (mut rest, mut sizes, mut opcode) = (&frame[header..], sizes.iter(), opcode);
    let mut compressed = frame[0] & 0x40 != 0;
    let mut mask = || {
        mask.as_mut().map(|key| {
            key[0] = key[0].wrapping_add(1);
            Mask::new(*key)
        })
    };
    loop {
        let size = sizes.next().map_or(rest.len(), |size| *size.min(&rest.len()));
        let (payload, behind) = rest.split_at(size);
        let fin = sizes.len() == 0 && behind.is_empty();
        Frame { opcode, fin, compressed, payload }.encode(mask(), output);
        if fin {
            return;
        }
        Frame::new(Opcode::Ping, b"still there?").encode(mask(), output);
        (rest, opcode, compressed) = (behind, Opcode::Continuation, false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn messages_come_out_as_they_went_in(
        messages in vec(message(), 1..6),
        terms in terms(),
        key in option::of(any::<[u8; 4]>()),
        sizes in vec(0..3000_usize, 0..6),
        cuts in vec(1..9000_usize, 1..20),
    ) {
        let deflate = Deflate { min: 0, ..Deflate::default() };
        let mut encoder = Encoder::new(terms.as_ref(), &deflate);
        let (mut deflater, mut stream) = (Deflater::new(), Output::default());
        for message in &messages {
            let mut whole = Output::default();
            encoder.message(message.kind(), message.bytes(), None, &mut deflater, &mut whole);
            fragmented(&whole.to_vec(), key, &sizes, &mut stream);
        }
        let role = if key.is_some() { Role::Server } else { Role::Client };
        let mut decoder = Decoder::new(role, MessageLimits::default(), terms.as_ref());
        let (mut input, mut scratch) = (Input::default(), Scratch::default());
        let (stream, mut sent) = (stream.to_vec(), messages.iter());
        let (mut rest, mut cuts) = (&stream[..], cuts.iter().cycle());
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(*cuts.next().unwrap().min(&rest.len()));
            input.extend(piece);
            rest = behind;
            while let Some(event) = decoder.decode(&mut input, &mut scratch).unwrap() {
                if event != Event::Ping(b"still there?") {
                    prop_assert!(sent.next().unwrap().is(event));
                }
            }
        }
        prop_assert_eq!((sent.len(), input.len(), decoder.is_gathering()), (0, 0, false));
    }

    #[test]
    fn what_is_prepared_is_heard_by_all_alike(message in message(), terms in vec(terms(), 1..5)) {
        let (mut deflater, mut scratch) = (Deflater::new(), Scratch::default());
        let prepared = match &message {
            Message::Text(text) => Prepared::text(text),
            Message::Binary(bytes) => Prepared::binary(bytes),
        };
        for terms in &terms {
            let mut output = Output::default();
            let mut encoder = Encoder::new(terms.as_ref(), &Deflate::default());
            encoder.prepared(&prepared, &mut deflater, &mut output);
            let mut decoder = Decoder::new(Role::Client, MessageLimits::default(), terms.as_ref());
            let mut input = Input::from(output.to_vec());
            let event = decoder.decode(&mut input, &mut scratch).unwrap().unwrap();
            prop_assert!(message.is(event), "{terms:?}");
        }
    }
}
