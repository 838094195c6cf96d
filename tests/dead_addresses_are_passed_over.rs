//! A dial with several addresses gets past those that are dead, one with a name finds its
//! addresses, and one that finds nobody says so once.

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Sender, channel};
#[cfg(target_os = "linux")]
use std::time::Duration;

use overt::net::Endpoint;
#[cfg(target_os = "linux")]
use overt::net::Listen;
use overt::{Close, Context, Dial, Engine, Handler, Never, Outgoing, Reason, Result};
use serving::{Echo, PATIENCE, address, loops};

/// Tells whom it reached, and why it ended.
struct Caller(Sender<std::result::Result<SocketAddr, Reason>>);

impl Handler for Caller {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.0.send(Ok(cx.effects.peer().socket_addr().unwrap())).unwrap();
        cx.effects.close();
        Ok(())
    }

    fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.0.send(Err(why.reason())).unwrap();
    }
}

/// What a dial comes to, with a server at the address that it is given.
fn call(dial: impl FnOnce(SocketAddr) -> Dial) -> (SocketAddr, Vec<Outcome>) {
    let (told, heard) = channel();
    let mut engine = Engine::new(loops(1)).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
    engine.connect(dial(at), Caller(told));
    let running = engine.start().unwrap();
    let mut outcomes = Vec::new();
    while !matches!(outcomes.last(), Some(Err(_))) {
        outcomes.push(heard.recv_timeout(PATIENCE).unwrap());
    }
    running.shut_down().unwrap();
    assert!(heard.recv().is_err(), "nothing comes after the end");
    (at, outcomes)
}

type Outcome = std::result::Result<SocketAddr, Reason>;

/// Nobody listens there any more.
fn dead() -> Endpoint {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().into()
}

#[test]
fn the_first_address_that_answers_is_taken() {
    let (at, outcomes) = call(|at| Dial::any([dead(), dead(), at.into(), dead()]));
    assert_eq!(outcomes, [Ok(at), Err(Reason::ByUs)]);
}

#[test]
fn a_host_is_found_by_its_name() {
    let (at, outcomes) = call(|at| Dial::host("localhost", at.port()));
    assert_eq!(outcomes, [Ok(at), Err(Reason::ByUs)]);
}

#[test]
fn dead_addresses_alone_are_unreachable() {
    let (_, outcomes) = call(|_| Dial::any([dead(), dead()]));
    assert_eq!(outcomes, [Err(Reason::Unreachable)]);
}

#[test]
fn no_address_at_all_is_unreachable() {
    let (_, outcomes) = call(|_| Dial::any([]));
    assert_eq!(outcomes, [Err(Reason::Unreachable)]);
}

/// Linux drops whoever comes when the queue of a listener is full, so connecting takes for ever.
#[cfg(target_os = "linux")]
#[test]
fn an_address_that_never_answers_leaves_time_for_the_next() {
    let mut deaf = Engine::new(loops(1)).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let full = Listen { backlog: 0, ..Listen::at(any) };
    let silent = deaf.listen(full, || Echo).unwrap();
    let _waits = serving::connect(address(&silent));
    let (at, outcomes) = call(|at| Dial::any([silent, at.into()]).timeout(Duration::from_secs(1)));
    assert_eq!(outcomes, [Ok(at), Err(Reason::ByUs)]);
}
