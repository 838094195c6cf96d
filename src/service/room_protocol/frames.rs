//! [`RoomsByFrames`]: the protocol of rooms in frames with a length before them.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::config::RoomProtocol;
use super::session::{Session, Then, Turn};
use super::teller::{Wire, change_json, post_json};
use super::told::Told;
use crate::base::Output;
use crate::handler::{Context, Handler, Result, Timer};
use crate::service::rooms::{Change, Form, Mail, Post, Rooms};
use crate::wire::{Codec, LengthPrefixed};

/// The handler of a connection that speaks the protocol of rooms: JSON messages in frames, four
/// bytes of length before each.
///
/// ```
/// use overt::service::rooms::{RoomLimits, Rooms};
/// use overt::service::{RoomProtocol, RoomsByFrames};
/// use overt::{Config, Engine};
/// use std::sync::Arc;
///
/// let rooms = Rooms::new(RoomLimits::default());
/// let protocol = Arc::new(RoomProtocol::default());
/// let mut engine = Engine::new(Config { loops: 2, ..Config::default() })?;
/// let guest = move || RoomsByFrames::new(rooms.clone(), protocol.clone());
/// engine.listen("127.0.0.1:0", guest)?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// There is no heartbeat but the client's: one that hears and says nothing for `Deadlines::idle` is
/// closed, so that it had better send a `ping` now and then.
pub struct RoomsByFrames {
    session: Session,
    frames: LengthPrefixed,
    /// Whether it is not read from, because it was too fast.
    is_paused: bool,
}

/// Looks for what no mail told of.
const TICK: Timer = Timer::new(0);
/// Whoever spoke too fast may go on.
const BREATH: Timer = Timer::new(1);
/// Whoever has not said who they are has had their time.
const HELLO: Timer = Timer::new(2);
/// The server goes down, and it is this connection's turn.
const LEAVE: Timer = Timer::new(3);

/// The encoding of posts.
const FRAME: Form = Form::new(0);

impl RoomsByFrames {
    /// Somebody who has just come.
    pub fn new(rooms: Arc<Rooms>, protocol: Arc<RoomProtocol>) -> Self {
        let frames = LengthPrefixed::new(protocol.message_max);
        Self { session: Session::new(rooms, protocol), frames, is_paused: false }
    }

    fn go(&mut self, then: Then, cx: &mut Context<'_, Self>) {
        match then {
            Then::GoOn => {}
            Then::Pause(wait) => {
                self.is_paused = true;
                cx.effects.pause();
                cx.effects.arm(BREATH, wait);
            }
            Then::Close => {
                cx.effects.close();
                cx.input.clear();
            }
        }
    }
}

impl Handler for RoomsByFrames {
    type Message = Mail;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.arm_every(TICK, self.session.protocol.tick);
        cx.effects.arm(HELLO, self.session.protocol.hello);
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        // Answers may be much longer than questions: they wait for one another.
        while !self.is_paused && !cx.output.is_congested() {
            let Some(frame) = self.frames.decode(cx.input)? else { break };
            let life = cx.effects.random();
            let turn = Turn { now: cx.effects.now(), address: cx.effects.address(), life };
            let then = self.session.hear(frame, &turn, &mut Frames(cx.output));
            self.go(then, cx);
        }
        Ok(())
    }

    fn on_message(&mut self, mail: Mail, cx: &mut Context<'_, Self>) -> Result {
        let then = self.session.mail(mail, cx.effects.now(), &mut Frames(cx.output))?;
        self.go(then, cx);
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Context<'_, Self>) -> Result {
        let now = cx.effects.now();
        match timer {
            BREATH => {
                self.is_paused = false;
                cx.effects.resume();
            }
            TICK => {
                let then = self.session.tick(now, &mut Frames(cx.output));
                self.go(then, cx);
            }
            HELLO => {
                let then = self.session.hello_is_due(now, &mut Frames(cx.output));
                self.go(then, cx);
            }
            _ => {
                let retry = part(self.session.protocol.retry, cx.effects.random());
                let (why, retry) = ("the server goes down", retry.as_millis() as u64);
                Frames(cx.output).send(&Told::Bye { why, retry }.to_json());
                cx.effects.close();
            }
        }
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.session.go_on(cx.effects.now(), &mut Frames(cx.output));
        if !self.is_paused {
            // What has come already waits in the input, and no byte may follow it.
            cx.effects.resume();
        }
        Ok(())
    }

    fn on_drain(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let wait = part(self.session.protocol.drain, cx.effects.random());
        cx.effects.arm(LEAVE, wait);
        Ok(())
    }
}

/// A part of `time`, drawn by chance.
fn part(time: Duration, random: u64) -> Duration {
    Duration::from_millis(random % (time.as_millis() as u64 + 1))
}

/// An output of frames.
struct Frames<'a>(&'a mut Output);

impl Wire for Frames<'_> {
    fn is_full(&self) -> bool {
        self.0.is_congested()
    }

    fn send(&mut self, json: &str) {
        self.0.put(&(json.len() as u32).to_be_bytes());
        self.0.put(json.as_bytes());
    }

    fn post(&mut self, post: &Post) {
        self.0.share(post.encoded(FRAME, |post| frame(&post_json(post))).into_owned());
    }

    fn change(&mut self, change: &Change) {
        self.0.share(change.encoded(FRAME, |change| frame(&change_json(change))).into_owned());
    }
}

fn frame(json: &str) -> Bytes {
    let mut frame = BytesMut::with_capacity(4 + json.len());
    frame.put_u32(json.len() as u32);
    frame.put_slice(json.as_bytes());
    frame.freeze()
}
