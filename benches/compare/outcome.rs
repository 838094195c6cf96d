//! [`Outcome`]: what came of a case, server by server; as a table, and as JSON.

use std::fmt::Write;

use serde::Serialize;

use crate::cases::{Case, Figure};
use crate::measure::Failure;
use crate::program::Program;

#[derive(Serialize)]
pub(crate) struct Outcome {
    pub(crate) title: String,
    pub(crate) figure: &'static str,
    /// What overt's own figure may be.
    pub(crate) at_most: Option<f64>,
    pub(crate) lines: Vec<Line>,
}

/// One server.
#[derive(Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) figure: Option<f64>,
    pub(crate) processor_ns: Option<f64>,
    pub(crate) per_second: Option<f64>,
    /// 50, 99 and 99.9 %.
    pub(crate) latencies_us: Option<[f64; 3]>,
    /// overt's figure divided by this.
    pub(crate) ratio: Option<f64>,
    /// What that may be.
    pub(crate) ratio_at_most: Option<f64>,
    pub(crate) left_out: Option<String>,
    pub(crate) failed: Option<String>,
}

/// How far measured times may be off, and counts: those differ by a call or two between runs.
const TIMES_TOLERANCE: f64 = 1.03;
const COUNTS_TOLERANCE: f64 = 1.005;

impl Outcome {
    pub(crate) fn of(case: &Case, mut lines: Vec<Line>) -> Self {
        let overt = lines.first().and_then(|line| line.figure);
        for (line, rival) in lines.iter_mut().skip(1).zip(&case.rivals) {
            line.ratio = overt.zip(line.figure).map(|(overt, figure)| overt / figure);
            line.ratio_at_most = rival.at_most;
        }
        let figure = case.figure.name();
        Self { title: case.title.clone(), figure, at_most: case.at_most, lines }
    }

    /// Whether each promise was kept: overt's own figure first.
    pub(crate) fn verdicts(&self) -> impl Iterator<Item = bool> {
        self.lines.iter().filter_map(|line| self.verdict(line))
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = &String> {
        self.lines.iter().filter_map(|line| line.failed.as_ref())
    }

    fn verdict(&self, line: &Line) -> Option<bool> {
        let is_overt = std::ptr::eq(line, &self.lines[0]);
        let (figure, at_most) = match is_overt {
            true => (line.figure?, self.at_most?),
            false => (line.ratio?, line.ratio_at_most?),
        };
        let tolerance = match line.processor_ns {
            Some(_) => TIMES_TOLERANCE,
            None => COUNTS_TOLERANCE,
        };
        Some(figure <= at_most * tolerance)
    }

    pub(crate) fn table(&self) -> String {
        let mut text = format!(
            "  {:26}{:>11}{:>11}{:>9}{:>9}{:>9}{:>9}{:>9}\n",
            self.title, self.figure, "per s", "p50 µs", "p99 µs", "p99.9", "ratio", "at most"
        );
        for line in &self.lines {
            let is_overt = std::ptr::eq(line, &self.lines[0]);
            if let Some(why) = line.left_out.as_ref().or(line.failed.as_ref()) {
                let what = if line.failed.is_some() { "FAILED" } else { "left out" };
                let _ = writeln!(text, "    {:24}{what}: {why}", line.name);
                continue;
            }
            let at_most = if is_overt { self.at_most } else { line.ratio_at_most };
            let latencies = line.latencies_us.map_or([None; 3], |all| all.map(Some));
            let verdict = match self.verdict(line) {
                Some(true) => "  reached",
                Some(false) => "  MISSED",
                None => "",
            };
            let _ = writeln!(
                text,
                "    {:24}{:>11}{:>11}{:>9}{:>9}{:>9}{:>9}{:>9}{verdict}",
                line.name,
                number(line.figure),
                number(line.per_second),
                number(latencies[0]),
                number(latencies[1]),
                number(latencies[2]),
                ratio(line.ratio),
                if is_overt { number(at_most) } else { ratio(at_most) },
            );
        }
        text
    }
}

impl Line {
    pub(crate) fn counted(program: Program, figure: f64) -> Self {
        Self {
            name: program.name(),
            figure: Some(figure),
            processor_ns: None,
            per_second: None,
            latencies_us: None,
            ratio: None,
            ratio_at_most: None,
            left_out: None,
            failed: None,
        }
    }

    pub(crate) fn failed(program: Program, failure: Failure) -> Self {
        let (left_out, failed) = match failure {
            Failure::LeftOut(why) => (Some(why), None),
            Failure::Failed(why) => (None, Some(why)),
        };
        Self { figure: None, left_out, failed, ..Self::counted(program, 0.0) }
    }
}

impl Figure {
    fn name(self) -> &'static str {
        match self {
            Self::Processor => "CPU ns/msg",
            Self::Instructions => "instr/msg",
            Self::Calls => "calls/msg",
            Self::Resident => "bytes/conn",
            Self::Median => "p50 ns",
            Self::Tail => "p99 ns",
        }
    }
}

fn number(figure: Option<f64>) -> String {
    match figure {
        None => "-".into(),
        Some(figure) if figure >= 1000.0 => format!("{figure:.0}"),
        Some(figure) if figure >= 10.0 => format!("{figure:.1}"),
        Some(figure) => format!("{figure:.2}"),
    }
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".into(), |ratio| format!("{ratio:.3}"))
}
