//! What is no request, and what is no answer.

use overt::service::http::{
    Exchange, ExchangeContext, HttpConfig, Params, Request, Responder, Response, Serve,
};
use overt::wire::http::{BodyLength, RequestHead, ResponseHead, StatusCode};
use overt::{Bound, Close, Never, Reason, Result};

use crate::{bench, get, only, seen};

fn hello(_: &Request<'_>, responder: Responder<'_, '_>) {
    responder.text("hello");
}

#[test]
fn what_is_no_request_is_told_so_and_closed() {
    for (bytes, status) in [
        (&b"\x16\x03\x01\x02\x00"[..], 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", 417),
    ] {
        let mut bench = bench(Serve::new(hello));
        bench.data(bytes);
        let answer = only(&mut bench);
        assert_eq!((answer.status, answer.header("connection")), (status, Some("close")));
        assert_eq!(bench.closed(), Some(Reason::ByUs), "{status}");
    }
}

#[test]
fn what_came_before_it_is_answered_first() {
    let mut bench = bench(Serve::new(hello));
    bench.data(&[&get("/")[..], b"what?\r\n\r\n"].concat());
    let answers = seen(&bench.take_output());
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [200, 400]);
}

#[test]
fn what_follows_a_head_request_and_is_none_is_told_so_in_full() {
    let mut bench = bench(Serve::new(hello));
    bench.data(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(only(&mut bench).status, 200);
    bench.data(b"what?\r\n\r\n");
    let answer = only(&mut bench);
    let length = answer.header("content-length").unwrap().parse();
    assert_eq!((answer.status, Ok(answer.body.len())), (400, length));
}

#[test]
fn a_body_that_is_none_ends_the_exchange_with_the_right_status() {
    let mut bench = bench(Serve::new(hello));
    bench.data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
    assert_eq!(only(&mut bench).status, 400);
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn a_request_that_is_cut_off_is_told_so() {
    for part in [&b"GET / HT"[..], b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n123"] {
        let mut bench = bench(Serve::new(hello));
        bench.data(part);
        bench.eof();
        assert_eq!(only(&mut bench).status, 400);
        assert_eq!(bench.closed(), Some(Reason::ByPeer));
    }
}

#[derive(Clone, Copy)]
enum Mistake {
    TooMuch,
    TooLittle,
    BodyFirst,
    HeadLater,
    Twice,
    BadField,
    Fails,
    IsFull,
}

impl Exchange for Mistake {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        let ok = ResponseHead::new(StatusCode::OK);
        match self {
            Self::TooMuch => {
                cx.respond(&ok, BodyLength::Known(3));
                cx.send(b"12345");
            }
            Self::TooLittle => {
                cx.respond(&ok, BodyLength::Known(3));
                cx.send(b"1");
                cx.finish();
            }
            Self::BodyFirst => cx.send(b"12345"),
            Self::HeadLater => {
                cx.send(b"12345");
                cx.respond(&ok, BodyLength::Unknown);
            }
            Self::Twice => {
                cx.answer(&ok, b"1");
                cx.answer(&ok, b"2");
            }
            Self::BadField => cx.answer(&ok.clone().header("a b", "c"), b"1"),
            Self::Fails => return Err(Close::Protocol("something")),
            Self::IsFull => return Err(Close::Over(Bound::Jobs)),
        }
        Ok(())
    }
}

#[test]
fn what_is_no_answer_becomes_one_or_is_cut() {
    for (mistake, status, closed) in [
        (Mistake::TooMuch, None, Some(Reason::Panicked)),
        (Mistake::TooLittle, None, Some(Reason::Panicked)),
        (Mistake::BodyFirst, Some(500), Some(Reason::ByUs)),
        (Mistake::HeadLater, None, Some(Reason::Panicked)),
        (Mistake::Twice, Some(200), None),
        (Mistake::BadField, Some(500), Some(Reason::ByUs)),
        (Mistake::Fails, Some(500), Some(Reason::ByUs)),
        (Mistake::IsFull, Some(503), Some(Reason::ByUs)),
    ] {
        let mut bench = bench(move |_: &RequestHead, _: &Params| mistake);
        bench.data(&get("/"));
        let answers = seen(&bench.take_output());
        assert_eq!(answers.first().map(|answer| answer.status), status);
        assert_eq!(bench.closed(), closed);
        assert!(answers.len() < 2);
    }
}

#[test]
fn a_response_with_a_field_that_cannot_be_sent_is_500() {
    let bad = |_: &Request<'_>, responder: Responder<'_, '_>| {
        responder.send(Response::text("x").header("x", "a\r\nb: c"));
    };
    let mut bench = bench(Serve::new(bad));
    bench.data(&get("/"));
    assert_eq!(only(&mut bench).status, 500);
}

/// Hints, and then answers; and hints once more, too late.
struct Hints;

impl Exchange for Hints {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        let hint = |status| ResponseHead::new(status).header("link", "</a.css>; rel=preload");
        cx.inform(&hint(StatusCode::from_u16(103).unwrap()));
        cx.inform(&hint(StatusCode::OK));
        cx.answer(&ResponseHead::new(StatusCode::OK), b"hello");
        cx.inform(&hint(StatusCode::from_u16(103).unwrap()));
        Ok(())
    }
}

#[test]
fn hints_come_before_the_answer_and_never_behind_it() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Hints);
    bench.data(&get("/"));
    let answers = seen(&bench.take_output());
    assert_eq!(answers.iter().map(|answer| answer.status).collect::<Vec<_>>(), [103, 200]);
    assert_eq!(answers[0].header("link"), Some("</a.css>; rel=preload"));
    bench.data(b"GET / HTTP/1.0\r\n\r\n");
    assert_eq!(only(&mut bench).status, 200);
}

#[test]
fn the_server_names_itself_only_if_it_is_told_to() {
    let mut silent = bench(Serve::new(hello));
    silent.data(&get("/"));
    assert_eq!(only(&mut silent).header("server"), None);
    let config = HttpConfig { server: Some("overt".into()), ..HttpConfig::default() };
    let mut named = crate::configured(config, Serve::new(hello));
    for _ in 0..2 {
        named.data(&get("/"));
        assert_eq!(only(&mut named).head.matches("server: overt").count(), 1);
    }
}
