//! Two connections that carry on each other lose nothing, whatever stands at either end.

use std::time::Duration;

use overt::service::Tunnel;
use overt::sim::{Reading, Simulation, Status, seeds};
use overt::{Config, Dial, Limits, Reason};

use crate::assert_closes;

/// A server that sends back what it receives, and ends when its client has.
fn echo(sim: &mut Simulation, at: &str) {
    sim.serve(at, |peer| {
        peer.send(&peer.take());
        if peer.is_over() {
            peer.finish();
        }
    });
}

pub(crate) fn scenario(sim: &mut Simulation) {
    echo(sim, "10.0.0.2:80");
    let limits = Limits {
        output_high: 8192,
        output_low: 2048,
        read_per_visit: 1 + sim.random(8192),
        ..Limits::default()
    };
    let engine = sim.engine(Config { limits, ..Config::default() });
    let to: Dial = "10.0.0.2:80".parse().unwrap();
    engine.listen("10.0.0.1:80", move || Tunnel::to(to.clone())).unwrap();
    let handle = engine.handle();
    let clients: Vec<_> = (0..1 + sim.random(3))
        .map(|_| {
            let size = if sim.random(4) == 0 { sim.random(100_000) } else { sim.random(3000) };
            let sent: Vec<u8> = (0..size).map(|at| (at * 7 + at / 256) as u8).collect();
            let client = sim.connect("10.0.0.1:80");
            if sim.random(3) == 0 {
                let every = Duration::from_millis(5);
                client.set_reading(Reading::Slow { bytes: 2000, every });
            }
            client.send(&sent);
            client.finish();
            (client, sent)
        })
        .collect();
    sim.run_until(|| clients.iter().all(|(client, _)| client.is_over()));
    for (client, sent) in &clients {
        assert_eq!(client.status(), Status::Ended);
        assert!(client.received() == *sent, "{} of {}", client.received().len(), sent.len());
    }
    sim.run_until(|| handle.connections() == 0);
    assert_closes(sim, &[Reason::ByPeer, Reason::ByUs]);
}

#[test]
fn a_tunnel_loses_nothing() {
    seeds(150, scenario);
}
