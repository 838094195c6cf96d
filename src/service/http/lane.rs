//! [`Lane`]: the answering half of an exchange: what was said of the answer, and what may still be
//! said. Whatever an exchange asks for, what it puts on the wire is one proper answer, or is cut.

use std::time::Duration;

use bytes::Bytes;

use super::config::BodyLimits;
use super::done::Done;
use super::gzip::{self, Gzip, Offer};
use super::pool::Share;
use crate::base::Output;
use crate::handler::Timer;
use crate::wire::http::{
    BodyLength, Headers, HttpDate, HttpError, Method, RequestHead, ResponseHead, StatusCode,
};
use crate::wire::http1::ResponseEncoder;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Head,
    All,
}

/// See the [module](self).
pub(super) struct Lane {
    encoder: ResponseEncoder,
    said: Said,
    /// Counts the exchanges of the connection; mail carries it.
    number: u64,
    status: StatusCode,
    /// Bytes of body.
    sent: u64,
    began: Duration,
    /// Fields that others than the exchange add, and where they are put together.
    added: Headers,
    joined: Option<Box<ResponseHead>>,
    /// Whether the body may be compressed, and the compressor while it is.
    offer: Option<Offer>,
    gzip: Option<Box<Gzip>>,
    /// What the exchange set: none, or until when, or forever.
    deadline: Option<Option<Duration>>,
    /// A bit for each timer that is armed.
    timers: u8,
    is_paused: bool,
    /// Whether only a head is asked for.
    is_head: bool,
    /// Whether the client waits for the word to send its body.
    expects: bool,
    ends_connection: bool,
    is_handed_over: bool,
    misuse: Option<&'static str>,
    /// How long the request's body is, as its head says, while it comes.
    body: BodyLength,
    bodies: BodyLimits,
    /// Of what is gathered for services.
    share: Share,
    /// What the exchange keeps of the request's head, in bytes.
    head_kept: usize,
    /// What the engine was told that is held, in bytes.
    told: usize,
}

/// So little memory is not worth to be told of. Bytes.
const TOLD_MIN: usize = 4096;

const BODY_FIRST: &str = "a body without a head";

impl Lane {
    pub(super) fn new(bodies: BodyLimits, share: Share) -> Self {
        Self {
            bodies,
            share,
            head_kept: 0,
            told: 0,
            body: BodyLength::Empty,
            encoder: ResponseEncoder::default(),
            said: Said::All,
            number: 0,
            status: StatusCode::OK,
            sent: 0,
            began: Duration::ZERO,
            added: Headers::default(),
            joined: None,
            offer: None,
            gzip: None,
            deadline: None,
            timers: 0,
            is_paused: false,
            is_head: false,
            expects: false,
            ends_connection: false,
            is_handed_over: false,
            misuse: None,
        }
    }

    /// A request came.
    #[inline]
    pub(super) fn begin(&mut self, head: &RequestHead, is_last: bool, now: Duration) {
        // Nobody can tell what follows a `CONNECT` that was refused.
        self.start(is_last || *head.method() == Method::CONNECT, now);
        self.encoder.begin(head);
        self.is_head = *head.method() == Method::HEAD;
        self.expects = head.expects_continue();
        self.body = head.body_length();
    }

    /// All of the request has come.
    #[inline]
    pub(super) fn heard_all(&mut self) {
        self.body = BodyLength::Empty;
    }

    /// Something came that is no request, and is to be answered all the same.
    pub(super) fn begin_unheard(&mut self, now: Duration) {
        self.start(true, now);
        self.encoder = ResponseEncoder::default();
    }

    #[inline]
    fn start(&mut self, is_last: bool, now: Duration) {
        self.number += 1;
        (self.said, self.sent, self.began) = (Said::Nothing, 0, now);
        (self.deadline, self.is_paused, self.expects) = (None, false, false);
        (self.misuse, self.offer, self.gzip) = (None, None, None);
        (self.ends_connection, self.is_head) = (is_last, false);
        if !self.added.is_empty() {
            self.added.clear();
        }
    }

    pub(super) fn whole_max(&self) -> usize {
        self.bodies.whole
    }

    /// Counts what is kept of the request's body. Tells whether the server may gather as much, and
    /// the process, which may hold `left` bytes more, hold it.
    pub(super) fn gather(&mut self, count: u64, left: usize) -> bool {
        self.share.take(count) && worth_telling(self.held()) <= self.told + left
    }

    /// Counts what is kept of the request's head.
    pub(super) fn keep_head(&mut self, count: usize) {
        self.head_kept = count;
    }

    /// Nothing is gathered any more.
    #[inline]
    pub(super) fn give_back(&mut self) {
        self.share.give_back();
        self.head_kept = 0;
    }

    #[inline]
    fn held(&self) -> usize {
        let gzip = if self.gzip.is_some() { gzip::HELD } else { 0 };
        self.share.taken() as usize + self.head_kept + gzip
    }

    /// How much memory is held for this connection, `besides` included, if the engine does not know
    /// it yet: then it is to be told.
    #[inline]
    pub(super) fn untold_memory(&mut self, besides: usize) -> Option<usize> {
        let held = worth_telling(besides + self.held());
        (std::mem::replace(&mut self.told, held) != held).then_some(held)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn is_answered(&self) -> bool {
        self.said != Said::Nothing
    }

    pub(super) fn is_finished(&self) -> bool {
        self.said == Said::All
    }

    pub(super) fn is_paused(&self) -> bool {
        self.is_paused
    }

    pub(super) fn set_paused(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    pub(super) fn deadline(&self) -> Option<Option<Duration>> {
        self.deadline
    }

    pub(super) fn set_deadline(&mut self, at: Option<Duration>) {
        self.deadline = Some(at);
    }

    /// Whether the client still waits for the word to send its body.
    pub(super) fn expects(&self) -> bool {
        self.expects
    }

    /// Whether the connection ends behind this answer.
    pub(super) fn ends_connection(&self) -> bool {
        self.ends_connection || !self.encoder.keeps_alive()
    }

    pub(super) fn close_after(&mut self) {
        self.ends_connection = true;
    }

    pub(super) fn is_handed_over(&self) -> bool {
        self.is_handed_over
    }

    /// What the exchange did that makes no proper answer.
    #[inline]
    pub(super) fn take_misuse(&mut self) -> Option<&'static str> {
        self.misuse.take()
    }

    pub(super) fn done(&self, reset: bool, now: Duration) -> Done {
        let took = now.saturating_sub(self.began);
        Done { status: self.is_answered().then_some(self.status), sent: self.sent, took, reset }
    }

    /// The word to send the body, if it is waited for and still of use.
    #[inline]
    pub(super) fn go_ahead(&mut self, output: &mut Output) {
        if self.expects && self.said == Said::Nothing {
            self.expects = false;
            let encoded = self.encoder.interim(&ResponseHead::new(StatusCode::CONTINUE), output);
            self.note(encoded);
        }
    }

    /// The body may be compressed.
    pub(super) fn offer(&mut self, offer: Offer) {
        self.offer = Some(offer);
    }

    /// An interim answer, while there is no other.
    pub(super) fn inform(&mut self, head: &ResponseHead, output: &mut Output) {
        if self.said == Said::Nothing {
            let encoded = self.encoder.interim(head, output);
            self.note(encoded);
        }
    }

    /// Adds a field to the answer.
    pub(super) fn add_header(&mut self, name: &str, value: &[u8]) {
        if self.added.append(name, value).is_err() {
            log::error!("a field that can't be sent was to be added to an answer: {name:?}");
        }
    }

    /// The answer that begins now will end at once. If the rest of the request can't be waited for,
    /// its head already says that the connection ends.
    #[inline]
    pub(super) fn will_finish(&mut self) {
        let waits = std::mem::take(&mut self.expects);
        self.ends_connection |= match self.body {
            BodyLength::Known(length) => waits || length > self.bodies.drained,
            BodyLength::Unknown => waits,
            BodyLength::Empty => false,
        };
    }

    /// Begins the answer.
    #[inline]
    pub(super) fn respond(
        &mut self,
        head: &ResponseHead,
        length: BodyLength,
        date: &HttpDate,
        output: &mut Output,
    ) {
        if self.said != Said::Nothing {
            return log::error!("a second answer to one request was dropped: {}", head.status());
        }
        if head.status().is_success() {
            // An answer that begins, and does not end here, may be one to what is still to come.
            self.go_ahead(output);
        }
        // Who is never told to send its body may do so, or not: nobody knows what comes next.
        self.ends_connection |= self.expects;
        if self.ends_connection {
            self.encoder.close();
        }
        let encoded = if self.added.is_empty() && self.offer.is_none() {
            self.encoder.head(head, length, Some(date), output)
        } else {
            let (joined, length) = self.join(head, length);
            let encoded = self.encoder.head(&joined, length, Some(date), output);
            self.joined = Some(joined);
            encoded
        };
        match encoded {
            Ok(()) => {
                // A `HEAD` is answered in full, whatever its exchange would still like to send.
                self.said = if self.is_head { Said::All } else { Said::Head };
                self.status = head.status();
                // Another head that could not be sent is made up for; bytes that are lost are not.
                self.misuse = self.misuse.filter(|what| *what == BODY_FIRST);
            }
            Err(error) => self.misuse = Some(error.what),
        }
    }

    /// The head with what others make of it, and how long its body is then.
    #[cold]
    fn join(
        &mut self,
        head: &ResponseHead,
        mut length: BodyLength,
    ) -> (Box<ResponseHead>, BodyLength) {
        let mut joined = self.joined.take().unwrap_or_default();
        (*joined).clone_from(head);
        for (name, value) in self.added.iter() {
            // It could be appended before.
            let _ = joined.headers.append(name, value);
        }
        if let Some(offer) = self.offer {
            self.gzip = Gzip::begin(offer, &mut joined, &mut length);
        }
        (joined, length)
    }

    #[inline]
    pub(super) fn send(&mut self, piece: &[u8], output: &mut Output) {
        if self.is_sending() {
            self.sent += piece.len() as u64;
            let encoded = match &mut self.gzip {
                None => self.encoder.body(piece, output),
                Some(gzip) => self.encoder.body(&gzip.write(piece), output),
            };
            self.note(encoded);
        }
    }

    #[inline]
    pub(super) fn share(&mut self, piece: Bytes, output: &mut Output) {
        if self.gzip.is_some() {
            self.send(&piece, output);
        } else if self.is_sending() {
            self.sent += piece.len() as u64;
            let encoded = self.encoder.share(piece, output);
            self.note(encoded);
        }
    }

    /// What a compressor holds back is sent as well: nobody knows when more will come.
    #[inline]
    pub(super) fn flush(&mut self, output: &mut Output) {
        if let Some(gzip) = self.gzip.as_mut().filter(|_| self.said == Said::Head) {
            let encoded = self.encoder.body(&gzip.flush(), output);
            self.note(encoded);
        }
    }

    #[inline]
    pub(super) fn finish(&mut self, trailers: Option<&Headers>, output: &mut Output) {
        if self.is_sending() {
            if let Some(mut gzip) = self.gzip.take() {
                let encoded = self.encoder.body(&gzip.finish(), output);
                self.note(encoded);
            }
            self.said = Said::All;
            let encoded = self.encoder.end(trailers, output);
            self.note(encoded);
        }
    }

    /// A short answer in place of the one that there is not.
    #[cold]
    pub(super) fn apologize(
        &mut self,
        status: StatusCode,
        what: &str,
        date: &HttpDate,
        output: &mut Output,
    ) {
        let text = [what.as_bytes(), b"\n"].concat();
        let head = ResponseHead::new(status).header("content-type", "text/plain; charset=utf-8");
        self.close_after();
        self.respond(&head, BodyLength::Known(text.len() as u64), date, output);
        self.send(&text, output);
        self.finish(None, output);
    }

    fn is_sending(&mut self) -> bool {
        if self.said == Said::Nothing {
            self.misuse = self.misuse.or(Some(BODY_FIRST));
        }
        self.said == Said::Head
    }

    #[inline]
    fn note(&mut self, encoded: Result<(), HttpError>) {
        if let Err(error) = encoded {
            self.misuse = Some(error.what);
        }
    }

    /// Hands the connection over; tells whether it could.
    pub(super) fn upgrade(
        &mut self,
        head: &ResponseHead,
        date: &HttpDate,
        output: &mut Output,
    ) -> bool {
        if self.said != Said::Nothing {
            log::error!("a connection was to be handed over behind an answer");
            return false;
        }
        if !self.body.is_empty() {
            // The next protocol would take the rest of the body for its own (RFC 9110, 7.8).
            self.misuse = Some("an upgrade in the middle of a request");
            return false;
        }
        self.respond(head, BodyLength::Empty, date, output);
        self.finish(None, output);
        self.is_handed_over = self.misuse.is_none();
        self.is_handed_over
    }

    /// The connection's timer that is the exchange's timer `timer`, which is to be armed.
    pub(super) fn timer(&mut self, timer: Timer) -> Option<Timer> {
        let above = timer.number() + 1;
        if above >= Timer::COUNT {
            log::error!("an exchange has three timers, 0 to 2");
            return None;
        }
        self.timers |= 1 << above;
        Some(Timer::new(above as u8))
    }

    /// The exchange's timer that is the connection's timer `timer`.
    pub(super) fn fired(timer: Timer) -> Option<Timer> {
        timer.number().checked_sub(1).map(|number| Timer::new(number as u8))
    }

    /// The exchange is over: its timers must not fire for the next one.
    #[inline]
    pub(super) fn forget_timers(&mut self, mut disarm: impl FnMut(Timer)) {
        if self.timers == 0 {
            return;
        }
        for number in 1..Timer::COUNT as u8 {
            if self.timers & 1 << number != 0 {
                disarm(Timer::new(number));
            }
        }
        self.timers = 0;
    }
}

#[inline]
fn worth_telling(held: usize) -> usize {
    if held < TOLD_MIN { 0 } else { held }
}
