//! Whoever shouts at many, or floods several listeners at once, is kept in bounds, and nobody who
//! talks to the same loops is kept waiting for long.

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use overt::service::rooms::{RoomLimits, Rooms};
use overt::service::{Chat, ChatLimits, DatagramEcho, FramesByWorkers};
use overt::wire::LengthPrefixed;
use overt::{Engine, Reason};
use serving::{Echo, address, connect, count, loops, wait_until};

const ROUNDS: usize = 5;

/// Sends `bytes` again and again until all is done, and reads nothing of what comes back.
fn shout(to: SocketAddr, bytes: &[u8], done: &AtomicBool) {
    let mut stream = connect(to);
    stream.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
    while !done.load(Relaxed) {
        match stream.write(bytes) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            // Whoever goes too far is closed, and comes again.
            Err(_) => stream = connect(to),
        }
    }
}

/// As [`shout`], and reads all that comes back; tells how much.
fn converse(to: SocketAddr, bytes: &[u8], done: &AtomicBool) -> u64 {
    let stream = connect(to);
    let (mut reader, mut writer) = (stream.try_clone().unwrap(), stream);
    thread::scope(|scope| {
        scope.spawn(move || {
            while !done.load(Relaxed) {
                writer.write_all(bytes).unwrap();
            }
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let (mut block, mut read) = ([0; 64 * 1024], 0);
        loop {
            match reader.read(&mut block).unwrap() {
                0 => return read,
                count => read += count as u64,
            }
        }
    })
}

/// Whether each says back what it is told; all are told before any is listened to.
fn all_echo(clients: &mut [TcpStream]) -> bool {
    let mut back = [0; 4];
    clients.iter_mut().all(|client| client.write_all(b"ping").is_ok())
        && clients.iter_mut().all(|client| client.read_exact(&mut back).is_ok() && &back == b"ping")
}

#[test]
fn those_who_talk_elsewhere_are_heard_while_some_shout_at_many() {
    const MEMBERS: usize = 100;
    const SHOUTERS: usize = 10;
    let mut engine = Engine::new(loops(2)).unwrap();
    let (rooms, limits) = (Rooms::new(RoomLimits::default()), ChatLimits::default());
    let chat = move || Chat::new(rooms.clone(), limits.clone());
    let at = address(&engine.listen("127.0.0.1:0", chat).unwrap());
    let echo = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
    let running = engine.start().unwrap();
    let handle = running.handle();
    let (done, heard) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut members: Vec<_> = (0..MEMBERS).map(|_| connect(at)).collect();
    let mut others: Vec<_> = (0..50).map(|_| connect(echo)).collect();
    let person = || {
        let mut stream = connect(at);
        stream.write_all(b"/join quiet\n").unwrap();
        BufReader::new(stream)
    };
    let (mut one, mut other) = (person(), person());
    thread::scope(|scope| {
        // All but the last few read what they are told.
        for some in members[..MEMBERS - 10].chunks_mut(30) {
            let (done, heard) = (&done, &heard);
            scope.spawn(move || {
                some.iter().for_each(|member| member.set_nonblocking(true).unwrap());
                let mut block = vec![0; 64 * 1024];
                while !done.load(Relaxed) {
                    for member in &mut *some {
                        heard.fetch_add(member.read(&mut block).unwrap_or(0) as u64, Relaxed);
                    }
                }
            });
        }
        for _ in 0..SHOUTERS {
            scope.spawn(|| shout(at, &[&[b'a'; 400][..], b"\n"].concat().repeat(20), &done));
        }
        wait_until("the shouting is heard", || heard.load(Relaxed) > 1 << 20);
        for round in 0..ROUNDS {
            assert!(all_echo(&mut others), "round {round}");
            one.get_mut().write_all(format!("hello {round}\n").as_bytes()).unwrap();
            let mut line = String::new();
            while !line.ends_with(&format!("hello {round}\n")) {
                line.clear();
                assert!(other.read_line(&mut line).unwrap() > 0, "the quiet room was closed");
            }
        }
        done.store(true, Relaxed);
    });
    assert!(all_echo(&mut others));
    assert_eq!(count(handle, |ledger| ledger.closes(Reason::OverMemory)), 0);
    assert_eq!(count(handle, |ledger| ledger.panics), 0);
    drop((members, others, one, other));
    wait_until("all are gone", || handle.connections() == 0);
    running.shut_down().unwrap();
}

#[test]
fn floods_at_all_listeners_at_once_leave_room_for_others() {
    let mut config = loops(2);
    config.workers = 1;
    let mut engine = Engine::new(config).unwrap();
    let codec = LengthPrefixed::MIB;
    let echo = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
    let frames = address(&engine.listen("127.0.0.1:0", move || FramesByWorkers { codec }).unwrap());
    let datagrams = address(&engine.bind("127.0.0.1:0", || DatagramEcho).unwrap());
    let running = engine.start().unwrap();
    let handle = running.handle();
    let done = AtomicBool::new(false);
    let flood = [&4_u32.to_be_bytes()[..], b"spam"].concat().repeat(1000);
    let mut others: Vec<_> = (0..50).map(|_| connect(echo)).collect();
    let mut asks = connect(frames);
    let question = [&4_u32.to_be_bytes()[..], b"mine"].concat();
    let read = thread::scope(|scope| {
        let floods = [echo, frames].map(|at| {
            scope.spawn({
                let (flood, done) = (&flood, &done);
                move || converse(at, flood, done)
            })
        });
        scope.spawn(|| shout(echo, &flood, &done));
        scope.spawn(|| shout(frames, &flood, &done));
        scope.spawn(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            while !done.load(Relaxed) {
                // What is too much is lost.
                let _ = socket.send_to(&flood[..1000], datagrams);
            }
        });
        wait_until("all are flooded", || {
            count(handle, |ledger| ledger.datagrams_received) > 1000
                && count(handle, |ledger| ledger.bytes_read) > 16 << 20
        });
        for round in 0..ROUNDS {
            assert!(all_echo(&mut others), "round {round}");
            asks.write_all(&question).unwrap();
            let mut answer = [0; 8];
            asks.read_exact(&mut answer).unwrap();
            assert_eq!(answer, question[..]);
        }
        done.store(true, Relaxed);
        floods.map(|flood| flood.join().unwrap())
    });
    assert!(read.iter().all(|read| *read > 0), "{read:?}");
    drop((others, asks));
    wait_until("all are gone", || handle.connections() == 0);
    running.shut_down().unwrap();
}
