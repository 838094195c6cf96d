//! Unix sockets are served, dialed and cleaned up as TCP sockets are.
#![cfg(unix)]

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use overt::net::{Endpoint, Listen};
use overt::{Close, Context, Engine, Handler, Never, Outgoing, Reason, Result};
use serving::{Echo, PATIENCE, echoes, loops, wait_until};
use socket2::{Domain, SockAddr, Type};

/// A path of its own for each test, removed when it is dropped.
struct Socket(PathBuf);

impl Socket {
    fn new(name: &str) -> Self {
        let name = format!("overt-{name}-{}.sock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::Unix(self.0.clone())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It is gone already if the engine did as it should.
        let _ = fs::remove_file(&self.0);
    }
}

/// Says `ping`, and what became of it.
struct Ping(Sender<std::result::Result<Vec<u8>, Reason>>);

impl Handler for Ping {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert_eq!(cx.effects.peer().to_string(), "unix");
        cx.output.put(b"ping");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if cx.input.len() >= 4 {
            self.0.send(Ok(cx.input.to_vec())).unwrap();
            cx.effects.close();
        }
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.0.send(Err(why.reason())).unwrap();
    }
}

#[test]
fn many_are_served_on_all_loops_and_the_file_is_removed() {
    let socket = Socket::new("served");
    let mut engine = Engine::new(loops(2)).unwrap();
    engine.listen(socket.endpoint(), || Echo).unwrap();
    let running = engine.start().unwrap();
    let connect = |_| UnixStream::connect(&socket.0).unwrap();
    let mut clients: Vec<_> = (0..50).map(connect).collect();
    assert!(clients.iter_mut().all(echoes));
    let per_loop: Vec<_> =
        running.handle().snapshot(0, PATIENCE).iter().map(|one| one.connections).collect();
    assert_eq!(per_loop, [25, 25]);
    drop(clients);
    wait_until("all are gone", || running.handle().connections() == 0);
    running.shut_down().unwrap();
    assert!(!socket.0.exists());
}

#[test]
fn a_unix_socket_is_dialed() {
    let socket = Socket::new("dialed");
    let (told, said) = channel();
    let mut engine = Engine::new(loops(1)).unwrap();
    engine.listen(socket.endpoint(), || Echo).unwrap();
    engine.connect(socket.endpoint(), Ping(told));
    let running = engine.start().unwrap();
    assert_eq!(said.recv_timeout(PATIENCE).unwrap(), Ok(b"ping".to_vec()));
    assert_eq!(said.recv_timeout(PATIENCE).unwrap(), Err(Reason::ByUs));
    running.shut_down().unwrap();
}

#[test]
fn a_path_at_which_nobody_listens_is_unreachable() {
    let socket = Socket::new("nobody");
    let (told, said) = channel();
    let mut engine = Engine::new(loops(1)).unwrap();
    engine.connect(socket.endpoint(), Ping(told));
    let running = engine.start().unwrap();
    assert_eq!(said.recv_timeout(PATIENCE).unwrap(), Err(Reason::Unreachable));
    running.shut_down().unwrap();
}

#[test]
fn the_file_of_a_dead_process_is_replaced_and_that_of_a_living_one_is_not() {
    let socket = Socket::new("dead");
    let living = UnixListener::bind(&socket.0).unwrap();
    let mut engine = Engine::new(loops(1)).unwrap();
    let error = engine.listen(socket.endpoint(), || Echo).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    drop(living);
    engine.listen(socket.endpoint(), || Echo).unwrap();
    let running = engine.start().unwrap();
    assert!(echoes(&mut UnixStream::connect(&socket.0).unwrap()));
    running.shut_down().unwrap();
}

/// Connects until no more find room in the queue.
fn fill(path: &Path) -> Vec<socket2::Socket> {
    let connect = || {
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.connect(&SockAddr::unix(path).unwrap()).map(|()| socket)
    };
    std::iter::from_fn(|| connect().ok()).take(10_000).collect()
}

#[test]
fn no_more_wait_than_the_backlog_says() {
    let socket = Socket::new("backlog");
    let mut engine = Engine::new(loops(1)).unwrap();
    engine.listen(Listen { backlog: 3, ..Listen::at(socket.endpoint()) }, || Echo).unwrap();
    let waiting = fill(&socket.0).len();
    assert!((3..=4).contains(&waiting), "{waiting}");
}

#[test]
fn a_living_process_that_accepts_nobody_does_not_hold_up_who_wants_its_path() {
    let socket = Socket::new("full");
    let living = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    living.bind(&SockAddr::unix(&socket.0).unwrap()).unwrap();
    living.listen(0).unwrap();
    let waiting = fill(&socket.0);
    assert!(!waiting.is_empty());
    let mut engine = Engine::new(loops(1)).unwrap();
    let error = engine.listen(socket.endpoint(), || Echo).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}
