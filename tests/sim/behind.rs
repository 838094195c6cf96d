//! What scenarios of a reverse proxy have in common: the proxy, and clients that take apart what
//! they got from it.

use std::time::Duration;

use overt::service::http::proxy::{Backend, ProxyConfig, ReverseProxy};
use overt::service::http::{HttpConfig, HttpServer};
use overt::sim::Simulation;
use overt::wire::http::{HttpLimits, Method, RequestHead};
use overt::wire::http1::{ResponseDecoder, ResponseEvent};
use overt::{Config, Deadlines, Handle, Input, Limits};

pub(crate) const AT: &str = "10.0.0.1:80";
pub(crate) const BACKEND: &str = "10.0.0.2:80";
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// What a client got for a request.
#[derive(Debug, Default)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) interim: Vec<u16>,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) complete: bool,
}

impl Got {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }
}

/// What these bytes answer to requests by these methods. A proxy never sends what is no answer.
pub(crate) fn answers(bytes: &[u8], methods: &[Method]) -> Vec<Got> {
    let mut decoder = ResponseDecoder::new(HttpLimits::default());
    for method in methods {
        decoder.expect(&RequestHead::new(method.clone(), "/").unwrap());
    }
    let mut input = Input::from(bytes);
    let (mut all, mut present) = (Vec::new(), Got::default());
    loop {
        let event = match decoder.decode(&mut input).expect("a proxy sends what is an answer") {
            Some(event) => event,
            None => match decoder.eof(&input) {
                Ok(Some(event)) => event,
                Ok(None) | Err(_) => break,
            },
        };
        match event {
            ResponseEvent::Interim(head) => present.interim.push(head.status().as_u16()),
            ResponseEvent::Head(head) => {
                present.status = head.status().as_u16();
                let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                let fields = head.headers.iter();
                present.fields = fields.map(|(name, it)| (name.into(), text(it))).collect();
            }
            ResponseEvent::Body(bytes) => present.body.extend(bytes),
            ResponseEvent::End(_) => {
                present.complete = true;
                all.push(std::mem::take(&mut present));
                if all.len() == methods.len() {
                    break;
                }
            }
        }
    }
    if present.status != 0 {
        all.push(present);
    }
    all
}

pub(crate) fn numbers(count: usize) -> Vec<u8> {
    (0..count as u32).flat_map(|number| number.to_be_bytes()).take(count).collect()
}

pub(crate) fn proxy(
    sim: &mut Simulation,
    config: ProxyConfig,
    limits: Limits,
    backends: &[&str],
) -> (ReverseProxy, Handle<impl overt::net::Net>) {
    let backend = |at: &&str| Backend::at(at.parse::<overt::net::Endpoint>().unwrap(), at);
    let proxy = ReverseProxy::with(config, backends.iter().map(backend));
    let limits_of_http = HttpLimits { body_max: u64::MAX, ..HttpLimits::default() };
    let config = HttpConfig { limits: limits_of_http, ..HttpConfig::default() };
    let http = HttpServer::with(config, proxy.clone());
    let deadlines = Deadlines { idle: 600 * SECOND, ..Default::default() };
    let engine = sim.engine(Config { limits, deadlines, ..Config::default() });
    engine.listen(AT, move || http.connection()).unwrap();
    (proxy, engine.handle())
}

pub(crate) fn defaults(sim: &mut Simulation) -> (ReverseProxy, Handle<impl overt::net::Net>) {
    proxy(sim, ProxyConfig::default(), Limits::default(), &[BACKEND])
}

/// Sends this, the last request of its connection, and waits for the end of that.
pub(crate) fn exchange(sim: &mut Simulation, bytes: &[u8], methods: &[Method]) -> Vec<Got> {
    let client = sim.connect(AT);
    client.send(bytes);
    sim.run_until(|| client.is_over());
    answers(&client.received(), methods)
}

/// A request that is the last of its connection.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").into_bytes()
}
