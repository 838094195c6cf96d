//! Many who begin a TLS handshake at the same moment don't hold up those who are served already.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use overt::sim::{Faults, Peer, Seeds, Simulation};
use overt::{Config, Limits};

use crate::tls::{AT as TLS, Client, Echo, dial, listen};

const PLAIN: &str = "10.0.0.1:80";
const MANY: usize = 100;
const PER_TURN: u32 = 4;

/// What a client says first.
fn hello() -> Vec<u8> {
    let mut sim = Simulation::with_faults(0, Faults::calm());
    let heard = Rc::new(RefCell::new(Vec::new()));
    let hears = heard.clone();
    sim.serve(TLS, move |peer| *hears.borrow_mut() = peer.received());
    let dial = dial(&sim);
    let clients = sim.engine(Config { loops: 1, ..Config::default() }).handle();
    clients.connect(dial, Client::new(0).0);
    // A record: its type, a version, its length.
    sim.run_until(|| match **heard.borrow() {
        [_, _, _, high, low, ref rest @ ..] => {
            rest.len() == usize::from(high) << 8 | usize::from(low)
        }
        _ => false,
    });
    heard.take()
}

#[test]
fn a_burst_of_handshakes_does_not_hold_up_those_who_are_served_already() {
    let hello = hello();
    Seeds::new(30).faults(Faults::calm()).run(|sim| {
        let (accepts_per_turn, handshakes_per_turn) = (2 * MANY as u32, PER_TURN);
        let limits = Limits { accepts_per_turn, handshakes_per_turn, ..Limits::default() };
        // Without workers, the loop computes them itself.
        let engine = sim.engine(Config { loops: 1, workers: 0, limits, ..Config::default() });
        listen(engine, || Echo);
        engine.listen(PLAIN, || overt::service::Echo).unwrap();
        let handle = engine.handle();
        let other = sim.connect(PLAIN);
        sim.run_until(|| handle.connections() == 1);
        // They come while there are no descriptors, and all get in at once.
        sim.set_faults(Faults { exhausted: 1000, ..Faults::calm() });
        let peers: Vec<Peer> = (0..MANY).map(|_| sim.connect(TLS)).collect();
        peers.iter().for_each(|peer| peer.send(&hello));
        sim.run_for(Duration::from_secs(1));
        sim.set_faults(Faults::calm());
        sim.run_until(|| handle.connections() > MANY as u32);
        other.send(b"ping");
        sim.run_until(|| other.received() == b"ping");
        let answered = || peers.iter().filter(|peer| peer.received_in_all() > 0).count();
        assert!(answered() <= MANY / 2, "{}", answered());
        sim.run_until(|| answered() == MANY);
    });
}
