//! Requests that come before the answers to those before them.

use std::time::Duration;

use overt::service::http::HttpServer;
use overt::service::http::{Request, Responder, Response, Router, Serve};
use overt::testing::Bench;
use overt::{Config, Limits};

use crate::{bench, get, seen};

fn path(request: &Request<'_>, responder: Responder<'_, '_>) {
    responder.text(request.path());
}

#[test]
fn sixteen_at_once_are_answered_in_one_write() {
    let mut bench = Bench::with(Config::default(), HttpServer::new(Serve::new(path)).connection());
    bench.data(&get("/").repeat(16));
    assert_eq!(seen(&bench.take_output()).len(), 16);
}

#[test]
fn answers_come_in_the_order_of_the_requests_however_they_are_made() {
    let by_worker = |request: &Request<'_>, responder: Responder<'_, '_>| {
        let path = request.path().to_owned();
        responder.offload(move || Response::text(path));
    };
    let router = Router::new().any("/now/{n}", path).any("/worker/{n}", by_worker);
    let mut bench = bench(router);
    let paths = ["/worker/1", "/now/2", "/now/3", "/worker/4", "/worker/5", "/now/6"];
    bench.data(&paths.map(get).concat());
    // One exchange at a time: the second request is not even looked at before.
    assert_eq!(bench.take_output(), b"");
    while bench.work() > 0 {}
    let answers = seen(&bench.take_output());
    assert_eq!(answers.iter().map(|answer| answer.text()).collect::<Vec<_>>(), paths);
}

#[test]
fn who_asks_without_listening_is_not_read_from() {
    let large = |_: &Request<'_>, responder: Responder<'_, '_>| {
        responder.send(Response::text("x".repeat(3000)));
    };
    let mut bench = bench(Serve::new(large));
    bench.set_window(0);
    bench.data(&get("/").repeat(1000));
    // The marks of the bench are low: what waits is little more than they allow.
    assert!(bench.unsent() < 10_000, "{}", bench.unsent());
    assert!(bench.is_congested());
    bench.set_window(usize::MAX);
    let mut count = 0;
    loop {
        let answers = seen(&bench.take_output());
        if answers.is_empty() {
            break;
        }
        count += answers.len();
    }
    assert_eq!(count, 1000);
}

#[test]
fn a_small_budget_of_frames_delays_and_loses_nothing() {
    let limits = Limits { frames_per_visit: 1, ..Limits::default() };
    let config = Config { limits, ..Config::default() };
    let mut bench = Bench::with(config, HttpServer::new(Serve::new(path)).connection());
    bench.data(&get("/").repeat(50));
    bench.eof();
    assert_eq!(seen(&bench.take_output()).len(), 50);
    bench.advance(Duration::from_secs(1));
    assert!(bench.closed().is_some());
}
