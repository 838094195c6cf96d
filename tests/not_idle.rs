//! Who is not idle: a peer that only listens, and one that is kept waiting by us.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use overt::{Config, Context, Deadlines, Engine, Handler, Never, Result, Timer};

const TIMER: Timer = Timer::new(0);
const IDLE: Duration = Duration::from_millis(500);

/// Sends a byte again and again, and hears nothing.
struct Speaks;

impl Handler for Speaks {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.arm_every(TIMER, IDLE / 10);
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

/// Listens only when it has had its rest.
struct Rests;

impl Handler for Rests {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.pause();
        cx.effects.arm(TIMER, 3 * IDLE);
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.resume();
        Ok(())
    }
}

#[test]
fn a_peer_that_only_listens_outlives_the_idle_deadline() {
    // Three times as long as the deadline.
    assert_eq!(heard(|| Speaks, 30), [b'.'; 30]);
}

#[test]
fn a_peer_that_is_not_read_from_outlives_the_idle_deadline() {
    assert_eq!(heard(|| Rests, 5), b"hello");
}

/// The first bytes that a client which says hello hears.
fn heard<H: Handler>(handler: impl Fn() -> H + Send + Sync + 'static, count: usize) -> Vec<u8> {
    let deadlines = Deadlines { idle: IDLE, ..Deadlines::default() };
    let mut engine = Engine::new(Config { loops: 1, deadlines, ..Config::default() }).unwrap();
    let at = engine.listen("127.0.0.1:0", handler).unwrap();
    let running = engine.start().unwrap();
    let mut stream = TcpStream::connect(at.socket_addr().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(b"hello").unwrap();
    let mut heard = vec![0; count];
    stream.read_exact(&mut heard).unwrap();
    drop(stream);
    running.shut_down().unwrap();
    heard
}
