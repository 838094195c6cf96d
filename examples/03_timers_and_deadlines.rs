//! Timers, which a handler arms for itself, and deadlines, which the engine keeps for everybody.
//!
//! ```text
//! cargo run --release --example 03_timers_and_deadlines
//! nc 127.0.0.1 7000
//! ```
//!
//! A quiz against the clock. Answer, and you get the next question; take longer than ten seconds
//! for one, and it counts as wrong; be wrong three times, and it is over. A clock ticks meanwhile.

use std::time::Duration;

use overt::wire::{Codec, Lines};
use overt::{Close, Config, Context, Deadlines, Engine, Handler, Never, Outgoing, Result, Timer};

/// A connection has four timers, which its handler names as it likes.
const TOO_LATE: Timer = Timer::new(0);
const TICK: Timer = Timer::new(1);

const PER_QUESTION: Duration = Duration::from_secs(10);
const WRONG_MAX: u32 = 3;

struct Quiz {
    lines: Lines,
    sum: u64,
    wrong: u32,
}

impl Quiz {
    fn ask(&mut self, cx: &mut Context<'_, Self>) {
        // Chance comes from the engine, as time does: so a simulation can repeat a run.
        let (a, b) = (cx.effects.random() % 90 + 10, cx.effects.random() % 90 + 10);
        self.sum = a + b;
        cx.output.put(format!("{a} + {b} = ?\n").as_bytes());
        // In place of whatever it was armed for: nothing needs to be cancelled first.
        cx.effects.arm(TOO_LATE, PER_QUESTION);
        cx.effects.arm_every(TICK, PER_QUESTION / 5);
    }

    fn wrong(&mut self, why: &str, cx: &mut Context<'_, Self>) {
        self.wrong += 1;
        cx.output.put(format!("{why}: it was {}\n", self.sum).as_bytes());
        if self.wrong < WRONG_MAX {
            return self.ask(cx);
        }
        cx.output.put(b"that was it\n");
        cx.effects.disarm(TICK);
        cx.effects.disarm(TOO_LATE);
        cx.effects.close(); // once all of this is sent
    }
}

impl Handler for Quiz {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        // As Go's SetReadDeadline: an absolute time. When it passes, the connection closes.
        cx.effects.set_read_deadline(Some(cx.effects.now() + Duration::from_secs(600)));
        self.ask(cx);
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while self.wrong < WRONG_MAX
            && let Some(line) = self.lines.decode(cx.input)?
        {
            match str::from_utf8(line).ok().and_then(|text| text.trim().parse::<u64>().ok()) {
                Some(answer) if answer == self.sum => {
                    cx.output.put(b"right\n");
                    self.ask(cx);
                }
                _ => self.wrong("wrong", cx),
            }
        }
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Context<'_, Self>) -> Result {
        match timer {
            TICK => cx.output.put(b"tick\n"),
            _ => self.wrong("too late", cx),
        }
        Ok(())
    }

    /// Whatever ended it has a name. Here deadlines show: `late_frame`, `late_read`, `late_drain` …
    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        println!("a player is gone: {why}");
    }
}

fn main() -> std::io::Result<()> {
    // These need no line in a handler. Each has a default, and none is infinite; see `Deadlines`.
    let deadlines = Deadlines {
        frame: Duration::from_secs(20), // from the first byte of a line to its last
        idle: Duration::from_secs(60),  // no byte in either direction; the clock's ticks count
        drain: Duration::from_secs(5),  // we have bytes to send, and the peer takes none
        ..Deadlines::default()
    };
    let mut engine = Engine::new(Config { loops: 1, deadlines, ..Config::default() })?;
    let at = std::env::args().nth(1);
    let at = at.as_deref().unwrap_or("127.0.0.1:7000");
    let at = engine.listen(at, || Quiz { lines: Lines::new(80), sum: 0, wrong: 0 })?;
    println!("a quiz on {at}");
    engine.run()?;
    Ok(())
}
