//! New certificates without a restart: at SIGHUP they are read again.

use std::io;
use std::thread;

use super::server::say;
use crate::net::Hangups;
use crate::net::transport::TlsServer;

/// Reads the files of the certificates again at each SIGHUP, on a thread that lives as long as the
/// process. What can't be used changes nothing.
pub(super) fn at_hangup(server: TlsServer) -> io::Result<()> {
    let mut hangups = Hangups::watch()?;
    let reload = move || {
        while hangups.wait().is_ok() {
            match server.reload() {
                Ok(()) => say("the certificates were read again"),
                Err(error) => eprintln!("error: the certificates stay as they were: {error}"),
            }
        }
    };
    thread::Builder::new().name("reload".into()).spawn(reload)?;
    Ok(())
}
