//! What others say to an exchange reaches that one, and never the next.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use overt::service::http::{Done, Exchange, ExchangeAddress, ExchangeContext, Params};
use overt::wire::http::{RequestHead, ResponseHead, StatusCode};
use overt::{Close, Result};

use crate::{bench, get, only};

/// What happened to an exchange, told to the test.
enum Told {
    Address(ExchangeAddress<String>),
    Reset(String),
    Done(Done),
}

/// Answers what it is told.
struct Waits(Sender<Told>);

impl Exchange for Waits {
    type Message = String;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, String>) -> Result {
        self.0.send(Told::Address(cx.address())).unwrap();
        Ok(())
    }

    fn on_message(&mut self, text: String, cx: &mut ExchangeContext<'_, String>) -> Result {
        cx.answer(&ResponseHead::new(StatusCode::OK), text.as_bytes());
        Ok(())
    }

    fn on_reset(&mut self, why: &Close) {
        self.0.send(Told::Reset(why.to_string())).unwrap();
    }

    fn on_done(&mut self, done: &Done) {
        self.0.send(Told::Done(*done)).unwrap();
    }
}

#[test]
fn a_message_to_an_exchange_that_is_over_does_not_reach_the_next() {
    let (sender, told) = channel();
    let sender = Mutex::new(sender);
    let mut bench = bench(move |_: &RequestHead, _: &Params| Waits(sender.lock().unwrap().clone()));
    bench.data(&get("/"));
    let Told::Address(first) = told.recv().unwrap() else { panic!("no address") };
    first.send("one".into()).unwrap();
    first.send("too much".into()).unwrap();
    bench.data(&get("/"));
    bench.deliver();
    assert_eq!(only(&mut bench).text(), "one");
    let Told::Done(done) = told.recv().unwrap() else { panic!("not done") };
    assert_eq!((done.status, done.sent, done.reset), (Some(StatusCode::OK), 3, false));
    let Told::Address(second) = told.recv().unwrap() else { panic!("no address") };
    first.send("far too much".into()).unwrap();
    second.send("two".into()).unwrap();
    bench.deliver();
    assert_eq!(only(&mut bench).text(), "two");
}

#[test]
fn an_exchange_is_told_when_its_peer_is_gone() {
    let (sender, told) = channel();
    let sender = Mutex::new(sender);
    let mut bench = bench(move |_: &RequestHead, _: &Params| Waits(sender.lock().unwrap().clone()));
    bench.data(&get("/"));
    bench.reset();
    assert!(bench.closed().is_some());
    let Told::Address(address) = told.recv().unwrap() else { panic!("no address") };
    let Told::Reset(why) = told.recv().unwrap() else { panic!("not reset") };
    assert!(why.starts_with("reset"), "{why}");
    let Told::Done(done) = told.recv().unwrap() else { panic!("not done") };
    assert_eq!((done.status, done.reset), (None, true));
    address.send("nobody is there".into()).unwrap();
    bench.deliver();
}
