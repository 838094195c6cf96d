//! [`Hangups`]: SIGHUP, by which a server is told to read its files again, for a thread that waits
//! for it. Reading files blocks, so this is nothing for a loop.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;

use signal_hook::SigId;
use signal_hook::consts::SIGHUP;
use signal_hook::low_level::{pipe, unregister};

pub(crate) struct Hangups {
    bytes: UnixStream,
    handler: SigId,
}

impl Hangups {
    /// From now on SIGHUP is noted here and no longer ends the process.
    pub(crate) fn watch() -> io::Result<Self> {
        let (bytes, sender) = UnixStream::pair()?;
        Ok(Self { bytes, handler: pipe::register(SIGHUP, sender)? })
    }

    /// Waits for one; several that have come by then are one.
    pub(crate) fn wait(&mut self) -> io::Result<()> {
        loop {
            match self.bytes.read(&mut [0; 64]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map(drop),
            }
        }
    }
}

impl Drop for Hangups {
    fn drop(&mut self) {
        unregister(self.handler);
    }
}
