//! Whatever bytes come in, over TCP and Unix sockets and in whatever order connections end: the
//! server goes on serving, and forgets those who are gone.
#![cfg(unix)]

#[allow(dead_code, reason = "shared")]
#[path = "common/serving.rs"]
mod serving;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;

use overt::service::FramesOnLoop;
use overt::wire::{Codec, LengthPrefixed, Lines};
use overt::{Context, Engine, Handler, Never, Result};
use serving::{Echo, address, connect, count, echoes, loops, wait_until};

/// Each line goes back.
struct LineEcho(Lines);

impl Handler for LineEcho {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(line) = self.0.decode(cx.input)? {
            self.0.encode(line, cx.output)?;
        }
        Ok(())
    }
}

/// xorshift64: the same bytes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn bytes(&mut self) -> Vec<u8> {
        // Small numbers are what gets past a check of a length.
        let mask = if self.below(2) == 0 { 0xff } else { 0x0f };
        (0..self.below(8192)).map(|_| self.next() as u8 & mask).collect()
    }
}

#[test]
fn a_server_outlives_a_storm_of_random_bytes() {
    let mut engine = Engine::new(loops(2)).unwrap();
    let frames = || FramesOnLoop { codec: LengthPrefixed::new(4096) };
    let tcp = [
        address(&engine.listen("127.0.0.1:0", frames).unwrap()),
        address(&engine.listen("127.0.0.1:0", || LineEcho(Lines::new(256))).unwrap()),
        address(&engine.listen("127.0.0.1:0", || Echo).unwrap()),
    ];
    let path = std::env::temp_dir().join(format!("overt-storm-{}.sock", std::process::id()));
    engine.listen(&*format!("unix:{}", path.display()), frames).unwrap();
    let running = engine.start().unwrap();
    let handle = running.handle();

    thread::scope(|scope| {
        for seed in 1..=4 {
            let path = &path;
            scope.spawn(move || storm(Random(seed), &tcp, path));
        }
    });
    wait_until("all are gone", || handle.connections() == 0);
    assert_eq!(count(handle, |ledger| ledger.panics), 0);
    assert!(count(handle, |ledger| ledger.closes(overt::Reason::Wire)) > 0);

    let mut line = connect(tcp[1]);
    line.write_all(b"ping\n").unwrap();
    let mut back = [0; 5];
    line.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"ping\n");
    assert!(echoes(&mut connect(tcp[2])));
    let mut unix = UnixStream::connect(&path).unwrap();
    assert!(echoes_frame(&mut connect(tcp[0])) && echoes_frame(&mut unix));
    drop((line, unix));
    running.shut_down().unwrap();
    assert!(!path.exists(), "the file of the socket is left over");
}

fn storm(mut random: Random, tcp: &[SocketAddr; 3], unix: &PathBuf) {
    let mut streams: Vec<Stream> = Vec::new();
    for _ in 0..1_000 {
        if streams.len() < 16 {
            streams.push(match random.below(4) {
                3 => Stream::Unix(UnixStream::connect(unix).unwrap()),
                which => Stream::Tcp(connect(tcp[which as usize])),
            });
        }
        let index = random.below(streams.len() as u64) as usize;
        // Cut by the server, as a rule: then it is gone.
        let is_gone = !streams[index].send(&random.bytes());
        match random.below(8) {
            0 => streams[index].shut_down(Shutdown::Write),
            1 => streams[index].shut_down(Shutdown::Both),
            2 => drop(streams.swap_remove(index)),
            _ if is_gone => drop(streams.swap_remove(index)),
            _ => {}
        }
    }
}

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn send(&mut self, bytes: &[u8]) -> bool {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes).is_ok(),
            Self::Unix(stream) => stream.write_all(bytes).is_ok(),
        }
    }

    fn shut_down(&self, how: Shutdown) {
        // An error if it is cut already.
        let _ = match self {
            Self::Tcp(stream) => stream.shutdown(how),
            Self::Unix(stream) => stream.shutdown(how),
        };
    }
}

fn echoes_frame(stream: &mut (impl Read + Write)) -> bool {
    let frame = *b"\0\0\0\x04ping";
    let mut back = [0; 8];
    stream.write_all(&frame).is_ok() && stream.read_exact(&mut back).is_ok() && back == frame
}
