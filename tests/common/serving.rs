//! For the tests of behaviour: a server of [`Echo`], clients with a deadline, and waiting for a
//! condition.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use overt::net::Endpoint;
#[allow(unused_imports, reason = "shared")]
pub(crate) use overt::service::Echo;
use overt::{Config, Handle, Ledger};

/// How long a condition may take to come true before the test fails: long, for slow machines.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

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
