//! What is kept of a request besides the two buffers counts to the memory of the process, and
//! whoever asks for more than there is gets less, or is told so.

use overt::service::http::{
    Compression, Exchange, ExchangeContext, HttpConnection, HttpServer, Onion, Params, Request,
    Responder, Serve, Site,
};
use overt::testing::Bench;
use overt::wire::http::{BodyLength, RequestHead, ResponseHead, StatusCode};
use overt::{Config, Limits, Never, Result};

use crate::only;

/// A connection of a process that may hold so many bytes.
fn bench<S: Site>(memory_max: u64, site: S) -> Bench<HttpConnection<S>> {
    let limits = Limits { memory_max, ..Limits::default() };
    let config = Config { limits, workers: 1, ..Config::default() };
    Bench::with(config, HttpServer::new(site).connection())
}

fn length(request: &Request<'_>, responder: Responder<'_, '_>) {
    responder.text(&request.body().len().to_string());
}

#[test]
fn a_body_that_is_gathered_counts_and_so_does_its_head() {
    let mut bench = bench(1 << 30, Serve::new(length));
    let field = "f".repeat(20_000);
    bench.data(format!("POST / HTTP/1.1\r\nHost: a\r\nX: {field}\r\n").as_bytes());
    bench.data(b"Transfer-Encoding: chunked\r\n\r\n");
    // The decoder's head, and the one that waits for its body.
    let heads = bench.memory();
    assert!((40_000..60_000).contains(&heads), "{heads}");
    for chunks in 1..=10 {
        bench.data(&[&b"2710\r\n"[..], &[b'x'; 10_000], b"\r\n"].concat());
        let body = bench.memory() - heads;
        assert!((chunks * 10_000..=chunks * 20_000).contains(&body), "{body}");
    }
    bench.data(b"0\r\n\r\n");
    assert_eq!(only(&mut bench).text(), "100000");
    assert_eq!(bench.memory(), 0);
}

#[test]
fn a_body_that_there_is_no_memory_for_is_refused_and_a_small_one_is_not() {
    let mut bench = bench(100_000, Serve::new(length));
    let post = |size: usize| {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n");
        [head.into_bytes(), vec![b'x'; size]].concat()
    };
    bench.data(&post(80_000));
    assert_eq!(only(&mut bench).text(), "80000");
    // An eighth of the memory is not for bodies.
    bench.data(&post(90_000));
    assert_eq!(only(&mut bench).status, 503);
    bench.data(&post(1000));
    assert_eq!(only(&mut bench).text(), "1000");
    assert_eq!(bench.memory(), 0);
}

/// Sends text that does not end yet.
struct Endless;

impl Exchange for Endless {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        let head = ResponseHead::new(StatusCode::OK).header("content-type", "text/plain");
        cx.respond(&head, BodyLength::Unknown);
        cx.send(b"once upon a time");
        Ok(())
    }
}

#[test]
fn a_compressor_counts_while_it_is_needed_and_where_memory_is_short_none_is() {
    for (memory_max, compresses) in [(10 << 20, true), (100_000, false)] {
        let site = (|_: &RequestHead, _: &Params| Endless).behind(Compression::default());
        let mut bench = bench(memory_max, site);
        bench.data(b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        let sent = String::from_utf8_lossy(&bench.take_output()).into_owned();
        assert!(sent.contains("vary: accept-encoding"), "{sent}");
        assert_eq!(sent.contains("content-encoding: gzip"), compresses, "{sent}");
        assert_eq!(bench.memory() > 100_000, compresses, "{}", bench.memory());
    }
}
