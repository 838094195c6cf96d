//! HTTP: a router, services that answer on the loop, by a worker and later, and an exchange that
//! streams.
//!
//! ```text
//! cargo run --release --features http --example 09_http
//! curl -i 127.0.0.1:8080/
//! curl    127.0.0.1:8080/hello/Ada
//! curl    127.0.0.1:8080/primes/100000
//! curl -T Cargo.lock 127.0.0.1:8080/shout
//! ```
//!
//! A service gets a whole request and gives a whole answer: now, from a worker, or later from
//! anywhere. An exchange hears a request as it comes, piece by piece, and answers in pieces; when
//! the client does not take them, no more of its request is read, so neither of the two can make
//! the server hold more than a little.

use overt::service::http::{
    Exchange, ExchangeContext, HttpServer, Params, Request, Responder, Response, Router,
};
use overt::wire::http::{BodyLength, Headers, RequestHead, ResponseHead, StatusCode};
use overt::{Config, Engine, Never, Result};

fn welcome(_: &Request<'_>, responder: Responder<'_, '_>) {
    responder.text("try /hello/NAME, /primes/N, or PUT a file to /shout\n");
}

/// `{name}` of the route, percent-decoded.
fn hello(request: &Request<'_>, responder: Responder<'_, '_>) {
    let name = request.param("name").unwrap_or_default();
    responder.send(Response::text(format!("hello {name}\n")));
}

/// What takes long is done by a worker; the loop serves others meanwhile.
fn primes(request: &Request<'_>, responder: Responder<'_, '_>) {
    match request.param("below").and_then(|below| below.parse().ok()).filter(|n| *n <= 1_000_000) {
        Some(below) => responder.offload(move || Response::text(format!("{}\n", count(below)))),
        None => responder.send(Response::error(StatusCode::BAD_REQUEST, "a number up to 1000000")),
    }
}

fn count(below: u32) -> usize {
    let is_prime = |n: &u32| (2..).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
    (2..below).filter(is_prime).count()
}

/// Gives a body back in capital letters, while it comes.
struct Shout;

impl Exchange for Shout {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        let head = ResponseHead::new(StatusCode::OK).header("content-type", "text/plain");
        cx.respond(&head, BodyLength::Unknown);
        Ok(())
    }

    fn on_body(&mut self, piece: &[u8], cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.send(&piece.to_ascii_uppercase());
        Ok(())
    }

    fn on_end(&mut self, _: &Headers, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.finish();
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    let router = Router::new()
        .get("/", welcome)
        .get("/hello/{name}", hello)
        .get("/primes/{below}", primes)
        .site("/shout", |_: &RequestHead, _: &Params| Shout);
    let http = HttpServer::new(router);
    let mut engine = Engine::new(Config { workers: 1, ..Config::default() })?;
    let at = std::env::args().nth(1);
    let at = engine.listen(at.as_deref().unwrap_or("127.0.0.1:8080"), move || http.connection())?;
    println!("http on {at}");
    engine.run()?;
    Ok(())
}
