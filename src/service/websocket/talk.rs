//! [`Talk`]: what a WebSocket says, and how far its life has come.
//!
//! ```text
//!                 drain                  its turn
//!   ┌──── Open ─────────► Draining ──────────────┐
//!   │      │  │              │  close            ▼
//!   │      │  └──────────────┴──────────────► Closing ── close_time ──┐
//!   │      │ the peer says the end               │ the peer, too      │
//!   │      └──────────────────────┬──────────────┘                    │
//!   │                             ▼                                   ▼
//!   │                           Over ── a server closes, a client ─► closed
//!   │ the peer breaks the protocol      waits until the server does   ▲
//!   └────────────────────────► Failed ── the peer ends, or linger ────┘
//! ```

use std::sync::Arc;
use std::time::Duration;

use super::closed::{Closed, Said, Side};
use super::config::WebSocketConfig;
use super::heartbeat::{Beat, Pulse};
use super::shared::with_deflater;
use crate::base::Output;
use crate::handler::{Close, Deadline, Effects, Handler, Result, Timer};
use crate::wire::WireError;
use crate::wire::websocket::{
    CloseCode, Encoder, Frame, Kind, Mask, Opcode, Prepared, Role, Terms, WebSocketError,
    encode_close, reason_with_retry,
};

/// All that a WebSocket says, and how far its life has come.
pub(super) struct Talk {
    config: Arc<WebSocketConfig>,
    role: Role,
    protocol: Option<Box<str>>,
    encoder: Encoder,
    pulse: Pulse,
    phase: Phase,
    /// Who said that this is the end, and why.
    said: Option<Box<Said>>,
    is_paused: bool,
    /// Whether the deadline of a message runs.
    is_timed: bool,
    /// What is counted of the memory that the decoder and the encoder hold.
    counted: usize,
}

/// How far its life has come: see the [module](self).
#[derive(Debug)]
enum Phase {
    Open,
    /// To be closed when its turn comes. Until then all goes on.
    Draining,
    /// We have said the end, and wait until the peer has.
    Closing,
    /// Both have said it.
    Over,
    /// The peer broke the protocol, and was told.
    Failed(WebSocketError),
}

/// How long a peer that broke the protocol may take to end the connection, so that no reset
/// destroys what it was told.
const LINGER: Duration = Duration::from_secs(2);

/// Before a peer is taken for dead, the loop has so much time to read what has come: timers fire
/// before sockets are read.
const DOUBT: Duration = Duration::from_millis(100);

/// Less memory than this is not worth to be counted.
const COUNTED_MIN: usize = 4096;

impl Talk {
    /// The timer that is not the user's: of pings, then of the end.
    pub(super) const TIMER: Timer = Timer::new(3);

    pub(super) fn new(
        role: Role,
        config: Arc<WebSocketConfig>,
        terms: Option<&Terms>,
        protocol: Option<&str>,
    ) -> Self {
        let deflate = config.deflate.clone().unwrap_or_default();
        Self {
            encoder: Encoder::new(terms, &deflate),
            config,
            role,
            protocol: protocol.map(Into::into),
            pulse: Pulse::default(),
            phase: Phase::Open,
            said: None,
            is_paused: false,
            is_timed: false,
            counted: 0,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Draining)
    }

    /// Whether what comes is of no use any more.
    pub(super) fn is_deaf(&self) -> bool {
        matches!(self.phase, Phase::Over | Phase::Failed(_))
    }

    /// Whether messages must wait where they are.
    #[inline]
    pub(super) fn holds_back(&self, output: &Output) -> bool {
        self.is_paused || output.is_congested() || self.is_deaf()
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    pub(super) fn pause<K: Handler>(&mut self, effects: &mut Effects<'_, K>) {
        if self.is_open() {
            self.is_paused = true;
            self.time(false, effects);
            effects.pause();
        }
    }

    pub(super) fn resume<K: Handler>(&mut self, effects: &mut Effects<'_, K>) {
        self.is_paused = false;
        effects.resume();
    }

    pub(super) fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.pulse.round_trip()
    }

    #[inline]
    pub(super) fn send<K: Handler>(
        &mut self,
        kind: Kind,
        message: &[u8],
        output: &mut Output,
        effects: &mut Effects<'_, K>,
    ) {
        if !self.is_open() {
            return;
        }
        let mask = self.mask(effects);
        match self.encoder.compresses(message.len()) {
            false => Frame::new(kind.into(), message).encode(mask, output),
            true => with_deflater(|deflater| {
                self.encoder.message(kind, message, mask, deflater, output);
            }),
        }
    }

    pub(super) fn send_prepared<K: Handler>(
        &mut self,
        message: &Prepared,
        output: &mut Output,
        effects: &mut Effects<'_, K>,
    ) {
        match self.role {
            // A client must mask each frame with a key of its own.
            Role::Client => self.send(message.kind(), message.payload(), output, effects),
            Role::Server if !self.is_open() => {}
            Role::Server => {
                with_deflater(|deflater| self.encoder.prepared(message, deflater, output));
            }
        }
    }

    fn mask<K: Handler>(&self, effects: &mut Effects<'_, K>) -> Option<Mask> {
        (self.role == Role::Client).then(|| Mask::new(effects.secret()))
    }

    pub(super) fn opened<K: Handler>(&mut self, effects: &mut Effects<'_, K>) {
        self.count(0, effects);
        self.arm_ping(effects);
    }

    fn arm_ping<K: Handler>(&self, effects: &mut Effects<'_, K>) {
        if let (Some(heartbeat), true) = (self.config.heartbeat, self.is_open()) {
            let wait = heartbeat.wait(effects.random());
            effects.arm(Self::TIMER, wait);
        }
    }

    /// Something came.
    #[inline]
    pub(super) fn heard(&mut self) {
        self.pulse.heard();
    }

    pub(super) fn ping<K: Handler>(
        &mut self,
        payload: &[u8],
        output: &mut Output,
        effects: &mut Effects<'_, K>,
    ) {
        if self.is_open() {
            Frame::new(Opcode::Pong, payload).encode(self.mask(effects), output);
        }
    }

    /// A pong came. Tells how long that took, if it answers our latest ping.
    pub(super) fn pong<K: Handler>(
        &mut self,
        payload: &[u8],
        effects: &mut Effects<'_, K>,
    ) -> Option<Duration> {
        let time = self.pulse.pong(payload, effects.now())?;
        if matches!(self.phase, Phase::Open) {
            self.arm_ping(effects);
        }
        Some(time)
    }

    /// A message that doesn't come whole has begun or ended, or must wait because of us.
    #[inline]
    pub(super) fn time<K: Handler>(&mut self, gathers: bool, effects: &mut Effects<'_, K>) {
        if gathers != self.is_timed {
            self.is_timed = gathers;
            let until = effects.now() + self.config.message_time;
            effects.set_read_deadline(gathers.then_some(until));
        }
    }

    /// The decoder holds so much memory.
    #[inline]
    pub(super) fn count<K: Handler>(&mut self, decoder: usize, effects: &mut Effects<'_, K>) {
        let held = decoder + self.encoder.held();
        let held = if held < COUNTED_MIN { 0 } else { held };
        if held != self.counted {
            self.counted = held;
            effects.hold_memory(held);
        }
    }

    pub(super) fn close<K: Handler>(
        &mut self,
        code: CloseCode,
        reason: &str,
        output: &mut Output,
        effects: &mut Effects<'_, K>,
    ) {
        if !self.is_open() {
            return;
        }
        encode_close(code, reason, self.mask(effects), output);
        self.say(code, reason, Side::Us);
        self.phase = Phase::Closing;
        effects.arm(Self::TIMER, self.config.close_time);
        // Else the peer's answer would never be read.
        self.resume(effects);
    }

    fn say(&mut self, code: CloseCode, reason: &str, by: Side) {
        let by_both = by == Side::Peer;
        self.said = Some(Box::new(Said { code, reason: reason.into(), by, by_both }));
    }

    /// The peer says that this is the end, or agrees.
    pub(super) fn closed_by_peer<K: Handler>(
        &mut self,
        code: CloseCode,
        reason: &str,
        output: &mut Output,
        effects: &mut Effects<'_, K>,
    ) {
        match &mut self.said {
            Some(said) => said.by_both = true,
            None => {
                encode_close(code, "", self.mask(effects), output);
                self.say(code, reason, Side::Peer);
            }
        }
        self.phase = Phase::Over;
        match self.role {
            Role::Server => effects.close(),
            // The server ends the connection first, so that the wait for what may still be on its
            // way is its own (RFC 6455, section 7.1.1).
            Role::Client => effects.arm(Self::TIMER, self.config.close_time),
        }
    }

    /// The peer broke the protocol: it is told, and nothing more is listened to.
    #[cold]
    pub(super) fn fail<K: Handler>(
        &mut self,
        error: WebSocketError,
        output: &mut Output,
        effects: &mut Effects<'_, K>,
    ) {
        if self.said.is_none() {
            encode_close(error.code, error.what, self.mask(effects), output);
            self.say(error.code, error.what, Side::Us);
        }
        self.phase = Phase::Failed(error);
        effects.finish();
        effects.arm(Self::TIMER, LINGER);
    }

    pub(super) fn drain<K: Handler>(&mut self, effects: &mut Effects<'_, K>) {
        if matches!(self.phase, Phase::Open) {
            self.phase = Phase::Draining;
            let wait = match self.role {
                Role::Server => part(self.config.drain.spread, effects.random()),
                // Nobody comes back to it.
                Role::Client => Duration::ZERO,
            };
            effects.arm(Self::TIMER, wait);
        }
    }

    /// The timer fired.
    pub(super) fn beat<K: Handler>(
        &mut self,
        output: &mut Output,
        effects: &mut Effects<'_, K>,
    ) -> Result {
        match self.phase {
            Phase::Open => return self.ping_or_end(output, effects),
            Phase::Draining if self.role == Role::Client => {
                self.close(CloseCode::GOING_AWAY, "", output, effects);
            }
            Phase::Draining => {
                let drain = &self.config.drain;
                let wait = part(drain.retry, effects.random());
                let (code, reason) = (drain.code, reason_with_retry("the server goes down", wait));
                self.close(code, &reason, output, effects);
            }
            Phase::Closing | Phase::Over => effects.close(),
            Phase::Failed(error) => return Err(WireError::from(error).into()),
        }
        Ok(())
    }

    fn ping_or_end<K: Handler>(
        &mut self,
        output: &mut Output,
        effects: &mut Effects<'_, K>,
    ) -> Result {
        let Some(heartbeat) = self.config.heartbeat else { return Ok(()) };
        let is_deaf = self.is_paused || output.is_congested();
        let wait = match self.pulse.beat(effects.now(), is_deaf) {
            Beat::Dead => return Err(Close::Late(Deadline::Heartbeat)),
            Beat::Doubt => DOUBT,
            Beat::Ping(payload) => {
                Frame::new(Opcode::Ping, &payload).encode(self.mask(effects), output);
                heartbeat.timeout
            }
        };
        effects.arm(Self::TIMER, wait);
        Ok(())
    }

    /// No byte will follow.
    pub(super) fn ended<K: Handler>(&mut self, effects: &mut Effects<'_, K>) -> Result {
        if let Phase::Failed(error) = self.phase {
            return Err(WireError::from(error).into());
        }
        effects.close();
        Ok(())
    }

    pub(super) fn closed(self, why: Close) -> Closed {
        Closed::new(self.said, why)
    }
}

/// A part of `time`, with `random` as chance.
fn part(time: Duration, random: u64) -> Duration {
    Duration::from_millis(random % (time.as_millis() as u64 + 1))
}
