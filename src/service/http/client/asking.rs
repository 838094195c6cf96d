//! Asking, and hearing the answer: what a [`Line`] does for a question from beginning to end.

use std::time::Duration;

use bytes::Bytes;

use super::chunks::PIECE;
use super::failure::Failure;
use super::line::{Line, Stage, WATCH};
use super::pipe::{Body, Far, Up};
use super::watch::Due;
use crate::handler::{Bound, Close, Context, Result};
use crate::wire::http::{BodyLength, Headers, HttpError};
use crate::wire::http1::ResponseEvent;

/// An answer that nobody wants any more is read to its end if that is so near, in bytes and in
/// time; else the line is closed.
const DISCARD_MAX: usize = 64 * 1024;
const DISCARD_TIME: Duration = Duration::from_secs(1);

impl Line {
    /// Begins to carry what `far` asks.
    pub(super) fn begin(&mut self, mut far: Far, cx: &mut Context<'_, Self>) -> Result {
        if far.is_gone() {
            // Nothing was sent, so the line is as good as before.
            return self.lie_down(cx);
        }
        far.attach(cx.effects.address(), self.has_rested);
        far.note_sent();
        self.stage = Stage::Asking;
        self.resting = None;
        self.began = cx.effects.now();
        (self.sent, self.paused) = (false, false);
        cx.effects.owe();
        let far = self.far.insert(far);
        let question = far.question();
        self.watch.clear();
        self.watch.set(Due::Total, Some(self.began + question.times.total));
        self.decoder.expect(&question.head);
        let readdressed = far.readdressed();
        let head = readdressed.as_ref().unwrap_or(&question.head);
        let written = self.encoder.head(head, question.body.length(), cx.output);
        self.whole = match &question.body {
            Body::Whole(bytes) => bytes.clone(),
            Body::Empty | Body::Stream(_) => Bytes::new(),
        };
        self.check(written)?;
        self.pump(cx)
    }

    /// Body → output, for as long as there is some and the server takes it.
    pub(super) fn pump(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while !self.sent && !cx.output.is_congested() {
            match self.next_up() {
                Up::Chunk(bytes) => {
                    let written = self.encoder.share(bytes, cx.output);
                    self.check(written)?;
                }
                Up::End(trailers) => self.sent_all(&trailers, cx)?,
                Up::Nothing => break,
            }
        }
        self.arm(cx);
        Ok(())
    }

    fn next_up(&mut self) -> Up {
        if !self.whole.is_empty() {
            return Up::Chunk(self.whole.split_to(self.whole.len().min(PIECE)));
        }
        match &self.far {
            Some(far) if matches!(far.question().body, Body::Stream(_)) => far.take(),
            Some(_) => Up::End(Headers::default()),
            None => Up::Nothing,
        }
    }

    pub(super) fn sent_all(&mut self, trailers: &Headers, cx: &mut Context<'_, Self>) -> Result {
        let written = self.encoder.end(Some(trailers), cx.output);
        self.check(written)?;
        self.sent = true;
        // While nothing is read, the server can't be late.
        if let Some(far) = self.far.as_ref().filter(|_| !self.paused) {
            let times = far.question().times;
            let wait = if far.is_answered() { times.idle } else { times.first_byte };
            self.watch.set(Due::Progress, Some(cx.effects.now() + wait));
        }
        self.arm(cx);
        Ok(())
    }

    /// What can't be written is no question: its body is not as long as it says, or a field of its
    /// head can't be sent. Half of it may be out, so the line is lost.
    pub(super) fn check(&mut self, written: Result<(), HttpError>) -> Result {
        match written {
            Ok(()) => Ok(()),
            Err(error) => self.fail(Failure::Question(error.what), Close::ByUs),
        }
    }

    /// Input → pipe, for as long as there is some and the pipe has room.
    pub(super) fn hear(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let now = cx.effects.now();
        if let Some(far) = &mut self.far {
            far.note_answer();
            if self.sent {
                self.watch.set(Due::Progress, Some(now + far.question().times.idle));
            }
        }
        loop {
            match self.decoder.decode(cx.input) {
                Ok(None) => break,
                Ok(Some(ResponseEvent::Head(head))) if head.switches() && !self.sent => {
                    // What is still to be sent would be taken for the other protocol's (RFC 9110,
                    // 7.8).
                    let what = "another protocol in the middle of the request";
                    return self.fail(Failure::Protocol(what), Close::Protocol(what));
                }
                Ok(Some(ResponseEvent::Head(_))) => {
                    let head = self.decoder.take_head();
                    if let Some(far) = &self.far {
                        far.head(head, now.saturating_sub(self.began));
                    }
                }
                Ok(Some(event)) => match put(event, self.far.as_ref(), &mut self.discard_left) {
                    Next::More => {}
                    Next::Wait => {
                        self.pause(cx)?;
                        break;
                    }
                    Next::End(trailers) => return self.answered(trailers, cx),
                    Next::Unwanted => return Err(Close::ByUs),
                },
                Err(error) => {
                    let why = Close::Protocol(error.what);
                    return self.fail(Failure::Protocol(error.what), why);
                }
            }
        }
        if self.decoder.is_raw() {
            return self.become_raw(cx);
        }
        self.arm(cx);
        Ok(())
    }

    /// The pipe is full: the server has to wait. Where memory is short, it is those with full pipes
    /// that are given up.
    pub(super) fn pause(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if cx.effects.memory_left() == 0 {
            let why = || Close::Over(Bound::Memory);
            return self.fail(Failure::Ours(why()), why());
        }
        self.paused = true;
        self.watch.set(Due::Progress, None);
        cx.effects.pause();
        Ok(())
    }

    /// There is room again. All that came may be in the pipe already, and only the end of the
    /// answer be left to see, of which no byte would tell: so it is looked at once more.
    pub(super) fn go_on(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if !std::mem::take(&mut self.paused) {
            return Ok(());
        }
        cx.effects.resume();
        match self.stage {
            Stage::Asking => self.hear(cx),
            _ => Ok(()),
        }
    }

    /// The answer is complete.
    pub(super) fn answered(&mut self, trailers: Headers, cx: &mut Context<'_, Self>) -> Result {
        if let Some(far) = self.far.take() {
            far.end(trailers);
        }
        if !self.sent {
            // The rest of the question is gone: what is on its way of it leads nowhere.
            return Err(Close::ByUs);
        }
        if self.decoder.is_reusable() && cx.input.is_empty() {
            return self.lie_down(cx);
        }
        cx.effects.close();
        Ok(())
    }

    /// Goes to the pool, if there is room.
    pub(super) fn lie_down(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let address = cx.effects.address();
        (self.stage, self.has_rested) = (Stage::Resting, true);
        cx.effects.settled();
        self.decoder.release();
        self.resting = Some(address.clone());
        self.watch.clear();
        self.watch.set(Due::Rest, Some(cx.effects.now() + self.rest));
        self.arm(cx);
        if !self.place.rest(address) {
            cx.effects.close();
        }
        Ok(())
    }

    /// The caller has gone. An answer that is nearly complete is read to its end, for the sake of
    /// the line; else the server is told by the end of the connection that nobody listens.
    pub(super) fn abandon(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if (self.stage == Stage::Raw { up: true, down: true }) {
            return Ok(()); // It closes by itself when all is sent.
        }
        let worth_it = self.stage == Stage::Asking
            && self.sent
            && self.far.take().is_some_and(|far| far.is_answered())
            && match self.decoder.head().body_length() {
                BodyLength::Known(length) => length <= DISCARD_MAX as u64,
                BodyLength::Empty | BodyLength::Unknown => true,
            };
        if !worth_it {
            return Err(Close::ByUs);
        }
        self.discard_left = DISCARD_MAX;
        self.watch.clear();
        self.watch.set(Due::Total, Some(cx.effects.now() + DISCARD_TIME));
        self.arm(cx);
        self.go_on(cx)
    }

    /// Gives up: tells the caller why, and closes.
    pub(super) fn fail(&mut self, failure: Failure, why: Close) -> Result {
        if let Some(far) = self.far.take() {
            far.fail(failure, Duration::ZERO);
        }
        Err(why)
    }

    pub(super) fn arm(&mut self, cx: &mut Context<'_, Self>) {
        if let Some(at) = self.watch.next_alarm() {
            cx.effects.arm(WATCH, at.saturating_sub(cx.effects.now()));
        }
    }
}

/// What follows from a part of an answer.
enum Next {
    More,
    /// The pipe is full.
    Wait,
    End(Headers),
    /// Nobody wants it, and it is too much to throw away.
    Unwanted,
}

/// Puts a part of an answer behind the head into the pipe, if there is anybody at its other end.
fn put(event: ResponseEvent<'_>, far: Option<&Far>, discard_left: &mut usize) -> Next {
    match (event, far) {
        (ResponseEvent::End(trailers), _) => Next::End(trailers.clone()),
        (ResponseEvent::Interim(head), Some(far)) => {
            far.interim(head.clone());
            Next::More
        }
        (ResponseEvent::Body(bytes), Some(far)) => match far.body(bytes) {
            true => Next::More,
            false => Next::Wait,
        },
        (ResponseEvent::Body(bytes), None) => match discard_left.checked_sub(bytes.len()) {
            Some(left) => {
                *discard_left = left;
                Next::More
            }
            None => Next::Unwanted,
        },
        (ResponseEvent::Interim(_), None) | (ResponseEvent::Head(_), _) => Next::More,
    }
}
