//! A multicast group on loopback: members hear it, each once, and answer whoever spoke.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use overt::net::{Bind, Remote};
use overt::{Config, Datagrams, Engine, Never, Result, SocketContext};

/// Administratively scoped (RFC 2365): nobody else's.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 71, 3);
const SOON: Duration = Duration::from_secs(10);

struct Member(u8);

impl Datagrams for Member {
    type Message = Never;

    fn on_datagram(
        &mut self,
        datagram: &[u8],
        from: &Remote,
        cx: &mut SocketContext<'_, Never>,
    ) -> Result {
        cx.send_to(from, &[&[self.0], datagram].concat())
    }
}

#[test]
fn each_member_hears_what_is_sent_to_the_group_once() {
    // Two members share a port, which the first one picks.
    let member = |port| Bind {
        interface: (Ipv4Addr::LOCALHOST, 0),
        ..Bind::at(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))).group(IpAddr::V4(GROUP))
    };
    // Two loops: were there a socket on each, each datagram would come twice.
    let mut engine = Engine::new(Config { loops: 2, ..Config::default() }).unwrap();
    let at = engine.bind(member(0), || Member(b'a')).unwrap().socket_addr().unwrap();
    engine.bind(member(at.port()), || Member(b'b')).unwrap();
    let running = engine.start().unwrap();

    let speaker = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&speaker).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    speaker.set_read_timeout(Some(SOON)).unwrap();
    for round in 0..10_u8 {
        speaker.send_to(&[round], (GROUP, at.port())).unwrap();
        let mut answers = [[0; 2]; 2];
        for answer in &mut answers {
            assert_eq!(speaker.recv(answer).unwrap(), 2);
        }
        answers.sort_unstable();
        assert_eq!(answers, [[b'a', round], [b'b', round]]);
    }
    let ledgers = running.handle().snapshot(0, SOON).into_iter().map(|each| each.ledger);
    assert_eq!(ledgers.map(|ledger| ledger.datagrams_received).sum::<u64>(), 20);
    running.shut_down().unwrap();
}
