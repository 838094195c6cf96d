//! A connection that comes while a loop polls without sleeping is accepted at once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use overt::{Config, Context, Engine, Handler, Never, Result};

struct Echo;

impl Handler for Echo {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }
}

#[test]
fn a_connection_that_comes_while_the_loop_spins_is_served() {
    // So long that the loop still polls when the client comes.
    let spin = Duration::from_secs(30);
    let mut engine = Engine::new(Config { loops: 1, spin, ..Config::default() }).unwrap();
    let at = engine.listen("127.0.0.1:0", || Echo).unwrap().socket_addr().unwrap();
    let running = engine.start().unwrap();
    let mut client = TcpStream::connect(at).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"hello");
    drop(client);
    running.shut_down().unwrap();
}
