//! Settings that make no sense: [`Config::check`] says which, in one line; and addresses that
//! can't be opened ([`cannot`]).

use std::io;
use std::time::Duration;

use super::limits::{Admission, Config, Deadlines, Limits, Sessions};
use crate::net::Endpoint;

/// Loops and workers are numbered in 16 bits.
const THREADS_MAX: usize = 4096;

impl Config {
    pub(super) fn check(&self) -> io::Result<()> {
        for (name, count) in [("loops", self.loops), ("workers", self.workers)] {
            if count > THREADS_MAX {
                return wrong(format!("Config::{name} ({count}) is more than {THREADS_MAX}"));
            }
        }
        self.limits.check()?;
        self.deadlines.check()
    }
}

impl Limits {
    fn check(&self) -> io::Result<()> {
        let positive = [
            ("input_max", self.input_max as u64),
            ("output_high", self.output_high as u64),
            ("output_max", self.output_max as u64),
            ("read_per_visit", self.read_per_visit as u64),
            ("frames_per_visit", self.frames_per_visit.into()),
            ("accepts_per_turn", self.accepts_per_turn.into()),
            ("handshakes_per_turn", self.handshakes_per_turn.into()),
            ("dials_per_turn", self.dials_per_turn.into()),
            ("messages_per_turn", self.messages_per_turn.into()),
            ("datagrams_per_visit", self.datagrams_per_visit.into()),
            ("datagrams_unsent", self.datagrams_unsent as u64),
            ("mailbox", self.mailbox.into()),
            ("jobs_per_connection", self.jobs_per_connection.into()),
            ("jobs", self.jobs.into()),
            ("job_bytes", self.job_bytes as u64),
            ("memory_max", self.memory_max),
            ("connections", self.connections.into()),
            ("connections_per_loop", self.connections_per_loop.into()),
        ];
        if let Some((name, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return wrong(format!("Limits::{name} is 0: nothing could be done"));
        }
        let (low, high, max) = (self.output_low, self.output_high, self.output_max);
        if low > high {
            return wrong(format!("Limits::output_low ({low}) is above output_high ({high})"));
        }
        if high > max {
            return wrong(format!("Limits::output_high ({high}) is above output_max ({max})"));
        }
        self.admission.check()
    }
}

impl Admission {
    pub(super) fn check(&self) -> io::Result<()> {
        let (rate, burst) = self.rate_per_address.unwrap_or((1, 1));
        let bounds = [
            ("connections", self.connections),
            ("per_address", self.per_address),
            ("rate_per_address", Some(rate.min(burst))),
        ];
        match bounds.iter().find(|(_, value)| *value == Some(0)) {
            Some((name, _)) => wrong(format!("Admission::{name} is 0: nobody could come in")),
            None => Ok(()),
        }
    }
}

impl Sessions {
    pub(super) fn check(&self) -> io::Result<()> {
        match self.max {
            0 => wrong("Sessions::max is 0: nobody could have one".to_owned()),
            _ => Ok(()),
        }
    }
}

impl Deadlines {
    fn check(&self) -> io::Result<()> {
        let times = [
            ("handshake", self.handshake),
            ("first_frame", self.first_frame.unwrap_or(Duration::MAX)),
            ("frame", self.frame),
            ("rate_window", self.rate_window),
            ("idle", self.idle),
            ("drain", self.drain),
            ("lifetime", self.lifetime),
        ];
        match times.iter().find(|(_, time)| time.is_zero()) {
            Some((name, _)) => wrong(format!("Deadlines::{name} is zero: it would pass at once")),
            None => Ok(()),
        }
    }
}

fn wrong(what: String) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// An address that the system won't open is named: its own words don't.
pub(super) fn cannot(open: &str, at: &Endpoint) -> impl FnOnce(io::Error) -> io::Error + use<> {
    let what = format!("cannot {open} {at}");
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::service::{DatagramEcho, Echo};

    #[track_caller]
    fn says(change: impl FnOnce(&mut Config), expected: &str) {
        let mut config = Config::default();
        change(&mut config);
        let error = config.check().unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (io::ErrorKind::InvalidInput, expected)
        );
    }

    #[test]
    fn the_default_makes_sense() {
        Config::default().check().unwrap();
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        says(|c| c.loops = 5000, "Config::loops (5000) is more than 4096");
        says(|c| c.limits.jobs = 0, "Limits::jobs is 0: nothing could be done");
        says(
            |c| c.limits.datagrams_unsent = 0,
            "Limits::datagrams_unsent is 0: nothing could be done",
        );
        let nobody = Sessions { max: 0, ..Sessions::default() }.check().unwrap_err();
        assert_eq!(nobody.to_string(), "Sessions::max is 0: nobody could have one");
        says(
            |c| c.limits.output_low = 300 << 10,
            "Limits::output_low (307200) is above output_high (262144)",
        );
        says(
            |c| c.limits.output_max = 1000,
            "Limits::output_high (262144) is above output_max (1000)",
        );
        says(
            |c| c.limits.admission.rate_per_address = Some((5, 0)),
            "Admission::rate_per_address is 0: nobody could come in",
        );
        says(
            |c| c.deadlines.idle = Duration::ZERO,
            "Deadlines::idle is zero: it would pass at once",
        );
    }
    #[test]
    fn an_address_that_is_in_use_is_named() {
        let engine = || Engine::new(Config { loops: 2, ..Config::default() }).unwrap();
        let (mut first, mut second) = (engine(), engine());
        let at = first.listen("127.0.0.1:0", || Echo).unwrap();
        let error = second.listen(at.clone(), || Echo).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("cannot listen at {at}: ")), "{error}");
        let at = first.bind("127.0.0.1:0", || DatagramEcho).unwrap();
        let error = second.bind(at.clone(), || DatagramEcho).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("cannot bind to {at}: ")), "{error}");
    }
}
