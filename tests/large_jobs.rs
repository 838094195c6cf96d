//! Few frames can be much: what waits for the workers is bounded in bytes, too.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use overt::wire::{Codec, LengthPrefixed};
use overt::{Config, Context, Engine, Handler, Never, Result};

const FRAME: usize = 1 << 20;
const FRAMES: usize = 32;

/// Its answers wait for a sign.
struct Slow(Arc<Barrier>);

impl Handler for Slow {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let mut codec = LengthPrefixed::MIB;
        while let Some(frame) = codec.decode(cx.input)? {
            let barrier = self.0.clone();
            cx.effects.answer(frame, move |frame, output| {
                if frame[0] == 0 {
                    barrier.wait();
                }
                output.put(&frame[..1]);
            })?;
        }
        Ok(())
    }
}

#[test]
fn a_flood_of_large_frames_is_held_back_until_some_are_answered() {
    let mut config = Config { loops: 1, workers: 1, ..Config::default() };
    config.limits.job_bytes = 4 * FRAME;
    let mut engine = Engine::new(config).unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let slow = { barrier.clone() };
    let at = engine.listen("127.0.0.1:0", move || Slow(slow.clone())).unwrap();
    let running = engine.start().unwrap();
    let mut client = TcpStream::connect(at.socket_addr().unwrap()).unwrap();
    let mut sender = client.try_clone().unwrap();
    let sending = thread::spawn(move || {
        for number in 0..FRAMES {
            let frame = vec![number as u8; FRAME];
            sender.write_all(&(FRAME as u32).to_be_bytes()).unwrap();
            sender.write_all(&frame).unwrap();
        }
    });
    let ledger = || running.handle().snapshot(0, Duration::from_secs(10))[0].ledger.clone();
    while ledger().holds == 0 {
        thread::yield_now();
    }
    assert!(ledger().bytes_read < 8 * FRAME as u64, "{} bytes", ledger().bytes_read);
    barrier.wait();
    let mut answers = [0; FRAMES];
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client.read_exact(&mut answers).unwrap();
    assert!(answers.into_iter().eq(0..FRAMES as u8));
    sending.join().unwrap();
    drop(client);
    running.shut_down().unwrap();
}
