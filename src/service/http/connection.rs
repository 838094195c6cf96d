//! [`HttpConnection`]: the handler of a server's connection. It takes requests out of the input,
//! one exchange at a time: the next request is decoded when the answer to this one is complete. So
//! answers to pipelined requests come in order, and a peer that asks without end makes us hold no
//! more than one visit can read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::clock::{Clock, Moving, Wait};
use super::exchange::ExchangeMail;
use super::site::{Shared, Site};
use super::stage::Stage;
use super::talk::Talk;
use crate::handler::{Close, Context, Handler, Outgoing, Result, Timer};
use crate::wire::http1::{RequestDecoder, RequestEvent};

/// The handler of a server's connection that speaks HTTP/1.1 or 1.0. Made by
/// [`HttpServer::connection`](super::HttpServer::connection).
pub struct HttpConnection<S: Site> {
    server: Arc<Shared<S>>,
    decoder: RequestDecoder,
    talk: Talk<S>,
    clock: Clock,
    /// Whether reading is paused: what comes has no place to go.
    is_paused: bool,
}

/// The timer of all that the connection itself waits for. Those above it are the exchange's.
const CLOCK: Timer = Timer::new(0);

impl<S: Site> HttpConnection<S> {
    pub(super) fn new(server: Arc<Shared<S>>) -> Self {
        let decoder = RequestDecoder::new(server.config.limits.clone());
        let talk = Talk::new(server.clone());
        Self { server, decoder, talk, clock: Clock::default(), is_paused: false }
    }

    /// Decodes and serves what is there, until something is waited for.
    fn serve(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let (talk, clock, output) = (&mut self.talk, &mut self.clock, &mut *cx.output);
        let effects = &mut cx.effects.lend();
        while talk.is_listening() && !output.is_congested() {
            talk.go_ahead(output);
            match self.decoder.decode(cx.input) {
                Ok(Some(RequestEvent::Head(head))) => {
                    clock.head_since = None;
                    talk.head(head, output, effects)?;
                }
                Ok(Some(RequestEvent::Body(piece))) => {
                    clock.received += piece.len() as u64;
                    talk.body(piece, output, effects)?;
                }
                Ok(Some(RequestEvent::End(trailers))) => talk.end(trailers, output, effects)?,
                Err(error) => return talk.refuse(error, output, effects),
                Ok(None) => {
                    // Told only when all is decoded that came before.
                    let is_cut = talk.has_ended() && !cx.input.has_yielded();
                    let has_more = !cx.input.is_empty();
                    return if is_cut { talk.cut_short(has_more, output, effects) } else { Ok(()) };
                }
            }
        }
        Ok(())
    }

    /// Something happens, and then all that it makes possible.
    #[inline]
    fn react(
        &mut self,
        cx: &mut Context<'_, Self>,
        happens: impl FnOnce(&mut Self, &mut Context<'_, Self>) -> Result,
    ) -> Result {
        let before = cx.output.len();
        let reacted = catch_unwind(AssertUnwindSafe(|| {
            happens(self, cx)?;
            self.serve(cx)
        }));
        match reacted {
            Ok(reacted) => reacted?,
            Err(_) => self.talk.panicked(cx.output, &mut cx.effects.lend())?,
        }
        self.clock.put += (cx.output.len() - before) as u64;
        self.settle(cx);
        Ok(())
    }

    /// What has no place to go is left to the kernel; the deadlines are seen to.
    #[inline]
    fn settle(&mut self, cx: &mut Context<'_, Self>) {
        if let Some(held) = self.talk.lane.untold_memory(self.decoder.held()) {
            cx.effects.hold_memory(held);
        }
        if self.talk.stage() == Stage::Over {
            return;
        }
        let has_input = !cx.input.is_empty();
        let holds = has_input && !self.talk.is_listening();
        if holds != self.is_paused {
            self.is_paused = holds;
            if holds { cx.effects.pause() } else { cx.effects.resume() }
        }
        self.talk.settle(&mut cx.effects.lend());
        let now = cx.effects.now();
        let is_read = has_input && !cx.output.is_congested();
        self.clock.head_since = match is_read && self.talk.stage() == Stage::Idle {
            true => self.clock.head_since.or(Some(now)),
            false => None,
        };
        self.clock.note(self.moving(cx), now, &self.server.config.deadlines);
        let wait = self.waits(cx).map(|(_, at)| at);
        if let Some(after) = self.clock.rearm(wait, now) {
            cx.effects.arm(CLOCK, after);
        }
    }

    /// What is waited for, and until when. While the output is congested nothing is read: then a
    /// peer that was answered can only be late in taking that.
    #[inline]
    fn waits(&self, cx: &Context<'_, Self>) -> Option<(Wait, Duration)> {
        let is_deaf = cx.output.is_congested() && self.talk.stage().is_answered();
        self.talk.waits(self.clock.head_since).filter(|_| !is_deaf)
    }

    fn moving(&self, cx: &Context<'_, Self>) -> Moving {
        let receives = self.talk.stage() == Stage::Body
            && self.talk.is_listening()
            && !cx.output.is_congested();
        Moving { receives, unsent: cx.output.len() }
    }

    /// The timer fired: something is late, or was put off.
    fn look_at_clock(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.clock.fired();
        let (now, moving) = (cx.effects.now(), self.moving(cx));
        let slow = self.clock.judge(moving, now, &self.server.config.deadlines);
        let late = self.waits(cx).filter(|(_, at)| *at <= now);
        if self.talk.stage() == Stage::Idle && self.clock.head_since.is_none() {
            self.decoder.release(); // Who rests needs no memory for a head.
        }
        match slow.or(late.map(|(wait, _)| wait)) {
            Some(wait) => self.talk.late(wait, cx.output, &mut cx.effects.lend()),
            None => Ok(()),
        }
    }
}

impl<S: Site> Handler for HttpConnection<S> {
    type Message = ExchangeMail;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.talk.turn_begins(cx.effects.now());
        cx.effects.keep_time();
        self.settle(cx);
        Ok(())
    }

    #[inline]
    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.react(cx, |_, _| Ok(()))
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.react(cx, |this, cx| this.talk.peer_ended(cx.output, &mut cx.effects.lend()))
    }

    fn on_message(&mut self, mail: ExchangeMail, cx: &mut Context<'_, Self>) -> Result {
        self.react(cx, |this, cx| this.talk.mail(mail, cx.output, &mut cx.effects.lend()))
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Context<'_, Self>) -> Result {
        self.react(cx, |this, cx| match timer {
            CLOCK => this.look_at_clock(cx),
            _ => this.talk.timer(timer, cx.output, &mut cx.effects.lend()),
        })
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if self.talk.stage().is_answered() {
            self.talk.turn_begins(cx.effects.now());
        }
        self.react(cx, |this, cx| this.talk.writable(cx.output, &mut cx.effects.lend()))
    }

    fn on_drain(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.react(cx, |this, cx| {
            this.talk.last(&cx.effects.lend());
            Ok(())
        })
    }

    fn on_close(mut self, why: Close, outgoing: &mut Outgoing<'_>) {
        self.talk.gone(&why, outgoing.now());
    }
}
