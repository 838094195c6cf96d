//! Measuring a case: rounds in which the servers take turns, or one of the tools that count.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::cases::{Case, Figure};
use crate::counting;
use crate::load::{Load, Sample, Until};
use crate::machine::Machine;
use crate::outcome::{Line, Outcome};
use crate::program::{Program, Programs};
use crate::server::Server;

/// How much is measured, and where.
pub(crate) struct Bench {
    pub(crate) machine: Machine,
    pub(crate) programs: Programs,
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
    /// How much less the tools that count have to do in a trial.
    pub(crate) counts_divisor: u64,
    /// For what tools write.
    pub(crate) folder: PathBuf,
}

/// What one round gave.
#[derive(Clone, Copy)]
pub(crate) struct Round {
    processor_ns: f64,
    per_second: f64,
    /// 50, 99 and 99.9 %.
    latencies_ns: [f64; 3],
}

impl Bench {
    /// Measures all servers of a case. `progress` is told what is being done.
    pub(crate) fn measure(&self, case: &Case, mut progress: impl FnMut(&str)) -> Outcome {
        let load = case.load.at_most(self.machine.connections_max);
        let programs: Vec<Program> = std::iter::once(case.overt)
            .chain(case.rivals.iter().map(|rival| rival.program))
            .collect();
        let lines = match case.figure {
            Figure::Processor | Figure::Median | Figure::Tail | Figure::Operation => {
                self.take_turns(case, load, &programs, &mut progress)
            }
            Figure::Instructions | Figure::Calls | Figure::Resident => programs
                .iter()
                .map(|program| {
                    progress(&program.name());
                    let counted = self.command(*program).and_then(|_| self.count(case, *program));
                    match counted {
                        Ok(figure) => Line::counted(*program, figure),
                        Err(error) => Line::failed(*program, error),
                    }
                })
                .collect(),
        };
        Outcome::of(case, lines)
    }

    fn count(&self, case: &Case, program: Program) -> Result<f64, Failure> {
        match case.figure {
            Figure::Instructions => counting::instructions(self, program, case.load),
            Figure::Calls => counting::calls(self, program, case.load),
            _ => counting::resident(self, program, case.load.at_most(self.machine.connections_max)),
        }
    }

    /// A/B/A/B, and every other round in reverse, so that what changes meanwhile meets all.
    fn take_turns(
        &self,
        case: &Case,
        load: Load,
        programs: &[Program],
        progress: &mut impl FnMut(&str),
    ) -> Vec<Line> {
        let mut rounds = vec![Vec::new(); programs.len()];
        let mut failures: Vec<Option<Failure>> = programs.iter().map(|_| None).collect();
        let rate = match self.saturation(load, programs, progress) {
            Ok(rate) => rate,
            Err(failure) => {
                let fail = |program: &Program| Line::failed(*program, failure.clone());
                return programs.iter().map(fail).collect();
            }
        };
        for number in 0..self.rounds {
            for place in 0..programs.len() {
                let index = if number % 2 == 0 { place } else { programs.len() - 1 - place };
                if failures[index].is_some() {
                    continue;
                }
                let name = programs[index].name();
                progress(&format!("round {} of {}: {name}", number + 1, self.rounds));
                match self.round(programs[index], load, rate) {
                    Ok(round) => rounds[index].push(round),
                    Err(failure) => failures[index] = Some(failure),
                }
            }
        }
        let results = programs.iter().zip(rounds).zip(failures);
        results
            .map(|((program, rounds), failure)| match failure {
                Some(failure) => Line::failed(*program, failure),
                None => Line::timed(*program, case.figure, &rounds),
            })
            .collect()
    }

    /// Messages per second that the slowest of them can do, if the load needs to know.
    fn saturation(
        &self,
        load: Load,
        programs: &[Program],
        progress: &mut impl FnMut(&str),
    ) -> Result<f64, Failure> {
        let Load::Paced { connections, message, .. } = load else { return Ok(0.0) };
        let mut slowest = f64::INFINITY;
        for program in programs {
            progress(&format!("saturation: {}", program.name()));
            let full = Load::Echo { connections, message, in_flight: 1 };
            match self.round(*program, full, 0.0) {
                Ok(round) => slowest = slowest.min(round.per_second),
                Err(Failure::LeftOut(_)) => {}
                Err(failed) => return Err(failed),
            }
        }
        Ok(slowest)
    }

    fn round(&self, program: Program, load: Load, rate: f64) -> Result<Round, Failure> {
        let server = self.start(program, |command| command)?;
        let run = || -> io::Result<Round> {
            load.probe(server.at())?;
            let mut client = load.connect(server.at(), rate)?;
            client.run(Until::Time(self.round / 4))?;
            let before = server.processor_time()?;
            let sample = client.run(Until::Time(self.round))?;
            Ok(Round::new(sample, server.processor_time()? - before))
        };
        run().map_err(|error| Failure::of(&server, &error))
    }

    /// Starts a server, by the command that `wrap` makes of its own.
    pub(crate) fn start(
        &self,
        program: Program,
        wrap: impl FnOnce(std::process::Command) -> std::process::Command,
    ) -> Result<Server, Failure> {
        let mut command = wrap(self.command(program)?);
        Server::start(&self.machine, &program.name(), &mut command)
            .map_err(|error| Failure::Failed(error.to_string()))
    }

    fn command(&self, program: Program) -> Result<std::process::Command, Failure> {
        self.programs.command(program).map_err(Failure::LeftOut)
    }
}

/// Why there is no figure.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// It can't be measured on this machine.
    LeftOut(String),
    /// It should have worked.
    Failed(String),
}

impl Failure {
    pub(crate) fn of(server: &Server, error: &io::Error) -> Self {
        Self::Failed(format!("{}: {error}", server.name()))
    }
}

impl Round {
    fn new(sample: Sample, processor: Duration) -> Self {
        let Sample { messages, elapsed, mut latencies_ns } = sample;
        latencies_ns.sort_unstable();
        let percentile = |thousandths: usize| {
            let at = (latencies_ns.len() * thousandths / 1000).min(latencies_ns.len().max(1) - 1);
            latencies_ns.get(at).map_or(f64::NAN, |ns| f64::from(*ns))
        };
        Self {
            processor_ns: processor.as_nanos() as f64 / messages as f64,
            per_second: messages as f64 / elapsed.as_secs_f64(),
            latencies_ns: [500, 990, 999].map(percentile),
        }
    }
}

impl Line {
    /// The lower quartile of times, as disturbances only add to them; the median of rates.
    fn timed(program: Program, figure: Figure, rounds: &[Round]) -> Self {
        let pick = |of: &dyn Fn(&Round) -> f64, part: usize| {
            let mut figures: Vec<f64> = rounds.iter().map(of).collect();
            figures.sort_by(f64::total_cmp);
            figures.get(figures.len() / part).copied().unwrap_or(f64::NAN)
        };
        let processor_ns = pick(&|round| round.processor_ns, 4);
        let latencies = [0, 1, 2].map(|at| pick(&|round| round.latencies_ns[at], 4));
        let figure = match figure {
            Figure::Median => latencies[0],
            Figure::Tail => latencies[1],
            _ => processor_ns,
        };
        Self {
            per_second: Some(pick(&|round| round.per_second, 2)),
            processor_ns: Some(processor_ns),
            latencies_us: Some(latencies.map(|ns| ns / 1000.0)),
            ..Self::counted(program, figure)
        }
    }
}
