//! What a server of HTTP does, on the bench: one connection, a clock moved by hand, and what the
//! peer would see, byte by byte. One behaviour a file.

use overt::service::http::{HttpConfig, HttpConnection, HttpServer, Site};
use overt::testing::Bench;
use overt::{Config, Limits};

#[path = "http/bodies.rs"]
mod bodies;
#[path = "http/deadlines.rs"]
mod deadlines;
#[path = "http/draining.rs"]
mod draining;
#[path = "http/early_answers.rs"]
mod early_answers;
#[path = "http/errors.rs"]
mod errors;
#[path = "http/events.rs"]
mod events;
#[path = "http/expecting.rs"]
mod expecting;
#[cfg(feature = "json")]
#[path = "http/json.rs"]
mod json;
#[path = "http/keeping_alive.rs"]
mod keeping_alive;
#[path = "http/layers.rs"]
mod layers;
#[path = "http/messages.rs"]
mod messages;
#[path = "http/panics.rs"]
mod panics;
#[path = "http/pipelining.rs"]
mod pipelining;
#[path = "http/router.rs"]
mod router;
#[path = "http/services.rs"]
mod services;
#[path = "http/upgrades.rs"]
mod upgrades;

/// A connection to this site.
fn bench<S: Site>(site: S) -> Bench<HttpConnection<S>> {
    configured(HttpConfig::default(), site)
}

fn configured<S: Site>(config: HttpConfig, site: S) -> Bench<HttpConnection<S>> {
    Bench::with(engine_config(), HttpServer::with(config, site).connection())
}

/// Little marks, so that congestion comes soon.
fn engine_config() -> Config {
    let limits = Limits { output_high: 4000, output_low: 1000, ..Limits::default() };
    Config { workers: 1, limits, ..Config::default() }
}

/// A request without a body.
fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes()
}

/// One answer as the peer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value)
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Takes apart what was sent: answers of known length, chunked ones, and those without a body.
#[track_caller]
fn seen(mut bytes: &[u8]) -> Vec<Seen> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let end = find(bytes, b"\r\n\r\n").expect("a head ends");
        let head = std::str::from_utf8(&bytes[..end]).unwrap().to_owned();
        bytes = &bytes[end + 4..];
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Seen { status, head, body: Vec::new() };
        if answer.header("transfer-encoding") == Some("chunked") {
            bytes = take_chunks(bytes, &mut answer.body);
        } else if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse().unwrap();
            let length = length.min(bytes.len());
            answer.body = bytes[..length].to_vec();
            bytes = &bytes[length..];
        }
        all.push(answer);
    }
    all
}

fn take_chunks<'b>(mut bytes: &'b [u8], body: &mut Vec<u8>) -> &'b [u8] {
    loop {
        let end = find(bytes, b"\r\n").expect("a chunk has a line");
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        bytes = &bytes[end + 2..];
        if size == 0 {
            let end = find(bytes, b"\r\n").expect("the trailers end");
            return &bytes[end + 2..];
        }
        body.extend(&bytes[..size]);
        bytes = &bytes[size + 2..];
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The only answer that was sent since the last look.
#[track_caller]
fn only<S: Site>(bench: &mut Bench<HttpConnection<S>>) -> Seen {
    let sent = bench.take_output();
    let [answer] = &seen(&sent)[..] else {
        panic!("not one answer: {}", String::from_utf8_lossy(&sent))
    };
    answer.clone()
}
