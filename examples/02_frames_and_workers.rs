//! Frames, and workers that answer them: work that takes long must not hold up a loop.
//!
//! ```text
//! cargo run --release --example 02_frames_and_workers
//! python3 -c 'import socket; s = socket.create_connection(("127.0.0.1", 7001))
//! s.sendall(b"\0\0\0\2" + b"27" + b"\0\0\0\1" + b"6"); print(s.recv(99))'
//! ```
//!
//! A frame is four bytes of length, then that many bytes: TCP itself keeps no edges of messages.
//! Each asks how many steps a number takes to come to 1, halved if it is even, and else three times
//! itself plus one. The loop cuts the frames; a worker counts; the answers of each connection come
//! in the order of its questions.

use overt::wire::{Codec, LengthPrefixed};
use overt::{Config, Context, Engine, Handler, Never, Output, Result};

/// What anybody may ask fits in here; the length of a longer frame is refused before a byte of it
/// is waited for.
const CODEC: LengthPrefixed = LengthPrefixed::new(20);

struct Counts {
    codec: LengthPrefixed,
}

impl Handler for Counts {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        // A frame that is not complete yet stays in the input. `?` closes with a reason: a length
        // that is too large here, and `answer` if there is no worker.
        while let Some(frame) = self.codec.decode(cx.input)? {
            // On this thread, nothing but a copy of the frame. A connection that asks faster than
            // workers answer is not read from for a while, and the kernel slows its peer.
            cx.effects.answer(frame, answer)?;
        }
        Ok(())
    }
}

/// On a worker. A panic in here would end this one connection.
fn answer(frame: &[u8], output: &mut Output) {
    let number = std::str::from_utf8(frame).ok().and_then(|text| text.trim().parse().ok());
    let answer = match number.and_then(steps) {
        Some(steps) => format!("{steps} steps"),
        None => "not a number that this can be told of".into(),
    };
    let mut codec = LengthPrefixed::MIB;
    let _ = codec.encode(answer.as_bytes(), output); // It fits.
}

fn steps(mut number: u64) -> Option<u32> {
    let mut steps = 0;
    while number > 1 {
        number = match number % 2 {
            0 => number / 2,
            _ => number.checked_mul(3)?.checked_add(1)?,
        };
        steps += 1;
    }
    (number == 1).then_some(steps)
}

fn main() -> std::io::Result<()> {
    let mut engine = Engine::new(Config { loops: 1, workers: 2, ..Config::default() })?;
    let at = std::env::args().nth(1);
    let at = at.as_deref().unwrap_or("127.0.0.1:7001");
    let at = engine.listen(at, || Counts { codec: CODEC })?;
    println!("frames on {at}");
    // Ctrl-C: no new connection is accepted, and what was asked is answered.
    let report = engine.run()?;
    println!("{report:?}");
    Ok(())
}
