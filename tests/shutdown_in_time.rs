//! A shutdown ends when its time is over, whoever holds on.

use std::io::Write;
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use overt::{Config, Context, Engine, Grace, Handler, Never, Result};

/// Stays, even when it is asked to go.
struct Stays(Sender<()>);

impl Handler for Stays {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        self.0.send(()).unwrap();
        Ok(())
    }

    fn on_drain(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }
}

#[test]
fn draining_is_forced_when_its_time_is_over_and_nothing_else_happens() {
    let drain = Duration::from_millis(200);
    let grace = Grace { drain, forced: drain, ..Grace::default() };
    let mut engine = Engine::new(Config { loops: 1, grace, ..Config::default() }).unwrap();
    let (is_open, opened) = channel();
    let stays = move || Stays(is_open.clone());
    let at = engine.listen("127.0.0.1:0", stays).unwrap().socket_addr().unwrap();
    let running = engine.start().unwrap();
    let mut client = TcpStream::connect(at).unwrap();
    client.write_all(b"x").unwrap();
    opened.recv().unwrap();
    let report = running.shut_down().unwrap();
    assert_eq!(report.cut, 1, "{report:?}");
    // Nobody else would wake the loop before the idle deadline of the connection, a minute.
    assert!(report.took_ms < 30_000, "{report:?}");
}
