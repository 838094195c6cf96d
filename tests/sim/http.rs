//! A server of HTTP answers every request in order and in full, whatever the network does; lets go
//! of everything when a peer is gone; and cuts nobody in a graceful shutdown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use overt::service::http::{
    Done, Exchange, ExchangeContext, HttpServer, Params, Request, Responder, Response, Router,
    Serve,
};
use overt::sim::{Faults, Peer, Reading, Seeds, Simulation, Status, seeds};
use overt::wire::http::{BodyLength, Headers, Method, RequestHead, ResponseHead, StatusCode};
use overt::{Close, Config, Handle, Never, Reason, Result, Timer};

use crate::answers::{Seen, seen};
use crate::{assert_closes, counted, small_limits};

const AT: &str = "10.0.0.1:80";

/// Exchanges that have begun, and that have been told that they are over.
#[derive(Clone, Default)]
struct Counts(Arc<(AtomicUsize, AtomicUsize)>);

impl Counts {
    fn open(&self) -> usize {
        self.0.0.load(Relaxed) - self.0.1.load(Relaxed)
    }
}

/// Gives a body back while it comes, resting now and then.
struct Echo {
    counts: Counts,
    pieces: u32,
}

const TIMER: Timer = Timer::new(1);

impl Exchange for Echo {
    type Message = Never;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.counts.0.0.fetch_add(1, Relaxed);
        cx.respond(&ResponseHead::new(StatusCode::OK), head.body_length());
        Ok(())
    }

    fn on_body(&mut self, piece: &[u8], cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.send(piece);
        self.pieces += 1;
        if self.pieces.is_multiple_of(3) {
            cx.pause();
            cx.arm(TIMER, Duration::from_millis(5));
        }
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ExchangeContext<'_, Never>) -> Result {
        assert_eq!(timer, TIMER);
        cx.resume();
        Ok(())
    }

    fn on_end(&mut self, _: &Headers, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.finish();
        Ok(())
    }

    fn on_done(&mut self, _: &Done) {
        self.counts.0.1.fetch_add(1, Relaxed);
    }
}

/// Sends so many bytes, as they are taken.
struct Fountain {
    counts: Counts,
    left: u64,
}

impl Exchange for Fountain {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.counts.0.0.fetch_add(1, Relaxed);
        cx.respond(&ResponseHead::new(StatusCode::OK), BodyLength::Unknown);
        self.on_writable(cx)
    }

    fn on_writable(&mut self, cx: &mut ExchangeContext<'_, Never>) -> Result {
        while self.left > 0 && !cx.is_congested() {
            let count = self.left.min(1000);
            cx.send(&vec![b'f'; count as usize]);
            self.left -= count;
        }
        if self.left == 0 && !cx.is_finished() {
            cx.finish();
        }
        Ok(())
    }

    fn on_reset(&mut self, _: &Close) {}

    fn on_done(&mut self, _: &Done) {
        self.counts.0.1.fetch_add(1, Relaxed);
    }
}

fn router(counts: &Counts) -> Router {
    let now = |request: &Request<'_>, responder: Responder<'_, '_>| {
        responder.text(request.path());
    };
    let by_worker = |request: &Request<'_>, responder: Responder<'_, '_>| {
        let path = request.path().to_owned();
        responder.offload(move || Response::text(path));
    };
    let counts = (counts.clone(), counts.clone());
    Router::new()
        .get("/now/{n}", now)
        .get("/worker/{n}", by_worker)
        .route_site(Method::POST, "/echo", move |_: &RequestHead, _: &Params| Echo {
            counts: counts.0.clone(),
            pieces: 0,
        })
        .route_site(Method::GET, "/fountain/{n}", move |head: &RequestHead, params: &Params| {
            Fountain {
                counts: counts.1.clone(),
                left: params.number(head.path(), "n").unwrap_or_default(),
            }
        })
}

fn listen(sim: &mut Simulation, counts: &Counts) -> Handle<impl overt::net::Net> {
    let config = Config { loops: 0, workers: 2, limits: small_limits(sim), ..Config::default() };
    let http = HttpServer::new(router(counts));
    let engine = sim.engine(config);
    engine.listen(AT, move || http.connection()).unwrap();
    engine.handle()
}

/// A request drawn from the seed, and the body of its answer.
fn draw(sim: &Simulation, number: usize) -> (Vec<u8>, Vec<u8>) {
    let get = |path: String| {
        (format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes(), path.into_bytes())
    };
    match sim.random(5) {
        0 => get(format!("/now/{number}")),
        1 => get(format!("/worker/{number}")),
        2 => {
            let count = sim.random(20_000);
            (get(format!("/fountain/{count}")).0, vec![b'f'; count])
        }
        3 => {
            let body: Vec<u8> = (0..sim.random(8000)).map(|at| (at * number) as u8).collect();
            let head =
                format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
            ([head.into_bytes(), body.clone()].concat(), body)
        }
        _ => {
            let mut request =
                b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            let mut body = Vec::new();
            for at in 0..sim.random(10) {
                let chunk = vec![at as u8; 1 + sim.random(900)];
                request.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                request.extend([&chunk[..], b"\r\n"].concat());
                body.extend(chunk);
            }
            request.extend(b"0\r\n\r\n");
            (request, body)
        }
    }
}

fn bodies(answers: Vec<Seen>) -> Vec<Vec<u8>> {
    assert!(answers.iter().all(|answer| answer.status == 200));
    answers.into_iter().map(|answer| answer.body).collect()
}

/// Some peers ask many things at once, read as they please, and end.
pub(crate) fn pipelined(sim: &mut Simulation) {
    let counts = Counts::default();
    let handle = listen(sim, &counts);
    let mut peers: Vec<(Peer, Vec<Vec<u8>>)> = Vec::new();
    for _ in 0..1 + sim.random(3) {
        let peer = sim.connect(AT);
        if sim.random(2) == 0 {
            let (bytes, every) = (5000, Duration::from_millis(10));
            peer.set_reading(Reading::Slow { bytes, every });
        }
        let (requests, answers): (Vec<_>, Vec<_>) =
            (0..1 + sim.random(12)).map(|number| draw(sim, number)).unzip();
        peer.send(&requests.concat());
        peer.finish();
        peers.push((peer, answers));
    }
    sim.run_until(|| peers.iter().all(|(peer, _)| peer.is_over()));
    for (peer, expected) in &peers {
        assert_eq!(peer.status(), Status::Ended);
        assert!(bodies(seen(&peer.received())) == *expected);
        peer.close();
    }
    sim.run_until(|| handle.connections() == 0);
    assert_eq!(counts.open(), 0);
    assert_closes(sim, &[Reason::ByPeer]);
}

/// Peers that are cut off at any byte: whatever was begun for them is told so.
pub(crate) fn cut(sim: &mut Simulation) {
    let counts = Counts::default();
    let handle = listen(sim, &counts);
    let peers: Vec<Peer> = (0..1 + sim.random(4)).map(|_| sim.connect(AT)).collect();
    for peer in &peers {
        let requests: Vec<u8> = (0..5).flat_map(|number| draw(sim, number).0).collect();
        peer.send(&requests[..sim.random(requests.len())]);
    }
    sim.run_for(Duration::from_millis(sim.random(30) as u64));
    for peer in &peers {
        if sim.random(2) == 0 { peer.reset() } else { peer.close() }
    }
    sim.run_until(|| handle.connections() == 0);
    assert_eq!(counts.open(), 0);
    assert_closes(sim, &[Reason::ByPeer, Reason::ByUs, Reason::Reset]);
}

/// Clients that keep their connections ask one thing after another, and the server shuts down in
/// the middle: no answer is cut, and no request is left without one that was sent in good faith.
pub(crate) fn drain(sim: &mut Simulation) {
    let counts = Counts::default();
    let handle = listen(sim, &counts);
    let mut clients: Vec<Client> = (0..1 + sim.random(4)).map(|_| Client::new(sim)).collect();
    // Who is still on the way when the shutdown begins may find nobody there.
    sim.run_until(|| handle.connections() == clients.len() as u32);
    let steps = 5 + sim.random(30);
    for step in 0..300 {
        if step == steps {
            sim.signal(0);
        }
        clients.iter_mut().for_each(|client| client.go_on(sim));
        sim.run_for(Duration::from_millis(1 + sim.random(5) as u64));
    }
    sim.run_until(|| handle.connections() == 0);
    clients.iter_mut().for_each(|client| client.take_answers());
    for client in &clients {
        assert_eq!(client.peer.status(), Status::Ended);
        assert!(client.open.is_none(), "a request was not answered");
    }
    assert_eq!(counts.open(), 0);
    assert_closes(sim, &[Reason::ByPeer, Reason::ByUs]);
    let report = sim.report().unwrap();
    assert_eq!((report.cut, report.bytes_cut), (0, 0));
}

/// A client that sends a request when the one before is answered, until it is told not to.
struct Client {
    peer: Peer,
    /// The body that it waits for.
    open: Option<Vec<u8>>,
    received: Vec<u8>,
    is_told: bool,
    number: usize,
}

impl Client {
    fn new(sim: &mut Simulation) -> Self {
        let peer = sim.connect(AT);
        Self { peer, open: None, received: Vec::new(), is_told: false, number: 0 }
    }

    fn go_on(&mut self, sim: &Simulation) {
        self.take_answers();
        if self.open.is_none() && !self.is_told && !self.peer.is_over() {
            self.number += 1;
            let (request, body) = draw(sim, self.number);
            self.peer.send(&request);
            self.open = Some(body);
        }
        if self.peer.is_over() {
            self.peer.close();
        }
    }

    fn take_answers(&mut self) {
        self.received.extend(self.peer.take());
        let Some(expected) = &self.open else { return };
        if !is_whole(&self.received, expected.len()) {
            return;
        }
        let answers = seen(&self.received);
        let [answer] = &answers[..] else { panic!("{} answers", answers.len()) };
        assert!(answer.status == 200 && answer.body == *expected);
        self.is_told = answer.header("connection") == Some("close");
        self.received.clear();
        self.open = None;
    }
}

/// Whether an answer with a body of this length has come to its end.
fn is_whole(bytes: &[u8], len: usize) -> bool {
    let Some(end) = crate::answers::find(bytes, b"\r\n\r\n") else { return false };
    let (head, body) = bytes.split_at(end + 4);
    match crate::answers::find(head, b"chunked").is_some() {
        true => body.ends_with(b"0\r\n\r\n"),
        false => body.len() == len,
    }
}

/// A head that drips is answered 408 in time, whatever else happens.
pub(crate) fn drips(sim: &mut Simulation) {
    let counts = Counts::default();
    let handle = listen(sim, &counts);
    let peer = sim.connect(AT);
    peer.send(b"GET /now/1 HTTP/1.1\r\n");
    let began = sim.now();
    while !peer.is_over() {
        peer.send(b"X-A: b\r\n");
        sim.run_for(Duration::from_millis(300));
        assert!(sim.now() - began < Duration::from_secs(30));
    }
    assert_eq!(seen(&peer.received())[0].status, 408);
    peer.close();
    sim.run_until(|| handle.connections() == 0);
    assert_closes(sim, &[Reason::ByUs]);
}

/// Requests with wrong bytes in them cost those who sent them their connection, and nobody else
/// anything.
pub(crate) fn garbled(sim: &mut Simulation) {
    let counts = Counts::default();
    let handle = listen(sim, &counts);
    for _ in 0..1 + sim.random(4) {
        let peer = sim.connect(AT);
        let mut bytes: Vec<u8> = (0..4).flat_map(|number| draw(sim, number).0).collect();
        for _ in 0..1 + sim.random(5) {
            let at = sim.random(bytes.len().min(1 + sim.random(bytes.len())));
            match sim.random(3) {
                0 => bytes[at] = sim.random(256) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"\r\n \t:;,0\x00"[sim.random(9)]),
            }
        }
        peer.send(&bytes);
        peer.finish();
        sim.run_until(|| peer.is_over());
        peer.close();
    }
    let fresh = sim.connect(AT);
    fresh.send(b"GET /now/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    sim.run_until(|| fresh.is_over());
    assert_eq!(bodies(seen(&fresh.received())), [b"/now/1"]);
    fresh.close();
    sim.run_until(|| handle.connections() == 0);
    assert_eq!((counts.open(), counted(sim, "panics")), (0, 0));
}

/// Streams are cut at any byte, accepting fails, and all at once: what is answered is right, and
/// nothing is left behind.
#[test]
fn in_havoc_answers_are_cut_short_and_never_wrong() {
    Seeds::new(100).faults(Faults::havoc()).run(|sim| {
        let counts = Counts::default();
        let handle = listen(sim, &counts);
        for _ in 0..4 {
            let peer = sim.connect(AT);
            let (requests, expected): (Vec<_>, Vec<_>) =
                (0..1 + sim.random(6)).map(|number| draw(sim, number)).unzip();
            peer.send(&requests.concat());
            peer.finish();
            // Some are never answered, not even when they connect.
            sim.run_for(Duration::from_secs(300));
            let received = peer.received();
            if peer.status() == Status::Ended {
                assert!(bodies(seen(&received)) == expected);
            }
            peer.close();
        }
        sim.run_for(Duration::from_secs(300));
        assert_eq!(handle.connections(), 0);
        assert_eq!((counts.open(), counted(sim, "panics")), (0, 0));
    });
}

#[test]
fn garbled_requests_cost_nobody_else_anything() {
    seeds(100, garbled);
}

#[test]
fn sixteen_requests_at_once_cost_one_read_and_one_write() {
    let mut sim = Simulation::with_faults(0, Faults::calm());
    let hello = |_: &Request<'_>, responder: Responder<'_, '_>| responder.text("hello");
    let http = HttpServer::new(Serve::new(hello));
    let engine = sim.engine(Config { loops: 1, ..Config::default() });
    engine.listen(AT, move || http.connection()).unwrap();
    let peer = sim.connect(AT);
    peer.send(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(16));
    sim.run_until(|| peer.received().ends_with(b"hello") && seen(&peer.received()).len() == 16);
    assert_eq!((counted(&sim, "reads"), counted(&sim, "writes")), (1, 1));
}

#[test]
fn answers_come_in_order_and_in_full() {
    seeds(100, pipelined);
}

#[test]
fn whoever_is_cut_off_leaves_nothing_behind() {
    seeds(100, cut);
}

#[test]
fn a_shutdown_cuts_no_answer_and_loses_no_request() {
    seeds(60, drain);
}

#[test]
fn a_head_that_drips_is_answered() {
    seeds(20, drips);
}
