//! A client that comes back, however often its server goes away.
//!
//! ```text
//! cargo run --release --example 01_echo
//! cargo run --release --example 05_client_that_reconnects
//! ```
//!
//! End the echo with Ctrl-C and start it again, or start it last: the client says what happens. An
//! outgoing connection is a handler like any other. When it ends, `on_close` gets the handler back
//! by value, and may move it into a new connection; what it remembers goes along.

use std::time::Duration;

use overt::service::Reconnect;
use overt::wire::{Codec, Lines};
use overt::{Close, Config, Context, Dial, Engine, Handler, Never, Outgoing, Result, Timer};

const SEND: Timer = Timer::new(0);

struct Client {
    reconnect: Reconnect,
    lines: Lines,
    /// Sent so far, over all connections.
    sent: u32,
}

impl Handler for Client {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        println!("connected to {}", cx.effects.peer());
        self.reconnect.opened(cx.effects.now());
        cx.effects.arm_every(SEND, Duration::from_secs(1));
        self.on_timer(SEND, cx)
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        self.sent += 1;
        cx.output.put(format!("hello {}\n", self.sent).as_bytes());
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(line) = self.lines.decode(cx.input)? {
            println!("heard: {}", String::from_utf8_lossy(line));
            // It does what it is there for: the next waiting times begin with the shortest again.
            // Being connected alone proves little; a server may accept and die, a thousand times.
            self.reconnect.proved();
        }
        Ok(())
    }

    fn on_close(mut self, why: Close, outgoing: &mut Outgoing<'_>) {
        println!("not connected: {why}");
        match self.reconnect.again(&why, outgoing) {
            // After a while that grows with each failure, and is drawn by chance: a thousand
            // clients that lost the same server don't all come back in the same instant.
            Some(dial) => outgoing.connect(dial, Self { lines: Lines::new(1000), ..self }),
            None => println!("gave up"),
        }
    }
}

fn main() -> std::io::Result<()> {
    let to = std::env::args().nth(1);
    let dial: Dial = to.as_deref().unwrap_or("127.0.0.1:7000").parse()?;
    let reconnect = Reconnect::new(dial.clone())
        .backoff(Duration::from_millis(200), Duration::from_secs(10))
        .attempts(100);
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() })?;
    engine.connect(dial, Client { reconnect, lines: Lines::new(1000), sent: 0 });
    engine.run()?;
    Ok(())
}
