//! What stands between the connection and an exchange.

use std::io::Read;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use overt::service::http::{
    AccessLog, Auth, Compression, Cors, Deferred, Limit, Onion, Request, RequestLimits, Responder,
    Response, Serve,
};
use overt::wire::http::StatusCode;

use crate::{Seen, bench, get, only, seen};

fn hello(_: &Request<'_>, responder: Responder<'_, '_>) {
    responder.text("hello");
}

#[track_caller]
fn asked(site: impl overt::service::http::Site, request: &str) -> Seen {
    let mut bench = bench(site);
    bench.data(format!("{request}\r\nHost: a\r\n\r\n").as_bytes());
    only(&mut bench)
}

#[test]
fn the_log_says_how_each_request_ended() {
    let lines = Arc::<Mutex<Vec<String>>>::default();
    let told = lines.clone();
    let log = AccessLog::new(move |access| told.lock().unwrap().push(access.to_string()));
    let service = |request: &Request<'_>, responder: Responder<'_, '_>| match request.path() {
        "/later" => std::mem::forget(responder.later()),
        "/panic" => panic!("on purpose"),
        _ => responder.text("hello"),
    };
    let mut bench = bench(Serve::new(service).behind(log));
    bench.data(&get("/a?b=c"));
    bench.data(&get("/\"_200_\"\\"));
    bench.data(&get("/later"));
    bench.advance(Duration::from_secs(60));
    assert!(bench.closed().is_some());
    let mut bench = crate::bench(Serve::new(service).behind(AccessLog::new({
        let told = lines.clone();
        move |access| told.lock().unwrap().push(access.to_string())
    })));
    bench.data(&get("/panic"));
    assert_eq!(
        *lines.lock().unwrap(),
        [
            "192.0.2.1:50000 \"GET /a?b=c HTTP/1.1\" 200 5 B 0.000 ms",
            "192.0.2.1:50000 \"GET /%22_200_%22\\ HTTP/1.1\" 200 5 B 0.000 ms",
            "192.0.2.1:50000 \"GET /later HTTP/1.1\" 503 25 B 60000.000 ms reset",
            "192.0.2.1:50000 \"GET /panic HTTP/1.1\" 500 0 B 0.000 ms reset",
        ]
    );
}

#[test]
fn what_stands_behind_a_layer_holds_nothing_while_the_connection_rests() {
    let held = Arc::new(());
    let site = crate::router::Holds::site(&held).behind(AccessLog::new(|_| {}));
    let mut bench = bench(site);
    for _ in 0..2 {
        bench.data(&get("/"));
        assert_eq!(only(&mut bench).text(), "hello");
        // The test's own, and the site's.
        assert_eq!(Arc::strong_count(&held), 2);
    }
}

#[test]
fn nobody_passes_without_credentials() {
    let site = || Serve::new(hello).behind(Auth::one_user("the \"attic\"", "ada", "pass:word"));
    let answer = asked(site(), "GET / HTTP/1.1");
    assert_eq!(answer.status, 401);
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge, Some("Basic realm=\"the attic\", charset=\"UTF-8\""));
    // ada:pass:word
    let given = |text: &str| asked(site(), &format!("GET / HTTP/1.1\r\nAuthorization: {text}"));
    assert_eq!(given("Basic YWRhOnBhc3M6d29yZA==").status, 200);
    assert_eq!(given("basic  YWRhOnBhc3M6d29yZA==").status, 200);
    for wrong in ["Basic", "Basic !", "Basic YWRhOnBhc3M6d29yZ", "Basic YWRhOm5v", "Bearer x"] {
        assert_eq!(given(wrong).status, 401, "{wrong}");
    }
    let twice = "Basic YWRhOnBhc3M6d29yZA==\r\nAuthorization: Basic YWRhOnBhc3M6d29yZA==";
    assert_eq!(given(twice).status, 401);
    let site = || Serve::new(hello).behind(Auth::one_token("attic", "s3cret"));
    assert_eq!(asked(site(), "GET / HTTP/1.1\r\nAuthorization: Bearer s3cret").status, 200);
    assert_eq!(asked(site(), "GET / HTTP/1.1\r\nAuthorization: Bearer s3cre").status, 401);
}

#[test]
fn who_has_too_many_requests_is_told_to_wait() {
    let (sender, deferred) = channel::<Deferred>();
    let sender = Mutex::new(sender);
    let later = move |_: &Request<'_>, responder: Responder<'_, '_>| {
        sender.lock().unwrap().send(responder.later()).unwrap();
    };
    let limits = RequestLimits { per_address: Some(1), ..RequestLimits::default() };
    let site = Serve::new(later).behind(Limit::new(limits));
    let http = overt::service::http::HttpServer::new(site);
    let mut first = overt::testing::Bench::new(http.connection());
    let mut second = overt::testing::Bench::new(http.connection());
    first.data(&get("/"));
    second.data(&get("/"));
    let answer = only(&mut second);
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("1")));
    deferred.recv().unwrap().send(Response::text("done")).unwrap();
    first.deliver();
    assert_eq!(only(&mut first).text(), "done");
    second.data(&get("/"));
    drop(deferred.recv().unwrap());
    second.deliver();
    assert_eq!(only(&mut second).status, 500);
}

#[test]
fn a_panic_gives_its_place_back() {
    let panics = |request: &Request<'_>, responder: Responder<'_, '_>| {
        assert!(request.path() != "/panic", "on purpose");
        responder.text("hello");
    };
    let limits = RequestLimits { at_once: Some(1), ..RequestLimits::default() };
    let http = overt::service::http::HttpServer::new(Serve::new(panics).behind(Limit::new(limits)));
    for path in ["/panic", "/", "/panic", "/"] {
        let mut bench = overt::testing::Bench::new(http.connection());
        bench.data(&get(path));
        assert_eq!(only(&mut bench).status, if path == "/" { 200 } else { 500 });
    }
}

#[test]
fn requests_of_one_address_have_a_rate() {
    let limits = RequestLimits { rate_per_address: Some((1, 3)), ..RequestLimits::default() };
    let mut bench = bench(Serve::new(hello).behind(Limit::new(limits)));
    bench.data(&get("/").repeat(4));
    let answers = seen(&bench.take_output());
    assert_eq!(answers.iter().map(|it| it.status).collect::<Vec<_>>(), [200, 200, 200, 429]);
    bench.advance(Duration::from_secs(1));
    bench.data(&get("/"));
    assert_eq!(only(&mut bench).status, 200);
}

fn long(_: &Request<'_>, responder: Responder<'_, '_>) {
    let response = Response::text("hello ".repeat(1000)).header("etag", "\"1\"");
    responder.send(response.header("accept-ranges", "bytes"));
}

fn unpacked(answer: &Seen) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_is_worth_it_is_compressed_for_who_takes_it() {
    let site = || Serve::new(long).behind(Compression::default());
    let answer = asked(site(), "GET / HTTP/1.1\r\nAccept-Encoding: br, gzip");
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.header("vary"), Some("accept-encoding"));
    assert_eq!(answer.header("etag"), Some("W/\"1\""));
    // No part of it is what a part of the other one is.
    assert_eq!(answer.header("accept-ranges"), None);
    assert!(answer.body.len() < 200);
    assert_eq!(unpacked(&answer), "hello ".repeat(1000));
    let plain = asked(site(), "GET / HTTP/1.1\r\nAccept-Encoding: gzip;q=0");
    assert_eq!((plain.header("content-encoding"), plain.body.len()), (None, 6000));
    assert_eq!(
        (plain.header("vary"), plain.header("etag")),
        (Some("accept-encoding"), Some("\"1\""))
    );
    let mut bench = bench(site());
    bench.data(b"HEAD / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    let sent = String::from_utf8(bench.take_output()).unwrap();
    assert!(sent.contains("content-encoding: gzip") && sent.ends_with("\r\n\r\n"), "{sent}");
}

#[test]
fn what_is_small_or_packed_already_stays_as_it_is() {
    let text = "x".repeat(5000);
    let with = |response: Response| {
        let service =
            move |_: &Request<'_>, responder: Responder<'_, '_>| responder.send(&response);
        let site = Serve::new(service).behind(Compression::default());
        let answer = asked(site, "GET / HTTP/1.1\r\nAccept-Encoding: gzip");
        answer.head.contains("content-encoding: gzip")
    };
    assert!(with(Response::text(&*text)));
    assert!(with(Response::bytes("application/json", text.clone())));
    assert!(!with(Response::text("small")));
    assert!(!with(Response::bytes("image/png", text.clone())));
    assert!(!with(Response::text(&*text).header("cache-control", "private, no-transform")));
    assert!(!with(Response::text(&*text).header("content-range", "bytes 0-4999/9999")));
    assert!(!with(Response::text(&*text).header("content-encoding", "br")));
    assert!(!with(Response::bytes("text/event-stream", text.clone())));
    assert!(!with(Response::text(&*text).with_status(StatusCode::PARTIAL_CONTENT)));
}

#[test]
fn an_origin_that_matches_no_page_shows_when_the_program_starts() {
    let panics = |origin: &str| std::panic::catch_unwind(|| Cors::origins([origin])).is_err();
    for wrong in
        ["a.example", "https://a.example/", "https://A.example", "http://a:80", "https://", "*", ""]
    {
        assert!(panics(wrong), "{wrong}");
    }
    for right in ["https://a.example", "http://[::1]:8080", "null", "app://a"] {
        assert!(!panics(right), "{right}");
    }
}

#[test]
fn pages_of_known_origins_may_read() {
    let site = || {
        let cors = Cors::origins(["https://a.example"]).methods("GET, PUT").headers("x-a");
        Serve::new(hello).behind(cors.expose("x-b").with_credentials())
    };
    let known = asked(site(), "GET / HTTP/1.1\r\nOrigin: https://a.example");
    assert_eq!(known.header("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(known.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(known.header("access-control-expose-headers"), Some("x-b"));
    assert_eq!((known.header("vary"), known.text()), (Some("origin"), "hello"));
    let unknown = asked(site(), "GET / HTTP/1.1\r\nOrigin: https://a.example.org");
    assert_eq!(unknown.header("access-control-allow-origin"), None);
    // Whoever keeps this must not give it to a page that may read it, nor the other way round.
    assert_eq!(unknown.header("vary"), Some("origin"));
    assert_eq!(asked(site(), "GET / HTTP/1.1").header("vary"), Some("origin"));
    let null = asked(site(), "GET / HTTP/1.1\r\nOrigin: null");
    assert_eq!(null.header("access-control-allow-origin"), None);
    let asks =
        "OPTIONS / HTTP/1.1\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: PUT";
    let preflight = asked(site(), asks);
    assert_eq!((preflight.status, preflight.text()), (204, ""));
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET, PUT"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("x-a"));
    assert_eq!(preflight.header("access-control-max-age"), Some("600"));
    let any = Serve::new(hello).behind(Cors::any_origin().with_credentials());
    let any = asked(any, "GET / HTTP/1.1\r\nOrigin: b");
    assert_eq!(any.header("access-control-allow-origin"), Some("*"));
    assert_eq!(any.header("access-control-allow-credentials"), None);
}
