//! Who is not idle: a peer that only listens, and one that is kept waiting by us.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use overt::testing::Bench;
use overt::{Config, Context, Deadlines, Engine, Handler, Never, Reason, Result, Timer};

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

/// Owes an answer to each byte, and gives it when it is told to.
struct Owes;

impl Handler for Owes {
    type Message = u8;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        cx.effects.owe();
        Ok(())
    }

    fn on_message(&mut self, answer: u8, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(&[answer]);
        cx.effects.settled();
        Ok(())
    }
}

#[test]
fn who_is_owed_an_answer_is_not_idle_until_it_is_given() {
    let mut bench = Bench::new(Owes);
    bench.data(b"?");
    bench.advance(Duration::from_secs(1000));
    bench.message(b'!');
    assert_eq!(bench.take_output(), b"!");
    bench.advance(Duration::from_secs(59));
    assert_eq!(bench.closed(), None);
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.closed(), Some(Reason::LateIdle));
}
