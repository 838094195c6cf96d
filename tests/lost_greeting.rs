//! A server that speaks first may be heard together with "connected", in one edge.

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use overt::{Config, Context, Engine, Handler, Never, Result};

struct Listens(Sender<Vec<u8>>);

impl Handler for Listens {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let _ = self.0.send(cx.input.to_vec());
        cx.input.clear();
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let _ = self.0.send(b"the end".into());
        cx.effects.close();
        Ok(())
    }
}

#[test]
fn a_greeting_that_comes_with_the_connection_is_read() {
    assert_eq!(heard(false), [b"hello"]);
}

#[test]
fn an_end_that_comes_with_the_connection_is_seen() {
    assert_eq!(heard(true), [&b"hello"[..], b"the end"]);
}

/// What a client hears of a server that says hello, and ends if `ends`.
fn heard(ends: bool) -> Vec<Vec<u8>> {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (heard, greetings) = channel();
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    // Dials before the loop runs: its first event then tells of everything that follows.
    engine.connect(server.local_addr().unwrap(), Listens(heard));
    let (mut stream, _) = server.accept().unwrap();
    stream.write_all(b"hello").unwrap();
    if ends {
        stream.shutdown(Shutdown::Write).unwrap();
    }
    let running = engine.start().unwrap();
    let next = |_| greetings.recv_timeout(Duration::from_secs(10)).ok();
    let heard = (0..1 + usize::from(ends)).map_while(next).collect();
    drop(stream);
    running.shut_down().unwrap();
    heard
}
