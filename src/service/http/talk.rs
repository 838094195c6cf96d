//! [`Talk`]: one request after another on a connection, each with its exchange: how an exchange
//! begins, goes on, and ends, whatever it is that ends it.

use std::sync::Arc;
use std::time::Duration;

use super::clock::Wait;
use super::exchange::{Carrier, Exchange, ExchangeContext, ExchangeMail};
use super::lane::Lane;
use super::params::Params;
use super::pool::Share;
use super::site::{Shared, Site};
use super::stage::Stage;
use crate::base::Output;
use crate::handler::{Close, Deadline, Effects, Result, Timer};
use crate::wire::http::{Headers, HttpError, RequestHead, StatusCode};

/// Without a router, no part of a path was left open.
static NONE: Params = Params::NONE;

pub(super) struct Talk<S: Site> {
    server: Arc<Shared<S>>,
    pub(super) lane: Lane,
    /// That of this request; or that of the request before, if the site renews it.
    exchange: Option<S::Exchange>,
    stage: Stage,
    /// Whether the exchange is told of things: from its head until it is over.
    is_live: bool,
    /// Whether the engine knows that the peer waits for us.
    owes: bool,
    /// Whether the peer has closed its sending half.
    ended: bool,
    /// Whether this is to be the last request, because the engine shuts down.
    is_last: bool,
    /// Since when the stage is what it is.
    since: Duration,
}

impl<S: Site> Talk<S> {
    pub(super) fn new(server: Arc<Shared<S>>) -> Self {
        Self {
            lane: Lane::new(server.config.bodies, Share::new(&server.pool)),
            server,
            exchange: None,
            stage: Stage::Idle,
            is_live: false,
            owes: false,
            ended: false,
            is_last: false,
            since: Duration::ZERO,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether there is somebody for what comes next.
    #[inline]
    pub(super) fn is_listening(&self) -> bool {
        match self.stage {
            Stage::Idle | Stage::Draining { .. } => true,
            Stage::Body => !self.lane.is_paused(),
            Stage::Answering | Stage::Over => false,
        }
    }

    /// It is the peer's turn from now on: the connection begins, or all that was said is taken.
    pub(super) fn turn_begins(&mut self, now: Duration) {
        self.since = now;
    }

    /// The peer has closed its sending half.
    pub(super) fn peer_ended(
        &mut self,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        self.ended = true;
        match self.stage {
            Stage::Answering => {
                self.tell(output, effects, |exchange, cx| exchange.on_half_closed(cx))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Tells a client that waits for it that its body is wanted.
    #[inline]
    pub(super) fn go_ahead(&mut self, output: &mut Output) {
        if self.stage == Stage::Body {
            self.lane.go_ahead(output);
        }
    }

    #[inline]
    pub(super) fn head(
        &mut self,
        head: &RequestHead,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        self.stage = Stage::Body;
        self.since = effects.now();
        self.is_live = true;
        self.lane.begin(head, self.is_last, effects.now());
        if let Some(name) = &self.server.config.server {
            self.lane.add_header("server", name.as_bytes());
        }
        let site = &self.server.site;
        let exchange = match &mut self.exchange {
            Some(exchange) if S::RENEWS => {
                site.renew(exchange, head, &NONE);
                exchange
            }
            slot => slot.insert(site.exchange(head, &NONE)),
        };
        let cx = &mut ExchangeContext::new(&mut self.lane, output, effects.lend());
        let told = exchange.on_head(head, cx);
        self.draw_consequences(told, output, effects)
    }

    #[inline]
    pub(super) fn body(
        &mut self,
        piece: &[u8],
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        if let Stage::Draining { left } = &mut self.stage {
            match left.checked_sub(piece.len() as u64) {
                Some(rest) => *left = rest,
                None => self.end_connection(effects),
            }
            return Ok(());
        }
        self.tell(output, effects, |exchange, cx| exchange.on_body(piece, cx))
    }

    #[inline]
    pub(super) fn end(
        &mut self,
        trailers: &Headers,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        if let Stage::Draining { .. } = self.stage {
            self.next(effects);
            return Ok(());
        }
        self.stage = Stage::Answering;
        self.since = effects.now();
        self.lane.heard_all();
        self.tell(output, effects, |exchange, cx| exchange.on_end(trailers, cx))
    }

    /// Mail came: for this exchange, or for one that is over.
    pub(super) fn mail(
        &mut self,
        mail: ExchangeMail,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        if mail.exchange != self.lane.number() || !self.is_live {
            return Ok(());
        }
        match mail.message {
            Some(mut mail) => {
                self.tell(output, effects, |exchange, cx| exchange.on_mail(&mut *mail, cx))
            }
            None => self.fail(Close::Panicked, output, effects),
        }
    }

    /// A timer of the exchange fired.
    pub(super) fn timer(
        &mut self,
        timer: Timer,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        match Lane::fired(timer) {
            Some(timer) => self.tell(output, effects, |exchange, cx| exchange.on_timer(timer, cx)),
            None => Ok(()),
        }
    }

    pub(super) fn writable(
        &mut self,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        self.tell(output, effects, |exchange, cx| exchange.on_writable(cx))
    }

    /// Tells the exchange something, if there is one.
    #[inline]
    fn tell(
        &mut self,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
        tell: impl FnOnce(
            &mut S::Exchange,
            &mut ExchangeContext<'_, <S::Exchange as Exchange>::Message>,
        ) -> Result,
    ) -> Result {
        let Some(exchange) = self.exchange.as_mut().filter(|_| self.is_live) else {
            return Ok(());
        };
        let cx = &mut ExchangeContext::new(&mut self.lane, output, effects.lend());
        let told = tell(exchange, cx);
        self.draw_consequences(told, output, effects)
    }

    #[inline]
    fn draw_consequences(
        &mut self,
        told: Result,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        if let Err(why) = told {
            return self.fail(why, output, effects);
        }
        if let Some(what) = self.lane.take_misuse() {
            log::error!("an exchange gave no proper answer: {what}");
            return self.fail(Close::Panicked, output, effects);
        }
        if !self.lane.is_finished() {
            self.lane.flush(output);
            return Ok(());
        }
        self.over(false, effects);
        match self.stage {
            _ if self.lane.is_handed_over() => self.stage = Stage::Over,
            Stage::Body => self.drain(effects),
            Stage::Answering => self.next(effects),
            Stage::Idle | Stage::Draining { .. } | Stage::Over => {}
        }
        Ok(())
    }

    /// The answer is complete and the request is not.
    fn drain(&mut self, effects: &mut Effects<'_, Carrier>) {
        let left = self.server.config.bodies.drained;
        // A client that waits for the word to send its body may send it all the same, or not:
        // nobody knows what its next byte will belong to.
        if self.lane.expects() || self.lane.ends_connection() || left == 0 {
            return self.end_connection(effects);
        }
        self.stage = Stage::Draining { left };
        self.since = effects.now();
    }

    /// Request and answer are complete.
    #[inline]
    fn next(&mut self, effects: &mut Effects<'_, Carrier>) {
        if self.lane.ends_connection() {
            return self.end_connection(effects);
        }
        self.stage = Stage::Idle;
        self.since = effects.now();
    }

    fn end_connection(&mut self, effects: &mut Effects<'_, Carrier>) {
        self.stage = Stage::Over;
        effects.close();
    }

    /// The exchange is told that it is over.
    #[inline]
    fn over(&mut self, reset: bool, effects: &mut Effects<'_, Carrier>) {
        self.is_live = false;
        self.lane.forget_timers(|timer| effects.disarm(timer));
        self.lane.give_back();
        if let Some(exchange) = &mut self.exchange {
            exchange.on_done(&self.lane.done(reset, effects.now()));
        }
        if !S::RENEWS {
            self.exchange = None;
        }
    }

    /// The exchange gave an error, or what it asked of a worker panicked.
    #[cold]
    fn fail(
        &mut self,
        why: Close,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        let status = match why {
            Close::ByPeer => return self.cut(why, effects),
            Close::Over(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let what = status.canonical_reason().unwrap_or_default();
        self.reset(why, status, what, output, effects)
    }

    /// What came is no request, or not the rest of one.
    #[cold]
    pub(super) fn refuse(
        &mut self,
        error: HttpError,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        log::debug!("{} from {}", error, effects.peer());
        self.reset(Close::Protocol(error.what), error.status, error.what, output, effects)
    }

    /// The peer has ended, and nothing more will come.
    #[cold]
    pub(super) fn cut_short(
        &mut self,
        has_more: bool,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        const WHAT: &str = "the request ends early";
        if self.stage == Stage::Body || self.stage == Stage::Idle && has_more {
            return self.reset(Close::ByPeer, StatusCode::BAD_REQUEST, WHAT, output, effects);
        }
        self.end_connection(effects);
        Ok(())
    }

    /// The exchange panicked, and is in no state to be told of it.
    #[cold]
    pub(super) fn panicked(
        &mut self,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        log::error!("an exchange for {} panicked", effects.peer());
        self.exchange = None;
        if self.lane.is_handed_over() {
            return Err(Close::Panicked);
        }
        self.fail(Close::Panicked, output, effects)
    }

    /// A deadline has passed.
    #[cold]
    pub(super) fn late(
        &mut self,
        wait: Wait,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        let (why, status, what) = match wait {
            Wait::Request | Wait::Rest => {
                self.end_connection(effects);
                return Ok(());
            }
            Wait::Head => (Deadline::Frame, StatusCode::REQUEST_TIMEOUT, "the head came too late"),
            Wait::Body => (Deadline::Rate, StatusCode::REQUEST_TIMEOUT, "the body is too slow"),
            Wait::Taken => return self.cut(Close::Late(Deadline::Rate), effects),
            Wait::Answer if self.stage == Stage::Body => {
                (Deadline::Read, StatusCode::REQUEST_TIMEOUT, "the request took too long")
            }
            Wait::Answer => {
                (Deadline::Write, StatusCode::SERVICE_UNAVAILABLE, "the answer took too long")
            }
        };
        self.reset(Close::Late(why), status, what, output, effects)
    }

    /// The engine shuts down: this request is the last one. Who has none under way, or was not told
    /// with the beginning of its answer, may still come with one, for a moment.
    pub(super) fn last(&mut self, effects: &Effects<'_, Carrier>) {
        self.is_last = true;
        if !self.lane.is_answered() {
            self.lane.close_after();
        }
        if self.stage == Stage::Idle {
            self.since = effects.now();
        }
    }

    /// The exchange is gone with its connection.
    pub(super) fn gone(&mut self, why: &Close, now: Duration) {
        if std::mem::take(&mut self.is_live)
            && let Some(exchange) = &mut self.exchange
        {
            exchange.on_reset(why);
            exchange.on_done(&self.lane.done(true, now));
        }
    }

    /// Tells the engine whether the peer waits for us: then it is not idle.
    #[inline]
    pub(super) fn settle(&mut self, effects: &mut Effects<'_, Carrier>) {
        if self.is_live != self.owes {
            self.owes = self.is_live;
            if self.owes { effects.owe() } else { effects.settled() }
        }
    }

    /// What is waited for, and until when, apart from bytes that must move at a rate.
    #[inline]
    pub(super) fn waits(&self, head_since: Option<Duration>) -> Option<(Wait, Duration)> {
        let times = &self.server.config.deadlines;
        match (self.stage, head_since) {
            (Stage::Idle, Some(since)) => Some((Wait::Head, since.saturating_add(times.head))),
            (Stage::Idle, None) if self.is_last => {
                Some((Wait::Request, self.since.saturating_add(times.last_request)))
            }
            (Stage::Idle, None) => Some((Wait::Request, self.since.saturating_add(times.idle))),
            (Stage::Draining { .. }, _) => {
                Some((Wait::Rest, self.since.saturating_add(times.head)))
            }
            (Stage::Over, _) => None,
            (Stage::Body | Stage::Answering, _) => match self.lane.deadline() {
                Some(own) => own.map(|at| (Wait::Answer, at)),
                None if self.stage == Stage::Answering && !self.lane.is_answered() => {
                    Some((Wait::Answer, self.since.saturating_add(times.answer)))
                }
                None => None,
            },
        }
    }

    /// The exchange ends early: with this status, or, if its answer has begun, with a cut.
    #[cold]
    fn reset(
        &mut self,
        why: Close,
        status: StatusCode,
        what: &str,
        output: &mut Output,
        effects: &mut Effects<'_, Carrier>,
    ) -> Result {
        if self.is_live && self.lane.is_answered() {
            return self.cut(why, effects);
        }
        if self.is_live {
            if let Some(exchange) = &mut self.exchange {
                exchange.on_reset(&why);
            }
            self.lane.apologize(status, what, &effects.http_date(), output);
            self.over(true, effects);
        } else if self.stage == Stage::Idle {
            self.lane.begin_unheard(effects.now());
            self.lane.apologize(status, what, &effects.http_date(), output);
        }
        self.end_connection(effects);
        Ok(())
    }

    #[cold]
    fn cut(&mut self, why: Close, effects: &mut Effects<'_, Carrier>) -> Result {
        if self.is_live {
            if let Some(exchange) = &mut self.exchange {
                exchange.on_reset(&why);
            }
            self.over(true, effects);
        }
        Err(why)
    }
}
