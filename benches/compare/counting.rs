//! What is counted and not timed, so that it is the same on a busy machine: instructions by
//! valgrind, system calls by strace, memory by the kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::load::{Load, Until};
use crate::measure::{Bench, Failure};
use crate::program::Program;

/// Messages of a short run and of a long one; the difference knows nothing of beginning and end.
const SHORT: u64 = 2_000;
const LONG: u64 = 12_000;
/// The connections that are there before memory is looked at for the first time.
const FIRST: usize = 1_000;

/// Instructions of the server itself per message.
pub(crate) fn instructions(bench: &Bench, program: Program, load: Load) -> Result<f64, Failure> {
    if !bench.machine.valgrind {
        return Err(Failure::LeftOut("valgrind is not installed".into()));
    }
    let out = |path: &Path| format!("--callgrind-out-file={}", path.display());
    let wrap = |path: &Path| tool("valgrind", &["-q", "--tool=callgrind", &out(path)]);
    let total = |text: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
        line.and_then(|total| total.trim().parse().ok())
    };
    difference(bench, program, load, wrap, total)
}

/// System calls of the server per message.
pub(crate) fn calls(bench: &Bench, program: Program, load: Load) -> Result<f64, Failure> {
    if !bench.machine.strace {
        return Err(Failure::LeftOut("strace is not installed".into()));
    }
    let wrap =
        |path: &Path| tool("strace", &["-f", "-c", "-qq", "-o", &path.display().to_string()]);
    // `100.00    0.123456           5     24021         7 total`; the errors may be missing.
    let total = |text: &str| {
        let line = text.lines().find(|line| line.trim_end().ends_with(" total"));
        line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok())
    };
    difference(bench, program, load, wrap, total)
}

/// Bytes that each connection adds, once it has had one message answered and is idle.
pub(crate) fn resident(bench: &Bench, program: Program, load: Load) -> Result<f64, Failure> {
    let Load::Echo { connections, .. } = load else {
        return Err(Failure::Failed("only connections that echo can be weighed".into()));
    };
    let first = FIRST.min(connections / 4);
    let server = bench.start(program, |command| command)?;
    let weigh = || {
        load.probe(server.at())?;
        let mut some = load.at_most(first).connect(server.at(), 0.0)?;
        some.run(Until::Messages(first as u64))?;
        let before = server.resident()?;
        let mut others = load.at_most(connections - first).connect(server.at(), 0.0)?;
        others.run(Until::Messages((connections - first) as u64))?;
        let grown = server.resident()?.saturating_sub(before);
        Ok(grown as f64 / (connections - first) as f64)
    };
    weigh().map_err(|error| Failure::of(&server, &error))
}

fn tool(name: &str, arguments: &[&str]) -> impl FnOnce(Command) -> Command + use<> {
    let mut tool = Command::new(name);
    tool.args(arguments);
    |command| {
        tool.arg(command.get_program()).args(command.get_args());
        let variables = command.get_envs();
        tool.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        tool
    }
}

/// The difference between two runs, per message.
fn difference<W: FnOnce(Command) -> Command>(
    bench: &Bench,
    program: Program,
    load: Load,
    wrap: impl Fn(&Path) -> W,
    total: impl Fn(&str) -> Option<u64>,
) -> Result<f64, Failure> {
    let path = bench.folder.join("counted");
    let run = |messages: u64| -> Result<u64, Failure> {
        let server = bench.start(program, wrap(&path))?;
        let run = || {
            load.probe(server.at())?;
            load.connect(server.at(), 0.0)?.run(Until::Messages(messages))
        };
        run().map_err(|error| Failure::of(&server, &error))?;
        let name = program.name();
        let failed = |error: std::io::Error| Failure::Failed(format!("{name}: {error}"));
        server.end().map_err(failed)?;
        let text = read_and_remove(&path).map_err(failed)?;
        total(&text).ok_or_else(|| Failure::Failed(format!("{name}: the tool counted nothing")))
    };
    let (short, long) = (SHORT / bench.counts_divisor, LONG / bench.counts_divisor);
    let counted = run(long)? as f64 - run(short)? as f64;
    Ok(counted / (long - short) as f64)
}

fn read_and_remove(path: &PathBuf) -> std::io::Result<String> {
    let text = fs::read_to_string(path)?;
    fs::remove_file(path)?;
    Ok(text)
}
