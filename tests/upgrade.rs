//! A handler that takes a connection over begins afresh, and misses nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use overt::{Config, Context, Engine, Handler, Never, Result, Timer};

const PATIENCE: Duration = Duration::from_secs(10);
const SOON: Timer = Timer::new(0);
const LATER: Timer = Timer::new(1);

/// Pauses at the first byte, and passes the connection on when the peer's end or a message tells
/// it to.
struct First;

impl Handler for First {
    type Message = ();

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.pause();
        cx.effects.arm(SOON, Duration::from_millis(1));
        cx.effects.offload(|| ())
    }

    fn on_message(&mut self, (): (), cx: &mut Context<'_, Self>) -> Result {
        cx.effects.upgrade(Second);
        Ok(())
    }
}

/// Echoes until its own timer fires.
struct Second;

impl Handler for Second {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.arm(LATER, Duration::from_millis(200));
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Context<'_, Self>) -> Result {
        assert_eq!(timer, LATER, "the timer of another handler");
        cx.output.put(b".");
        cx.effects.close();
        Ok(())
    }
}

/// Passes the connection on when it has ended, to one that says goodbye.
struct Ends;

impl Handler for Ends {
    type Message = Never;

    fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.upgrade(Goodbye);
        Ok(())
    }
}

struct Goodbye;

impl Handler for Goodbye {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b" goodbye");
        cx.effects.close();
        Ok(())
    }
}

fn answer<H: Handler>(handler: fn() -> H, end: bool) -> Vec<u8> {
    let mut engine = Engine::new(Config { loops: 1, workers: 1, ..Config::default() }).unwrap();
    let at = engine.listen("127.0.0.1:0", handler).unwrap().socket_addr().unwrap();
    let running = engine.start().unwrap();
    let mut client = TcpStream::connect(at).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"hello").unwrap();
    if end {
        client.shutdown(Shutdown::Write).unwrap();
    }
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    drop(client);
    running.shut_down().unwrap();
    answer
}

#[test]
fn a_pause_and_a_timer_end_with_the_handler_that_asked_for_them() {
    assert_eq!(answer(|| First, false), b"hello.");
}

#[test]
fn the_end_of_the_peer_is_told_to_who_takes_over() {
    assert_eq!(answer(|| Ends, true), b"hello goodbye");
}
