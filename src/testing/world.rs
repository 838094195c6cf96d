//! [`World`]: the seam as one handler on a [`Bench`](super::Bench) sees it. One stream, whose other
//! end is the test; a clock that the test moves; nothing else.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{self, ErrorKind, IoSlice, Read};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "websocket")]
use crate::net::Secrets;
use crate::net::sim::NEW_YEAR_2026;
use crate::net::{
    Bind, Endpoint, Listen, Net, Peer, Readiness, Received, Resolved, Source, Token, Transmit, Wake,
};

/// The test's end of the stream, and its clock.
pub(super) struct World {
    pub(super) clock: Duration,
    random: u64,
    /// What the peer sent and was not read yet.
    pub(super) incoming: VecDeque<u8>,
    /// Whether the peer closed its sending half, or cut the stream.
    pub(super) ended: bool,
    pub(super) cut: bool,
    /// What was sent and not taken by the test yet; no more than the window.
    pub(super) sent: Vec<u8>,
    pub(super) window: usize,
    /// Whether our sending half is closed.
    pub(super) finished: bool,
}

/// When the clock begins: not at zero, which no loop ever sees.
const START: Duration = Duration::from_secs(1);

impl World {
    pub(super) fn new(window: usize) -> Self {
        Self {
            clock: START,
            random: 0,
            incoming: VecDeque::new(),
            ended: false,
            cut: false,
            sent: Vec::new(),
            window,
            finished: false,
        }
    }
}

impl Net for World {
    const REUSE_PORT_SPREADS: bool = false;

    type Stream = ();
    type Listener = Infallible;
    type Datagram = Infallible;

    fn now(&mut self) -> Duration {
        self.clock
    }

    /// The test begins when the year 2026 does.
    fn wall(&mut self) -> Duration {
        NEW_YEAR_2026 + self.clock
    }

    /// The same in every run.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random
    }

    #[cfg(feature = "websocket")]
    fn secrets(&mut self) -> Secrets {
        Secrets::of_a_seed(self.random())
    }

    fn waker(&mut self) -> io::Result<Wake> {
        Ok(Arc::new(|| {}))
    }

    fn signals(&mut self) -> u32 {
        0
    }

    fn wait(&mut self, _: Option<Duration>, _: impl FnMut(Token, Readiness)) -> io::Result<()> {
        Ok(())
    }

    fn watch(&mut self, _: Source<'_, Self>, _: Token) -> io::Result<()> {
        Ok(())
    }

    fn resolve(&mut self, _: &str, _: u16, reply: Resolved) {
        reply(nowhere());
    }

    fn listen(&mut self, _: Listen) -> io::Result<(Infallible, Endpoint)> {
        nowhere()
    }

    fn accept(&mut self, listener: &mut Infallible) -> io::Result<((), Peer)> {
        match *listener {}
    }

    fn shed(&mut self, listener: &mut Infallible) -> io::Result<()> {
        match *listener {}
    }

    fn is_exhausted(_: &io::Error) -> bool {
        false
    }

    fn connect(&mut self, _: &Endpoint) -> io::Result<()> {
        nowhere()
    }

    fn connected(&mut self, _: &mut ()) -> io::Result<bool> {
        Ok(true)
    }

    fn read(&mut self, _: &mut (), into: &mut [u8]) -> io::Result<usize> {
        if self.cut {
            return Err(ErrorKind::ConnectionReset.into());
        }
        match self.incoming.is_empty() && !self.ended {
            true => Err(ErrorKind::WouldBlock.into()),
            false => self.incoming.read(into),
        }
    }

    fn write(&mut self, stream: &mut (), bytes: &[u8]) -> io::Result<usize> {
        self.write_slices(stream, &[IoSlice::new(bytes)])
    }

    fn write_slices(&mut self, _: &mut (), slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let before = self.sent.len();
        for slice in slices {
            let room = self.window.saturating_sub(self.sent.len()).min(slice.len());
            self.sent.extend_from_slice(&slice[..room]);
        }
        match self.sent.len() - before {
            0 => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn finish(&mut self, _: &mut ()) -> io::Result<()> {
        self.finished = true;
        Ok(())
    }

    fn close(&mut self, (): (), _: bool) {
        self.finished = true;
    }

    fn bind(&mut self, _: &Bind) -> io::Result<(Infallible, Endpoint)> {
        nowhere()
    }

    fn receive(
        &mut self,
        socket: &mut Infallible,
        _: &mut [u8],
        _: &mut Vec<Received>,
    ) -> io::Result<()> {
        match *socket {}
    }

    fn segments_max(&self, socket: &Infallible) -> usize {
        match *socket {}
    }

    fn send(&mut self, socket: &mut Infallible, _: &Transmit<'_>) -> io::Result<()> {
        match *socket {}
    }
}

fn nowhere<T>() -> io::Result<T> {
    Err(io::Error::new(ErrorKind::Unsupported, "a bench has one connection and no network"))
}
