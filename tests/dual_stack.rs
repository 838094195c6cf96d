//! A wildcard IPv6 listener is reached over IPv4, too, unless it is told not to be; and whoever
//! comes over IPv4 is known by its IPv4 address.

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use overt::Engine;
use overt::net::Listen;
use serving::{Echo, PATIENCE, address, connect, echoes, loops};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);

/// Says so, if there is none here.
fn has_ipv6() -> bool {
    let has = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if !has {
        println!("skipped: no IPv6 here");
    }
    has
}

#[test]
fn an_ipv6_wildcard_listener_is_reached_over_ipv4() {
    if !has_ipv6() {
        return;
    }
    let mut engine = Engine::new(loops(2)).unwrap();
    let port = address(&engine.listen(ANY, || Echo).unwrap()).port();
    let running = engine.start().unwrap();
    let mut four = connect((Ipv4Addr::LOCALHOST, port).into());
    assert!(echoes(&mut four));
    let snapshots = running.handle().snapshot(1, PATIENCE);
    let peer = snapshots.iter().find_map(|one| one.some_connections.first()).unwrap();
    assert_eq!(peer.peer, four.local_addr().unwrap().to_string());
    assert!(echoes(&mut connect((Ipv6Addr::LOCALHOST, port).into())));
    drop(four);
    running.shut_down().unwrap();
}

#[test]
fn a_listener_for_ipv6_alone_is_not_reached_over_ipv4() {
    if !has_ipv6() {
        return;
    }
    let mut engine = Engine::new(loops(1)).unwrap();
    let only = Listen { dual_stack: false, ..Listen::at(ANY) };
    let port = address(&engine.listen(only, || Echo).unwrap()).port();
    let running = engine.start().unwrap();
    assert!(echoes(&mut connect((Ipv6Addr::LOCALHOST, port).into())));
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    running.shut_down().unwrap();
}
