//! An answer that is complete before its request is.

use overt::service::http::{
    BodyLimits, Exchange, ExchangeContext, HttpConfig, HttpServer, Params, Request, Responder,
    Serve,
};
use overt::testing::Bench;
use overt::wire::http::{RequestHead, ResponseHead, StatusCode};
use overt::{Never, Reason, Result};

use crate::{bench, configured, get, only};

/// Answers without having heard the body.
struct Refuses;

impl Exchange for Refuses {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.answer(&ResponseHead::new(StatusCode::FORBIDDEN), b"no");
        Ok(())
    }
}

fn refuses(_: &RequestHead, _: &Params) -> Refuses {
    Refuses
}

#[test]
fn a_short_rest_is_dropped_and_the_connection_goes_on() {
    let mut bench = bench(refuses);
    bench.data(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    let answer = only(&mut bench);
    assert_eq!((answer.status, answer.header("connection")), (403, None));
    bench.data(b"67890");
    bench.data(&get("/"));
    assert_eq!(only(&mut bench).status, 403);
}

#[test]
fn a_long_rest_is_not_waited_for() {
    let mut bench = bench(refuses);
    bench.data(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n12345");
    let answer = only(&mut bench);
    assert_eq!((answer.status, answer.header("connection")), (403, Some("close")));
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn a_rest_of_unknown_length_is_dropped_up_to_a_bound() {
    let bodies = BodyLimits { drained: 100, ..BodyLimits::default() };
    let mut bench = configured(HttpConfig { bodies, ..HttpConfig::default() }, refuses);
    bench.data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(only(&mut bench).status, 403);
    bench.data(&[&b"3f\r\n"[..], &[b'x'; 0x3f], b"\r\n"].concat());
    assert_eq!(bench.closed(), None);
    bench.data(&[&b"3f\r\n"[..], &[b'x'; 0x3f], b"\r\n"].concat());
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn a_rest_as_long_as_the_bound_costs_no_connection() {
    let bodies = BodyLimits { drained: 10, ..BodyLimits::default() };
    let mut bench = configured(HttpConfig { bodies, ..HttpConfig::default() }, refuses);
    bench.data(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789");
    assert_eq!(only(&mut bench).header("connection"), None);
    bench.data(&get("/"));
    assert_eq!(only(&mut bench).status, 403);
}

#[test]
fn a_rest_that_does_not_come_is_not_waited_for() {
    let mut bench = bench(refuses);
    bench.data(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    only(&mut bench);
    bench.advance(std::time::Duration::from_secs(10));
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn a_whole_body_that_grows_too_large_is_refused_on_the_way() {
    let bodies = BodyLimits { whole: 10, ..BodyLimits::default() };
    let hello = |_: &Request<'_>, responder: Responder<'_, '_>| responder.text("hello");
    let config = HttpConfig { bodies, ..HttpConfig::default() };
    let mut bench = configured(config, Serve::new(hello));
    bench.data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    bench.data(b"5\r\n12345\r\n");
    assert_eq!(bench.take_output(), b"");
    bench.data(b"6\r\n123456\r\n");
    assert_eq!(only(&mut bench).status, 413);
    bench.data(b"0\r\n\r\n");
    bench.data(&get("/"));
    assert_eq!(only(&mut bench).text(), "hello");
}

#[test]
fn what_all_gather_together_has_a_bound() {
    let bodies = BodyLimits { gathered: 100, ..BodyLimits::default() };
    let hello = |_: &Request<'_>, responder: Responder<'_, '_>| responder.text("hello");
    let http = HttpServer::with(HttpConfig { bodies, ..HttpConfig::default() }, Serve::new(hello));
    let [mut one, mut other] = [(); 2].map(|()| Bench::new(http.connection()));
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 80\r\n\r\n";
    one.data(&[&head[..], &[b'x'; 60]].concat());
    other.data(&[&head[..], &[b'x'; 60]].concat());
    assert_eq!(only(&mut other).status, 503);
    // What was refused is not kept.
    one.data(&[b'x'; 20]);
    assert_eq!(only(&mut one).text(), "hello");
    other.data(&[b'x'; 20]);
    other.data(&[&head[..], &[b'x'; 80]].concat());
    assert_eq!(only(&mut other).text(), "hello");
    // Who is gone in the middle gives back what it had.
    one.data(&[&head[..], &[b'x'; 60]].concat());
    one.reset();
    other.data(&[&head[..], &[b'x'; 80]].concat());
    assert_eq!(only(&mut other).text(), "hello");
}
