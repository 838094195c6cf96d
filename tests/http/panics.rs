//! A panic costs one request its answer, and one connection its future.

use overt::service::http::{
    Exchange, ExchangeContext, Params, Request, Responder, Response, Serve,
};
use overt::wire::http::{BodyLength, RequestHead, ResponseHead, StatusCode};
use overt::{Never, Reason, Result};

use crate::{bench, get, only};

#[test]
fn a_service_that_panics_answers_500() {
    let panics = |_: &Request<'_>, _: Responder<'_, '_>| panic!("on purpose");
    let mut bench = bench(Serve::new(panics));
    bench.data(&get("/"));
    let answer = only(&mut bench);
    assert_eq!((answer.status, answer.header("connection")), (500, Some("close")));
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn a_job_that_panics_answers_500() {
    let panics = |_: &Request<'_>, responder: Responder<'_, '_>| {
        responder.offload(|| -> Response { panic!("on purpose") });
    };
    let mut bench = bench(Serve::new(panics));
    bench.data(&get("/"));
    bench.work();
    assert_eq!(only(&mut bench).status, 500);
}

/// Begins an answer, and panics.
struct Begins;

impl Exchange for Begins {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.respond(&ResponseHead::new(StatusCode::OK), BodyLength::Known(5));
        panic!("on purpose");
    }
}

#[test]
fn an_answer_that_has_begun_is_cut() {
    let mut bench = bench(|_: &RequestHead, _: &Params| Begins);
    bench.data(&get("/"));
    assert_eq!(bench.closed(), Some(Reason::Panicked));
}

#[test]
fn answers_that_were_given_before_are_sent() {
    let sometimes = |request: &Request<'_>, responder: Responder<'_, '_>| {
        assert!(request.path() != "/panic", "on purpose");
        responder.text("hello");
    };
    let mut bench = bench(Serve::new(sometimes));
    bench.data(&[get("/"), get("/"), get("/panic"), get("/")].concat());
    let answers = crate::seen(&bench.take_output());
    assert_eq!(answers.iter().map(|it| it.status).collect::<Vec<_>>(), [200, 200, 500]);
}
