//! [`Server`]: an engine on its way to run, with what all services of the command need.

use std::fmt::Display;
use std::io::Write;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::failure::Failure;
use crate::engine::{Config, Engine, Handle, ShutdownReport};
use crate::handler::{Datagrams, Handler};
use crate::net::transport::TlsServer;
use crate::net::{Endpoint, Listen};

/// Prints a line. If nobody reads what is printed, serving goes on all the same.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

pub(super) struct Server {
    engine: Engine,
    /// How to choose another address.
    cure: &'static str,
    tls: Option<TlsServer>,
}

impl Server {
    pub(super) fn new(config: Config, cure: &'static str) -> Result<Self, Failure> {
        let engine = Engine::new(config).map_err(|error| Failure::start(&error))?;
        Ok(Self { engine, cure, tls: None })
    }

    /// Listens by TLS from now on, or not.
    pub(super) fn tls(self, tls: Option<TlsServer>) -> Self {
        Self { tls, ..self }
    }

    /// Listens; tells the address bound.
    pub(super) fn listen<H: Handler>(
        &mut self,
        at: &Endpoint,
        handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> Result<Endpoint, Failure> {
        let failed = |error| Failure::listen(&at.to_string(), &error, self.cure);
        let plain = Listen::at(at.clone());
        let how = match &self.tls {
            Some(tls) => plain.tls(tls),
            None => plain,
        };
        self.engine.listen(how, handler).map_err(failed)
    }

    /// Listens at each address, and says so.
    pub(super) fn listen_all<H: Handler>(
        &mut self,
        name: &str,
        at: &[Endpoint],
        handler: impl Fn() -> H + Clone + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        for at in at {
            let at = self.listen(at, handler.clone())?;
            say(format_args!("{name} on {at}"));
        }
        Ok(())
    }

    /// Takes datagrams; tells the address bound.
    pub(super) fn bind<D: Datagrams>(
        &mut self,
        at: &Endpoint,
        handler: impl Fn() -> D + Send + Sync + 'static,
    ) -> Result<Endpoint, Failure> {
        let failed = |error| Failure::listen(&at.to_string(), &error, self.cure);
        self.engine.bind(at.clone(), handler).map_err(failed)
    }

    /// Serves until the process is asked to end; then says how that went.
    pub(super) fn run(self, stats: Option<Duration>) -> Result<(), Failure> {
        let failed = |error| Failure::system("cannot go on", &error);
        let reporter = match stats {
            None => None,
            Some(every) => Some(report_every(every, self.engine.handle()).map_err(failed)?),
        };
        let report = self.engine.run();
        if let Some((end, thread)) = reporter {
            drop(end);
            let _ = thread.join(); // It has no result, and its panic would be printed already.
        }
        say(in_words(&report.map_err(failed)?));
        Ok(())
    }
}

type Reporter = (crossbeam_channel::Sender<()>, thread::JoinHandle<()>);

/// Prints what the loops did, until the sender is dropped.
fn report_every(every: Duration, handle: Handle) -> std::io::Result<Reporter> {
    let (end, ended) = bounded(0);
    let report = move || report_until(&ended, every, &handle);
    Ok((end, thread::Builder::new().name("stats".into()).spawn(report)?))
}

fn report_until(ended: &Receiver<()>, every: Duration, handle: &Handle) {
    while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        for snapshot in handle.snapshot(0, Duration::from_secs(1)) {
            say(snapshot.to_json());
        }
    }
}

/// What a shutdown finished and what it cut.
fn in_words(report: &ShutdownReport) -> String {
    let ShutdownReport { finished, cut, jobs_cut, bytes_cut, took_ms } = *report;
    let connections = |count: u64| match count {
        0 => "no connection".to_owned(),
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    };
    let mut words = match finished + cut {
        0 => format!("ended after {took_ms} ms: no connection was open"),
        _ => format!("ended after {took_ms} ms: {} finished properly", connections(finished)),
    };
    if cut > 0 {
        words += &format!(", {} cut off", connections(cut));
    }
    if jobs_cut > 0 {
        words += &format!(", {jobs_cut} frames left unanswered");
    }
    if bytes_cut > 0 {
        words += &format!(", {bytes_cut} bytes left unsent");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shutdown_is_told_in_plain_words() {
        let report = ShutdownReport { took_ms: 12, ..ShutdownReport::default() };
        assert_eq!(in_words(&report), "ended after 12 ms: no connection was open");
        let report = ShutdownReport { finished: 1, ..report };
        assert_eq!(in_words(&report), "ended after 12 ms: 1 connection finished properly");
        let report = ShutdownReport { finished: 30, cut: 2, jobs_cut: 3, bytes_cut: 9, ..report };
        assert_eq!(
            in_words(&report),
            "ended after 12 ms: 30 connections finished properly, 2 connections cut off, \
             3 frames left unanswered, 9 bytes left unsent"
        );
    }
}
