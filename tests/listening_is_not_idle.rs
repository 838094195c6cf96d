//! A peer that only listens is not idle: what is sent to it counts as well as what it sends.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use overt::{Config, Context, Deadlines, Engine, Handler, Never, Result, Timer};

const TICK: Timer = Timer::new(0);

/// Sends a byte again and again, and hears nothing.
struct Speaks;

impl Handler for Speaks {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.arm_every(TICK, Duration::from_millis(50));
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b".");
        Ok(())
    }
}

#[test]
fn a_peer_that_only_listens_outlives_the_idle_deadline() {
    let deadlines = Deadlines { idle: Duration::from_millis(500), ..Deadlines::default() };
    let mut engine = Engine::new(Config { loops: 1, deadlines, ..Config::default() }).unwrap();
    let at = engine.listen("127.0.0.1:0", || Speaks).unwrap();
    let running = engine.start().unwrap();
    let mut stream = TcpStream::connect(at.socket_addr().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // Three times as long as the deadline.
    let mut heard = [0; 30];
    stream.read_exact(&mut heard).unwrap();
    drop(stream);
    running.shut_down().unwrap();
}
