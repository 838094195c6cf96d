//! HTTPS: the same server behind TLS, and beside it one that sends everybody there.
//!
//! ```text
//! cargo run --release --features full -- cert        ca.pem, cert.pem and cert.key, for localhost
//! cargo run --release --features http,tls --example 10_https
//! curl --cacert ca.pem https://localhost:8443/
//! curl -i http://localhost:8080/some/where
//! ```
//!
//! TLS lies below the buffers of a connection, so nothing of chapter 09 changes: the listener is
//! told how to decrypt, and handlers, exchanges and services get what was decrypted. Press Enter
//! when the certificate was renewed: handshakes from then on use it, and nobody is cut off.

use std::io::BufRead;

use overt::net::{Endpoint, Listen};
use overt::service::http::{
    Entry, ExchangeContext, HttpServer, Layer, Onion, Request, Responder, Response, Router, Serve,
};
use overt::tls::TlsServer;
use overt::wire::http::{RequestHead, StatusCode};
use overt::{Config, Engine, Never};

/// What was agreed on with this client.
fn describe(_: &Request<'_>, responder: Responder<'_, '_>) {
    let text = match responder.tls() {
        Some(facts) => format!("{}, {}\n", facts.version, facts.cipher_suite),
        None => "not encrypted\n".to_owned(),
    };
    responder.send(Response::text(text));
}

/// Sends everybody to the same place, encrypted. A request whose host can't be told goes nowhere.
fn redirect(request: &Request<'_>, responder: Responder<'_, '_>, port: u16) {
    let Some(host) = request.head().host() else {
        return responder.status(StatusCode::BAD_REQUEST);
    };
    let location = format!("https://{host}:{port}{}", request.head().target());
    responder.send(Response::redirect(StatusCode::PERMANENT_REDIRECT, &location));
}

/// Browsers that have been here once come by HTTPS alone from then on (RFC 6797).
struct Strict;

impl Layer for Strict {
    type State = ();

    fn enter(&self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Entry<()> {
        cx.add_header("strict-transport-security", b"max-age=86400");
        Entry::Pass(())
    }
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |otherwise: &str| arguments.next().unwrap_or_else(|| otherwise.to_owned());
    let (secure, plain) = (argument("127.0.0.1:8443"), argument("127.0.0.1:8080"));
    let tls = TlsServer::from_files(argument("cert.pem"), argument("cert.key"))?;

    let https = HttpServer::new(Router::new().get("/", describe).behind(Strict));
    let mut engine = Engine::new(Config::default())?;
    let at: Endpoint = secure.parse()?;
    let at = engine.listen(Listen::at(at).tls(&tls), move || https.connection())?;
    println!("https on {at}");

    let port = at.socket_addr().map_or(443, |at| at.port());
    let everywhere = Serve::new(move |request: &Request<'_>, responder: Responder<'_, '_>| {
        redirect(request, responder, port);
    });
    let http = HttpServer::new(everywhere);
    let at = engine.listen(&*plain, move || http.connection())?;
    println!("http, which sends everybody there, on {at}");

    // Reading files may take a while, so no loop does it.
    std::thread::spawn(move || {
        for _ in std::io::stdin().lock().lines() {
            match tls.reload() {
                Ok(()) => println!("the certificate was read again"),
                Err(error) => println!("the old certificate stays: {error}"),
            }
        }
    });
    engine.run()?;
    Ok(())
}
