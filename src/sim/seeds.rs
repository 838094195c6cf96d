//! [`Seeds`]: seed after seed, and what a seed that fails says.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind, set_hook, take_hook};
use std::sync::Once;
use std::time::{Duration, Instant};

use super::simulation::Simulation;
use crate::net::sim::{Chance, Faults};

/// How long a failing seed's smallest set of faults is looked for.
const SEARCH: Duration = Duration::from_secs(5);

/// Runs `scenario` with `count` seeds. See the [module](super) for what a failure says, and what
/// the environment changes.
///
/// # Panics
/// If the scenario does, with any of the seeds.
pub fn seeds(count: u64, scenario: impl Fn(&mut Simulation)) {
    Seeds::new(count).run(scenario);
}

/// Which seeds to run, and with which faults.
#[derive(Clone, Debug)]
pub struct Seeds {
    first: u64,
    count: u64,
    time: Option<Duration>,
    faults: Option<Faults>,
}

impl Seeds {
    /// So many, from 0 or `OVERT_SEED`, or for `OVERT_SIM_SECONDS`. Each chooses some
    /// [`Faults`] that lose nothing.
    pub fn new(count: u64) -> Self {
        let number = |name| std::env::var(name).ok()?.parse().ok();
        let time = number("OVERT_SIM_SECONDS").map(Duration::from_secs);
        Self { first: number("OVERT_SEED").unwrap_or(0), count, time, faults: None }
    }

    /// As many as there is time for, unless `OVERT_SIM_SECONDS` is set.
    pub fn lasting(time: Duration) -> Self {
        let seeds = Self::new(u64::MAX);
        Self { time: seeds.time.or(Some(time)), ..seeds }
    }

    /// All with these faults.
    pub fn faults(self, faults: Faults) -> Self {
        Self { faults: Some(faults), ..self }
    }

    /// Runs them; tells how many there were.
    ///
    /// # Panics
    /// If the scenario does, with any of the seeds: once it is known which faults it takes.
    pub fn run(&self, scenario: impl Fn(&mut Simulation)) -> u64 {
        let began = Instant::now();
        let over = |run| match self.time {
            Some(time) => began.elapsed() >= time,
            None => run >= self.count,
        };
        let mut run = 0;
        while !over(run) {
            let seed = self.first.wrapping_add(run);
            if let Err(panic) = self.try_seed(seed, u32::MAX, &scenario) {
                let faults = match self.smallest(seed, &scenario) {
                    faults if faults == Faults::calm() => "even in a calm".to_owned(),
                    faults => format!("with {faults:?}"),
                };
                eprintln!("seed {seed} fails {faults}\nto repeat it: {}", command(seed));
                resume_unwind(panic);
            }
            run += 1;
        }
        run
    }

    fn try_seed(
        &self,
        seed: u64,
        mask: u32,
        scenario: &impl Fn(&mut Simulation),
    ) -> Result<(), Box<dyn Any + Send>> {
        let drawn = || Faults::draw(&mut Chance::new(!seed));
        let faults = self.faults.clone().unwrap_or_else(drawn);
        catch_unwind(AssertUnwindSafe(|| {
            scenario(&mut Simulation::masked(seed, faults, mask));
        }))
    }

    /// Leaves out one kind of fault after the other, for as long as the seed still fails. A seed
    /// that fails by running on and on is not tried for longer than [`SEARCH`].
    fn smallest(&self, seed: u64, scenario: &impl Fn(&mut Simulation)) -> Faults {
        let (mut mask, began) = (u32::MAX, Instant::now());
        for kind in (0..Faults::KINDS).take_while(|_| began.elapsed() < SEARCH) {
            let without = mask & !(1 << kind);
            if quietly(|| self.try_seed(seed, without, scenario)).is_err() {
                mask = without;
            }
        }
        let drawn = || Faults::draw(&mut Chance::new(!seed));
        self.faults.clone().unwrap_or_else(drawn).masked(mask)
    }
}

/// What `run` panics with was printed already, when the seed failed at first: not again for each
/// kind of fault that is left out. Other threads are heard as ever.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    thread_local! {
        static QUIET: Cell<bool> = const { Cell::new(false) };
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                print(panic);
            }
        }));
    });
    QUIET.set(true);
    let ran = run();
    QUIET.set(false);
    ran
}

/// What to type to see this seed fail again.
fn command(seed: u64) -> String {
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let arguments: Vec<_> = std::env::args().collect();
    let thread = std::thread::current();
    command_of(seed, &package, &arguments, thread.name().unwrap_or_default())
}

/// The test harness names the thread after the test, unless all tests share the main one, and the
/// program after the test file, with a hash behind it; a program without one is no test.
fn command_of(seed: u64, package: &str, arguments: &[String], thread: &str) -> String {
    let program = arguments.first().map_or("", String::as_str);
    let file = program.rsplit(['/', '\\']).next().unwrap_or_default();
    let Some((target, _)) = file.rsplit_once('-') else {
        return format!("OVERT_SEED={seed} {}", arguments.join(" "));
    };
    let mut command = format!("OVERT_SEED={seed} cargo test");
    if !cfg!(debug_assertions) {
        command += " --release";
    }
    // Other packages have features of their own, and unit tests of programs, too: there, all
    // targets are asked for a test of this name.
    if package == env!("CARGO_PKG_NAME") {
        command += if cfg!(feature = "full") { " --features full" } else { "" };
        command += &if package == target { " --lib".into() } else { format!(" --test {target}") };
    }
    if thread != "main" {
        command += &format!(" {thread}");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_faults_those_are_told_without_which_the_seed_passes() {
        let seeds = Seeds { first: 0, count: 9, time: None, faults: Some(Faults::storm()) };
        let scenario = |sim: &mut Simulation| {
            let faults = sim.faults();
            if faults.short > 0 && faults.late_events > 0 {
                resume_unwind(Box::new("fails"));
            }
        };
        let smallest = seeds.smallest(0, &scenario);
        assert_eq!(format!("{smallest:?}"), "Faults { short: 300, late_events: 200 }");
        assert!(catch_unwind(|| seeds.run(scenario)).is_err());
        assert_eq!(seeds.run(|_| {}), 9);
    }

    #[test]
    fn whoever_uses_the_crate_can_repeat_a_seed_too() {
        let release = if cfg!(debug_assertions) { "" } else { " --release" };
        let features = if cfg!(feature = "full") { " --features full" } else { "" };
        let says = |package, program: &str, thread| {
            command_of(7, package, &[program.to_owned(), "--nocapture".to_owned()], thread)
        };
        for (package, program, thread, expected) in [
            ("overt", "target/deps/overt-0a1b", "sim::ends", format!("{features} --lib sim::ends")),
            ("overt", "deps/sim-0a1b", "echo::ends", format!("{features} --test sim echo::ends")),
            // Its features are not ours, and its tests may be those of a program.
            ("a-server", "target/deps/a_server-0a1b", "ends", " ends".to_owned()),
            // With a single thread, the harness runs all tests on its own.
            ("a-server", "target/deps/a_server-0a1b", "main", String::new()),
        ] {
            let command = format!("OVERT_SEED=7 cargo test{release}{expected}");
            assert_eq!(says(package, program, thread), command);
        }
        assert_eq!(says("", "./a_server", "main"), "OVERT_SEED=7 ./a_server --nocapture");
    }
}
