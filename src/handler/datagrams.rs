//! Datagrams: [`Datagrams`], the state machine of a whole socket, and [`Session`], that of one peer
//! of a socket; with what each is lent, [`SocketContext`] and [`SessionContext`].
//!
//! They are siblings of [`Handler`](super::Handler). There are no two buffers here, because there
//! is no stream: a datagram comes whole, borrowed from the block that it was received into, and is
//! sent whole, or not at all.

use std::any::{Any, type_name};
use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::address::Address;
use super::close::Close;
use super::handler::{Handler, Outgoing, Result, Timer};
use super::jobs::Busy;
use super::mail::ConnectionId;
use super::outbox::{DATAGRAM_MAX, Outbox};
use super::port::{AnyPort, Lent, PortEvent};
use super::stage::{Asked, Dial, DialOrder, Facts, ask};
use crate::net::Remote;

/// The state machine of one datagram socket, UDP or Unix: it gets every datagram, whoever sent it.
///
/// All methods run on the loop that has the socket, one at a time, and never inside one another.
/// They must not block.
///
/// What a stranger sends cannot end a socket that serves others: an `Err` from
/// [`on_datagram`](Self::on_datagram) or [`on_unsent`](Self::on_unsent) refuses that datagram and
/// no more; it is counted (`datagrams_refused`), and what was sent before goes out. An `Err` from
/// any other method closes the socket. After a panic, a fresh state machine takes the place of this
/// one, on the same socket; if work that it gave to a worker panics, the result never comes.
///
/// ```
/// use overt::net::Remote;
/// use overt::{Config, Datagrams, Engine, Never, Result, SocketContext};
///
/// struct Echo;
///
/// impl Datagrams for Echo {
///     type Message = Never;
///
///     fn on_datagram(
///         &mut self,
///         datagram: &[u8],
///         from: &Remote,
///         cx: &mut SocketContext<'_, Never>,
///     ) -> Result {
///         cx.send_to(from, datagram)
///     }
/// }
///
/// let mut engine = Engine::new(Config { loops: 1, ..Config::default() })?;
/// engine.bind("127.0.0.1:0", || Echo)?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Datagrams: Send + Sized + 'static {
    /// What other threads and connections can say to this one, through its [`Address`].
    type Message: Send + 'static;

    /// The socket is open. The first call.
    fn on_open(&mut self, _cx: &mut SocketContext<'_, Self::Message>) -> Result {
        Ok(())
    }

    /// A datagram came. Nothing says that `from` is not a forgery: to answer with more bytes than
    /// came lets others use this socket to flood a third party.
    fn on_datagram(
        &mut self,
        datagram: &[u8],
        from: &Remote,
        cx: &mut SocketContext<'_, Self::Message>,
    ) -> Result;

    /// Somebody sent a message to this socket's address, or work that was
    /// [offloaded](SocketContext::offload) is done.
    fn on_message(
        &mut self,
        _message: Self::Message,
        _cx: &mut SocketContext<'_, Self::Message>,
    ) -> Result {
        Ok(())
    }

    /// A timer that was [armed](SocketContext::arm) fired.
    fn on_timer(&mut self, _timer: Timer, _cx: &mut SocketContext<'_, Self::Message>) -> Result {
        Ok(())
    }

    /// The system refused to send a datagram to `to`: it is too large for the way there, there is
    /// no way there, or (Unix) nobody takes it. It is gone, and counted (`datagrams_dropped`). If
    /// many are refused at once, not each of them is told.
    fn on_unsent(
        &mut self,
        _to: &Remote,
        _error: io::Error,
        _cx: &mut SocketContext<'_, Self::Message>,
    ) -> Result {
        Ok(())
    }

    /// A graceful shutdown began, and what had come before it was received. Closes, unless
    /// overridden, once jobs are done and everything is sent.
    fn on_drain(&mut self, cx: &mut SocketContext<'_, Self::Message>) -> Result {
        cx.close();
        Ok(())
    }

    /// The socket is closed. Consumes the state machine.
    fn on_close(self, _why: Close, _outgoing: &mut Outgoing<'_>) {}
}

/// The state machine of one peer of a datagram socket: begun by the first datagram from its
/// address, and ended by silence (`Sessions::idle`), age, a choice of its own, or an `Err`.
///
/// Otherwise as [`Handler`]. A datagram that comes after the end begins a new session.
///
/// ```
/// use overt::{Config, Engine, Never, Result, Session, SessionContext, Sessions};
///
/// /// Numbers the datagrams of each peer.
/// #[derive(Default)]
/// struct Counting(u64);
///
/// impl Session for Counting {
///     type Message = Never;
///
///     fn on_datagram(&mut self, _: &[u8], cx: &mut SessionContext<'_, Never>) -> Result {
///         self.0 += 1;
///         cx.send(self.0.to_string().as_bytes())
///     }
/// }
///
/// let mut engine = Engine::new(Config { loops: 1, ..Config::default() })?;
/// engine.bind_sessions("127.0.0.1:0", Sessions::default(), |_| Counting::default())?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Session: Send + Sized + 'static {
    /// What other threads and connections can say to this one, through its [`Address`].
    type Message: Send + 'static;

    /// The session begins; the datagram that began it comes next.
    fn on_open(&mut self, _cx: &mut SessionContext<'_, Self::Message>) -> Result {
        Ok(())
    }

    /// A datagram came from the peer.
    fn on_datagram(
        &mut self,
        datagram: &[u8],
        cx: &mut SessionContext<'_, Self::Message>,
    ) -> Result;

    /// Somebody sent a message to this session's address, or work that was
    /// [offloaded](SocketContext::offload) is done.
    fn on_message(
        &mut self,
        _message: Self::Message,
        _cx: &mut SessionContext<'_, Self::Message>,
    ) -> Result {
        Ok(())
    }

    /// A timer that was [armed](SocketContext::arm) fired.
    fn on_timer(&mut self, _timer: Timer, _cx: &mut SessionContext<'_, Self::Message>) -> Result {
        Ok(())
    }

    /// The system refused to send a datagram to the peer: see [`Datagrams::on_unsent`].
    fn on_unsent(
        &mut self,
        _error: io::Error,
        _cx: &mut SessionContext<'_, Self::Message>,
    ) -> Result {
        Ok(())
    }

    /// A graceful shutdown began. Closes, unless overridden; a session that wants to end its
    /// conversation properly has until the grace time is over.
    fn on_drain(&mut self, cx: &mut SessionContext<'_, Self::Message>) -> Result {
        cx.close();
        Ok(())
    }

    /// The session is over. Consumes the state machine.
    fn on_close(self, _why: Close, _outgoing: &mut Outgoing<'_>) {}
}

/// What a socket's state machine can know and ask for, lent for one call. What it asks for is
/// granted when it has returned; what it sends goes out at the end of the visit.
pub struct SocketContext<'a, M> {
    outbox: &'a mut Outbox,
    asked: &'a mut Asked,
    facts: &'a mut Facts,
    message: PhantomData<fn(M)>,
}

impl<'a, M> SocketContext<'a, M> {
    #[inline]
    pub(crate) fn new(Lent { outbox, asked, facts }: Lent<'a>) -> Self {
        Self { outbox, asked, facts, message: PhantomData }
    }

    /// Sends a datagram of at most 65,507 bytes; `Err` if it is larger. Successive datagrams of one
    /// size to one peer leave in one call, where the system can.
    ///
    /// While the socket's buffer in the kernel is full, up to `Limits::datagrams_unsent` bytes wait
    /// here, and nothing is received; more are dropped, and counted (`datagrams_dropped`).
    #[inline]
    pub fn send_to(&mut self, to: &Remote, datagram: &[u8]) -> Result {
        if datagram.len() > DATAGRAM_MAX {
            return Err(too_large(datagram.len()));
        }
        self.outbox.put(to, datagram);
        Ok(())
    }

    /// How many bytes wait to be sent, bookkeeping included.
    pub fn unsent(&self) -> usize {
        self.outbox.len()
    }

    /// The time of this turn of the loop, since the loop began.
    pub fn now(&self) -> Duration {
        self.asked.clock
    }

    /// Which socket or session this is.
    pub fn id(&self) -> ConnectionId {
        self.facts.id
    }

    /// 64 random bits, for jitter and choices. Not for secrets.
    pub fn random(&mut self) -> u64 {
        self.asked.random.next()
    }

    /// As [`Effects::arm`](super::Effects::arm): `timer` fires once, `after` from now.
    pub fn arm(&mut self, timer: Timer, after: Duration) {
        self.asked.set_timer(timer.0, after, ask::ARM);
    }

    /// As [`Effects::arm_every`](super::Effects::arm_every): `timer` fires every `period`.
    pub fn arm_every(&mut self, timer: Timer, period: Duration) {
        self.asked.set_timer(timer.0, period, ask::ARM_EVERY);
    }

    /// Disarms `timer`: it won't fire, not even if its time has come already.
    pub fn disarm(&mut self, timer: Timer) {
        self.asked.set_timer(timer.0, Duration::ZERO, ask::DISARM);
    }

    /// How many of its jobs are in flight.
    pub fn jobs(&self) -> u32 {
        self.facts.out.jobs
    }

    /// Closes once its jobs are done, and everything is sent; what comes meanwhile is dropped. A
    /// session does not wait for what it sent: that is the socket's.
    pub fn close(&mut self) {
        self.asked.bits |= ask::CLOSE;
    }

    /// Opens a connection on this same loop. If that fails, the handler's `on_close` is told why.
    pub fn connect(&mut self, dial: impl Into<Dial>, handler: impl Handler) {
        let order = DialOrder { dial: dial.into(), handler: Box::new(handler) };
        self.asked.dials.push(order);
    }
}

impl<M: Send + 'static> SocketContext<'_, M> {
    /// How others reach this socket or session.
    pub fn address(&self) -> Address<M> {
        Address::new(self.facts.id, self.asked.home.clone(), self.asked.mailbox_max)
    }

    /// Runs `work` on a worker; its result comes to `on_message`, in order.
    ///
    /// Unless as many jobs are in flight as are allowed (`Limits::jobs_per_connection`,
    /// `Limits::jobs`), or there is no worker: then nothing is done. A datagram socket is not held
    /// back until there is room, as a connection is: its peers would lose what they send meanwhile,
    /// and only the state machine knows what is worth less.
    pub fn offload(&mut self, work: impl FnOnce() -> M + Send + 'static) -> Result<(), Busy> {
        if self.asked.desk.is_full(self.facts.out) {
            return Err(Busy);
        }
        self.asked.desk.offload(self.facts.id, &mut self.facts.out, true, work);
        match self.facts.out.jobs {
            0 => Err(Busy), // There is no worker.
            _ => Ok(()),
        }
    }
}

/// What a session can know and ask for: its peer, and everything that its socket can.
pub struct SessionContext<'a, M> {
    socket: SocketContext<'a, M>,
    peer: &'a Remote,
}

impl<'a, M> SessionContext<'a, M> {
    #[inline]
    pub(crate) fn new(peer: &'a Remote, lent: Lent<'a>) -> Self {
        Self { socket: SocketContext::new(lent), peer }
    }

    /// Whom this session is with.
    pub fn peer(&self) -> &'a Remote {
        self.peer
    }

    /// Sends a datagram to the peer: see [`SocketContext::send_to`].
    #[inline]
    pub fn send(&mut self, datagram: &[u8]) -> Result {
        self.socket.send_to(self.peer, datagram)
    }
}

impl<'a, M> Deref for SessionContext<'a, M> {
    type Target = SocketContext<'a, M>;

    fn deref(&self) -> &Self::Target {
        &self.socket
    }
}

impl<M> DerefMut for SessionContext<'_, M> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.socket
    }
}

#[cold]
fn too_large(size: usize) -> Close {
    let what = format!("a datagram of {size} bytes; {DATAGRAM_MAX} are the most");
    Close::Io(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// All datagrams of a socket are for one state machine.
pub(crate) struct Whole<D>(pub(crate) D);

impl<D: Datagrams> AnyPort for Whole<D> {
    #[inline]
    fn handle(&mut self, event: PortEvent<'_>, peer: &Remote, lent: Lent<'_>) -> Result {
        let cx = &mut SocketContext::new(lent);
        match event {
            PortEvent::Datagram(datagram) => self.0.on_datagram(datagram, peer, cx),
            PortEvent::Open => self.0.on_open(cx),
            PortEvent::Message(message) => match take::<D::Message>(message) {
                Some(message) => self.0.on_message(message, cx),
                None => Ok(()),
            },
            PortEvent::Timer(timer) => self.0.on_timer(Timer(timer), cx),
            PortEvent::Unsent(error) => self.0.on_unsent(peer, error, cx),
            PortEvent::Drain => self.0.on_drain(cx),
        }
    }

    fn close(self: Box<Self>, why: Close, asked: &mut Asked) {
        self.0.on_close(why, &mut Outgoing::new(asked));
    }

    fn name(&self) -> &'static str {
        type_name::<D>()
    }
}

/// One peer's datagrams are for this state machine.
pub(crate) struct Single<S>(pub(crate) S);

impl<S: Session> AnyPort for Single<S> {
    #[inline]
    fn handle(&mut self, event: PortEvent<'_>, peer: &Remote, lent: Lent<'_>) -> Result {
        let cx = &mut SessionContext::new(peer, lent);
        match event {
            PortEvent::Datagram(datagram) => self.0.on_datagram(datagram, cx),
            PortEvent::Open => self.0.on_open(cx),
            PortEvent::Message(message) => match take::<S::Message>(message) {
                Some(message) => self.0.on_message(message, cx),
                None => Ok(()),
            },
            PortEvent::Timer(timer) => self.0.on_timer(Timer(timer), cx),
            PortEvent::Unsent(error) => self.0.on_unsent(error, cx),
            PortEvent::Drain => self.0.on_drain(cx),
        }
    }

    fn close(self: Box<Self>, why: Close, asked: &mut Asked) {
        self.0.on_close(why, &mut Outgoing::new(asked));
    }

    fn name(&self) -> &'static str {
        type_name::<S>()
    }
}

fn take<M: 'static>(message: &mut dyn Any) -> Option<M> {
    message.downcast_mut::<Option<M>>().and_then(Option::take)
}
