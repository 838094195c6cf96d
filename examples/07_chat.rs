//! Connections that talk to each other: a chat in ninety lines.
//!
//! ```text
//! cargo run --release --example 07_chat
//! nc 127.0.0.1 7002                              in two terminals or more
//! ```
//!
//! A handler touches its own connection only. To another it sends a message, through its `Address`;
//! to many, through a `Group`: one envelope for each loop that has members, whatever their number.
//! With names, rooms, a heartbeat and limits it becomes `overt::service::Chat`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use overt::wire::{Codec, Lines};
use overt::{
    Address, Bound, Close, Config, ConnectionId, Context, Engine, Group, Handler, Outgoing, Result,
};

/// Who is there, on all loops. Locked for a moment when somebody comes, goes or speaks; never while
/// anything waits. What is said under the lock reaches everybody in one order.
#[derive(Clone, Default)]
struct Everybody(Arc<Mutex<BTreeMap<ConnectionId, Address<Bytes>>>>);

impl Everybody {
    fn all(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Address<Bytes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One encoding for all: clones of `Bytes` share it.
    fn tell(&self, line: String) {
        let all = self.all();
        let missed = Group::of(all.values()).send(line.into());
        if missed > 0 {
            println!("{missed} members have too much mail, and missed a line");
        }
    }
}

struct Member {
    everybody: Everybody,
    lines: Lines,
    id: Option<ConnectionId>,
}

impl Handler for Member {
    type Message = Bytes;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let (id, address) = (cx.effects.id(), cx.effects.address());
        self.id = Some(id);
        self.everybody.all().insert(id, address);
        self.everybody.tell(format!("* {} is here\n", cx.effects.peer()));
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(line) = self.lines.decode(cx.input)? {
            let line = String::from_utf8_lossy(line);
            // Control characters of one would play tricks on the terminals of the others.
            let line: String = line.chars().filter(|letter| !letter.is_control()).collect();
            self.everybody.tell(format!("<{}> {line}\n", cx.effects.peer()));
        }
        Ok(())
    }

    fn on_message(&mut self, line: Bytes, cx: &mut Context<'_, Self>) -> Result {
        // Whoever does not read is not waited for.
        if cx.output.is_congested() {
            return Err(Close::Over(Bound::Output));
        }
        cx.output.share(line);
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        if let Some(id) = self.id {
            self.everybody.all().remove(&id);
            self.everybody.tell(format!("* somebody left: {why}\n"));
        }
    }
}

fn main() -> std::io::Result<()> {
    let mut engine = Engine::new(Config::default())?;
    let everybody = Everybody::default();
    let member = move || Member { everybody: everybody.clone(), lines: Lines::new(1000), id: None };
    let at = std::env::args().nth(1);
    let at = engine.listen(at.as_deref().unwrap_or("127.0.0.1:7002"), member)?;
    println!("a chat on {at}");
    engine.run()?;
    Ok(())
}
