//! The handler's side of the contract: [`Handler`], [`Context`] and [`Effects`].

use std::any::type_name;
use std::marker::PhantomData;
#[cfg(feature = "http")]
use std::sync::{Arc, atomic::AtomicI64};
use std::time::Duration;

use super::address::Address;
use super::close::Close;
use super::jobs::Busy;
use super::mail::ConnectionId;
use super::stage::{AnyHandler, Asked, Dial, DialOrder, Event, Facts, Stage, TIMERS, ask};
use crate::base::{Input, Output};
use crate::net::{Peer, TlsFacts};
#[cfg(feature = "http")]
use crate::wire::http::HttpDate;

/// The state machine of one connection.
///
/// All methods run on the loop that owns the connection, one at a time, and never inside one
/// another. They must not block: work that takes long goes to the workers
/// ([`Effects::answer`], [`Effects::offload`]).
///
/// Returning `Err` closes the connection at once. After a fault of the peer's (`Close::Wire`,
/// `Close::Protocol`), what was appended before it is still sent, as far as the socket takes it
/// there and then; otherwise output that was not sent yet is dropped. A missed deadline, an
/// exceeded bound or a panic is told to the peer by a reset. [`Effects::close`] closes after
/// everything was sent. A panic closes this one connection.
pub trait Handler: Send + Sized + 'static {
    /// What other threads and other connections can say to this one, through its [`Address`].
    type Message: Send + 'static;

    /// The connection is open: accepted, or connected, and its TLS handshake, if it has one, is
    /// done. The first call.
    fn on_open(&mut self, _cx: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    /// New bytes came to `cx.input`. Consume whole frames; leave the rest.
    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result;

    /// The peer closed its sending half, and no byte will follow those in `cx.input`. Told once; to
    /// one that is paused and has not seen them all, when it has resumed and was called for them.
    /// Closes, unless overridden: a handler that has more to send may do so first.
    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.close();
        Ok(())
    }

    /// Somebody sent a message to this connection's address, or work that was
    /// [offloaded](Effects::offload) is done.
    fn on_message(&mut self, _message: Self::Message, _cx: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    /// A timer that was [armed](Effects::arm) fired.
    fn on_timer(&mut self, _timer: Timer, _cx: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    /// `cx.output` fell below the low-water mark, after it was [congested](Output::is_congested).
    /// What the peer has sent meanwhile comes first.
    fn on_writable(&mut self, _cx: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    /// A graceful shutdown began. Closes, unless overridden, once jobs in flight are answered and
    /// the output is sent; a handler that wants to end its conversation properly has until the
    /// grace time is over.
    fn on_drain(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.close();
        Ok(())
    }

    /// The connection is gone. Consumes the handler, so that it can be moved into a new connection.
    fn on_close(self, _why: Close, _outgoing: &mut Outgoing<'_>) {}
}

/// What a handler's methods give: nothing, or why the connection is to end.
pub type Result<T = (), E = Close> = std::result::Result<T, E>;

/// Names one of a connection's timers; handlers declare theirs as constants.
///
/// ```
/// # use overt::Timer;
/// const HEARTBEAT: Timer = Timer::new(0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer(pub(super) u8);

impl Timer {
    /// How many timers a connection can have: 4.
    pub const COUNT: usize = TIMERS;

    /// Timer `number`, from 0 to 3.
    ///
    /// # Panics
    /// If there is no such timer; in a constant, that is an error of compilation.
    pub const fn new(number: u8) -> Self {
        assert!((number as usize) < TIMERS, "a connection has four timers, 0 to 3");
        Self(number)
    }

    pub(crate) fn number(self) -> usize {
        self.0.into()
    }
}

/// The message type of a handler that receives none.
#[derive(Debug)]
pub enum Never {}

/// A handler's surroundings, lent for one call. Three fields, borrowed apart: while a frame borrows
/// `input`, a handler can still append to `output` and ask for `effects`.
pub struct Context<'a, H> {
    /// Bytes received and not yet consumed.
    pub input: &'a mut Input,
    /// Bytes to send. Flushed when the visit ends.
    pub output: &'a mut Output,
    /// What can be asked for, and known.
    pub effects: Effects<'a, H>,
}

/// What a handler asks for. Granted when it has returned: a handler never runs inside a handler.
pub struct Effects<'a, H> {
    asked: &'a mut Asked,
    facts: &'a mut Facts,
    handler: PhantomData<fn() -> H>,
}

impl<H: Handler> Effects<'_, H> {
    /// The same for another type of handler that hears the same messages: for a handler that
    /// shares its code with others of its kind.
    #[cfg(feature = "http")]
    pub(crate) fn lend<K: Handler<Message = H::Message>>(&mut self) -> Effects<'_, K> {
        Effects { asked: self.asked, facts: self.facts, handler: PhantomData }
    }

    /// The time of this turn of the loop, since the loop began.
    pub fn now(&self) -> Duration {
        self.asked.clock
    }

    /// Time since 1970-01-01 00:00 UTC, for telling people and other programs the time. The system
    /// is asked once a second, so it may be a second late to follow a clock that was set.
    pub fn wall(&self) -> Duration {
        self.asked.wall()
    }

    /// The same as HTTP writes it. Made once a second.
    #[cfg(feature = "http")]
    pub fn http_date(&mut self) -> HttpDate {
        self.asked.http_date()
    }

    /// Which connection this is.
    pub fn id(&self) -> ConnectionId {
        self.facts.id
    }

    /// Who is at the other end.
    pub fn peer(&self) -> Peer {
        self.facts.peer
    }

    /// What was agreed on by TLS; `None` if the connection is not encrypted.
    pub fn tls(&self) -> Option<&TlsFacts> {
        let (id, facts) = self.asked.tls.as_ref()?;
        (*id == self.facts.id).then_some(&**facts)
    }

    /// How others reach this connection.
    pub fn address(&self) -> Address<H::Message> {
        Address::new(self.facts.id, self.asked.home.clone(), self.asked.mailbox_max)
    }

    /// 64 random bits, for jitter and choices. Not for secrets.
    pub fn random(&mut self) -> u64 {
        self.asked.random.next()
    }

    /// Random bytes that nobody can guess: for keys and nonces.
    #[cfg(feature = "websocket")]
    pub fn secret<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        self.asked.secrets.take()
    }

    /// Arms `timer` to fire once, `after` from now, in place of whatever it was armed for. Times
    /// are rounded up to milliseconds, and cut at 24 days.
    pub fn arm(&mut self, timer: Timer, after: Duration) {
        self.asked.set_timer(timer.0, after, ask::ARM);
    }

    /// Arms `timer` to fire again and again, every `period`, until it is armed otherwise or
    /// disarmed. Firings that the loop was too late for are not made up for.
    pub fn arm_every(&mut self, timer: Timer, period: Duration) {
        self.asked.set_timer(timer.0, period, ask::ARM_EVERY);
    }

    /// Disarms `timer`: it won't fire, not even if its time has come already.
    pub fn disarm(&mut self, timer: Timer) {
        self.asked.set_timer(timer.0, Duration::ZERO, ask::DISARM);
    }

    /// As Go's `SetReadDeadline`: at this time (compare [`now`](Self::now)) the connection closes,
    /// unless the deadline was moved or taken away (`None`). One in the past closes at once.
    pub fn set_read_deadline(&mut self, at: Option<Duration>) {
        self.asked.read_deadline = at;
        self.asked.bits |= ask::READ_DEADLINE;
    }

    /// As Go's `SetWriteDeadline`: from this time on the connection closes if it has output that
    /// the peer did not take.
    pub fn set_write_deadline(&mut self, at: Option<Duration>) {
        self.asked.write_deadline = at;
        self.asked.bits |= ask::WRITE_DEADLINE;
    }

    /// Lets a worker answer `frame`, which is copied: what it appends to the output is sent, in the
    /// order of the questions.
    ///
    /// Always takes the job. If then too many are in flight (`Limits::jobs_per_connection`,
    /// `Limits::jobs`, `Limits::job_bytes`), the connection is not read from until half of its jobs
    /// are done: the kernel slows the peer. To shed or to close instead, use
    /// [`try_answer`](Self::try_answer).
    ///
    /// What the handler itself puts into the output does not wait for workers, and so may overtake
    /// them. Where order matters, let workers answer everything, an error before
    /// [`close`](Self::close) too.
    ///
    /// Without workers (`Config::workers` of 0) the connection closes as `Close::Over(Jobs)`.
    #[inline]
    pub fn answer<F>(&mut self, frame: &[u8], work: F) -> Result
    where
        F: FnOnce(&[u8], &mut Output) + Send + 'static,
    {
        self.asked.desk.answer(self.facts.id, &mut self.facts.out, frame, work);
        self.note_jobs()
    }

    /// As [`answer`](Self::answer), unless as many jobs are in flight as are allowed: then nothing
    /// is done, and the handler may say so to the peer, or close by `?`.
    pub fn try_answer<F>(&mut self, frame: &[u8], work: F) -> Result<(), Busy>
    where
        F: FnOnce(&[u8], &mut Output) + Send + 'static,
    {
        match self.asked.desk.is_full(self.facts.out) {
            true => Err(Busy),
            false => self.answer(frame, work).map_err(|_| Busy),
        }
    }

    /// Runs `work` on a worker; its result comes to [`Handler::on_message`], in order. Always takes
    /// the job, as [`answer`](Self::answer) does.
    pub fn offload(&mut self, work: impl FnOnce() -> H::Message + Send + 'static) -> Result {
        self.asked.desk.offload(self.facts.id, &mut self.facts.out, true, work);
        self.note_jobs()
    }

    /// As [`offload`](Self::offload), on whichever worker is least busy: results may come in any
    /// order.
    pub fn offload_unordered(
        &mut self,
        work: impl FnOnce() -> H::Message + Send + 'static,
    ) -> Result {
        self.asked.desk.offload(self.facts.id, &mut self.facts.out, false, work);
        self.note_jobs()
    }

    /// As [`offload`](Self::offload), unless as many jobs are in flight as are allowed.
    pub fn try_offload(
        &mut self,
        work: impl FnOnce() -> H::Message + Send + 'static,
    ) -> Result<(), Busy> {
        match self.asked.desk.is_full(self.facts.out) {
            true => Err(Busy),
            false => self.offload(work).map_err(|_| Busy),
        }
    }

    #[inline]
    fn note_jobs(&mut self) -> Result {
        if self.facts.out.jobs == 0 {
            return Err(Busy.into()); // There is no worker.
        }
        let hold = if self.asked.desk.is_full(self.facts.out) { ask::HOLD } else { 0 };
        self.asked.bits |= ask::JOBS | hold;
        Ok(())
    }

    /// How many workers there are (`Config::workers`). Without any, nothing can be offloaded.
    pub fn workers(&self) -> usize {
        self.asked.desk.workers()
    }

    /// How many of this connection's jobs are in flight.
    pub fn jobs(&self) -> u32 {
        self.facts.out.jobs
    }

    /// Stops reading, and calling `on_data`, until [`resume`](Self::resume). The kernel then slows
    /// the peer.
    pub fn pause(&mut self) {
        self.asked.bits = self.asked.bits & !ask::RESUME | ask::PAUSE;
    }

    /// Reads again. `on_data` is called even if no byte comes, if the input is not empty.
    pub fn resume(&mut self) {
        self.asked.bits = self.asked.bits & !ask::PAUSE | ask::RESUME;
    }

    /// Says that the peer is owed something that others have to bring, such as an answer from
    /// elsewhere: until [`settled`](Self::settled), it is not closed for being idle.
    pub fn owe(&mut self) {
        self.asked.bits = self.asked.bits & !ask::SETTLE | ask::OWE;
    }

    /// The peer is owed nothing: from now on it may be idle for `Deadlines::idle` again.
    pub fn settled(&mut self) {
        self.asked.bits = self.asked.bits & !ask::OWE | ask::SETTLE;
    }

    /// Says that this handler itself sees to it that what it waits for comes in time, and has a
    /// word for a peer that is late: `Deadlines::frame`, and `Deadlines::rate` for what is
    /// received, are not for it. They are for a successor.
    pub fn keep_time(&mut self) {
        self.asked.bits |= ask::KEEP_TIME;
    }

    /// Says that the two directions of this connection have nothing to do with each other, as for a
    /// client, or one side of a tunnel: the peer is read from even while the output is
    /// [congested](Output::is_congested). A peer that reads no more than it is read from would wait
    /// for ever, else. What comes of it must have another bound, such as [`pause`](Self::pause). A
    /// successor begins without.
    pub fn read_while_congested(&mut self) {
        self.asked.bits |= ask::DUPLEX;
    }

    /// Says that this handler holds so many bytes by itself from now on, such as the beginning of a
    /// message. They count to `Limits::memory_max`, as those of the connection's buffers do; a
    /// successor begins without.
    pub fn hold_memory(&mut self, bytes: usize) {
        self.asked.own = bytes;
        self.asked.bits |= ask::OWN;
    }

    /// How many bytes more a handler may [hold](Self::hold_memory), for those that would rather say
    /// no to the peer than have it closed. It is what is left of `Limits::memory_max` but for an
    /// eighth, so that those who just send and receive notice nothing. Exact to 64 KiB a loop.
    pub fn memory_left(&self) -> usize {
        self.asked.budget.left()
    }

    /// What all loops hold, for those who count what lies between connections.
    #[cfg(feature = "http")]
    pub(crate) fn process_memory(&self) -> Arc<AtomicI64> {
        self.asked.budget.shared().clone()
    }

    /// Closes the connection once its jobs in flight are answered and its output is sent. What the
    /// peer sends meanwhile is dropped.
    pub fn close(&mut self) {
        self.asked.bits |= ask::CLOSE;
    }

    /// Closes the sending half once jobs in flight are answered and the output is sent; the peer
    /// sees the end, and can go on sending. When it has ended too, [`close`](Self::close): nothing
    /// else does before the connection is idle for too long.
    pub fn finish(&mut self) {
        self.asked.bits |= ask::FINISH;
    }

    /// Hands the connection to another handler; unread input and unsent output stay where they are.
    /// The successor is told of its opening, of that input and, if they have come already, of the
    /// peer's end and of a shutdown. This handler's timers and its pause end with it; results of
    /// its jobs that are no messages of the successor's are dropped.
    pub fn upgrade(&mut self, successor: impl Handler) {
        self.asked.successor = Some(Box::new(successor));
        self.asked.bits |= ask::UPGRADE;
    }

    /// Speaks TLS from now on, as whoever asked for the connection: for protocols that agree on it
    /// in the clear, such as a tunnel through a proxy. The server must be `host`.
    /// [`on_open`](Handler::on_open) is called once more when the handshake is done.
    ///
    /// Nothing may be unread or unsent then, or the connection closes: what comes in the clear
    /// behind the agreement may be anybody's.
    #[cfg(feature = "tls")]
    pub fn start_tls(&mut self, client: &crate::net::transport::TlsClient, host: &str) {
        self.asked.secured = Some((client.secured(), host.to_owned()));
        self.asked.bits |= ask::SECURE;
    }

    /// Opens an outgoing connection on this same loop. If that fails, the new handler's `on_close`
    /// is told why.
    pub fn connect(&mut self, dial: impl Into<Dial>, handler: impl Handler) {
        let order = DialOrder { dial: dial.into(), handler: Box::new(handler) };
        self.asked.dials.push(order);
    }
}

/// What can still be done when a connection is gone: start another one.
pub struct Outgoing<'a> {
    asked: &'a mut Asked,
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(asked: &'a mut Asked) -> Self {
        Self { asked }
    }

    /// The time of this turn of the loop, since the loop began.
    pub fn now(&self) -> Duration {
        self.asked.clock
    }

    /// 64 random bits, for jitter and choices. Not for secrets.
    pub fn random(&mut self) -> u64 {
        self.asked.random.next()
    }

    /// Whether the engine drains, as a part of a graceful shutdown: who asks for a new connection
    /// is then told [`Close::Shutdown`].
    pub fn is_draining(&self) -> bool {
        self.asked.is_draining
    }

    /// Opens an outgoing connection on this same loop.
    pub fn connect(&mut self, dial: impl Into<Dial>, handler: impl Handler) {
        let order = DialOrder { dial: dial.into(), handler: Box::new(handler) };
        self.asked.dials.push(order);
    }
}

impl<H: Handler> AnyHandler for H {
    fn data(&mut self, stage: &mut Stage, facts: &mut Facts) -> Result {
        let effects = Effects { asked: &mut stage.asked, facts, handler: PhantomData };
        let cx = &mut Context { input: &mut stage.input, output: &mut stage.output, effects };
        self.on_data(cx)
    }

    fn handle(&mut self, event: Event<'_>, stage: &mut Stage, facts: &mut Facts) -> Result {
        let effects = Effects { asked: &mut stage.asked, facts, handler: PhantomData };
        let mut cx = Context { input: &mut stage.input, output: &mut stage.output, effects };
        match event {
            Event::Open => self.on_open(&mut cx),
            Event::Eof => self.on_eof(&mut cx),
            Event::Timer(timer) => self.on_timer(Timer(timer), &mut cx),
            Event::Writable => self.on_writable(&mut cx),
            Event::Drain => self.on_drain(&mut cx),
            Event::Message(message) => {
                // `None` if the connection changed hands (`upgrade`) after the message was sent.
                match message.downcast_mut::<Option<H::Message>>().and_then(Option::take) {
                    Some(message) => self.on_message(message, &mut cx),
                    None => Ok(()),
                }
            }
        }
    }

    fn close(self: Box<Self>, why: Close, asked: &mut Asked) {
        self.on_close(why, &mut Outgoing::new(asked));
    }

    fn name(&self) -> &'static str {
        type_name::<H>()
    }
}
