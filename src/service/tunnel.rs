//! [`Tunnel`]: one TCP or Unix connection carried on by another, as a proxy does.
//!
//! The two sides are two connections of one loop, which tell each other what came: bytes, the end
//! of them, and how many were passed on. A side reads on only while fewer than [`WINDOW`] bytes are
//! under way, so a slow reader at one end slows the writer at the other, and what a tunnel holds is
//! bounded whatever the peers do.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;

use crate::handler::{Address, Close, Context, Dial, Handler, Outgoing, Result, SendError, Timer};

/// Bytes that one side may have under way to the other before it stops reading: enough for a fast
/// path, and little enough for thousands of slow ones. What one visit reads comes on top, so
/// `Limits::output_max` must exceed 1 MiB.
const WINDOW: usize = 512 * 1024;

/// So many bytes are passed on before that is told: a word for each piece would cost more than it.
const RECEIPT: usize = WINDOW / 8;

/// When the mailbox of the loop is full, it is tried again so much later.
const RETRY: Duration = Duration::from_millis(5);
const RETRIES: Timer = Timer::new(0);

/// One side of a tunnel. [`Tunnel::to`] makes the side that was accepted; it opens the other.
///
/// ```
/// use overt::service::Tunnel;
/// use overt::{Config, Dial, Engine};
///
/// let mut engine = Engine::new(Config { loops: 1, ..Config::default() })?;
/// let to: Dial = "example.org:80".parse()?;
/// engine.listen("127.0.0.1:0", move || Tunnel::to(to.clone()))?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// - Nothing that was received is lost while both ends live, and no byte changes its place.
/// - The end of one direction is passed on when all before it was; the other direction goes on.
/// - If one side ends early, by a reset, a deadline or a failed connection, the other side ends for
///   the same reason, after the bytes that came before it.
/// - A tunnel can't know where a conversation ends: a graceful shutdown lets it go on until its
///   peers end it, or the grace time is over.
/// - One side may be silent for as long as the other is not: a download outlives `Deadlines::idle`.
pub struct Tunnel {
    stage: Stage,
    /// Set as soon as the other side exists.
    other: Arc<OnceLock<Address<Passed>>>,
    /// Bytes given to the other side, of which it has not said that they were passed on.
    under_way: usize,
    /// Bytes passed on, of which the other side was not told.
    untold: usize,
    /// What the mailbox of the loop had no room for.
    unsent: VecDeque<Say>,
    /// Whether the peer of this side, or of the other, will send no more.
    ended: bool,
    other_ended: bool,
}

/// How far the opening of a tunnel has come.
enum Stage {
    /// The accepted side, before it has dialled.
    New(Dial),
    /// The accepted side, until the other is open.
    Dialled,
    /// The other side, until it is open: where the accepted side looks for its address.
    Far(Weak<OnceLock<Address<Passed>>>),
    Open,
}

/// What the sides of a tunnel tell each other. Nobody else has anything to say to them.
#[derive(Debug)]
pub struct Passed(Say);

#[derive(Debug)]
enum Say {
    /// The other side is connected.
    Open,
    /// Bytes to send.
    Bytes(Bytes),
    /// No byte will follow.
    End,
    /// So many bytes were passed on.
    Receipt(usize),
    /// The other side is gone.
    Gone(Close),
}

impl Tunnel {
    /// A side for an accepted connection, to be carried on to `dial`. Bytes that came with the
    /// connection, or were left over by a handler that [upgraded](crate::Effects::upgrade) to this,
    /// go first.
    pub fn to(dial: impl Into<Dial>) -> Self {
        Self::new(Stage::New(dial.into()), Arc::default())
    }

    fn new(stage: Stage, other: Arc<OnceLock<Address<Passed>>>) -> Self {
        let (under_way, untold, unsent) = (0, 0, VecDeque::new());
        Self { stage, other, under_way, untold, unsent, ended: false, other_ended: false }
    }

    /// Tells the other side, now or as soon as the mailbox has room.
    fn tell(&mut self, what: Say, cx: &mut Context<'_, Self>) {
        self.unsent.push_back(what);
        self.send(cx);
    }

    fn send(&mut self, cx: &mut Context<'_, Self>) {
        let Some(other) = self.other.get() else { return };
        while let Some(what) = self.unsent.pop_front() {
            match other.send(Passed(what)) {
                Ok(()) => {}
                Err(SendError::Full(Passed(what))) => {
                    self.unsent.push_front(what);
                    cx.effects.arm(RETRIES, RETRY);
                    break;
                }
                // The loop ends, and both sides with it.
                Err(SendError::Gone(_)) => break,
            }
        }
    }

    /// Tells how many bytes were passed on, if they are many and this side takes more.
    fn give_receipt(&mut self, cx: &mut Context<'_, Self>) {
        if self.untold >= RECEIPT && !cx.output.is_congested() {
            let count = std::mem::take(&mut self.untold);
            self.tell(Say::Receipt(count), cx);
        }
    }

    fn close_if_both_ended(&self, cx: &mut Context<'_, Self>) {
        if self.ended && self.other_ended {
            cx.effects.close();
        }
    }
}

impl Handler for Tunnel {
    type Message = Passed;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.read_while_congested();
        match std::mem::replace(&mut self.stage, Stage::Open) {
            Stage::New(dial) => {
                self.stage = Stage::Dialled;
                let back = Arc::new(OnceLock::from(cx.effects.address()));
                let far = Stage::Far(Arc::downgrade(&self.other));
                cx.effects.connect(dial, Self::new(far, back));
                cx.effects.pause();
            }
            Stage::Far(near) => match near.upgrade() {
                Some(near) => {
                    let _ = near.set(cx.effects.address()); // It is empty: there is one far side.
                    self.tell(Say::Open, cx);
                }
                // The accepted side is gone: there is nobody to carry on.
                None => cx.effects.close(),
            },
            Stage::Dialled | Stage::Open => {}
        }
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if matches!(self.stage, Stage::Dialled) {
            return Ok(());
        }
        let bytes = cx.input.take_all();
        self.under_way += bytes.len();
        self.tell(Say::Bytes(bytes), cx);
        if self.under_way >= WINDOW || !self.unsent.is_empty() {
            cx.effects.pause();
        }
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.ended = true;
        self.tell(Say::End, cx);
        self.close_if_both_ended(cx);
        Ok(())
    }

    fn on_message(&mut self, Passed(message): Passed, cx: &mut Context<'_, Self>) -> Result {
        match message {
            Say::Open => {
                self.stage = Stage::Open;
                cx.effects.resume();
            }
            Say::Bytes(bytes) => {
                self.untold += bytes.len();
                cx.output.share(bytes);
                self.give_receipt(cx);
            }
            Say::End => {
                self.other_ended = true;
                cx.effects.finish();
                self.close_if_both_ended(cx);
            }
            Say::Receipt(count) => {
                self.under_way = self.under_way.saturating_sub(count);
                if self.under_way < WINDOW && self.unsent.is_empty() {
                    cx.effects.resume();
                }
            }
            Say::Gone(Close::ByPeer | Close::ByUs) => cx.effects.close(),
            Say::Gone(why) => return Err(why),
        }
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        self.send(cx);
        if self.unsent.is_empty() && self.under_way < WINDOW {
            cx.effects.resume();
        }
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.give_receipt(cx);
        Ok(())
    }

    fn on_drain(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        if let Some(other) = self.other.get() {
            // If the mailbox is full, the other side learns it from a deadline.
            let _ = other.send(Passed(Say::Gone(why)));
        }
    }
}
