//! The row of timers, which has no servers: overt's wheel and tokio's `Sleep` take turns in this
//! process, and Go measures its `time.Timer` in one of its own.

use std::io;

use crate::cases::Figure;
use crate::measure::{Bench, Failure};
use crate::outcome::{Line, Outcome};
use crate::program::{Peer, Program};
use crate::timers::Timers;

/// Nanoseconds that moving a deadline may take, above the use of the record that it is kept in.
const REARM_MAX_NS: f64 = 1.0;
const REPLACE_MAX_NS: f64 = 60.0;
/// What moving a deadline may take of what it takes others.
const REARM_RATIO: f64 = 0.10;

const OVERT: Program = Program::new(Peer::Overt, "timers");
const OVERT_ASKING: Program = Program::new(Peer::Overt, "timers-asking");
const TOKIO: Program = Program::new(Peer::Tokio, "timers");
const GO: Program = Program::new(Peer::Go, "timers");

pub(crate) fn outcomes(bench: &Bench) -> io::Result<Vec<Outcome>> {
    let timers = bench.machine.on_servers_processor(|| Timers::measure(bench.rounds))?;
    let [go_rearm, go_replace] = match go(bench) {
        Ok(figures) => figures.map(|figure| Line::counted(GO, figure)),
        Err(failure) => [failure.clone(), failure].map(|failure| Line::failed(GO, failure)),
    };
    let above = |figure| timers.above(figure);
    let rearm = vec![
        Line::counted(OVERT, above(timers.rearm)),
        Line::counted(OVERT_ASKING, above(timers.rearm_asking)),
        promised(Line::counted(TOKIO, above(timers.rearm_tokio))),
        promised(go_rearm),
    ];
    let replace = vec![
        Line::counted(OVERT, timers.replace),
        Line::counted(TOKIO, timers.replace_tokio),
        go_replace,
    ];
    Ok(vec![
        outcome("move a deadline later", REARM_MAX_NS, rearm),
        outcome("cancel, and insert anywhere", REPLACE_MAX_NS, replace),
    ])
}

fn promised(line: Line) -> Line {
    Line { ratio_at_most: Some(REARM_RATIO), ..line }
}

fn outcome(title: &str, at_most: f64, mut lines: Vec<Line>) -> Outcome {
    let overt = lines[0].figure;
    for line in &mut lines[1..] {
        line.ratio = overt.zip(line.figure).map(|(overt, figure)| overt / figure);
    }
    let (figure, at_most) = (Figure::Operation.name(), Some(at_most));
    Outcome { title: title.into(), figure, is_counted: false, at_most, lines }
}

/// Its two figures, in the order in which they are printed.
fn go(bench: &Bench) -> Result<[f64; 2], Failure> {
    let mut command = bench.programs.command(GO).map_err(Failure::LeftOut)?;
    let failed = |what: String| Failure::Failed(format!("{}: {what}", GO.name()));
    let output = bench
        .machine
        .on_servers_processor(|| command.output())
        .map_err(|error| failed(error.to_string()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let figures = said.trim().split_once(' ');
    let figures =
        figures.and_then(|(rearm, replace)| Some([rearm.parse().ok()?, replace.parse().ok()?]));
    figures.ok_or_else(|| failed(format!("it said `{}`", said.trim())))
}
