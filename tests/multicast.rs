//! A multicast group on one machine: members hear it, each once, and answer whoever spoke.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use overt::net::{Bind, Remote};
use overt::{Config, Datagrams, Engine, Never, Result, SocketContext};

/// Administratively scoped (RFC 2365): nobody else's.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 71, 3);
/// Of a scope that no datagram leaves the machine with (RFC 4291, 2.7).
const GROUP_6: Ipv6Addr = Ipv6Addr::new(0xff11, 0, 0, 0, 0, 0, 0, 0x7103);
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

/// Speaks to two members of a group ten times, and hears each of them each time.
fn assert_each_hears_once(
    group: IpAddr,
    interface: (Ipv4Addr, u32),
    speaker: &UdpSocket,
    any: IpAddr,
) {
    // Two members share a port, which the first one picks.
    let member = |port| Bind { interface, ..Bind::at(SocketAddr::from((any, port))).group(group) };
    // Two loops: were there a socket on each, each datagram would come twice.
    let mut engine = Engine::new(Config { loops: 2, ..Config::default() }).unwrap();
    let at = engine.bind(member(0), || Member(b'a')).unwrap().socket_addr().unwrap();
    engine.bind(member(at.port()), || Member(b'b')).unwrap();
    let running = engine.start().unwrap();

    speaker.set_read_timeout(Some(SOON)).unwrap();
    for round in 0..10_u8 {
        speaker.send_to(&[round], (group, at.port())).unwrap();
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

#[test]
fn each_member_hears_what_is_sent_to_the_group_once() {
    let speaker = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&speaker).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
    let any = Ipv4Addr::UNSPECIFIED.into();
    assert_each_hears_once(GROUP.into(), (Ipv4Addr::LOCALHOST, 0), &speaker, any);
}

/// The number of an interface with an IPv6 address, other than loopback, which Linux routes no
/// multicast to.
#[cfg(target_os = "linux")]
fn interface() -> Option<u32> {
    let addresses = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    let mut others = addresses.lines().filter(|line| !line.ends_with(" lo"));
    let number = others.next()?.split_whitespace().nth(1)?;
    u32::from_str_radix(number, 16).ok()
}

#[cfg(target_os = "linux")]
#[test]
fn so_it_is_in_ipv6() {
    let Some(number) = interface() else { return println!("there is no IPv6 here") };
    let speaker = UdpSocket::bind("[::]:0").unwrap();
    socket2::SockRef::from(&speaker).set_multicast_if_v6(number).unwrap();
    let interface = (Ipv4Addr::UNSPECIFIED, number);
    assert_each_hears_once(GROUP_6.into(), interface, &speaker, Ipv6Addr::UNSPECIFIED.into());
}
