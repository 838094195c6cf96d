//! Bodies of which half was sent fill the memory that the process may hold: whoever is beyond it is
//! told so, nobody else notices, and all of it is given back.

use std::time::Duration;

use overt::service::http::{HttpServer, Request, Responder, Serve};
use overt::sim::{Peer, Simulation, seeds};
use overt::{Config, Limits, Reason};

use crate::answers::seen;
use crate::{assert_closes, small_limits};

const AT: &str = "10.0.0.1:80";
const MEMORY_MAX: u64 = 4 << 20;
/// What loops may be off by.
const OFF_MAX: u64 = 4 * 64 * 1024;
const BODY: usize = 200_000;
const HALF: usize = 120_000;

fn half_sent(sim: &mut Simulation) {
    let limits = Limits { memory_max: MEMORY_MAX, read_per_visit: 20_000, ..small_limits(sim) };
    let http =
        HttpServer::new(Serve::new(|request: &Request<'_>, responder: Responder<'_, '_>| {
            responder.text(&request.body().len().to_string());
        }));
    let engine = sim.engine(Config { loops: 0, limits, ..Config::default() });
    engine.listen(AT, move || http.connection()).unwrap();
    let handle = engine.handle();
    let peers: Vec<Peer> = (0..60).map(|_| sim.connect(AT)).collect();
    for (number, peer) in peers.iter().enumerate() {
        // Some fields are long, too, and kept as long as the body is.
        let field = "f".repeat(number % 2 * 20_000);
        peer.send(format!("POST / HTTP/1.1\r\nHost: a\r\nX: {field}\r\n").as_bytes());
        peer.send(format!("Content-Length: {BODY}\r\n\r\n").as_bytes());
        peer.send(&[b'b'; HALF]);
    }
    let (mut most, mut moments_left) = (0, 10);
    while moments_left > 0 {
        sim.run_for(Duration::from_millis(20));
        moments_left -= u32::from(peers.iter().all(|peer| peer.unsent() == 0));
        most = most.max(sim.snapshots(0).iter().map(|it| it.memory).max().unwrap());
    }
    assert!((MEMORY_MAX / 2..MEMORY_MAX + OFF_MAX).contains(&most), "{most} bytes");
    let statuses =
        |peer: &Peer| -> Vec<u16> { seen(&peer.received()).iter().map(|it| it.status).collect() };
    let told: Vec<Vec<u16>> = peers.iter().map(statuses).collect();
    let refused = told.iter().filter(|told| **told == [503]).count();
    assert!(refused >= 35 && told.iter().all(|told| told.is_empty() || *told == [503]), "{told:?}");

    let other = sim.connect(AT);
    other.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    other.send(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n");
    other.send(&[b'b'; 1000]);
    sim.run_until(|| other.is_over());
    let answers: Vec<String> =
        seen(&other.received()).iter().map(|it| it.text().to_owned()).collect();
    assert_eq!(answers, ["0", "1000"]);

    // What the rest of a body needs may be too much, too; but some of them get what they need.
    for (peer, told) in peers.iter().zip(&told) {
        if told.is_empty() {
            peer.send(&[b'b'; BODY - HALF]);
        }
        peer.finish();
    }
    sim.run_until(|| peers.iter().all(Peer::is_over));
    let all: Vec<u16> = peers.iter().flat_map(statuses).collect();
    assert!(all.len() == peers.len() && all.iter().all(|it| [200, 503].contains(it)), "{all:?}");
    assert!(all.iter().filter(|it| **it == 200).count() >= 10, "{all:?}");
    peers.iter().chain([&other]).for_each(Peer::close);
    sim.run_until(|| handle.connections() == 0);
    assert_closes(sim, &[Reason::ByPeer, Reason::ByUs]);
    assert!(sim.snapshots(0).iter().all(|it| it.memory < OFF_MAX));
}

#[test]
fn half_sent_bodies_do_not_fill_the_memory() {
    seeds(10, half_sent);
}
