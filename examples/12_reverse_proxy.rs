//! A reverse proxy: a page of its own, and all else from the servers behind it, each in its turn.
//!
//! ```text
//! cargo run --release --features full -- origin --listen 127.0.0.1:8000
//! cargo run --release --features http --example 12_reverse_proxy -- 127.0.0.1:8080 127.0.0.1:8000
//! curl -i 127.0.0.1:8080/echo
//! curl    127.0.0.1:8080/proxy-status
//! ```
//!
//! What is behind it sees a request that was written anew, with the address of whoever asked in
//! `Forwarded`. Both bodies pass in pieces and are never held as a whole; look at `held` while a
//! large one trickles through:
//!
//! ```text
//! curl --limit-rate 1M -o /dev/null 127.0.0.1:8080/bytes/100000000
//! ```
//!
//! Stop the server and ask again: that is a 502. Give the proxy two servers and stop one: nobody
//! notices. `overt proxy` is the same with everything that can be set.

use overt::service::http::proxy::{Backend, ReverseProxy};
use overt::service::http::{HttpServer, Request, Responder, Response, Router};
use overt::{Config, Dial, Engine};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let at = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let mut to: Vec<String> = arguments.collect();
    if to.is_empty() {
        to.push("127.0.0.1:8000".into());
    }
    let backend = |to: &String| Ok(Backend::at(to.parse::<Dial>()?, to));
    let proxy = ReverseProxy::to(to.iter().map(backend).collect::<std::io::Result<Vec<_>>>()?);

    // A site among others: here it stands behind a router, for whatever has no route.
    let counts = proxy.clone();
    let status = move |_: &Request<'_>, responder: Responder<'_, '_>| {
        responder.send(Response::text(format!("{:?}\n", counts.counts())));
    };
    let router = Router::new().get("/proxy-status", status).fallback_site(proxy);
    let http = HttpServer::new(router);

    let mut engine = Engine::new(Config::default())?;
    let at = engine.listen(&*at, move || http.connection())?;
    println!("a proxy to {} on {at}", to.join(" and "));
    engine.run()?;
    Ok(())
}
