//! [`Timers`]: overt's [`Wheel`] beside tokio's [`Sleep`], with a million of them live.
//!
//! A server re-arms a deadline with every message and lets hardly any of them expire, so moving
//! one later is what matters. The contenders take turns, the order is reversed every other round,
//! and a figure is the lower quartile of its rounds. Keys come in random order: each operation
//! finds its memory cold, as it would be between two messages of one connection among a million.
//! The processor may overlap the cache misses of one operation with the next; tokio's atomics keep
//! it from doing so.

use std::hint::black_box;
use std::io;
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use overt::base::wheel::Wheel;
use tokio::runtime::Runtime;
use tokio::time::Sleep;

/// Nanoseconds per operation.
pub(crate) struct Timers {
    /// Use a record, and do nothing about its deadline.
    pub(crate) touch: f64,
    /// … and move the deadline later, as an engine does.
    pub(crate) rearm: f64,
    /// … and ask the wheel each time.
    pub(crate) rearm_asking: f64,
    pub(crate) rearm_tokio: f64,
    /// Cancel, and insert anywhere.
    pub(crate) replace: f64,
    pub(crate) replace_tokio: f64,
}

impl Timers {
    /// Takes about a second, and half of one for each round.
    pub(crate) fn measure(rounds: usize) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let handle = runtime.handle().clone();
        let mut bench = {
            let _entered = handle.enter();
            Bench::new(runtime)
        };
        let [touch, rearm, rearm_asking, rearm_tokio] = take_turns(
            &mut bench,
            rounds,
            [
                (Bench::nothing, Bench::touch),
                (Bench::nothing, Bench::rearm),
                (Bench::nothing, Bench::rearm_asking_the_wheel),
                (Bench::turn_tokio, Bench::rearm_tokio),
            ],
        );
        let [replace, replace_tokio] = take_turns(
            &mut bench,
            rounds,
            [(Bench::draw_times, Bench::replace), (Bench::postpone_tokio, Bench::replace_tokio)],
        );
        Ok(Self { touch, rearm, rearm_asking, rearm_tokio, replace, replace_tokio })
    }

    /// What a figure is above the mere use of a record.
    pub(crate) fn above(&self, figure: f64) -> f64 {
        (figure - self.touch).max(0.0)
    }
}

pub(crate) const TIMERS: u32 = 1_000_000;
/// Operations a turn: the clock is read, and the deadline worked out, once for all of them.
const TURN: usize = 256;
const IDLE_MS: u64 = 60_000;
/// Deadlines that are set anew lie up to half a minute ahead.
pub(crate) const SPREAD_MS: u64 = 30_000;

/// What an engine keeps per connection, two cache lines of it.
#[repr(align(64))]
#[derive(Clone)]
struct Record {
    received: u64,
    idle_at_ms: u32,
    _rest: [u8; 100],
}

pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Xorshift64, below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// All that is measured, built once. Each round visits every key once.
struct Bench {
    /// Every key, shuffled.
    keys: Vec<u32>,
    /// Where each goes next.
    times_ms: Vec<u64>,
    records: Vec<Record>,
    wheel: Wheel,
    sleeps: Vec<Pin<Box<Sleep>>>,
    runtime: Runtime,
    started: Instant,
    /// Pretended time: it goes on by a millisecond with each turn, so that deadlines move later.
    now: u64,
}

impl Bench {
    fn new(runtime: Runtime) -> Self {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let record = Record { received: 0, idle_at_ms: 0, _rest: [0; 100] };
        let mut bench = Self {
            keys: (0..TIMERS).collect(),
            times_ms: (0..TIMERS).map(|_| IDLE_MS + random.below(SPREAD_MS)).collect(),
            records: vec![record; TIMERS as usize],
            wheel: Wheel::new(),
            sleeps: Vec::new(),
            runtime,
            started: Instant::now(),
            now: 0,
        };
        for last in (1..TIMERS).rev() {
            bench.keys.swap(last as usize, random.below(u64::from(last) + 1) as usize);
        }
        for key in 0..TIMERS {
            let after_ms = IDLE_MS + random.below(SPREAD_MS);
            bench.wheel.remind(key, after_ms);
            let mut sleep = Box::pin(tokio::time::sleep_until(bench.instant(after_ms)));
            register(&mut sleep);
            bench.sleeps.push(sleep);
        }
        bench
    }

    fn instant(&self, at_ms: u64) -> tokio::time::Instant {
        (self.started + Duration::from_millis(at_ms)).into()
    }

    /// Another time for every key.
    fn draw_times(&mut self) {
        self.times_ms.rotate_left(7_919);
    }

    fn nothing(&mut self) {}

    fn touch(&mut self) {
        for keys in self.keys.chunks(TURN) {
            for key in keys {
                self.records[*key as usize].received += 1;
            }
        }
    }

    fn rearm(&mut self) {
        for keys in self.keys.chunks(TURN) {
            self.now += 1;
            for key in keys {
                let record = &mut self.records[*key as usize];
                record.received += 1;
                record.idle_at_ms = (self.now + IDLE_MS) as u32;
            }
        }
    }

    fn rearm_asking_the_wheel(&mut self) {
        for keys in self.keys.chunks(TURN) {
            self.now += 1;
            for key in keys {
                let record = &mut self.records[*key as usize];
                record.received += 1;
                record.idle_at_ms = (self.now + IDLE_MS) as u32;
                self.wheel.remind(*key, self.now + 2 * IDLE_MS);
            }
        }
    }

    fn rearm_tokio(&mut self) {
        for keys in self.keys.chunks(TURN) {
            self.now += 1;
            let at = (self.started + Duration::from_millis(self.now + 2 * IDLE_MS)).into();
            for key in keys {
                self.records[*key as usize].received += 1;
                self.sleeps[*key as usize].as_mut().reset(at);
            }
        }
    }

    fn replace(&mut self) {
        for (key, at) in self.keys.iter().zip(&self.times_ms) {
            self.wheel.cancel(*key);
            self.wheel.remind(*key, *at);
        }
    }

    /// Runs tokio's timer driver once: it then knows when it is to wake next.
    fn turn_tokio(&mut self) {
        self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
    }

    /// A `Sleep` that moves later waits in its old place. Put them all off by a day, so that the
    /// measured time is earlier, and the place is changed.
    fn postpone_tokio(&mut self) {
        let at = self.instant(86_400_000);
        self.sleeps.iter_mut().for_each(|sleep| sleep.as_mut().reset(at));
        self.draw_times();
        self.turn_tokio();
    }

    fn replace_tokio(&mut self) {
        for (key, at) in self.keys.iter().zip(&self.times_ms) {
            let at = self.started + Duration::from_millis(*at);
            self.sleeps[*key as usize].as_mut().reset(at.into());
        }
    }
}

/// A `Sleep` enters the timer wheel of its runtime when it is polled for the first time.
fn register(sleep: &mut Pin<Box<Sleep>>) {
    let polled = sleep.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
}

/// What is done before the clock runs, and what is measured.
type Case = (fn(&mut Bench), fn(&mut Bench));

/// Nanoseconds per operation of each case, the lower quartile of its rounds.
fn take_turns<const N: usize>(bench: &mut Bench, rounds: usize, cases: [Case; N]) -> [f64; N] {
    let mut figures = [const { Vec::new() }; N];
    for round in 0..rounds {
        for place in 0..N {
            let case = if round % 2 == 0 { place } else { N - 1 - place };
            let (prepare, run) = cases[case];
            prepare(bench);
            let started = Instant::now();
            run(bench);
            black_box(&mut bench.records);
            figures[case].push(started.elapsed().as_nanos() as f64 / f64::from(TIMERS));
        }
    }
    figures.map(|mut figures| {
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 4]
    })
}
