//! One client never reads, one floods, some send a byte at a time; the others are served to the
//! end all the same, and memory stays within its limits.

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use overt::service::FramesOnLoop;
use overt::wire::LengthPrefixed;
use overt::{Engine, Handle, Reason};
use serving::{Echo, PATIENCE, address, connect, echoes, loops, wait_until};

const OTHERS: usize = 1000;
const ROUNDS: usize = 5;

#[test]
fn a_thousand_are_served_beside_one_that_never_reads_and_one_that_floods() {
    let mut config = loops(2);
    config.limits.memory_max = 4 << 20;
    // What loops hold is told in steps of 64 KiB.
    let memory_max = config.limits.memory_max + 2 * 64 * 1024;
    let mut engine = Engine::new(config).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
    let running = engine.start().unwrap();
    let handle = running.handle();

    let never_reads = fill(at);
    let mut others: Vec<_> = (0..OTHERS).map(|_| connect(at)).collect();
    let done = AtomicBool::new(false);
    let (most, flooded) = thread::scope(|scope| {
        let flooded = scope.spawn(|| flood(at, &done));
        let mut most = 0;
        for _ in 0..ROUNDS {
            for (number, client) in others.iter_mut().enumerate() {
                assert!(echoes(client), "connection {number}");
            }
            most = most.max(memory(handle));
        }
        done.store(true, Relaxed);
        (most, flooded.join().unwrap())
    });
    println!("{flooded} bytes were flooded, and at most {most} held");
    assert!(flooded > 0);
    assert!((1..=memory_max).contains(&most), "{most}");
    wait_until("who flooded is gone", || handle.connections() as usize == OTHERS + 1);
    assert!(others.iter_mut().all(echoes), "all others are still there");
    assert_eq!(serving::count(handle, |ledger| ledger.closes(Reason::OverMemory)), 0);
    drop((never_reads, others));
    wait_until("all are gone", || handle.connections() == 0);
    assert_eq!(memory(handle), 0);
    running.shut_down().unwrap();
}

/// Sends until nobody takes anything any more, and reads none of the answers.
fn fill(at: SocketAddr) -> TcpStream {
    let mut stream = connect(at);
    stream.set_nonblocking(true).unwrap();
    // The kernel's buffers grow for a while: full is what stays full for a hundred looks.
    let mut refused = 0;
    wait_until("it is full", || {
        match stream.write(&[0; 64 * 1024]) {
            Ok(_) => refused = 0,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                refused += 1;
            }
        }
        refused == 100
    });
    stream
}

/// Sends as much as it can until all is done, and reads as much; tells how much.
fn flood(at: SocketAddr, done: &AtomicBool) -> usize {
    let stream = connect(at);
    let (mut reader, mut writer) = (stream.try_clone().unwrap(), stream);
    thread::scope(|scope| {
        scope.spawn(move || {
            while !done.load(Relaxed) {
                writer.write_all(&[7; 64 * 1024]).unwrap();
            }
            writer.shutdown(std::net::Shutdown::Write).unwrap();
        });
        let (mut block, mut read) = ([0; 64 * 1024], 0);
        loop {
            match reader.read(&mut block).unwrap() {
                0 => return read,
                count => read += count,
            }
        }
    })
}

/// What connections hold, over all loops.
fn memory(handle: &Handle) -> u64 {
    handle.snapshot(0, PATIENCE).iter().map(|one| one.memory).max().unwrap_or(0)
}

#[test]
fn when_memory_is_used_up_those_who_need_more_are_closed_and_the_others_served() {
    let mut config = loops(2);
    config.limits.memory_max = 1 << 20;
    let mut engine = Engine::new(config).unwrap();
    let at = address(&engine.listen("127.0.0.1:0", || Echo).unwrap());
    let running = engine.start().unwrap();
    let handle = running.handle();
    // Each may have 256 KiB waiting before it is not read from any more.
    let mut never_read: Vec<_> = (0..20).map(|_| connect(at)).collect();
    let mut modest = connect(at);
    never_read.iter().for_each(|stream| stream.set_nonblocking(true).unwrap());
    let closed = || serving::count(handle, |ledger| ledger.closes(Reason::OverMemory));
    wait_until("somebody is closed", || {
        for stream in &mut never_read {
            // An error when it is full, or closed.
            let _ = stream.write(&[0; 64 * 1024]);
        }
        assert!(echoes(&mut modest), "who needs nothing is served");
        closed() > 0
    });
    assert!(memory(handle) <= (1 << 20) + 2 * 64 * 1024);
    drop((never_read, modest));
    wait_until("all are gone", || handle.connections() == 0);
    running.shut_down().unwrap();
}

#[test]
fn frames_that_come_a_byte_at_a_time_are_answered() {
    let mut engine = Engine::new(loops(2)).unwrap();
    let codec = LengthPrefixed::MIB;
    let at = address(&engine.listen("127.0.0.1:0", move || FramesOnLoop { codec }).unwrap());
    let running = engine.start().unwrap();
    let mut clients: Vec<_> = (0..200).map(|_| connect(at)).collect();
    let frame = [&24_u32.to_be_bytes()[..], b"one byte after the other"].concat();
    for byte in &frame {
        for client in &mut clients {
            client.write_all(&[*byte]).unwrap();
        }
    }
    for client in &mut clients {
        let mut back = vec![0; frame.len()];
        client.read_exact(&mut back).unwrap();
        assert_eq!(back, frame);
    }
    drop(clients);
    wait_until("all are gone", || running.handle().connections() == 0);
    running.shut_down().unwrap();
}
