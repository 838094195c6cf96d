//! When a connection goes on behind an answer, and when it ends.

use overt::Reason;
use overt::service::http::{Request, Responder, Response, Serve};

use crate::{bench, get, only, seen};

fn hello(_: &Request<'_>, responder: Responder<'_, '_>) {
    responder.text("hello");
}

#[test]
fn one_request_after_another_is_answered() {
    let mut bench = bench(Serve::new(hello));
    for _ in 0..3 {
        bench.data(&get("/"));
        let answer = only(&mut bench);
        assert_eq!((answer.status, answer.text()), (200, "hello"));
        assert_eq!(answer.header("connection"), None);
    }
    assert_eq!(bench.closed(), None);
}

#[test]
fn who_asks_for_the_last_time_is_told_so_and_closed() {
    let mut bench = bench(Serve::new(hello));
    bench.data(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = only(&mut bench);
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn an_answer_that_says_that_the_connection_ends_ends_it() {
    let last = |_: &Request<'_>, responder: Responder<'_, '_>| {
        responder.send(Response::text("hello").header("Connection", "close"));
    };
    let mut bench = bench(Serve::new(last));
    bench.data(&get("/").repeat(2));
    assert_eq!(only(&mut bench).head.to_lowercase().matches("connection: close").count(), 1);
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn the_old_version_closes_unless_asked_not_to() {
    let mut old = bench(Serve::new(hello));
    old.data(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(only(&mut old).text(), "hello");
    assert_eq!(old.closed(), Some(Reason::ByUs));
    let mut kept = bench(Serve::new(hello));
    kept.data(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(only(&mut kept).header("connection"), Some("keep-alive"));
    assert_eq!(kept.closed(), None);
}

#[test]
fn a_peer_that_ends_is_answered_and_then_let_go() {
    let mut bench = bench(Serve::new(hello));
    bench.data(&[get("/a"), get("/b")].concat());
    bench.eof();
    assert_eq!(seen(&bench.take_output()).len(), 2);
    assert_eq!(bench.closed(), Some(Reason::ByPeer));
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let mut bench = bench(Serve::new(hello));
    let request = [get("/"), get("/")].concat();
    for byte in request {
        bench.data(&[byte]);
    }
    assert_eq!(seen(&bench.take_output()).len(), 2);
}

#[test]
fn the_time_of_day_is_told_and_moves_on() {
    let mut bench = bench(Serve::new(hello));
    bench.data(&get("/"));
    let first = only(&mut bench).header("date").unwrap().to_owned();
    bench.advance(std::time::Duration::from_secs(1));
    bench.data(&get("/"));
    let second = only(&mut bench).header("date").unwrap().to_owned();
    assert_eq!(first, "Thu, 01 Jan 2026 00:00:01 GMT");
    assert_eq!(second, "Thu, 01 Jan 2026 00:00:02 GMT");
}
