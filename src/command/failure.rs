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

    /// The engine could not be built, perhaps because a setting makes no sense.
    pub(super) fn start(error: &io::Error) -> Self {
        let failure = Self::system("cannot start", error);
        let words = failure.what.split(' ').map(|word| flag(word).unwrap_or_else(|| word.into()));
        Self { what: words.collect::<Vec<_>>().join(" "), ..failure }
    }

    /// `doing` failed for a reason of the system's, or because a setting makes no sense.
    pub(super) fn system(doing: &str, error: &io::Error) -> Self {
        Self { what: format!("{doing}: {error}"), code: Self::code(error) }
    }

    fn code(error: &io::Error) -> u8 {
        match error.kind() {
            io::ErrorKind::InvalidInput => Self::USAGE,
            _ => Self::SYSTEM,
        }
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
            // It names the address itself.
            _ => Self { what: error.to_string(), code: Self::code(error) },
        }
    }
}

/// What sets the field of the configuration that `word` names, as far as there is a flag for it.
fn flag(word: &str) -> Option<String> {
    let special = [
        ("Deadlines::frame", "--frame-deadline"),
        ("Deadlines::drain", "--drain-deadline"),
        ("Limits::memory_max", "--memory"),
        ("Limits::jobs_per_connection", "--jobs"),
    ];
    if let Some((_, flag)) = special.iter().find(|(field, _)| *field == word) {
        return Some((*flag).to_owned());
    }
    let field = word.rsplit_once("::").map_or(word, |(_, field)| field);
    let is_field = field != word || field.contains('_');
    is_field.then(|| format!("--{}", field.replace('_', "-")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Config, Engine};

    #[test]
    fn a_setting_that_makes_no_sense_is_named_as_it_was_written() {
        let says = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            let failure = Failure::start(&Engine::new(config).err().unwrap());
            assert_eq!(failure.code, Failure::USAGE);
            failure.what.replace("cannot start: ", "")
        };
        // Not that there are no descriptors for so many.
        assert_eq!(says(|c| c.loops = 99_999), "--loops (99999) is more than 4096");
        assert_eq!(
            says(|c| c.limits.output_low = 1 << 20),
            "--output-low (1048576) is above --output-high (262144)"
        );
        assert_eq!(says(|c| c.limits.memory_max = 0), "--memory is 0: nothing could be done");
        assert_eq!(
            says(|c| c.deadlines.drain = std::time::Duration::ZERO),
            "--drain-deadline is zero: it would pass at once"
        );
        assert_eq!(
            says(|c| c.limits.admission.per_address = Some(0)),
            "--per-address is 0: nobody could come in"
        );
    }
}
