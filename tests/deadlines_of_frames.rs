//! A frame that is late is late, whatever others do; and we are not the peer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use overt::{Close, Config, Context, Engine, Handler, Never, Outgoing, Reason, Result};

const PATIENCE: Duration = Duration::from_secs(10);

/// Awaits a line, answers it with as many bytes as it is told, and closes.
struct Line {
    answer: usize,
    told: Sender<Reason>,
}

impl Handler for Line {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if let Some(end) = cx.input.iter().position(|byte| *byte == b'\n') {
            cx.input.consume(end + 1);
            cx.output.put(&vec![b'x'; self.answer]);
            cx.effects.close();
        }
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        let _ = self.told.send(why.reason());
    }
}

/// Takes whatever comes.
struct Sink;

impl Handler for Sink {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }
}

#[test]
fn a_first_frame_that_is_begun_is_late_even_if_others_send() {
    let mut config = Config { loops: 1, ..Config::default() };
    config.deadlines.first_frame = Some(Duration::from_millis(500));
    let mut engine = Engine::new(config).unwrap();
    let (told, closed) = channel();
    let line = move || Line { answer: 0, told: told.clone() };
    let at = engine.listen("127.0.0.1:0", line).unwrap().socket_addr().unwrap();
    let sink = engine.listen("127.0.0.1:0", || Sink).unwrap().socket_addr().unwrap();
    let running = engine.start().unwrap();
    let mut slow = TcpStream::connect(at).unwrap();
    let mut busy = TcpStream::connect(sink).unwrap();
    for byte in [b'a', b'b'] {
        busy.write_all(b"busy").unwrap();
        busy.read_exact(&mut [0; 4]).unwrap();
        slow.write_all(&[byte]).unwrap();
    }
    // The deadline for any other frame is a minute.
    assert_eq!(closed.recv_timeout(PATIENCE), Ok(Reason::LateFrame));
    drop((slow, busy));
    running.shut_down().unwrap();
}

#[test]
fn who_closes_and_still_sends_asks_no_rate_of_what_it_does_not_read() {
    const ANSWER: usize = 8_000_000;
    let mut config = Config { loops: 1, ..Config::default() };
    (config.limits.output_high, config.limits.output_max) = (2 * ANSWER, 2 * ANSWER);
    (config.deadlines.rate, config.deadlines.rate_window) = (10_000, Duration::from_millis(100));
    let mut engine = Engine::new(config).unwrap();
    let (told, closed) = channel();
    let line = move || Line { answer: ANSWER, told: told.clone() };
    let at = engine.listen("127.0.0.1:0", line).unwrap().socket_addr().unwrap();
    let sink = engine.listen("127.0.0.1:0", || Sink).unwrap().socket_addr().unwrap();
    let running = engine.start().unwrap();
    let mut client = TcpStream::connect(at).unwrap();
    client.write_all(b"li").unwrap();
    let mut other = TcpStream::connect(sink).unwrap();
    other.write_all(b"pong").unwrap();
    other.read_exact(&mut [0; 4]).unwrap();
    client.write_all(b"ne\nand more").unwrap();
    // Windows end while the answer waits for us to take it.
    while running.handle().snapshot(0, PATIENCE)[0].ledger.reminders < 3 {
        assert!(closed.try_recv().is_err());
    }
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.len(), ANSWER);
    drop(client);
    running.shut_down().unwrap();
}
