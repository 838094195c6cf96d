//! `Expect: 100-continue`: the word to go on is given when the body is wanted, and not before.

use overt::service::http::{
    Exchange, ExchangeContext, Params, Request, Responder, Response, Serve,
};
use overt::wire::http::{BodyLength, Headers, RequestHead, ResponseHead, StatusCode};
use overt::{Never, Reason, Result, Timer};

use crate::{bench, only};

const HEAD: &[u8] =
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
const GO_AHEAD: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

fn echo(request: &Request<'_>, responder: Responder<'_, '_>) {
    responder.send(Response::bytes("text/plain", request.body().to_vec()));
}

#[test]
fn a_service_wants_the_body() {
    let mut bench = bench(Serve::new(echo));
    bench.data(HEAD);
    assert_eq!(bench.take_output(), GO_AHEAD);
    bench.data(b"hello");
    assert_eq!(only(&mut bench).text(), "hello");
    assert_eq!(bench.closed(), None);
}

#[test]
fn who_sends_the_body_at_once_is_told_once_and_answered() {
    let mut bench = bench(Serve::new(echo));
    bench.data(&[HEAD, b"hello"].concat());
    let sent = bench.take_output();
    assert!(sent.starts_with(GO_AHEAD) && sent.ends_with(b"hello"));
    assert_eq!(sent.windows(8).filter(|window| window == b"HTTP/1.1").count(), 2);
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let mut bench = bench(Serve::new(echo));
    bench.data(
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n",
    );
    let answer = only(&mut bench);
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

/// Decides later whether it wants the body.
struct Decides(bool);

const DECISION: Timer = Timer::new(0);

impl Exchange for Decides {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.pause();
        cx.arm(DECISION, std::time::Duration::from_secs(1));
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut ExchangeContext<'_, Never>) -> Result {
        match self.0 {
            true => cx.resume(),
            false => cx.answer(&ResponseHead::new(StatusCode::FORBIDDEN), b""),
        }
        Ok(())
    }

    fn on_end(&mut self, _: &Headers, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.answer(&ResponseHead::new(StatusCode::OK), b"");
        Ok(())
    }
}

#[test]
fn who_decides_later_gives_the_word_later() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Decides(true));
    bench.data(HEAD);
    assert_eq!(bench.take_output(), b"");
    bench.advance(std::time::Duration::from_secs(1));
    assert_eq!(bench.take_output(), GO_AHEAD);
    bench.data(b"hello");
    assert_eq!(only(&mut bench).status, 200);
}

#[test]
fn who_refuses_later_never_gives_it() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Decides(false));
    bench.data(HEAD);
    bench.advance(std::time::Duration::from_secs(1));
    let answer = only(&mut bench);
    assert_eq!((answer.status, answer.header("connection")), (403, Some("close")));
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

/// Begins to refuse at once, and takes its time.
struct Refuses;

impl Exchange for Refuses {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.respond(&ResponseHead::new(StatusCode::FORBIDDEN), BodyLength::Known(2));
        cx.arm(DECISION, std::time::Duration::from_secs(1));
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.send(b"no");
        cx.finish();
        Ok(())
    }
}

#[test]
fn who_is_refused_piece_by_piece_is_told_that_the_connection_ends() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Refuses);
    bench.data(HEAD);
    bench.advance(std::time::Duration::from_secs(1));
    let answer = only(&mut bench);
    assert_eq!((answer.status, answer.header("connection")), (403, Some("close")));
    assert_eq!((answer.text(), bench.closed()), ("no", Some(Reason::ByUs)));
}

/// Begins to answer at once, and answers what comes.
struct Streams;

impl Exchange for Streams {
    type Message = Never;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.respond(&ResponseHead::new(StatusCode::OK), head.body_length());
        Ok(())
    }

    fn on_body(&mut self, piece: &[u8], cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.send(piece);
        Ok(())
    }

    fn on_end(&mut self, _: &Headers, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.finish();
        Ok(())
    }
}

#[test]
fn who_answers_while_the_body_comes_gives_it_before_the_answer() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Streams);
    bench.data(HEAD);
    let sent = bench.take_output();
    assert!(sent.starts_with(GO_AHEAD));
    assert!(sent[GO_AHEAD.len()..].starts_with(b"HTTP/1.1 200 OK\r\n"));
    bench.data(b"hello");
    assert_eq!(bench.take_output(), b"hello");
}
