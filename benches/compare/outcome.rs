//! [`Outcome`]: what came of a case, server by server; as lines of two tables, and as JSON.

use std::fmt::Write;

use serde::Serialize;

use crate::cases::{Case, Figure};
use crate::measure::Failure;
use crate::program::Program;

/// What came of a row.
#[derive(Serialize)]
pub(crate) struct Measured {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) outcomes: Vec<Outcome>,
}

#[derive(Serialize)]
pub(crate) struct Outcome {
    pub(crate) title: String,
    pub(crate) figure: &'static str,
    /// Whether it was counted, not timed.
    pub(crate) is_counted: bool,
    /// What overt's own figure may be.
    pub(crate) at_most: Option<f64>,
    pub(crate) lines: Vec<Line>,
}

/// One server.
#[derive(Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// What it is written with.
    pub(crate) peer: &'static str,
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
        let (figure, is_counted) = (case.figure.name(), case.figure.is_counted());
        Self { title: case.title.clone(), figure, is_counted, at_most: case.at_most, lines }
    }

    /// Whether each promise was kept: overt's own figure first.
    pub(crate) fn verdicts(&self) -> impl Iterator<Item = bool> {
        self.lines.iter().filter_map(|line| self.verdict(line))
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = &String> {
        self.lines.iter().filter_map(|line| line.failed.as_ref())
    }

    pub(crate) fn verdict(&self, line: &Line) -> Option<bool> {
        let is_overt = std::ptr::eq(line, &self.lines[0]);
        let (figure, at_most) = match is_overt {
            true => (line.figure?, self.at_most?),
            false => (line.ratio?, line.ratio_at_most?),
        };
        let tolerance = match self.is_counted {
            true => COUNTS_TOLERANCE,
            false => TIMES_TOLERANCE,
        };
        Some(figure <= at_most * tolerance)
    }

    /// One line for each promise and each peer: figures, their ratio, what it may be.
    pub(crate) fn comparison(&self) -> String {
        let mut text = String::new();
        let overt = number(self.lines[0].figure);
        for (place, line) in self.lines.iter().enumerate() {
            let (ours, unit) = match place {
                0 => (self.title.as_str(), self.figure),
                _ => ("", ""),
            };
            let _ = write!(text, "  {ours:37}{unit:12}");
            if let Some(why) = line.left_out.as_ref().or(line.failed.as_ref()) {
                let what = if line.failed.is_some() { "FAILED" } else { "left out" };
                let _ = writeln!(text, "{:24}{what}: {why}", line.name);
                continue;
            }
            let verdict = match self.verdict(line) {
                Some(true) => "  reached",
                Some(false) => "  MISSED",
                None => "",
            };
            let (theirs, at_most) = match place {
                0 => ("".into(), at_most(self.at_most, number)),
                _ => (number(line.figure), at_most(line.ratio_at_most, ratio)),
            };
            let ratio = line.ratio.map_or_else(String::new, |figure| ratio(Some(figure)));
            let figures = format!("{overt:>9}{theirs:>9}{ratio:>8}{at_most:>9}{verdict}");
            let _ = writeln!(text, "{:24}{}", line.name, figures.trim_end());
        }
        text
    }

    /// One line for each server that was timed at work; nothing, if none was.
    pub(crate) fn details(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            let (Some(rate), Some([p50, p99, p999])) = (line.per_second, line.latencies_us) else {
                continue;
            };
            let title = if text.is_empty() { self.title.as_str() } else { "" };
            let [processor, rate, p50, p99, p999] =
                [line.processor_ns, Some(rate), Some(p50), Some(p99), Some(p999)].map(number);
            let _ = writeln!(
                text,
                "  {title:37}{:24}{processor:>11}{rate:>11}{p50:>10}{p99:>10}{p999:>10}",
                line.name
            );
        }
        text
    }
}

impl Measured {
    /// What [`Outcome::comparison`] stands under.
    pub(crate) fn heading(id: &str, title: &str) -> String {
        let head = format!("{id}  {title}");
        format!("{head:75}{:>9}{:>9}{:>8}{:>9}", "overt", "peer", "ratio", "at most")
    }

    /// Throughput and latencies, if it was timed at work.
    pub(crate) fn details(&self) -> String {
        let lines: String = self.outcomes.iter().map(Outcome::details).collect();
        if lines.is_empty() {
            return lines;
        }
        let head = format!("{}  {}", self.id, self.title);
        let columns = ["CPU ns/msg", "per s"].map(|name| format!("{name:>11}")).concat()
            + &["p50 µs", "p99 µs", "p99.9 µs"].map(|name| format!("{name:>10}")).concat();
        format!("\n{head:63}{columns}\n{lines}")
    }
}

impl Line {
    pub(crate) fn counted(program: Program, figure: f64) -> Self {
        Self {
            name: program.name(),
            peer: program.peer.name(),
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
    fn is_counted(self) -> bool {
        matches!(self, Self::Instructions | Self::Calls | Self::Resident)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Processor => "CPU ns/msg",
            Self::Instructions => "instr/msg",
            Self::Calls => "calls/msg",
            Self::Resident => "bytes/conn",
            Self::Median => "p50 ns",
            Self::Tail => "p99 ns",
            Self::Operation => "ns/op",
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

fn at_most(figure: Option<f64>, write: impl Fn(Option<f64>) -> String) -> String {
    figure.map_or_else(String::new, |_| format!("≤ {}", write(figure)))
}
