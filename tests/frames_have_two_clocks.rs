//! A handler that keeps the time of its frames itself has a word for a peer that is late, and the
//! engine does not come before it.

use std::time::Duration;

use overt::testing::Bench;
use overt::{Context, Handler, Never, Reason, Result, Timer};

const LATE: Timer = Timer::new(0);

/// Waits for a whole line, for as long as it likes.
struct Patient;

impl Handler for Patient {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.keep_time();
        cx.effects.arm(LATE, Duration::from_secs(300));
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if cx.input.ends_with(b"\n") {
            cx.input.clear();
            cx.effects.upgrade(Impatient);
        }
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"too late");
        cx.effects.close();
        Ok(())
    }
}

/// Leaves the time to the engine.
struct Impatient;

impl Handler for Impatient {
    type Message = Never;

    fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }
}

/// A letter every 9 s: less than the rate, and never idle.
fn drip<H: Handler>(bench: &mut Bench<H>, seconds: u64) {
    for _ in 0..seconds / 9 {
        if bench.closed().is_none() {
            bench.data(b".");
            bench.advance(Duration::from_secs(9));
        }
    }
}

#[test]
fn who_keeps_the_time_itself_says_when_it_is_over() {
    let mut bench = Bench::new(Patient);
    drip(&mut bench, 270);
    assert_eq!(bench.closed(), None);
    bench.data(b".");
    bench.advance(Duration::from_secs(30));
    assert_eq!(bench.take_output(), b"too late");
    assert_eq!(bench.closed(), Some(Reason::ByUs));
}

#[test]
fn a_successor_has_the_deadlines_of_the_engine() {
    let mut bench = Bench::new(Patient);
    bench.data(b"\n");
    drip(&mut bench, 270);
    assert_eq!(bench.closed(), Some(Reason::LateRate));
}
