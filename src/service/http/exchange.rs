//! [`Exchange`]: the state machine of one request and its answer. It is to a request what a
//! [`Handler`](crate::Handler) is to a connection: it hears the head, the body piece by piece and
//! the end, and answers through [`ExchangeContext`] whenever it can. Others reach it by its
//! [`ExchangeAddress`].

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::Bytes;

use super::done::Done;
use super::lane::Lane;
use crate::base::Output;
use crate::handler::{Address, Close, Context, Dial, Effects, Handler, Result, SendError, Timer};
use crate::net::{Peer, TlsFacts};
use crate::wire::http::{BodyLength, Headers, RequestHead, ResponseHead};

/// One request and its answer.
///
/// The calls come in this order: [`on_head`](Self::on_head), any number of
/// [`on_body`](Self::on_body), [`on_end`](Self::on_end); messages, timers and
/// [`on_writable`](Self::on_writable) at any time after the head; and [`on_done`](Self::on_done)
/// as the last. The answer may begin, and end, at any time after the head: before the request has
/// ended, or long after. When both have ended, the exchange is over.
///
/// Nothing here knows the version of HTTP. A panic, or an `Err`, is answered with 500 (503 for
/// `Close::Over`), or cuts the answer if it has begun.
///
/// ```
/// use overt::service::http::{Exchange, ExchangeContext, HttpServer, Params};
/// use overt::testing::Bench;
/// use overt::wire::http::{BodyLength, Headers, RequestHead, ResponseHead, StatusCode};
/// use overt::{Never, Result};
///
/// /// Gives a body back in capital letters, while it comes.
/// struct Shout;
///
/// impl Exchange for Shout {
///     type Message = Never;
///
///     fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
///         cx.respond(&ResponseHead::new(StatusCode::OK), BodyLength::Unknown);
///         Ok(())
///     }
///
///     fn on_body(&mut self, piece: &[u8], cx: &mut ExchangeContext<'_, Never>) -> Result {
///         cx.send(&piece.to_ascii_uppercase());
///         Ok(())
///     }
///
///     fn on_end(&mut self, _: &Headers, cx: &mut ExchangeContext<'_, Never>) -> Result {
///         cx.finish();
///         Ok(())
///     }
/// }
///
/// let http = HttpServer::new(|_: &RequestHead, _: &Params| Shout);
/// let mut bench = Bench::new(http.connection());
/// bench.data(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
/// assert!(bench.take_output().ends_with(b"\r\n\r\n5\r\nHELLO\r\n0\r\n\r\n"));
/// ```
pub trait Exchange: Send + 'static {
    /// What others can say to this exchange, through its [`ExchangeAddress`].
    type Message: Send + 'static;

    /// A request came. Its body, if it has one, follows.
    fn on_head(
        &mut self,
        head: &RequestHead,
        cx: &mut ExchangeContext<'_, Self::Message>,
    ) -> Result;

    /// A piece of the body, never empty. Dropped unless overridden.
    fn on_body(&mut self, _piece: &[u8], _cx: &mut ExchangeContext<'_, Self::Message>) -> Result {
        Ok(())
    }

    /// The request has ended. `trailers` came behind its body; mostly there are none.
    fn on_end(
        &mut self,
        _trailers: &Headers,
        _cx: &mut ExchangeContext<'_, Self::Message>,
    ) -> Result {
        Ok(())
    }

    /// Somebody sent a message to this exchange, or work that was
    /// [offloaded](ExchangeContext::offload) is done.
    fn on_message(
        &mut self,
        _message: Self::Message,
        _cx: &mut ExchangeContext<'_, Self::Message>,
    ) -> Result {
        Ok(())
    }

    /// A message before its type is known: an `Option` of it, to be taken out. Exchanges that are
    /// made of other exchanges hand it on; for all others this calls
    /// [`on_message`](Self::on_message).
    fn on_mail(
        &mut self,
        mail: &mut dyn Any,
        cx: &mut ExchangeContext<'_, Self::Message>,
    ) -> Result {
        match mail.downcast_mut::<Option<Self::Message>>().and_then(Option::take) {
            Some(message) => self.on_message(message, cx),
            None => Ok(()),
        }
    }

    /// A timer that was [armed](ExchangeContext::arm) fired.
    fn on_timer(&mut self, _timer: Timer, _cx: &mut ExchangeContext<'_, Self::Message>) -> Result {
        Ok(())
    }

    /// What was to be sent has become little again, after it was
    /// [congested](ExchangeContext::is_congested).
    fn on_writable(&mut self, _cx: &mut ExchangeContext<'_, Self::Message>) -> Result {
        Ok(())
    }

    /// The client has closed its sending half behind this request, and is not answered yet. Nothing
    /// tells whether it waits for the answer or has gone, as nearly all have; an `Err` takes it for
    /// gone, and ends the exchange without a word. Waits unless overridden.
    fn on_half_closed(&mut self, _cx: &mut ExchangeContext<'_, Self::Message>) -> Result {
        Ok(())
    }

    /// The exchange ends early: by the peer, by a deadline, by an error of its own.
    fn on_reset(&mut self, _why: &Close) {}

    /// The exchange is over, one way or the other. Called once, after everything else.
    fn on_done(&mut self, _done: &Done) {}
}

/// An exchange's surroundings, lent for one call.
pub struct ExchangeContext<'a, M> {
    pub(super) lane: &'a mut Lane,
    pub(super) output: &'a mut Output,
    pub(super) effects: Effects<'a, Carrier>,
    message: PhantomData<fn(M)>,
}

impl<'a, M: Send + 'static> ExchangeContext<'a, M> {
    /// How many timers an exchange can have: 3.
    pub const TIMERS: usize = 3;

    pub(super) fn new(
        lane: &'a mut Lane,
        output: &'a mut Output,
        effects: Effects<'a, Carrier>,
    ) -> Self {
        Self { lane, output, effects, message: PhantomData }
    }

    /// The same for an exchange with other messages: for exchanges that are made of exchanges.
    pub(super) fn lend<N: Send + 'static>(&mut self) -> ExchangeContext<'_, N> {
        ExchangeContext::new(self.lane, self.output, self.effects.lend())
    }

    /// The time of this turn of the loop, since the loop began.
    pub fn now(&self) -> Duration {
        self.effects.now()
    }

    /// Time since 1970-01-01 00:00 UTC, for telling people and other programs the time.
    pub fn wall(&self) -> Duration {
        self.effects.wall()
    }

    /// Who is at the other end of the connection.
    pub fn peer(&self) -> Peer {
        self.effects.peer()
    }

    /// What was agreed on by TLS; `None` if the connection is not encrypted.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.effects.tls()
    }

    /// 64 random bits, for jitter and choices. Not for secrets.
    pub fn random(&mut self) -> u64 {
        self.effects.random()
    }

    /// How others reach this exchange.
    pub fn address(&self) -> ExchangeAddress<M> {
        let (address, exchange) = (self.effects.address(), self.lane.number());
        ExchangeAddress { address, exchange, message: PhantomData }
    }

    /// Begins the answer; its body, of this length, follows by [`send`](Self::send), and ends with
    /// [`finish`](Self::finish). An answer can begin once: a second one is dropped, and logged.
    ///
    /// `Date` and what belongs to the connection are added. `Content-Length` and
    /// `Transfer-Encoding` are made of `length`, whatever the head says of them.
    pub fn respond(&mut self, head: &ResponseHead, length: BodyLength) {
        self.lane.respond(head, length, &self.effects.http_date(), self.output);
    }

    /// Sends a piece of the body. A `HEAD` is answered by the head alone: the answer is then
    /// [finished](Self::is_finished), and nothing is sent.
    pub fn send(&mut self, piece: &[u8]) {
        self.lane.send(piece, self.output);
    }

    /// As [`send`](Self::send), without a copy unless it is small.
    pub fn share(&mut self, piece: Bytes) {
        self.lane.share(piece, self.output);
    }

    /// The body is complete. If it is shorter than its head said, the connection is cut: nothing
    /// else tells the peer.
    pub fn finish(&mut self) {
        self.lane.finish(None, self.output);
    }

    /// As [`finish`](Self::finish), with trailers, which only a body of unknown length can have:
    /// behind another they are dropped.
    pub fn finish_with(&mut self, trailers: &Headers) {
        self.lane.finish(Some(trailers), self.output);
    }

    /// The whole answer at once.
    pub fn answer(&mut self, head: &ResponseHead, body: &[u8]) {
        self.lane.will_finish();
        self.respond(head, BodyLength::Known(body.len() as u64));
        self.send(body);
        self.finish();
    }

    /// The whole answer at once, its body without a copy unless it is small.
    pub fn answer_shared(&mut self, head: &ResponseHead, body: Bytes) {
        self.lane.will_finish();
        self.respond(head, BodyLength::Known(body.len() as u64));
        self.share(body);
        self.finish();
    }

    /// Adds a header to the answer, whoever gives it: for those who stand between the exchange and
    /// the connection. Too late once the answer has begun. What can't stand in a header is dropped.
    pub fn add_header(&mut self, name: &str, value: &[u8]) {
        self.lane.add_header(name, value);
    }

    /// The largest body that is to be gathered (`BodyLimits::whole`), in bytes.
    pub fn whole_max(&self) -> usize {
        self.lane.whole_max()
    }

    /// Counts bytes of the body that are kept until the exchange is over. `false` if all of the
    /// server then keep more than they may (`BodyLimits::gathered`), or all of the process
    /// (`Limits::memory_max`): answer 503, and keep nothing.
    pub fn gather(&mut self, count: usize) -> bool {
        self.lane.gather(count as u64, self.effects.memory_left())
    }

    /// Whether the answer has begun.
    pub fn is_answered(&self) -> bool {
        self.lane.is_answered()
    }

    /// Whether the answer is complete.
    pub fn is_finished(&self) -> bool {
        self.lane.is_finished()
    }

    /// Whether the peer takes less than it is sent: then send no more until
    /// [`on_writable`](Exchange::on_writable).
    pub fn is_congested(&self) -> bool {
        self.output.is_congested()
    }

    /// No more of the request's body, until [`resume`](Self::resume): the peer is slowed. Until
    /// then a client that waits to be told to go on (`Expect: 100-continue`) is not told.
    pub fn pause(&mut self) {
        self.lane.set_paused(true);
    }

    /// The request's body is wanted again.
    pub fn resume(&mut self) {
        self.lane.set_paused(false);
    }

    /// When this exchange is to be over, counted from now, in place of the times that it has by
    /// itself ([`HttpDeadlines`](super::HttpDeadlines)). Then 503 is answered, or the answer cut.
    /// `None`: whenever it will be; a peer that does not take what it is sent is still cut off.
    pub fn set_deadline(&mut self, after: Option<Duration>) {
        self.lane.set_deadline(after.map(|after| self.effects.now().saturating_add(after)));
    }

    /// Arms one of [three](Self::TIMERS) timers, 0 to 2, to fire once, `after` from now.
    pub fn arm(&mut self, timer: Timer, after: Duration) {
        if let Some(timer) = self.lane.timer(timer) {
            self.effects.arm(timer, after);
        }
    }

    /// Arms a timer to fire every `period`.
    pub fn arm_every(&mut self, timer: Timer, period: Duration) {
        if let Some(timer) = self.lane.timer(timer) {
            self.effects.arm_every(timer, period);
        }
    }

    /// Disarms a timer: it won't fire, not even if its time has come already.
    pub fn disarm(&mut self, timer: Timer) {
        if let Some(timer) = self.lane.timer(timer) {
            self.effects.disarm(timer);
        }
    }

    /// How many workers there are. Without any, nothing can be offloaded.
    pub fn workers(&self) -> usize {
        self.effects.workers()
    }

    /// Runs `work` on a worker; its result comes to [`Exchange::on_message`]. If it panics, the
    /// exchange ends as if it had panicked itself.
    ///
    /// # Errors
    /// There are no workers.
    pub fn offload(&mut self, work: impl FnOnce() -> M + Send + 'static) -> Result {
        let exchange = self.lane.number();
        self.effects.offload(move || {
            let done = catch_unwind(AssertUnwindSafe(work));
            ExchangeMail { exchange, message: done.ok().map(boxed) }
        })
    }

    /// Answers with `head` (101, or 200 to a `CONNECT`) and hands the connection to another
    /// handler, which finds what came behind the request in its input. A request whose body is
    /// still to come is answered 500: it ends somewhere in what the other handler would find.
    pub fn upgrade(&mut self, head: &ResponseHead, successor: impl Handler) {
        if self.lane.upgrade(head, &self.effects.http_date(), self.output) {
            self.effects.upgrade(successor);
        }
    }

    /// The connection ends behind this answer.
    pub fn close_after(&mut self) {
        self.lane.close_after();
    }

    /// Sends an interim answer (1xx) before the proper one, such as `103 Early Hints`. Not to
    /// clients of HTTP/1.0, which know no such thing, and not behind the head of the answer.
    pub fn inform(&mut self, head: &ResponseHead) {
        self.lane.inform(head, self.output);
    }

    /// Opens an outgoing connection on this same loop. If that fails, the new handler's `on_close`
    /// is told why.
    pub fn connect(&mut self, dial: impl Into<Dial>, handler: impl Handler) {
        self.effects.connect(dial, handler);
    }

    /// The number of the loop that this exchange lives on.
    pub fn home(&self) -> usize {
        self.effects.id().home()
    }
}

/// How others reach an exchange: to be cloned, sent to other threads, and kept after it is over.
/// Messages to the dead are dropped, and never reach the next exchange of the connection.
pub struct ExchangeAddress<M> {
    address: Address<ExchangeMail>,
    exchange: u64,
    message: PhantomData<fn(M)>,
}

impl<M: Send + 'static> ExchangeAddress<M> {
    /// Sends `message` to the exchange: it comes to [`Exchange::on_message`], in the order of
    /// sending, and never within this call.
    ///
    /// # Errors
    /// The mailbox of its loop is full, or its loop has ended: the message is given back.
    pub fn send(&self, message: M) -> Result<(), SendError<M>> {
        let mail = ExchangeMail { exchange: self.exchange, message: Some(boxed(message)) };
        // It comes back with the message that it went with, so `open` always finds it.
        match self.address.send(mail) {
            Ok(()) => Ok(()),
            Err(SendError::Full(mail)) => mail.open().map_or(Ok(()), |it| Err(SendError::Full(it))),
            Err(SendError::Gone(mail)) => mail.open().map_or(Ok(()), |it| Err(SendError::Gone(it))),
        }
    }
}

impl<M: Send + 'static> ExchangeAddress<M> {
    /// As [`Address::nudge`].
    pub(super) fn nudge(&self, message: M) -> bool {
        self.address.nudge(ExchangeMail { exchange: self.exchange, message: Some(boxed(message)) })
    }
}

/// What comes to a connection for one of its exchanges.
pub struct ExchangeMail {
    pub(super) exchange: u64,
    /// An `Option` of the exchange's message; none if the work that was to make it panicked.
    pub(super) message: Option<Box<dyn Any + Send>>,
}

fn boxed<M: Send + 'static>(message: M) -> Box<dyn Any + Send> {
    Box::new(Some(message))
}

impl ExchangeMail {
    fn open<M: 'static>(self) -> Option<M> {
        self.message?.downcast_mut::<Option<M>>()?.take()
    }
}

impl<M> Clone for ExchangeAddress<M> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), ..*self }
    }
}

impl<M> fmt::Debug for ExchangeAddress<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}#{}", self.address, self.exchange)
    }
}

impl fmt::Debug for ExchangeMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "for exchange {}", self.exchange)
    }
}

/// Stands for every handler that carries exchanges: all of them hear the same mail.
pub(super) struct Carrier;

impl Handler for Carrier {
    type Message = ExchangeMail;

    fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }
}
