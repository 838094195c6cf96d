//! A chat on several loops: whoever stays hears every line of whoever else stays, in order, while
//! others come and are cut off.

use overt::service::rooms::{RoomLimits, Rooms};
use overt::service::{Chat, ChatLimits};
use overt::sim::{Peer, Simulation, seeds};
use overt::{Config, Reason};

use crate::assert_closes;

const AT: &str = "10.0.0.1:7002";
const STAY: usize = 4;
const LINES: usize = 10;

fn heard(peer: &Peer) -> String {
    String::from_utf8(peer.received()).unwrap()
}

/// Tells whether all of them have heard `what`.
fn all_heard(peers: &[Peer], what: &str) -> bool {
    peers.iter().all(|peer| heard(peer).contains(what))
}

pub(crate) fn scenario(sim: &mut Simulation) {
    let engine = sim.engine(Config { loops: 0, ..Config::default() });
    let rooms = Rooms::new(RoomLimits::default());
    engine.listen(AT, move || Chat::new(rooms.clone(), ChatLimits::default())).unwrap();
    let handle = engine.handle();
    let stay: Vec<_> = (0..STAY).map(|_| sim.connect(AT)).collect();
    for (number, peer) in stay.iter().enumerate() {
        peer.send(format!("/nick stay-{number}\n/join attic\n").as_bytes());
    }
    sim.run_until(|| all_heard(&stay, "* in attic: "));
    let go: Vec<_> = (0..STAY).map(|_| sim.connect(AT)).collect();
    for peer in &go {
        peer.send(b"/join attic\nhello\n");
    }
    for number in 0..LINES {
        stay.iter().for_each(|peer| peer.send(format!("{number}\n").as_bytes()));
    }
    let cut = sim.random(STAY + 1);
    go[..cut].iter().for_each(Peer::reset);
    go[cut..].iter().for_each(|peer| peer.send(b"/quit\n"));
    let last = |name: usize| format!("<stay-{name}> {}\n", LINES - 1);
    sim.run_until(|| {
        let told = |(me, peer): (usize, &Peer)| {
            (0..STAY).filter(|name| *name != me).all(|name| heard(peer).contains(&last(name)))
        };
        stay.iter().enumerate().all(told)
    });
    for (me, peer) in stay.iter().enumerate() {
        for name in (0..STAY).filter(|name| *name != me) {
            let start = format!("<stay-{name}> ");
            let lines: Vec<_> = heard(peer)
                .lines()
                .filter_map(|line| line.strip_prefix(&start)?.parse::<usize>().ok())
                .collect();
            assert!(lines.iter().copied().eq(0..LINES), "{lines:?}");
        }
        peer.close();
    }
    go.iter().for_each(Peer::close);
    sim.run_until(|| handle.connections() == 0);
    assert_closes(sim, &[Reason::ByPeer, Reason::ByUs, Reason::Reset]);
}

#[test]
fn whoever_stays_hears_everything_in_order() {
    seeds(100, scenario);
}
