//! [`Line`]: a connection of a client, which carries one question after the other.
//!
//! ```text
//!             ┌─ Tunnelling: a proxy is asked for a way
//!             │       │
//!  Opening ───┴───────┴─► Asking ───► (answered in full, fit for another) ──► Resting, in the pool
//!                           │ ▲                                                 │
//!                           │ └────────────────── Begin ────────────────────────┘
//!                           └───► Raw: both sides agreed on another protocol
//! ```
//!
//! What goes up and what comes down is independent: an answer may begin, and end, while the body
//! of its question is still on its way. A line that is left in the middle of either is not used
//! again.

use std::time::Duration;

use bytes::Bytes;

use super::config::ClientConfig;
use super::failure::{Failure, Wait};
use super::pipe::{Far, ToLine, Word};
use super::pool::Place;
use super::route::Tunnel;
use super::watch::{Due, Watch};
use crate::handler::{Address, Close, Context, Deadline, Handler, Outgoing, Result, Timer};
use crate::wire::http::HttpLimits;
use crate::wire::http1::{RequestEncoder, ResponseDecoder, ResponseEvent};

pub(super) const WATCH: Timer = Timer::new(0);

/// How long a line rests once a graceful shutdown has begun: somewhat longer than clients get for
/// their last requests (`HttpDeadlines::last_request`).
const LAST_REST: Duration = Duration::from_millis(1500);

/// A connection of a client. See `line.rs`.
pub struct Line {
    pub(super) place: Place,
    pub(super) stage: Stage,
    /// Who asks; none while the line rests, and when the caller has gone.
    pub(super) far: Option<Far>,
    /// What is to be asked for before anything else.
    pub(super) tunnel: Option<Tunnel>,
    pub(super) encoder: RequestEncoder,
    pub(super) decoder: ResponseDecoder,
    pub(super) limits: HttpLimits,
    /// What is still to be sent of a body that is known as a whole.
    pub(super) whole: Bytes,
    /// Whether all of the question is on its way.
    pub(super) sent: bool,
    /// Whether the pipe is full, and nothing is read.
    pub(super) paused: bool,
    /// How many bytes more may be thrown away of an answer that nobody wants.
    pub(super) discard_left: usize,
    /// When the present question began, since the loop began.
    pub(super) began: Duration,
    /// Whether it has lain in the pool: the server may have closed it since.
    pub(super) has_rested: bool,
    /// How this line is called while it rests.
    pub(super) resting: Option<Address<ToLine>>,
    pub(super) rest: Duration,
    pub(super) connect: Duration,
    pub(super) watch: Watch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Opening,
    Tunnelling,
    Asking,
    Resting,
    /// Another protocol; which of the directions have ended.
    Raw {
        up: bool,
        down: bool,
    },
}

impl Line {
    /// A line that is being opened, and what it is to carry first.
    pub(super) fn new(
        place: Place,
        far: Far,
        tunnel: Option<Tunnel>,
        config: &ClientConfig,
    ) -> Self {
        Self {
            place,
            stage: Stage::Opening,
            far: Some(far),
            tunnel,
            encoder: RequestEncoder::default(),
            decoder: ResponseDecoder::new(config.limits.clone()),
            limits: config.limits.clone(),
            whole: Bytes::new(),
            sent: false,
            paused: false,
            discard_left: 0,
            began: Duration::ZERO,
            has_rested: false,
            resting: None,
            rest: config.rest,
            connect: config.connect,
            watch: Watch::default(),
        }
    }

    /// The server has ended its sending half.
    fn ended(&mut self, cx: &mut Context<'_, Self>) -> Result {
        match self.decoder.eof(cx.input) {
            Ok(Some(ResponseEvent::End(trailers))) => {
                let trailers = trailers.clone();
                self.answered(trailers, cx)
            }
            // A server that resets in the middle of its answer may as well end properly there.
            Ok(_) | Err(_) => Err(Close::ByPeer),
        }
    }

    fn time_is_over(&mut self, due: Due) -> Result {
        let wait = match due {
            Due::Total => Wait::Total,
            _ if self.stage == Stage::Tunnelling => Wait::Connect,
            _ if self.far.as_ref().is_some_and(Far::is_answered) => Wait::Idle,
            _ => Wait::FirstByte,
        };
        self.fail(Failure::Late(wait), Close::Late(Deadline::Read))
    }

    /// Nobody finds it in the pool any more.
    fn leave(&mut self) {
        if let Some(address) = self.resting.take() {
            self.place.leave(&address);
        }
    }

    fn looked(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let Some(far) = &self.far else { return Ok(()) };
        if !far.look() {
            return self.abandon(cx);
        }
        if !far.is_full() {
            self.go_on(cx)?;
        }
        match self.stage {
            Stage::Asking => self.pump(cx),
            Stage::Raw { .. } => self.pass_up(cx),
            Stage::Opening | Stage::Tunnelling | Stage::Resting => Ok(()),
        }
    }
}

impl Handler for Line {
    type Message = ToLine;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        // The windows of the pipe bound both directions.
        cx.effects.read_while_congested();
        if self.tunnel.is_some() {
            return self.ask_for_tunnel(cx);
        }
        match self.far.take() {
            Some(far) => self.begin(far, cx),
            None => Err(Close::ByUs),
        }
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        match self.stage {
            Stage::Asking => self.hear(cx),
            Stage::Raw { .. } => self.pass_down(cx),
            Stage::Tunnelling => self.hear_of_tunnel(cx),
            Stage::Opening | Stage::Resting => Err(Close::Protocol("an answer to no question")),
        }
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        match self.stage {
            Stage::Asking => self.ended(cx),
            Stage::Raw { .. } => self.ended_raw(cx),
            Stage::Opening | Stage::Tunnelling | Stage::Resting => Err(Close::ByPeer),
        }
    }

    fn on_message(&mut self, ToLine(word): ToLine, cx: &mut Context<'_, Self>) -> Result {
        match word {
            Word::Look => self.looked(cx),
            Word::Begin(far) if self.stage == Stage::Resting => self.begin(far, cx),
            // It is dropped, which says that it was not carried.
            Word::Begin(_) => Ok(()),
        }
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        match self.watch.fired(cx.effects.now()) {
            None => {}
            Some(Due::Rest) => {
                self.leave();
                cx.effects.close();
            }
            Some(due) => return self.time_is_over(due),
        }
        self.arm(cx);
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        match self.stage {
            Stage::Asking => self.pump(cx),
            Stage::Raw { .. } => self.pass_up(cx),
            Stage::Opening | Stage::Tunnelling | Stage::Resting => Ok(()),
        }
    }

    /// Who is served by this engine may still come with a last request, and has no other way to be
    /// answered than the lines that are there.
    fn on_drain(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.rest = self.rest.min(LAST_REST);
        if self.stage == Stage::Resting {
            self.watch.set(Due::Rest, Some(cx.effects.now() + self.rest));
            self.arm(cx);
        }
        Ok(())
    }

    fn on_close(mut self, why: Close, outgoing: &mut Outgoing<'_>) {
        self.leave();
        if let Some(far) = self.far.take() {
            let is_open = !matches!(self.stage, Stage::Opening | Stage::Tunnelling);
            let spent = match is_open {
                true => outgoing.now().saturating_sub(self.began),
                false => Duration::ZERO,
            };
            far.fail(Failure::of(why, is_open), spent);
        }
    }
}
