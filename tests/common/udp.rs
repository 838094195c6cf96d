//! A UDP echo and its clients, for tests over loopback.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use overt::net::Remote;
use overt::{
    Close, Config, Datagrams, Engine, LoopSnapshot, Never, Result, Running, SocketContext,
};

pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Answers each datagram with itself; one that begins with `!` is refused, with `*` a bug.
pub(crate) struct Echo;

impl Datagrams for Echo {
    type Message = Never;

    fn on_datagram(
        &mut self,
        datagram: &[u8],
        from: &Remote,
        cx: &mut SocketContext<'_, Never>,
    ) -> Result {
        match datagram.first() {
            Some(b'!') => Err(Close::Protocol("refused")),
            Some(b'*') => panic!("a bug in the handler"),
            _ => cx.send_to(from, datagram),
        }
    }
}

pub(crate) fn config(loops: usize) -> Config {
    Config { loops, workers: 1, ..Config::default() }
}

pub(crate) fn start<D: Datagrams>(
    make: impl Fn() -> D + Send + Sync + 'static,
) -> (Running, SocketAddr) {
    let mut engine = Engine::new(config(1)).unwrap();
    let at = engine.bind("127.0.0.1:0", make).unwrap().socket_addr().unwrap();
    (engine.start().unwrap(), at)
}

pub(crate) fn client(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket
}

pub(crate) fn ask(socket: &UdpSocket, question: &[u8]) -> Vec<u8> {
    socket.send(question).unwrap();
    receive(socket).unwrap()
}

pub(crate) fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut block = vec![0; 65_536];
    let len = socket.recv(&mut block)?;
    block.truncate(len);
    Ok(block)
}

/// Waits for a condition.
#[allow(dead_code, reason = "not every test that shares this waits")]
pub(crate) fn until(mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < end, "it does not come about");
    }
}

pub(crate) fn snapshot(running: &Running) -> LoopSnapshot {
    running.handle().snapshot(100, SOON).remove(0)
}
