//! What is left over from one read does not make the next ones small.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use overt::wire::{Codec, LengthPrefixed};
use overt::{Config, Context, Engine, Handler, Never, Result};

struct Counts(LengthPrefixed, u64);

impl Handler for Counts {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while self.0.decode(cx.input)?.is_some() {
            self.1 += 1;
        }
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(&self.1.to_be_bytes());
        cx.effects.close();
        Ok(())
    }
}

#[test]
fn a_stream_of_small_frames_is_read_in_large_pieces() {
    const FRAMES: u64 = 20_000;
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    let at = engine.listen("127.0.0.1:0", || Counts(LengthPrefixed::MIB, 0)).unwrap();
    let mut client = TcpStream::connect(at.socket_addr().unwrap()).unwrap();
    let frames = [&997_u32.to_be_bytes()[..], &[7; 997]].concat().repeat(FRAMES as usize);
    let running = engine.start().unwrap();
    client.write_all(&frames).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut count = [0; 8];
    client.read_exact(&mut count).unwrap();
    assert_eq!(u64::from_be_bytes(count), FRAMES);
    let snapshot = running.handle().snapshot(0, Duration::from_secs(10));
    let ledger = &snapshot[0].ledger;
    let average = ledger.bytes_read / ledger.reads.max(1);
    assert!(average > 16 * 1024, "{average} bytes a read");
    running.shut_down().unwrap();
}
