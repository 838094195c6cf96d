//! Sockets that were opened elsewhere are taken over, and treated as our own: an answer in two
//! writes once waited for the peer's delayed acknowledgement (Nagle's algorithm).

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::io::{Read, Write};
use std::net::TcpListener;

use overt::Engine;
use serving::{Echo, PATIENCE, echoes, loops, wait_until};

#[test]
fn a_tcp_stream_that_was_open_already_is_served_without_delay() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = serving::connect(listener.local_addr().unwrap());
    let (accepted, _) = listener.accept().unwrap();
    let same = accepted.try_clone().unwrap();
    let running = Engine::new(loops(2)).unwrap().start().unwrap();
    let handle = running.handle();
    handle.enroll(accepted, Echo).unwrap();
    assert!(echoes(&mut client));
    assert!(same.nodelay().unwrap());
    let some = handle.snapshot(1, PATIENCE);
    let connection = some.iter().find_map(|one| one.some_connections.first()).unwrap();
    assert_eq!(connection.peer, client.local_addr().unwrap().to_string());
    drop((client, same));
    wait_until("it is gone", || handle.connections() == 0);
    running.shut_down().unwrap();
}

#[test]
fn bytes_that_came_before_a_stream_was_enrolled_are_answered() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = serving::connect(listener.local_addr().unwrap());
    client.write_all(b"early").unwrap();
    let (accepted, _) = listener.accept().unwrap();
    assert_eq!(accepted.peek(&mut [0; 1]).unwrap(), 1);
    let running = Engine::new(loops(1)).unwrap().start().unwrap();
    running.handle().enroll(accepted, Echo).unwrap();
    let mut back = [0; 5];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"early");
    drop(client);
    running.shut_down().unwrap();
}

#[cfg(unix)]
#[test]
fn a_stream_that_is_not_connected_is_not_enrolled() {
    use std::net::TcpStream;
    let running = Engine::new(loops(1)).unwrap().start().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // A listening socket dressed up as a stream.
    let stream = TcpStream::from(std::os::fd::OwnedFd::from(listener));
    assert!(running.handle().enroll(stream, Echo).is_err());
    running.shut_down().unwrap();
}

#[cfg(unix)]
#[test]
fn a_unix_stream_that_was_open_already_is_served() {
    use std::os::unix::net::UnixStream;
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let running = Engine::new(loops(2)).unwrap().start().unwrap();
    let handle = running.handle();
    handle.enroll_unix(theirs, Echo).unwrap();
    assert!(echoes(&mut ours));
    drop(ours);
    wait_until("it is gone", || handle.connections() == 0);
    running.shut_down().unwrap();
}
