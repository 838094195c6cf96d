//! A handler that does what it is told, for the tests of the bench.

use std::time::Duration;

use overt::testing::Bench;
use overt::{Close, Config, Context, Dial, Handler, Never, Outgoing, Result, Timer};

pub(crate) const A: Timer = Timer::new(0);
pub(crate) const B: Timer = Timer::new(3);

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Does what it is told, a letter each, and tells what happens to it.
#[derive(Default)]
pub(crate) struct Puppet {
    pub(crate) closes_at_drain: bool,
}

pub(crate) enum Told {
    Said(&'static str),
    Done(u8),
}

impl Handler for Puppet {
    type Message = Told;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"open ");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some([letter]) = cx.input.first_chunk().copied() {
            cx.input.consume(1);
            match letter {
                b'a' => cx.effects.arm(A, seconds(5)),
                b'b' => cx.effects.arm_every(B, seconds(2)),
                b'B' => cx.effects.disarm(B),
                b'0' => cx.effects.arm(A, Duration::ZERO),
                b'c' => cx.effects.close(),
                b'f' => cx.effects.finish(),
                b'p' => cx.effects.pause(),
                b'D' => cx.effects.read_while_congested(),
                b'r' => cx.effects.set_read_deadline(Some(cx.effects.now() + seconds(3))),
                b'w' => cx.effects.set_write_deadline(Some(cx.effects.now() + seconds(3))),
                b'R' => cx.effects.set_read_deadline(None),
                b'o' => cx.output.put(&[b'.'; 300 * 1024]),
                b'j' => cx.effects.answer(b"frame", |frame, output| output.put(frame))?,
                b'k' => cx.effects.offload(|| Told::Done(7))?,
                b'!' => cx.effects.answer(b"", |_, _| panic!("in a job"))?,
                b'm' => drop(cx.effects.address().send(Told::Said("to myself"))),
                b'd' => cx.effects.connect(Dial::host("example.org", 80), Dialer { left: 1 }),
                b'u' => cx.effects.upgrade(Successor),
                b'e' => return Err(Close::Protocol("e")),
                b'.' => return Ok(()),
                _ => cx.output.put(&[letter]),
            }
        }
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"eof ");
        cx.effects.close();
        Ok(())
    }

    fn on_message(&mut self, message: Told, cx: &mut Context<'_, Self>) -> Result {
        match message {
            Told::Said("resume") => cx.effects.resume(),
            Told::Said(text) => cx.output.put(text.as_bytes()),
            Told::Done(number) => cx.output.put(format!("done {number} ").as_bytes()),
        }
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"tick ");
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"writable ");
        Ok(())
    }

    fn on_drain(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"drain ");
        if self.closes_at_drain {
            cx.effects.close();
        }
        Ok(())
    }

    fn on_close(self, _: Close, outgoing: &mut Outgoing<'_>) {
        outgoing.connect(Dial::host("after", 1), Dialer { left: 0 });
    }
}

/// Tries again, a few times, each after a longer while.
pub(crate) struct Dialer {
    pub(crate) left: u32,
}

impl Handler for Dialer {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"knock");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.input.clear();
        Ok(())
    }

    fn on_close(self, _: Close, outgoing: &mut Outgoing<'_>) {
        if let Some(left) = self.left.checked_sub(1) {
            let dial = Dial::host("example.org", 80).after(seconds(3));
            outgoing.connect(dial, Self { left });
        }
    }
}

pub(crate) struct Successor;

impl Handler for Successor {
    type Message = u8;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"<");
        cx.output.append(cx.input);
        cx.effects.arm(B, seconds(1));
        Ok(())
    }
}

pub(crate) fn puppet() -> Bench<Puppet> {
    let mut bench = Bench::new(Puppet::default());
    assert_eq!(bench.take_output(), b"open ");
    bench
}

pub(crate) fn with(config: Config) -> Bench<Puppet> {
    let mut bench = Bench::with(Config { workers: 1, ..config }, Puppet::default());
    assert_eq!(bench.take_output(), b"open ");
    bench
}
