//! Peers that do not read are given little: the rest waits in the output, where it is bounded and
//! counted. Linux would take megabytes for each of them, and cut them into segments as small as the
//! peer likes, which takes milliseconds for each write; 500 such readers once held up all others
//! for seconds.
#![cfg(target_os = "linux")]

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::net::TcpListener;

use overt::net::Listen;
use overt::{Context, Dial, Engine, Handler, Never, Result};
use serving::{address, connect, count, loops, wait_until};

/// More than the kernels of both ends would take by themselves.
const MUCH: usize = 7 << 20;
/// What the peer's kernel takes for a program that does not read, and ours cannot send then; and as
/// much again, since the kernel counts in pieces.
const GIVEN_MAX: u64 = 2 * ((64 << 10) + (128 << 10));

struct Gives;

impl Handler for Gives {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(&vec![7; MUCH]);
        Ok(())
    }

    fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }
}

#[test]
fn a_client_that_does_not_read_is_given_little() {
    for unsent_max in [128 << 10, 16 << 10] {
        let mut engine = Engine::new(loops(2)).unwrap();
        let how =
            Listen { unsent_max, ..Listen::at(std::net::SocketAddr::from(([127, 0, 0, 1], 0))) };
        let at = address(&engine.listen(how, || Gives).unwrap());
        let running = engine.start().unwrap();
        let client = connect(at);
        wait_until("it is full", || count(running.handle(), |it| it.writes_would_block) > 0);
        let given = count(running.handle(), |it| it.bytes_written);
        assert!((1..=GIVEN_MAX).contains(&given), "{given} bytes for {unsent_max}");
        drop(client);
        running.shut_down().unwrap();
    }
}

#[test]
fn a_server_that_does_not_read_is_given_little() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let running = Engine::new(loops(1)).unwrap().start().unwrap();
    running.handle().connect(Dial::to(listener.local_addr().unwrap()), Gives);
    let (server, _) = listener.accept().unwrap();
    wait_until("it is full", || count(running.handle(), |it| it.writes_would_block) > 0);
    let given = count(running.handle(), |it| it.bytes_written);
    assert!((1..=GIVEN_MAX).contains(&given), "{given} bytes");
    drop(server);
    running.shut_down().unwrap();
}
