//! SIGTERM and SIGINT as readable bytes: no thread, so that a loop on the main thread stays alone.

use std::io::{self, Read};

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::{pipe, unregister};

use crate::net::SIGNAL;

pub(super) struct Signals {
    bytes: UnixStream,
    handlers: Vec<signal_hook::SigId>,
}

impl Signals {
    pub(super) fn watch(registry: &Registry) -> io::Result<Self> {
        let (mut bytes, sender) = UnixStream::pair()?;
        registry.register(&mut bytes, Token(SIGNAL as usize), Interest::READABLE)?;
        let sender = std::os::unix::net::UnixStream::from(sender);
        let mut signals = Self { bytes, handlers: Vec::new() };
        for signal in [SIGTERM, SIGINT] {
            signals.handlers.push(pipe::register(signal, sender.try_clone()?)?);
        }
        Ok(signals)
    }

    /// How many came since the last call.
    pub(super) fn take(&mut self) -> u32 {
        let (mut count, mut bytes) = (0, [0; 64]);
        while let Ok(some @ 1..) = self.bytes.read(&mut bytes) {
            count += some as u32;
        }
        count
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for handler in self.handlers.drain(..) {
            unregister(handler);
        }
    }
}
