//! Where datagram sockets come from, who shares them, and how they end.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use overt::net::{Bind, Endpoint, Remote};
use overt::{Datagrams, Engine, Never, Result, ShutdownPhase, SocketContext};
use udp::{Echo, SOON, ask, client, config, receive, snapshot, start, until};

#[path = "common/udp.rs"]
mod udp;

/// Sends what it is told to, when it opens; tells what comes.
struct Client(SocketAddr, Sender<Vec<u8>>);

impl Datagrams for Client {
    type Message = Never;

    fn on_open(&mut self, cx: &mut SocketContext<'_, Never>) -> Result {
        cx.send_to(&self.0.into(), b"question")
    }

    fn on_datagram(
        &mut self,
        datagram: &[u8],
        _: &Remote,
        cx: &mut SocketContext<'_, Never>,
    ) -> Result {
        let _ = self.1.send(datagram.to_vec());
        cx.close();
        Ok(())
    }
}

#[test]
fn a_client_is_a_socket_too_and_is_bound_while_the_engine_runs() {
    let (running, at) = start(|| Echo);
    let (answer, answers) = channel();
    let local = Bind::at(SocketAddr::from(([127, 0, 0, 1], 0))).single();
    running.handle().bind(local, move || Client(at, answer.clone())).unwrap();
    assert_eq!(answers.recv_timeout(SOON).unwrap(), b"question");
    running.shut_down().unwrap();
}

#[test]
fn a_socket_that_exists_is_taken_over_with_what_waits_in_it() {
    let existing = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = client(existing.local_addr().unwrap());
    socket.send(b"early").unwrap();
    let mut engine = Engine::new(config(2)).unwrap();
    engine.bind(existing, || Echo).unwrap();
    let running = engine.start().unwrap();
    assert_eq!(receive(&socket).unwrap(), b"early");
    running.shut_down().unwrap();
}

/// Answers with the number of its loop.
struct WhichLoop;

impl Datagrams for WhichLoop {
    type Message = Never;

    fn on_datagram(
        &mut self,
        _: &[u8],
        from: &Remote,
        cx: &mut SocketContext<'_, Never>,
    ) -> Result {
        let home = cx.id().home() as u8;
        cx.send_to(from, &[home])
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_peer_stays_with_one_loop_and_peers_spread() {
    let mut engine = Engine::new(config(2)).unwrap();
    let at = engine.bind("127.0.0.1:0", || WhichLoop).unwrap().socket_addr().unwrap();
    let running = engine.start().unwrap();
    let mut homes = [0; 2];
    for _ in 0..64 {
        let socket = client(at);
        let home = ask(&socket, b"who?");
        (0..5).for_each(|_| assert_eq!(ask(&socket, b"and now?"), home));
        homes[usize::from(home[0])] += 1;
    }
    assert!(homes.iter().all(|&peers| peers > 0), "{homes:?}");
    running.shut_down().unwrap();
}

#[test]
fn a_port_that_is_in_use_is_not_shared() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    for loops in [1, 2] {
        let mut engine = Engine::new(config(loops)).unwrap();
        let error = engine.bind(taken.local_addr().unwrap(), || Echo).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}

#[test]
fn one_socket_serves_both_families() {
    let mut engine = Engine::new(config(1)).unwrap();
    // A machine without IPv6 has nothing to show here.
    let Ok(Endpoint::Ip(at)) = engine.bind("[::]:0", || Echo) else { return };
    let running = engine.start().unwrap();
    let v4 = client(SocketAddr::from(([127, 0, 0, 1], at.port())));
    assert_eq!(ask(&v4, b"four"), b"four");
    let v6 = UdpSocket::bind("[::1]:0").unwrap();
    v6.set_read_timeout(Some(SOON)).unwrap();
    v6.connect(("::1", at.port())).unwrap();
    assert_eq!(ask(&v6, b"six"), b"six");
    running.shut_down().unwrap();
}

#[test]
fn what_came_before_a_shutdown_is_answered() {
    for _ in 0..20 {
        let mut engine = Engine::new(config(1)).unwrap();
        let at = engine.bind("127.0.0.1:0", || Echo).unwrap().socket_addr().unwrap();
        let socket = client(at);
        (0..100_u8).for_each(|number| assert_eq!(socket.send(&[number]).unwrap(), 1));
        // The loop hears of the shutdown in its first turn, before it has received anything.
        engine.handle().shut_down();
        let report = engine.start().unwrap().join().unwrap();
        assert_eq!(report.bytes_cut, 0);
        (0..100_u8).filter(|&number| number != b'!' && number != b'*').for_each(|number| {
            assert_eq!(receive(&socket).unwrap(), [number]);
        });
    }
}

#[test]
fn a_socket_is_seen_in_the_snapshot() {
    let (running, at) = start(|| Echo);
    ask(&client(at), b"hello");
    let snapshot = snapshot(&running);
    let [socket] = &snapshot.some_sockets[..] else { panic!("{snapshot:?}") };
    assert_eq!(socket.at, at.to_string());
    assert!(socket.handler.unwrap().ends_with("Echo"));
    assert_eq!(socket.waiting_for, "waiting for PEERS to send");
    let ledger = snapshot.ledger;
    assert_eq!((ledger.datagrams_received, ledger.datagrams_sent), (1, 1));
    running.shut_down().unwrap();
}

#[cfg(unix)]
#[test]
#[ignore = "needs python3"]
fn python_is_answered() {
    let (running, at) = start(|| Echo);
    let script = format!(
        "import socket\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         s.settimeout(10)\n\
         for size in (0, 1, 64, 1200, 9000, 65507):\n\
         \x20   s.sendto(b'x' * size, ('127.0.0.1', {}))\n\
         \x20   assert s.recvfrom(65536) == (b'x' * size, ('127.0.0.1', {}))\n",
        at.port(),
        at.port()
    );
    let python = std::process::Command::new("python3").args(["-c", &script]).status().unwrap();
    assert!(python.success());
    running.shut_down().unwrap();
}

/// Sends what it gets to everybody on the loopback network.
struct Crier(u16);

impl Datagrams for Crier {
    type Message = Never;

    fn on_datagram(
        &mut self,
        datagram: &[u8],
        _: &Remote,
        cx: &mut SocketContext<'_, Never>,
    ) -> Result {
        cx.send_to(&SocketAddr::from(([127, 255, 255, 255], self.0)).into(), datagram)
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_that_may_broadcast_reaches_everybody() {
    let everybody = UdpSocket::bind("0.0.0.0:0").unwrap();
    everybody.set_read_timeout(Some(SOON)).unwrap();
    let port = everybody.local_addr().unwrap().port();
    let mut engine = Engine::new(config(2)).unwrap();
    let loopback = Bind::at(SocketAddr::from(([127, 0, 0, 1], 0)));
    let at = engine.bind(Bind { broadcast: true, ..loopback }, move || Crier(port)).unwrap();
    let running = engine.start().unwrap();
    client(at.socket_addr().unwrap()).send(b"hear!").unwrap();
    assert_eq!(receive(&everybody).unwrap(), b"hear!");
    running.shut_down().unwrap();
}

/// Answers after work that takes until the test says so; some of it panics.
struct Slow(Arc<Mutex<Receiver<()>>>);

impl Datagrams for Slow {
    type Message = (Remote, Vec<u8>);

    fn on_datagram(
        &mut self,
        datagram: &[u8],
        from: &Remote,
        cx: &mut SocketContext<'_, Self::Message>,
    ) -> Result {
        let (go_on, from, datagram) = (self.0.clone(), from.clone(), datagram.to_vec());
        cx.offload(move || {
            assert_ne!(datagram, b"panic");
            go_on.lock().unwrap().recv_timeout(SOON).unwrap();
            (from, datagram)
        })?;
        Ok(())
    }

    fn on_message(
        &mut self,
        (to, datagram): Self::Message,
        cx: &mut SocketContext<'_, Self::Message>,
    ) -> Result {
        cx.send_to(&to, &datagram)
    }
}

#[test]
fn what_is_being_worked_at_when_a_shutdown_begins_is_answered() {
    let (go_on, may_go_on) = channel();
    let may_go_on = Arc::new(Mutex::new(may_go_on));
    let (running, at) = start(move || Slow(may_go_on.clone()));
    let socket = client(at);
    socket.send(b"panic").unwrap();
    socket.send(b"question").unwrap();
    until(|| snapshot(&running).ledger.datagrams_received == 2);
    running.handle().shut_down();
    until(|| running.handle().phase() > ShutdownPhase::Ready);
    go_on.send(()).unwrap();
    assert_eq!(receive(&socket).unwrap(), b"question");
    running.join().unwrap();
}
