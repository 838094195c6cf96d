//! Peers of a datagram socket, each with a session of its own: when it begins, and when it ends.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use overt::net::Remote;
use overt::{Address, Close, Config, Crowded, Engine, LoopSnapshot, Outgoing, Reason, Result};
use overt::{Running, Session, SessionContext, Sessions, Timer};

const SOON: Duration = Duration::from_secs(10);
const AGAIN: Timer = Timer::new(0);

/// What a test hears of sessions.
#[derive(Debug)]
enum Heard {
    Open(Address<String>),
    Closed(Remote, Reason),
}

/// Numbers its peer's datagrams, and does what they say.
struct Counting {
    peer: Remote,
    count: u32,
    heard: Sender<Heard>,
}

impl Session for Counting {
    type Message = String;

    fn on_open(&mut self, cx: &mut SessionContext<'_, String>) -> Result {
        assert_eq!(cx.peer(), &self.peer);
        let _ = self.heard.send(Heard::Open(cx.address()));
        Ok(())
    }

    fn on_datagram(&mut self, datagram: &[u8], cx: &mut SessionContext<'_, String>) -> Result {
        self.count += 1;
        match datagram {
            b"panic" => panic!("a bug in the handler"),
            b"error" => return Err(Close::Protocol("as told")),
            b"close" => cx.close(),
            b"timer" => cx.arm(AGAIN, Duration::from_millis(1)),
            b"work" => cx.offload(|| "worked".to_owned())?,
            _ => {}
        }
        match datagram {
            b"timer" | b"work" => Ok(()),
            _ => cx.send(format!("{}", self.count).as_bytes()),
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut SessionContext<'_, String>) -> Result {
        assert_eq!(timer, AGAIN);
        cx.send(b"timer")
    }

    fn on_message(&mut self, message: String, cx: &mut SessionContext<'_, String>) -> Result {
        cx.send(message.as_bytes())
    }

    fn on_drain(&mut self, cx: &mut SessionContext<'_, String>) -> Result {
        assert_ne!(self.count, 3, "a bug in the handler");
        cx.close();
        cx.send(b"goodbye")
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        let _ = self.heard.send(Heard::Closed(self.peer, why.reason()));
    }
}

struct Server {
    running: Running,
    at: SocketAddr,
    heard: Receiver<Heard>,
}

fn serve(sessions: Sessions) -> Server {
    let (sender, heard) = channel();
    let mut engine = Engine::new(Config { loops: 1, workers: 1, ..Config::default() }).unwrap();
    let make =
        move |peer: &Remote| Counting { peer: peer.clone(), count: 0, heard: sender.clone() };
    let at = engine.bind_sessions("127.0.0.1:0", sessions, make).unwrap().socket_addr().unwrap();
    Server { running: engine.start().unwrap(), at, heard }
}

impl Server {
    fn client(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(self.at).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket
    }

    fn heard(&self) -> Heard {
        self.heard.recv_timeout(SOON).unwrap()
    }

    fn opened(&self) -> Address<String> {
        match self.heard() {
            Heard::Open(address) => address,
            other => panic!("{other:?}"),
        }
    }

    fn closed(&self) -> (Remote, Reason) {
        match self.heard() {
            Heard::Closed(peer, reason) => (peer, reason),
            other => panic!("{other:?}"),
        }
    }

    fn snapshot(&self) -> LoopSnapshot {
        self.running.handle().snapshot(100, SOON).remove(0)
    }
}

fn local(socket: &UdpSocket) -> Remote {
    socket.local_addr().unwrap().into()
}

fn ask(socket: &UdpSocket, question: &str) -> String {
    socket.send(question.as_bytes()).unwrap();
    hear(socket)
}

fn hear(socket: &UdpSocket) -> String {
    let mut block = [0; 100];
    let len = socket.recv(&mut block).unwrap();
    String::from_utf8(block[..len].to_vec()).unwrap()
}

#[test]
fn each_peer_has_a_state_of_its_own() {
    let server = serve(Sessions::default());
    let (one, two) = (server.client(), server.client());
    assert_eq!(
        [ask(&one, "a"), ask(&two, "a"), ask(&one, "b"), ask(&one, "c")],
        ["1", "1", "2", "3"]
    );
    let snapshot = server.snapshot();
    assert_eq!((snapshot.sessions, snapshot.some_sockets[0].sessions), (2, 2));
    let [first, _] = &snapshot.some_connections[..] else { panic!("{snapshot:?}") };
    assert_eq!(first.peer, local(&one).to_string());
    assert!(first.handler.ends_with("Counting"));
    assert!(first.waiting_for.starts_with("waiting for PEER to send; idle deadline in "));
    server.running.shut_down().unwrap();
}

#[test]
fn a_silent_peer_is_forgotten_and_one_that_speaks_is_not() {
    let server = serve(Sessions { idle: Duration::from_millis(300), ..Sessions::default() });
    let (silent, speaks) = (server.client(), server.client());
    assert_eq!(ask(&silent, "a"), "1");
    assert_eq!(ask(&speaks, "a"), "1");
    server.opened();
    server.opened();
    speaks.set_read_timeout(Some(SOON)).unwrap();
    let closed = loop {
        ask(&speaks, "still there");
        if let Ok(heard) = server.heard.recv_timeout(Duration::from_millis(20)) {
            break heard;
        }
    };
    let Heard::Closed(peer, Reason::LateIdle) = closed else { panic!("{closed:?}") };
    assert_eq!(peer, local(&silent));
    assert_eq!(server.closed(), (local(&speaks), Reason::LateIdle));
    assert_eq!(server.snapshot().sessions, 0);
    // Whoever comes back is new.
    assert_eq!(ask(&silent, "b"), "1");
    server.running.shut_down().unwrap();
}

#[test]
fn an_old_session_ends_even_if_it_is_not_silent() {
    let server = serve(Sessions { lifetime: Duration::from_millis(50), ..Sessions::default() });
    let socket = server.client();
    ask(&socket, "a");
    server.opened();
    let closed = loop {
        ask(&socket, "still there");
        if let Ok(heard) = server.heard.try_recv() {
            break heard;
        }
    };
    assert!(matches!(closed, Heard::Closed(_, Reason::LateLifetime)), "{closed:?}");
    server.running.shut_down().unwrap();
}

#[test]
fn a_full_table_refuses_new_peers_and_serves_the_old() {
    let server = serve(Sessions { max: 2, ..Sessions::default() });
    let (one, two, three) = (server.client(), server.client(), server.client());
    assert_eq!([ask(&one, "a"), ask(&two, "a")], ["1", "1"]);
    three.send(b"a").unwrap();
    assert_eq!([ask(&one, "b"), ask(&two, "b")], ["2", "2"]);
    assert_eq!(server.snapshot().ledger.sessions_refused, 1);
    // A place becomes free.
    assert_eq!(ask(&one, "close"), "3");
    assert_eq!(ask(&three, "a"), "1");
    server.running.shut_down().unwrap();
}

#[test]
fn a_full_table_makes_room_if_it_is_to() {
    let sessions = Sessions { max: 3, when_full: Crowded::EvictIdle, ..Sessions::default() };
    let server = serve(sessions);
    let sockets: Vec<_> = (0..50).map(|_| server.client()).collect();
    for socket in &sockets {
        assert_eq!(ask(socket, "a"), "1");
    }
    let snapshot = server.snapshot();
    assert_eq!((snapshot.sessions, snapshot.ledger.sessions_evicted), (3, 47));
    assert_eq!(snapshot.ledger.closes(Reason::OverSessions), 47);
    server.running.shut_down().unwrap();
}

#[test]
fn a_panic_and_an_error_end_one_session_and_nothing_else() {
    let server = serve(Sessions::default());
    let (other, one) = (server.client(), server.client());
    assert_eq!(ask(&other, "a"), "1");
    server.opened();
    for (said, reason) in [("panic", Reason::Panicked), ("error", Reason::Protocol)] {
        assert_eq!(ask(&one, "a"), "1");
        server.opened();
        one.send(said.as_bytes()).unwrap();
        assert_eq!(server.closed(), (local(&one), reason));
    }
    assert_eq!(ask(&other, "b"), "2");
    assert_eq!(server.snapshot().ledger.panics, 1);
    server.running.shut_down().unwrap();
}

#[test]
fn what_comes_after_the_end_begins_anew() {
    let server = serve(Sessions::default());
    let socket = server.client();
    assert_eq!([ask(&socket, "a"), ask(&socket, "close"), ask(&socket, "a")], ["1", "2", "1"]);
    server.running.shut_down().unwrap();
}

#[test]
fn timers_messages_and_workers_reach_a_session_and_not_its_successor() {
    let server = serve(Sessions::default());
    let socket = server.client();
    assert_eq!(ask(&socket, "timer"), "timer");
    assert_eq!(ask(&socket, "work"), "worked");
    let address = server.opened();
    address.send("news".to_owned()).unwrap();
    assert_eq!([ask(&socket, "close"), ask(&socket, "a")], ["news", "3"]);
    server.closed();
    let successor = server.opened();
    address.send("for the dead".to_owned()).unwrap();
    successor.send("for the living".to_owned()).unwrap();
    // The answer to "a" waits in the socket.
    assert_eq!([hear(&socket), hear(&socket)], ["1", "for the living"]);
    server.running.shut_down().unwrap();
}

#[test]
fn sessions_are_told_of_a_shutdown_and_may_say_goodbye() {
    let server = serve(Sessions::default());
    let sockets: Vec<_> = (0..20).map(|_| server.client()).collect();
    for socket in &sockets {
        assert_eq!(ask(socket, "a"), "1");
    }
    let report = server.running.shut_down().unwrap();
    assert_eq!((report.finished, report.cut), (20, 0));
    for socket in sockets {
        let mut block = [0; 100];
        let len = socket.recv(&mut block).unwrap();
        assert_eq!(&block[..len], b"goodbye");
    }
}

#[test]
fn a_panic_over_a_shutdown_keeps_nobody_from_being_told() {
    let server = serve(Sessions::default());
    let sockets: Vec<_> = (0..20).map(|_| server.client()).collect();
    for (number, socket) in sockets.iter().enumerate() {
        (0..1 + number % 3).for_each(|_| assert_ne!(ask(socket, "a"), ""));
    }
    let report = server.running.shut_down().unwrap();
    assert_eq!((report.finished, report.cut), (20, 0));
    for (number, socket) in sockets.iter().enumerate().filter(|(number, _)| number % 3 != 2) {
        let mut block = [0; 100];
        let len = socket.recv(&mut block).unwrap();
        assert_eq!(&block[..len], b"goodbye", "{number}");
    }
}

#[test]
fn ten_thousand_peers_come_and_go() {
    let sessions = Sessions { idle: Duration::from_millis(200), ..Sessions::default() };
    let server = serve(sessions);
    let opened = || server.snapshot().ledger.sessions_opened;
    // Each round from fresh ports: a thousand at a time, as descriptors are not without end.
    for round in 1..=10 {
        let sockets: Vec<_> = (0..1000).map(|_| server.client()).collect();
        for socket in &sockets {
            // A port may be drawn again while its last session is there.
            assert_ne!(ask(socket, "a"), "");
        }
        assert!(opened() <= round * 1000);
    }
    let ended = |heard: &Heard| matches!(heard, Heard::Closed(_, Reason::LateIdle));
    let mut left = opened();
    while left > 0 {
        left -= u64::from(ended(&server.heard()));
    }
    let snapshot = server.snapshot();
    assert_eq!((snapshot.sessions, snapshot.reminders), (0, 0));
    server.running.shut_down().unwrap();
}
