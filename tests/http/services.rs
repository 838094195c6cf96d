//! Services: whole requests, and answers that come now, later, or never.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use overt::Reason;
use overt::service::http::{Deferred, Request, Responder, Response, Serve};
use overt::wire::http::StatusCode;

use crate::{bench, get, only};

#[test]
fn a_body_in_pieces_comes_as_a_whole() {
    let echo = |request: &Request<'_>, responder: Responder<'_, '_>| {
        let trailer = request.trailers().and_then(|it| it.get_str("x-sum")).unwrap_or("none");
        let text = String::from_utf8_lossy(request.body());
        responder.send(Response::text(format!("{} {text} {trailer}", request.method())));
    };
    let mut bench = bench(Serve::new(echo));
    bench.data(b"PUT /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert_eq!(bench.take_output(), b"");
    bench.data(b"2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
    assert_eq!(only(&mut bench).text(), "PUT abcde 5");
    // The next one begins with nothing of it.
    bench.data(b"PUT /b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nf");
    assert_eq!(only(&mut bench).text(), "PUT f none");
    bench.data(&get("/"));
    assert_eq!(only(&mut bench).text(), "GET  none");
}

#[test]
fn an_answer_comes_later_from_anywhere() {
    let (sender, deferred) = channel::<Deferred>();
    let sender = Mutex::new(sender);
    let later = move |_: &Request<'_>, responder: Responder<'_, '_>| {
        sender.lock().unwrap().send(responder.later()).unwrap();
    };
    let mut bench = bench(Serve::new(later));
    bench.data(&get("/"));
    let mut first = deferred.recv().unwrap();
    std::thread::spawn(move || {
        first.send(Response::text("later")).unwrap();
        // A second answer is dropped.
        first.send(Response::text("again")).unwrap();
    })
    .join()
    .unwrap();
    bench.deliver();
    assert_eq!(only(&mut bench).text(), "later");
    bench.data(&get("/"));
    drop(deferred.recv().unwrap());
    bench.deliver();
    assert_eq!(only(&mut bench).status, 500);
}

#[test]
fn an_answer_that_comes_too_late_is_not_taken_for_the_next_one() {
    let (sender, deferred) = channel::<Deferred>();
    let sender = Mutex::new(sender);
    let later = move |_: &Request<'_>, mut responder: Responder<'_, '_>| {
        responder.set_deadline(Some(std::time::Duration::from_secs(1)));
        sender.lock().unwrap().send(responder.later()).unwrap();
    };
    let mut bench = bench(Serve::new(later));
    bench.data(&get("/"));
    let mut first = deferred.recv().unwrap();
    bench.advance(std::time::Duration::from_secs(1));
    assert_eq!(only(&mut bench).status, 503);
    assert_eq!(bench.closed(), Some(Reason::ByUs));
    first.send(Response::text("too late")).unwrap();
    bench.deliver();
    assert_eq!(bench.take_output(), b"");
}

#[test]
fn a_service_that_answers_nothing_answers_500() {
    let mut bench = bench(Serve::new(|_: &Request<'_>, _: Responder<'_, '_>| {}));
    bench.data(&get("/"));
    assert_eq!(only(&mut bench).status, 500);
    assert_eq!(bench.closed(), None);
}

#[test]
fn a_head_is_answered_without_the_body() {
    let service = |request: &Request<'_>, responder: Responder<'_, '_>| match request.path() {
        "/none" => responder.send(Response::new(StatusCode::NO_CONTENT)),
        _ => responder.text("hello"),
    };
    let mut bench = bench(Serve::new(service));
    bench.data(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let sent = bench.take_output();
    assert!(sent.ends_with(b"content-length: 5\r\n\r\n"));
    bench.data(&get("/none"));
    let answer = only(&mut bench);
    assert_eq!((answer.status, answer.header("content-length")), (204, None));
}

#[test]
fn without_workers_the_work_is_done_here() {
    let offloads = |_: &Request<'_>, responder: Responder<'_, '_>| {
        responder.offload(|| Response::text("done"));
    };
    let server = overt::service::http::HttpServer::new(Serve::new(offloads));
    let config = overt::Config { workers: 0, ..overt::Config::default() };
    let mut bench = overt::testing::Bench::with(config, server.connection());
    bench.data(&get("/"));
    assert_eq!(only(&mut bench).text(), "done");
}
