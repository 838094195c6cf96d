//! Servers for the tests of behaviour: an [`Echo`], clients with a deadline, and waiting for a
//! condition.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use overt::net::Endpoint;
use overt::{Config, Context, Handle, Handler, Ledger, Never, Result};

/// How long a condition may take to come true before the test fails: long, for slow machines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What comes in goes out.
pub(crate) struct Echo;

impl Handler for Echo {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }
}

pub(crate) fn loops(loops: usize) -> Config {
    Config { loops, ..Config::default() }
}

pub(crate) fn address(at: &Endpoint) -> SocketAddr {
    at.socket_addr().expect("a TCP listener")
}

/// A client that gives up after [`PATIENCE`].
pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Whether `stream` says back what it is told.
pub(crate) fn echoes(stream: &mut (impl Read + Write)) -> bool {
    let mut back = [0; 4];
    stream.write_all(b"ping").is_ok() && stream.read_exact(&mut back).is_ok() && &back == b"ping"
}

/// Looks every millisecond whether `condition` has come true.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "waited in vain until {what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// The sum of a counter over all loops.
pub(crate) fn count(handle: &Handle, counter: impl Fn(&Ledger) -> u64) -> u64 {
    handle.snapshot(0, PATIENCE).iter().map(|one| counter(&one.ledger)).sum()
}
