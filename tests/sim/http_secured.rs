//! A client speaks TLS with an origin, at once or through a tunnel that a proxy opened in the
//! clear, whatever the network does in between.

use std::sync::OnceLock;
use std::time::Duration;

use overt::net::{Endpoint, Listen};
use overt::service::Tunnel;
use overt::service::http::client::{Client, ClientConfig, Failure, ProxyServer, Request};
use overt::service::http::{HttpServer, Request as Asked, Responder, Response, Serve};
use overt::sim::{Simulation, seeds};
use overt::tls::{Identity, Roots, TlsClient, TlsServer};
use overt::{Config, Context, Dial, Handler, Never, Result};

use crate::asker::{ask, stage};
use crate::certificates::Authority;

const AT: &str = "10.0.0.2:443";
const PROXY: &str = "10.0.0.5:3128";

/// Made once, since making keys takes longer than running a seed.
fn server() -> &'static (TlsServer, String) {
    static SERVER: OnceLock<(TlsServer, String)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let authority = Authority::repeatable("sim");
        let signed = authority.sign(&["example.org"]);
        let identity = Identity::from_pem(signed.certificate.as_bytes(), signed.key.as_bytes());
        let server = TlsServer::builder().identity(identity.unwrap());
        (server.build().unwrap(), authority.pem())
    })
}

/// Opens one tunnel, always to the same place.
struct Opener;

impl Handler for Opener {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if cx.input.ends_with(b"\r\n\r\n") {
            assert!(cx.input.starts_with(b"CONNECT example.org:443 HTTP/1.1\r\n"));
            cx.input.clear();
            cx.output.put(b"HTTP/1.1 200 Go on\r\n\r\n");
            cx.effects.upgrade(Tunnel::to(AT.parse::<Endpoint>().unwrap()));
        }
        Ok(())
    }
}

fn world(sim: &mut Simulation) {
    stage(sim);
    sim.name_host("example.org", &["10.0.0.2".parse().unwrap()]);
    let answer = |request: &Asked<'_>, responder: Responder<'_, '_>| {
        responder.send(Response::text(format!("{} bytes", request.body().len())));
    };
    let http = HttpServer::new(Serve::new(answer));
    let at = Listen::at(AT.parse::<Endpoint>().unwrap()).tls(&server().0);
    sim.engine(Config::default()).listen(at, move || http.connection()).unwrap();
    sim.engine(Config::default()).listen(PROXY, || Opener).unwrap();
}

fn client(root: &str, proxy: bool) -> Client {
    let roots = Roots::none().and_pem(root.as_bytes()).unwrap();
    let tls = Some(TlsClient::builder().roots(roots).build().unwrap());
    let proxy = proxy.then(|| ProxyServer::new(PROXY.parse::<Dial>().unwrap()));
    Client::new(ClientConfig { tls, proxy, rest: Duration::from_secs(5), ..Default::default() })
}

/// Asks several times, with bodies of any size.
pub(crate) fn encrypted(sim: &mut Simulation) {
    world(sim);
    let sizes: Vec<usize> = (0..4).map(|_| sim.random(100_000)).collect();
    let post = |size: &usize| {
        let request = Request::post("https://example.org/").unwrap().body(vec![b'a'; *size]);
        request.into()
    };
    let client = client(&server().1, sim.random(2) == 0);
    let outcomes = ask(sim, &client, sizes.iter().map(post).collect());
    for (outcome, size) in outcomes.iter().zip(&sizes) {
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        assert_eq!(outcome.body, format!("{size} bytes").as_bytes());
    }
    assert_eq!(client.counts().held, 0);
}

#[test]
fn what_is_asked_of_https_is_encrypted_from_end_to_end() {
    seeds(100, encrypted);
}

#[test]
fn a_server_that_nobody_vouches_for_gets_no_request() {
    let other = Authority::repeatable("another").pem();
    seeds(40, |sim| {
        world(sim);
        let client = client(&other, sim.random(2) == 0);
        let request = || Request::get("https://example.org/").unwrap().into();
        let outcomes = ask(sim, &client, vec![request(), request()]);
        for outcome in &outcomes {
            assert!(matches!(outcome.failed(), Failure::Tls(_)), "{:?}", outcome.failed());
        }
        assert_eq!(client.counts().open, 0);
    });
}
