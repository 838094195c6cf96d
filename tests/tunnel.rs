//! A tunnel carries bytes, ends and resets from one side to the other, and is bounded.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use overt::service::Tunnel;
use overt::{Config, Engine, Limits, Running};

/// More than the kernel's buffers and the tunnel hold together.
const MANY: usize = 32 << 20;

/// A tunnel to a server of our own, and both of its ends.
struct Ends {
    near: TcpStream,
    far: TcpStream,
    running: Running,
}

fn tunnel_to(to: SocketAddr) -> (SocketAddr, Running) {
    // What a tunnel holds is bounded by its window, so so little output must do.
    let limits = Limits { output_max: 1 << 20, ..Limits::default() };
    let mut engine = Engine::new(Config { loops: 1, limits, ..Config::default() }).unwrap();
    let at = engine.listen("127.0.0.1:0", move || Tunnel::to(to)).unwrap();
    (at.socket_addr().unwrap(), engine.start().unwrap())
}

fn connected(at: SocketAddr) -> TcpStream {
    with_timeout(TcpStream::connect(at).unwrap())
}

fn with_timeout(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn ends() -> Ends {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (at, running) = tunnel_to(server.local_addr().unwrap());
    let near = connected(at);
    let far = with_timeout(server.accept().unwrap().0);
    Ends { near, far, running }
}

/// Bytes of which each tells its place.
fn numbers(count: usize) -> Vec<u8> {
    (0..count / 4).flat_map(|number| (number as u32).to_be_bytes()).collect()
}

fn read_all(mut stream: &TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    all
}

#[test]
fn bytes_pass_both_ways_at_once_and_so_do_their_ends() {
    let Ends { near, far, running } = ends();
    let numbers = numbers(MANY);
    thread::scope(|scope| {
        for stream in [&near, &far] {
            let (numbers, mut writer) = (&numbers, stream);
            scope.spawn(move || {
                writer.write_all(numbers).unwrap();
                writer.shutdown(Shutdown::Write).unwrap();
            });
            scope.spawn(move || assert!(read_all(stream) == *numbers));
        }
    });
    let report = running.shut_down().unwrap();
    assert_eq!(report.cut, 0, "{report:?}");
}

#[test]
fn after_one_end_the_other_direction_goes_on() {
    let Ends { mut near, mut far, running } = ends();
    near.write_all(b"question").unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&far), b"question");
    far.write_all(b"answer").unwrap();
    far.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&near), b"answer");
    running.shut_down().unwrap();
}

#[test]
fn a_far_end_that_does_not_read_stops_the_near_end_and_loses_nothing() {
    let Ends { mut near, far, running } = ends();
    let numbers = numbers(MANY);
    near.set_nonblocking(true).unwrap();
    let mut sent = 0;
    // The tunnel goes on for as long as it has room, so only a pause tells that it is full.
    let (full, pause) = (running.handle(), Duration::from_secs(10));
    loop {
        match near.write(&numbers[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let loops = full.snapshot(8, pause);
                let paused = |sentence: &str| sentence.contains("paused reading");
                let sides = loops.iter().flat_map(|each| &each.some_connections);
                if sides.clone().any(|side| paused(&side.waiting_for)) {
                    assert!(sides.map(|side| side.unsent).sum::<usize>() <= 1 << 20);
                    break;
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(sent < MANY, "everything went in, and nobody read it");
    near.set_nonblocking(false).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            near.write_all(&numbers[sent..]).unwrap();
            near.shutdown(Shutdown::Write).unwrap();
        });
        assert!(read_all(&far) == numbers);
    });
    drop(far);
    running.shut_down().unwrap();
}

#[test]
fn a_reset_is_passed_on() {
    let Ends { mut near, far, running } = ends();
    // Closing with bytes unread sends a reset.
    near.write_all(b"unread").unwrap();
    let mut far_peek = [0; 1];
    while far.peek(&mut far_peek).unwrap() == 0 {}
    drop(far);
    let error = near.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    running.shut_down().unwrap();
}

#[test]
fn where_nobody_listens_the_near_end_is_told() {
    // A port that was free a moment ago: nobody listens there.
    let to = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (at, running) = tunnel_to(to);
    let mut near = connected(at);
    match near.read(&mut [0; 1]) {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    running.shut_down().unwrap();
}
