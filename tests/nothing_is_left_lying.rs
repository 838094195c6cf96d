//! What the loop found, or was asked for, in passing is done before it sleeps.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use overt::service::Echo;
use overt::{Close, Config, Context, Dial, Engine, Handler, Never, Outgoing, Result};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn a_connection_that_comes_while_the_loop_polls_is_accepted() {
    let spin = Duration::from_secs(5);
    let mut engine = Engine::new(Config { loops: 1, spin, ..Config::default() }).unwrap();
    let at = engine.listen("127.0.0.1:0", || Echo).unwrap().socket_addr().unwrap();
    let running = engine.start().unwrap();
    let mut client = TcpStream::connect(at).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.write_all(b"hello").unwrap();
    let mut answer = [0; 5];
    client.read_exact(&mut answer).expect("nobody accepted");
    assert_eq!(&answer, b"hello");
    drop(client);
    running.shut_down().unwrap();
}

/// Dials where nobody listens, so often.
struct Dials {
    left: u32,
    done: Sender<()>,
}

impl Handler for Dials {
    type Message = Never;

    fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    fn on_close(mut self, _: Close, outgoing: &mut Outgoing<'_>) {
        match self.left {
            0 => self.done.send(()).unwrap(),
            _ => {
                self.left -= 1;
                outgoing.connect("unix:/nonexistent/socket".parse::<Dial>().unwrap(), self);
            }
        }
    }
}

fn dials(left: u32) -> (Dials, Receiver<()>) {
    let (done, is_done) = channel();
    (Dials { left, done }, is_done)
}

#[test]
#[cfg(unix)]
fn who_fails_at_once_to_connect_and_tries_again_is_tried_again() {
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    let (dials, is_done) = dials(5);
    engine.connect("unix:/nonexistent/socket".parse::<Dial>().unwrap(), dials);
    let running = engine.start().unwrap();
    is_done.recv_timeout(PATIENCE).expect("the loop slept on a dial");
    running.shut_down().unwrap();
}

#[test]
#[cfg(unix)]
fn who_dials_again_whenever_it_is_closed_does_not_hold_up_a_shutdown() {
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    let (dials, _is_done) = dials(u32::MAX);
    engine.connect("unix:/nonexistent/socket".parse::<Dial>().unwrap(), dials);
    let running = engine.start().unwrap();
    assert!(running.shut_down().unwrap().took_ms < 10_000);
}

/// Has `?` answered by a worker, and panics at `!`.
struct Answers;

impl Handler for Answers {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert!(!cx.input.contains(&b'!'), "as asked for");
        cx.input.clear();
        cx.effects.answer(b"?", |_, output| output.put(b"answer"))
    }
}

#[test]
fn a_job_is_handed_over_though_a_neighbour_panics_in_the_same_turn() {
    let mut engine = Engine::new(Config { loops: 1, workers: 1, ..Config::default() }).unwrap();
    let at = engine.listen("127.0.0.1:0", || Answers).unwrap().socket_addr().unwrap();
    // Both wait before the loop runs, so it hears of both in one turn, and of the first one first.
    let clients = [b"?", b"!"].map(|text| {
        let mut client = TcpStream::connect(at).unwrap();
        client.write_all(text).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    });
    let running = engine.start().unwrap();
    let [mut first, _second] = clients;
    let mut answer = [0; 6];
    first.read_exact(&mut answer).expect("the loop slept on a job");
    drop((first, _second));
    running.shut_down().unwrap();
}
