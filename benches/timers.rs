//! Timers, with a million of them live: overt's [`Wheel`] beside tokio's `Sleep`.
//!
//! `cargo bench --bench timers` prints a table of nanoseconds per operation; what is done, and
//! how, is in [`timers`]. The first line is the one that matters.

use std::hint::black_box;
use std::io;
use std::time::Instant;

use overt::base::wheel::Wheel;

#[path = "compare/timers.rs"]
mod timers;

use timers::{Random, SPREAD_MS, TIMERS, Timers};

const ROUNDS: usize = 15;

fn main() -> io::Result<()> {
    let timers = Timers::measure(ROUNDS)?;
    let above = |figure| timers.above(figure);
    println!("{TIMERS} timers live, {ROUNDS} rounds, ns per operation\n");
    println!("{:44}{:>9}{:>9}{:>9}", "", "overt", "tokio", "ratio");
    let row = |name, overt: f64, tokio: f64| {
        println!("{name:44}{overt:>9.1}{tokio:>9.1}{:>9.3}", overt / tokio);
    };
    let tokio = timers.rearm_tokio;
    row("move a deadline later, in a record in use", above(timers.rearm), above(tokio));
    row("  the same, asking the wheel each time", above(timers.rearm_asking), above(tokio));
    row("  with the use of the record", timers.rearm, tokio);
    row("cancel and insert", timers.replace, timers.replace_tokio);
    println!("{:44}{:>9.1}", "touch a record", timers.touch);
    println!("{:44}{:>9.1}", "expire, cascades included", expire());
    println!("{:44}{:>9.1}", "a stop of ten hours, three timers", stop());
    Ok(())
}

/// Every timer expires, millisecond by millisecond: nanoseconds per timer, cascades included.
fn expire() -> f64 {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut wheel = Wheel::new();
    for _ in 0..TIMERS * 2 {
        let key = random.below(u64::from(TIMERS)) as u32;
        wheel.cancel(key);
        wheel.remind(key, 1 + random.below(SPREAD_MS));
    }
    let (timers, mut due) = (wheel.len(), Vec::new());
    let started = Instant::now();
    for now in 0..=SPREAD_MS {
        due.clear();
        wheel.advance(now, black_box(&mut due));
    }
    assert!(wheel.is_empty());
    started.elapsed().as_nanos() as f64 / timers as f64
}

/// Three timers and a stop of ten hours: nanoseconds to catch up.
fn stop() -> f64 {
    const STOPS: u64 = 10_000;
    const LENGTH_MS: u64 = 36_000_000;
    let (mut wheel, mut due) = (Wheel::new(), Vec::new());
    let started = Instant::now();
    for stop in 0..STOPS {
        due.clear();
        let now = stop * LENGTH_MS;
        (0..3).for_each(|key| wheel.remind(key, now + 20_000 * u64::from(key + 1)));
        wheel.advance(now + LENGTH_MS, black_box(&mut due));
        assert_eq!(due.len(), 3);
    }
    started.elapsed().as_nanos() as f64 / STOPS as f64
}
