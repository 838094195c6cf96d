//! What a server of HTTP does, on the bench: one connection, a clock moved by hand, and what the
//! peer would see, byte by byte. One behaviour a file.

use overt::service::http::{HttpConfig, HttpConnection, HttpServer, Site};
use overt::testing::Bench;
use overt::{Config, Limits};

use answers::{Seen, find, seen, take_chunks};

#[path = "common/answers.rs"]
mod answers;
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
#[path = "http/files.rs"]
mod files;
#[cfg(feature = "json")]
#[path = "http/json.rs"]
mod json;
#[path = "http/keeping_alive.rs"]
mod keeping_alive;
#[path = "http/layers.rs"]
mod layers;
#[path = "http/memory.rs"]
mod memory;
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

/// The only answer that was sent since the last look.
#[track_caller]
fn only<S: Site>(bench: &mut Bench<HttpConnection<S>>) -> Seen {
    let sent = bench.take_output();
    let [answer] = &seen(&sent)[..] else {
        panic!("not one answer: {}", String::from_utf8_lossy(&sent))
    };
    answer.clone()
}
