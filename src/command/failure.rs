//! [`Failure`]: why the command ends without having done its work, in one line.

use std::io;

/// What went wrong, and what to do about it; and the exit code.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) what: String,
    pub(super) code: u8,
}

impl Failure {
    /// The command was written wrong.
    const USAGE: u8 = 2;
    /// The system would not do it.
    const SYSTEM: u8 = 1;

    /// An error of `clap`, which needs several lines for what fits on one.
    pub(super) fn usage(error: &clap::Error) -> Self {
        let text = error.to_string();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let ours =
            lines.take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For "));
        let what = ours.collect::<Vec<_>>().join(" ");
        let what = what.trim_start_matches("error: ").replace(" tip: ", "; ");
        Self { what: format!("{what} (overt --help tells more)"), code: Self::USAGE }
    }

    /// `doing` failed for a reason of the system's, or because a setting makes no sense.
    pub(super) fn system(doing: &str, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::InvalidInput => Self::USAGE,
            _ => Self::SYSTEM,
        };
        Self { what: format!("{doing}: {error}"), code }
    }

    /// An address could not be listened at; `cure` says how to choose another.
    pub(super) fn listen(at: &str, error: &io::Error, cure: &str) -> Self {
        let doing = format!("cannot listen at {at}");
        match error.kind() {
            io::ErrorKind::AddrInUse => Self {
                what: format!("{doing}: somebody else does already; {cure}"),
                code: Self::SYSTEM,
            },
            io::ErrorKind::AddrNotAvailable => Self {
                what: format!("{doing}: this machine has no such address; {cure}"),
                code: Self::SYSTEM,
            },
            _ => Self::system(&doing, error),
        }
    }
}
