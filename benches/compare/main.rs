//! overt beside tokio, Go and bare epoll in C, at the same work and in the same run.
//!
//! `cargo bench --features full --bench compare` measures everything; `-- T1 T4` only those rows,
//! `-- --help` tells the rest. [`cases`] says what is measured and what is to be reached,
//! [`load`] is the client, [`measure`] lets the servers take turns, and [`outcome`] is the table.
//! The servers are in `benches/peers`, those in Rust in this same program, which starts itself.
//!
//! The client runs on one processor and the server on another; the origin behind a proxy runs
//! beside the client. The figure of a timed row is the lower quartile, over the rounds, of the
//! processor time that the server took for a message, the kernel's part included. Counted rows
//! (instructions, calls, memory) hold on a busy machine too.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::wire::Certificate;

mod broadcast;
mod cases;
mod churn;
mod counting;
mod datagrams;
mod deadlines;
mod echo;
mod load;
mod machine;
mod measure;
mod message;
mod outcome;
#[path = "../peers/overt.rs"]
mod overt_servers;
#[path = "../peers/overt_web.rs"]
mod overt_web;
mod paced;
mod plot;
mod program;
mod server;
mod timers;
#[path = "../peers/tokio.rs"]
mod tokio_servers;
#[path = "../peers/tokio_web.rs"]
mod tokio_web;
mod wire;

use cases::Row;
use machine::{Built, Machine};
use measure::Bench;
use outcome::Measured;
use program::{Peer, Programs};

/// overt beside tokio, Go and bare epoll in C.
#[derive(Parser)]
struct Arguments {
    /// The rows to measure; all, if none is named.
    rows: Vec<String>,
    /// How often each server is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each time.
    #[arg(long, default_value_t = 0.4)]
    seconds: f64,
    /// Only beside these.
    #[arg(long, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// Where to write results.json and ratios.svg; target/compare unless set.
    #[arg(long)]
    out: Option<PathBuf>,
    /// A trial of seconds: that it works, and nothing about speed.
    #[arg(long)]
    quick: bool,
    /// Be a server: what it is written with, and which.
    #[arg(long, num_args = 2, hide = true)]
    serve: Vec<String>,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.serve.as_slice() {
        [peer, kind] if peer == "tokio" => tokio_servers::serve(kind).map(|()| true),
        [_, kind] => overt_servers::serve(kind).map(|()| true),
        _ => compare(&arguments),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Tells whether all that should work did. A figure that is not reached is no failure.
fn compare(arguments: &Arguments) -> io::Result<bool> {
    let rows = chosen(arguments)?;
    let this = std::env::current_exe()?;
    let folder = arguments.out.clone().unwrap_or_else(|| default_folder(&this));
    fs::create_dir_all(&folder)?;
    let bench = prepare(arguments, &rows, this, folder)?;
    println!("{}", bench.machine.describe());
    for missing in bench.machine.shortcomings().iter().chain(bench.programs.shortcomings()) {
        println!("left out: {missing}");
    }
    if arguments.quick && arguments.rows.is_empty() {
        println!("left out: T19, which has to build everything a second time");
    }
    let mut measured = Vec::new();
    for row in &rows {
        println!("\n{}", Measured::heading(row.id, row.title));
        measured.push(measure(&bench, row)?);
    }
    println!("\nWhat was timed, in full:");
    measured.iter().for_each(|row| print!("{}", row.details()));
    summarize(&measured, &bench.folder)
}

/// Measures a row, and prints each of its cases when it is done.
fn measure(bench: &Bench, row: &Row) -> io::Result<Measured> {
    let mut outcomes = Vec::new();
    if row.id == "T17" {
        outcomes = deadlines::outcomes(bench)?;
        outcomes.iter().for_each(|outcome| print!("{}", outcome.comparison()));
    }
    for case in &row.cases {
        let outcome = bench.measure(case, |what| eprintln!("{} {}: {what}", row.id, case.title));
        print!("{}", outcome.comparison());
        outcomes.push(outcome);
    }
    Ok(Measured { id: row.id, title: row.title, outcomes })
}

fn prepare(
    arguments: &Arguments,
    rows: &[Row],
    this: PathBuf,
    folder: PathBuf,
) -> io::Result<Bench> {
    let mut machine = Machine::prepare()?;
    let quick = arguments.quick;
    if quick {
        machine.connections_max = machine.connections_max.min(200);
    }
    let no_ledger = match rows.iter().any(|row| row.id == "T19") {
        true => program::build_without_ledger(),
        false => Err("overt without its ledger was not asked for".into()),
    };
    let web = rows.iter().any(|row| cases::WEB.contains(&row.id));
    if web {
        Certificate::make(&folder)?;
    }
    let certificate = web.then(|| folder.clone());
    let has_proxies = rows.iter().any(|row| row.id == "T24");
    let origin = has_proxies.then(|| program::start_origin(&this)).transpose()?;
    let built = Built::build(&folder, web);
    Ok(Bench {
        machine,
        programs: Programs { built, this, no_ledger, certificate, origin },
        rounds: if quick { 1 } else { arguments.rounds.max(1) },
        round: Duration::from_secs_f64(if quick { 0.02 } else { arguments.seconds }),
        counts_divisor: if quick { 10 } else { 1 },
        folder,
    })
}

/// The rows and peers that were asked for.
fn chosen(arguments: &Arguments) -> io::Result<Vec<Row>> {
    let mut rows = cases::rows();
    let known = |name: &String| rows.iter().any(|row| row.id.eq_ignore_ascii_case(name));
    if let Some(unknown) = arguments.rows.iter().find(|name| !known(name)) {
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        return Err(io::Error::other(format!("no row {unknown}; there are: {}", ids.join(" "))));
    }
    rows.retain(|row| match arguments.rows.is_empty() {
        true => !(arguments.quick && row.id == "T19"),
        false => arguments.rows.iter().any(|name| row.id.eq_ignore_ascii_case(name)),
    });
    for case in rows.iter_mut().flat_map(|row| &mut row.cases) {
        case.rivals.retain(|rival| {
            let peer = rival.program.peer;
            let ours = matches!(peer, Peer::Overt | Peer::NoLedger);
            ours || arguments.peers.is_empty() || arguments.peers.contains(&peer)
        });
    }
    Ok(rows)
}

fn summarize(measured: &[Measured], folder: &Path) -> io::Result<bool> {
    fs::write(folder.join("results.json"), serde_json::to_string_pretty(measured)?)?;
    if let Some(picture) = plot::draw(measured) {
        fs::write(folder.join("ratios.svg"), picture)?;
    }
    let outcomes = || measured.iter().flat_map(|row| &row.outcomes);
    let verdicts: Vec<bool> = outcomes().flat_map(|outcome| outcome.verdicts()).collect();
    let reached = verdicts.iter().filter(|reached| **reached).count();
    println!("\n{reached} of {} figures reached; written to {}", verdicts.len(), folder.display());
    let failures: Vec<_> = outcomes().flat_map(|outcome| outcome.failures()).collect();
    for failure in &failures {
        println!("FAILED: {failure}");
    }
    Ok(failures.is_empty())
}

/// `target/compare`, beside `target/release/deps/compare-…`.
fn default_folder(this: &Path) -> PathBuf {
    this.ancestors().nth(3).unwrap_or(Path::new("target")).join("compare")
}
