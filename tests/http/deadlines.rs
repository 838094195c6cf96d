//! What takes too long ends with a status or a named close, and costs a bounded amount.

use std::time::Duration;

use overt::service::http::{
    Exchange, ExchangeContext, HttpConfig, HttpDeadlines, Params, Request, Responder, Response,
    Serve,
};
use overt::wire::http::{BodyLength, RequestHead, ResponseHead, StatusCode};
use overt::{Config, Deadlines, Never, Reason, Result};

use crate::{bench, configured, get, only, seen};

const SECOND: Duration = Duration::from_secs(1);

fn hello(_: &Request<'_>, responder: Responder<'_, '_>) {
    responder.text("hello");
}

#[test]
fn a_head_that_drips_is_answered_408_whatever_its_pace() {
    let mut bench = bench(Serve::new(hello));
    bench.data(b"GET / HTTP/1.1\r\n");
    for _ in 0..9 {
        bench.advance(SECOND);
        bench.data(b"X-A: b\r\n");
    }
    assert_eq!(bench.take_output(), b"");
    bench.advance(SECOND);
    let answer = only(&mut bench);
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn each_head_has_its_own_time() {
    let mut bench = bench(Serve::new(hello));
    for _ in 0..5 {
        bench.data(b"GET / HTTP/1.1\r\n");
        bench.advance(8 * SECOND);
        bench.data(b"Host: a\r\n\r\n");
        assert_eq!(only(&mut bench).status, 200);
        bench.advance(8 * SECOND);
    }
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let deadlines = HttpDeadlines { idle: 5 * SECOND, ..HttpDeadlines::default() };
    let config = HttpConfig { deadlines, ..HttpConfig::default() };
    let mut bench = configured(config, Serve::new(hello));
    bench.advance(4 * SECOND);
    bench.data(&get("/"));
    only(&mut bench);
    bench.advance(4 * SECOND);
    assert_eq!(bench.closed(), None);
    bench.advance(SECOND);
    assert_eq!(bench.take_output(), b"");
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

const BODY: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";

#[test]
fn a_body_below_the_rate_is_answered_408() {
    let mut bench = bench(Serve::new(hello));
    bench.data(BODY);
    for _ in 0..12 {
        bench.data(&[b'x'; 500]);
        bench.advance(SECOND);
    }
    assert_eq!(bench.closed(), None);
    for _ in 0..20 {
        if bench.closed().is_none() {
            bench.data(&[b'x'; 100]);
            bench.advance(SECOND);
        }
    }
    assert_eq!(only(&mut bench).status, 408);
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn an_answer_that_is_taken_below_the_rate_is_cut() {
    // The engine would be more patient.
    let large = |_: &Request<'_>, responder: Responder<'_, '_>| {
        responder.send(Response::text("x".repeat(100_000)));
    };
    let mut bench = bench(Serve::new(large));
    bench.set_window(100);
    bench.data(&get("/"));
    for _ in 0..30 {
        if bench.closed().is_none() {
            bench.advance(SECOND);
            bench.take_output();
        }
    }
    assert_eq!(bench.closed(), Some(Reason::LateRate));
}

#[test]
fn an_answer_that_does_not_come_is_503() {
    let later = |_: &Request<'_>, responder: Responder<'_, '_>| {
        std::mem::forget(responder.later());
    };
    let mut bench = bench(Serve::new(later));
    bench.data(&get("/"));
    bench.advance(59 * SECOND);
    assert_eq!(bench.take_output(), b"");
    bench.advance(SECOND);
    assert_eq!(only(&mut bench).status, 503);
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn an_answer_may_take_as_long_as_its_service_says_however_idle_the_peer() {
    let later = |_: &Request<'_>, mut responder: Responder<'_, '_>| {
        responder.set_deadline(Some(3600 * SECOND));
        std::mem::forget(responder.later());
    };
    let idle = Deadlines { idle: 10 * SECOND, ..Deadlines::default() };
    let config = Config { deadlines: idle, ..Config::default() };
    let server = overt::service::http::HttpServer::new(Serve::new(later));
    let mut bench = overt::testing::Bench::with(config, server.connection());
    bench.data(&get("/"));
    bench.advance(3599 * SECOND);
    assert_eq!(bench.closed(), None);
    bench.advance(SECOND);
    assert_eq!(only(&mut bench).status, 503);
}

/// Begins, and then says nothing.
struct Begins(Option<Duration>);

impl Exchange for Begins {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.respond(&ResponseHead::new(StatusCode::OK), BodyLength::Unknown);
        if self.0.is_some() {
            cx.set_deadline(self.0);
        }
        Ok(())
    }
}

#[test]
fn an_answer_that_has_begun_may_last() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Begins(None));
    bench.data(&get("/"));
    bench.advance(10_000 * SECOND);
    assert_eq!(bench.closed(), None);
}

#[test]
fn an_answer_that_has_begun_is_cut_when_its_own_time_is_over() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Begins(Some(SECOND)));
    bench.data(&get("/"));
    bench.advance(SECOND);
    assert_eq!(seen(&bench.take_output()[..0]).len(), 0);
    assert_eq!(bench.closed(), Some(Reason::LateWrite));
}

#[test]
fn extreme_times_are_taken_as_far_as_they_make_sense() {
    let forever = Duration::MAX;
    let deadlines = HttpDeadlines {
        head: forever,
        idle: forever,
        rate: 500,
        rate_window: Duration::ZERO,
        answer: forever,
        last_request: forever,
    };
    let config = HttpConfig { deadlines, ..HttpConfig::default() };
    let later = |request: &Request<'_>, mut responder: Responder<'_, '_>| match request.path() {
        "/later" => {
            responder.set_deadline(Some(Duration::MAX));
            std::mem::forget(responder.later());
        }
        _ => responder.text("hello"),
    };
    let mut bench = configured(config, Serve::new(later));
    bench.data(&get("/"));
    assert_eq!(only(&mut bench).text(), "hello");
    bench.data(BODY);
    bench.advance(SECOND);
    assert_eq!(only(&mut bench).status, 408);
    let mut bench =
        crate::configured(HttpConfig { deadlines, ..HttpConfig::default() }, Serve::new(later));
    bench.data(&get("/later"));
    bench.advance(1000 * SECOND);
    assert_eq!(bench.closed(), None);
}

/// Takes 2,000 bytes a second until nothing comes any more; gives all of them.
fn taken_slowly<S: overt::service::http::Site>(
    bench: &mut overt::testing::Bench<overt::service::http::HttpConnection<S>>,
) -> Vec<u8> {
    bench.set_window(2000);
    let mut all = Vec::new();
    loop {
        let some = bench.take_output();
        if some.is_empty() {
            bench.set_window(usize::MAX);
            return all;
        }
        all.extend(some);
        bench.advance(SECOND);
    }
}

#[test]
fn who_asked_in_time_is_not_late_because_it_listens_slowly() {
    let large = |_: &Request<'_>, responder: Responder<'_, '_>| {
        responder.send(Response::text("x".repeat(40_000)));
    };
    let mut bench = bench(Serve::new(large));
    bench.set_window(2000);
    bench.data(&get("/").repeat(2));
    let answers = seen(&taken_slowly(&mut bench));
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 200]);
    assert_eq!(bench.closed(), None);
}

#[test]
fn the_time_to_the_next_request_begins_when_the_answer_is_taken() {
    // All of the request has come when the answer does.
    let large = |_: &Request<'_>, responder: Responder<'_, '_>| {
        responder.offload(|| Response::text("x".repeat(40_000)));
    };
    let deadlines = HttpDeadlines { idle: 5 * SECOND, ..HttpDeadlines::default() };
    let config = HttpConfig { deadlines, ..HttpConfig::default() };
    let mut bench = configured(config, Serve::new(large));
    bench.set_window(2000);
    bench.data(&get("/"));
    bench.work();
    assert_eq!(seen(&taken_slowly(&mut bench)).len(), 1);
    bench.advance(SECOND);
    bench.data(&get("/"));
    bench.work();
    assert_eq!(only(&mut bench).status, 200);
    bench.advance(5 * SECOND);
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn the_time_of_a_head_begins_when_it_is_read() {
    let large = |_: &Request<'_>, responder: Responder<'_, '_>| {
        responder.offload(|| Response::text("x".repeat(40_000)));
    };
    let mut bench = bench(Serve::new(large));
    bench.set_window(2000);
    bench.data(&[&get("/")[..], b"GET / HTTP/1.1\r\n"].concat());
    bench.work();
    assert_eq!(seen(&taken_slowly(&mut bench)).len(), 1);
    bench.advance(5 * SECOND);
    bench.data(b"Host: a\r\n\r\n");
    bench.work();
    assert_eq!(only(&mut bench).status, 200);
}
