//! A graceful shutdown: what was begun is finished, and nobody is closed in the middle of a word.

use std::time::Duration;

use overt::service::http::{
    Exchange, ExchangeContext, Params, Request, Responder, Response, Serve,
};
use overt::wire::http::{BodyLength, RequestHead, ResponseHead, StatusCode};
use overt::{Never, Reason, Result, Timer};

use crate::{bench, get, only};

const SECOND: Duration = Duration::from_secs(1);

fn hello(_: &Request<'_>, responder: Responder<'_, '_>) {
    responder.text("hello");
}

#[test]
fn an_answer_under_way_is_given_and_says_that_it_is_the_last() {
    let by_worker = |_: &Request<'_>, responder: Responder<'_, '_>| {
        responder.offload(|| Response::text("done"));
    };
    let mut bench = bench(Serve::new(by_worker));
    bench.data(&get("/"));
    bench.drain();
    bench.advance(5 * SECOND);
    assert_eq!(bench.closed(), None);
    bench.work();
    let answer = only(&mut bench);
    assert_eq!((answer.text(), answer.header("connection")), ("done", Some("close")));
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn a_request_that_is_arriving_is_waited_for() {
    let mut bench = bench(Serve::new(hello));
    bench.data(b"GET / HTTP/1.1\r\n");
    bench.drain();
    bench.advance(5 * SECOND);
    bench.data(b"Host: a\r\n\r\n");
    let answer = only(&mut bench);
    assert_eq!((answer.text(), answer.header("connection")), ("hello", Some("close")));
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn an_idle_client_may_come_once_more_within_a_moment() {
    let mut bench = bench(Serve::new(hello));
    bench.data(&get("/"));
    only(&mut bench);
    bench.drain();
    bench.advance(SECOND / 2);
    bench.data(&get("/"));
    assert_eq!(only(&mut bench).header("connection"), Some("close"));
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn an_idle_client_that_does_not_come_is_let_go() {
    let mut bench = bench(Serve::new(hello));
    bench.data(&get("/"));
    only(&mut bench);
    bench.advance(30 * SECOND);
    bench.drain();
    bench.advance(SECOND);
    assert_eq!(bench.closed(), Some(Reason::ByUs));
    assert_eq!(bench.take_output(), b"");
}

/// Begins an answer, and ends it when it is told to.
struct Streams;

impl Exchange for Streams {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.respond(&ResponseHead::new(StatusCode::OK), BodyLength::Unknown);
        cx.arm(Timer::new(0), SECOND);
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.finish();
        Ok(())
    }
}

#[test]
fn who_was_not_told_in_time_may_come_once_more() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Streams);
    bench.data(&get("/"));
    bench.drain();
    bench.advance(SECOND);
    assert_eq!(only(&mut bench).header("connection"), None);
    assert_eq!(bench.closed(), None);
    bench.data(&get("/"));
    bench.advance(SECOND);
    assert_eq!(only(&mut bench).header("connection"), Some("close"));
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}
