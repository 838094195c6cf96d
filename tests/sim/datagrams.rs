//! The simulated network's datagrams, between simulated peers: whole, or not at all.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use overt::net::{Bind, Endpoint};
use overt::sim::{DatagramPeer, Faults, Seeds, Simulation, seeds};

const GROUP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(239, 0, 0, 1));

fn at(text: &str) -> Endpoint {
    text.parse().unwrap()
}

fn received(peer: &DatagramPeer) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| peer.receive()).map(|(_, bytes)| bytes).collect()
}

fn exchange(sim: &mut Simulation) -> Vec<Vec<u8>> {
    let one = sim.bind(&Bind::at(at("10.0.0.1:5000")));
    let other = sim.bind(&Bind::at(at("10.0.0.2:5000")));
    for number in 0..50u8 {
        one.send(other.at().clone(), &[number; 3]).unwrap();
    }
    sim.run_for(Duration::from_secs(1));
    received(&other)
}

#[test]
fn without_loss_each_datagram_comes_once_if_not_in_order() {
    let overtaken = std::cell::Cell::new(false);
    seeds(100, |sim| {
        let mut seen = exchange(sim);
        overtaken.set(overtaken.get() | !seen.is_sorted());
        seen.sort();
        assert_eq!(seen, (0..50u8).map(|number| vec![number; 3]).collect::<Vec<_>>());
    });
    assert!(overtaken.get(), "nothing was overtaken");
}

#[test]
fn in_havoc_some_are_lost_and_some_come_twice() {
    let (lost, doubled) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    Seeds::new(100).faults(Faults::havoc()).run(|sim| {
        let seen = exchange(sim);
        assert!(seen.iter().all(|bytes| bytes.len() == 3));
        for number in 0..50u8 {
            match seen.iter().filter(|bytes| bytes[0] == number).count() {
                0 => lost.set(lost.get() + 1),
                1 => {}
                _ => doubled.set(doubled.get() + 1),
            }
        }
    });
    assert!(lost.get() > 0 && doubled.get() > 0);
}

#[test]
fn a_group_is_sent_to_once_and_comes_to_all_that_joined() {
    let mut sim = Simulation::with_faults(1, Faults::calm());
    let join = |ip: &str| Bind { groups: vec![GROUP], ..Bind::at(at(&format!("{ip}:5000"))) };
    let members = [sim.bind(&join("10.0.0.1")), sim.bind(&join("10.0.0.2"))];
    let stranger = sim.bind(&Bind::at(at("10.0.0.3:5000")));
    stranger.send(SocketAddr::new(GROUP, 5000), b"all").unwrap();
    sim.run_for(Duration::from_secs(1));
    assert!(members.iter().all(|member| received(member) == [b"all"]));
    assert!(received(&stranger).is_empty());
}

#[test]
fn what_is_too_large_is_refused() {
    let mut sim = Simulation::new(1);
    let peer = sim.bind(&Bind::at(at("10.0.0.1:0")));
    assert!(peer.send(at("10.0.0.2:9"), &vec![0; 65_508]).is_err());
    assert!(peer.send(at("10.0.0.2:9"), &vec![0; 65_507]).is_ok());
    let all: SocketAddr = "255.255.255.255:9".parse().unwrap();
    assert!(peer.send(all, b"without permission").is_err());
}
