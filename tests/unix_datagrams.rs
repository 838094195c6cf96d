//! Unix datagram sockets: bound by path, answered by path, and not held up by who does not read.
#![cfg(unix)]

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use overt::net::Endpoint;
use overt::service::DatagramEcho;
use overt::{Config, Engine, Running};

const SOON: Duration = Duration::from_secs(10);

/// A path of its own for each test, free when it begins and when it ends.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let name = format!("overt-{}-{name}.sock", std::process::id());
        let file = Self(std::env::temp_dir().join(name));
        let _ = std::fs::remove_file(&file.0);
        file
    }

    fn bound(&self) -> UnixDatagram {
        let socket = UnixDatagram::bind(&self.0).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn serve(path: &Path) -> Running {
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    engine.bind(Endpoint::Unix(path.into()), || DatagramEcho).unwrap();
    engine.start().unwrap()
}

fn ask(socket: &UnixDatagram, at: &Path, question: &[u8]) -> Vec<u8> {
    socket.send_to(question, at).unwrap();
    receive(socket)
}

fn receive(socket: &UnixDatagram) -> Vec<u8> {
    let mut block = vec![0; 256 * 1024];
    let len = socket.recv(&mut block).unwrap();
    block.truncate(len);
    block
}

#[test]
fn a_path_is_answered_and_removed_at_the_end() {
    let (server, client) = (File::new("echo"), File::new("client"));
    let running = serve(&server.0);
    let socket = client.bound();
    for size in [0, 1, 1000, 65_000] {
        assert_eq!(ask(&socket, &server.0, &vec![7; size]), vec![7; size]);
    }
    running.shut_down().unwrap();
    assert!(!server.0.exists());
}

#[test]
fn who_has_no_path_is_heard_and_holds_up_nobody() {
    let (server, client) = (File::new("nameless"), File::new("named"));
    let running = serve(&server.0);
    UnixDatagram::unbound().unwrap().send_to(b"anonymous", &server.0).unwrap();
    let socket = client.bound();
    assert_eq!(ask(&socket, &server.0, b"hello"), b"hello");
    let ledger = running.handle().snapshot(0, SOON).remove(0).ledger;
    assert_eq!((ledger.datagrams_received, ledger.datagrams_dropped), (2, 1));
    running.shut_down().unwrap();
}

#[test]
fn who_does_not_read_loses_answers_and_holds_up_nobody() {
    let (server, deaf, client) = (File::new("server"), File::new("deaf"), File::new("reads"));
    let running = serve(&server.0);
    let (deaf, socket) = (deaf.bound(), client.bound());
    for _ in 0..1000 {
        // Blocks while the server's queue is full, so none of these is lost on the way there.
        deaf.send_to(b"to the wall", &server.0).unwrap();
    }
    assert_eq!(ask(&socket, &server.0, b"hello"), b"hello");
    let ledger = running.handle().snapshot(0, SOON).remove(0).ledger;
    assert_eq!(ledger.datagrams_received, 1001);
    assert_eq!(ledger.datagrams_sent + ledger.datagrams_dropped, 1001);
    assert!(ledger.datagrams_dropped > 0);
    running.shut_down().unwrap();
}

#[test]
fn a_file_left_by_the_dead_is_replaced_and_one_in_use_is_not() {
    let server = File::new("left");
    drop(server.bound());
    assert!(server.0.exists());
    let running = serve(&server.0);
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    let error = engine.bind(Endpoint::Unix(server.0.clone()), || DatagramEcho).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    running.shut_down().unwrap();
}

#[test]
fn a_socket_that_exists_is_taken_over_and_its_path_left() {
    let (server, client) = (File::new("existing"), File::new("asks"));
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    engine.bind(server.bound(), || DatagramEcho).unwrap();
    let running = engine.start().unwrap();
    assert_eq!(ask(&client.bound(), &server.0, b"hello"), b"hello");
    running.shut_down().unwrap();
    assert!(server.0.exists());
}
