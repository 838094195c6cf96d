//! Datagrams: an echo that knows its peers. Each peer has a session of its own, which numbers its
//! datagrams, and ends when it has been silent for ten seconds.
//!
//! ```text
//! cargo run --release --example 04_udp
//! nc -u 127.0.0.1 7003
//! python3 -c 'import socket; s = socket.socket(type=socket.SOCK_DGRAM); \
//!     s.sendto(b"hello", ("127.0.0.1", 7003)); print(s.recv(99))'
//! ```

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use overt::{Close, Config, Engine, Never, Outgoing, Result, Session, SessionContext, Sessions};

/// How many sessions there are now.
static OPEN: AtomicU32 = AtomicU32::new(0);

#[derive(Default)]
struct Counting {
    datagrams: u64,
    answer: Vec<u8>,
}

impl Session for Counting {
    type Message = Never;

    fn on_open(&mut self, cx: &mut SessionContext<'_, Never>) -> Result {
        println!("{} is new; {} sessions", cx.peer(), OPEN.fetch_add(1, Relaxed) + 1);
        Ok(())
    }

    fn on_datagram(&mut self, datagram: &[u8], cx: &mut SessionContext<'_, Never>) -> Result {
        self.datagrams += 1;
        self.answer.clear();
        write!(self.answer, "{}: ", self.datagrams)?;
        self.answer.extend_from_slice(datagram);
        cx.send(&self.answer)
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        let left = OPEN.fetch_sub(1, Relaxed) - 1;
        println!("one ended after {} datagrams ({why}); {left} sessions", self.datagrams);
    }
}

fn main() -> std::io::Result<()> {
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() })?;
    let argument = std::env::args().nth(1);
    let sessions = Sessions { idle: Duration::from_secs(10), ..Sessions::default() };
    let at = argument.as_deref().unwrap_or("127.0.0.1:7003");
    let at = engine.bind_sessions(at, sessions, |_| Counting::default())?;
    println!("echo on {at}");
    let report = engine.run()?;
    println!("{report:?}");
    Ok(())
}
