//! [`Bench`]: one connection without a loop, for tests of its handler. What the test does to it is
//! here, what it can see in `view.rs`.
//!
//! The connection is the engine's own, with everything that the engine does around a handler: both
//! buffers, readiness, deadlines, limits, jobs, an orderly close. Only the loop around it is the
//! test, and the world below it a pair of byte queues; so a handler that behaves here can't behave
//! otherwise there.

use std::any::Any;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::tap::Tap;
use super::world::World;
use crate::engine::Config;
use crate::engine::connection::Connection;
use crate::engine::core::Core;
use crate::engine::flag::{LINGERING, READABLE, TELL_DRAIN, WRITABLE};
use crate::handler::jobs::Parcel;
use crate::handler::mail::{ConnectionId, Envelope};
use crate::handler::stage::{AnyHandler, Dial, DialOrder, Facts, NO_GATE};
use crate::handler::{Close, Handler, Reason, Result, Timer};
use crate::net::mailbox::{Inbox, mailbox};
use crate::net::workers::{Worker, Workers, pool};
use crate::net::{Peer, Readiness};

/// How often a connection may ask to be visited again without anything having happened.
const VISITS_MAX: u32 = 100_000;
/// How much the peer takes unless told otherwise: 16 MiB.
const WINDOW: usize = 16 << 20;

/// One connection and its handler on the workbench: no loop, no socket, no thread.
///
/// The test is the peer, the clock, the workers and the mail. Everything happens when it says so,
/// and has happened when the call returns.
///
/// ```
/// use std::time::Duration;
///
/// use overt::testing::Bench;
/// use overt::wire::{Codec, Lines};
/// use overt::{Context, Handler, Never, Reason, Result, Timer};
///
/// struct Greeter(Lines);
/// const PATIENCE: Timer = Timer::new(0);
///
/// impl Handler for Greeter {
///     type Message = Never;
///     fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
///         while let Some(name) = self.0.decode(cx.input)? {
///             cx.output.put(&[b"hello ", name, b"\n"].concat());
///             cx.effects.arm(PATIENCE, Duration::from_secs(5));
///         }
///         Ok(())
///     }
///     fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
///         cx.output.put(b"bye\n");
///         cx.effects.close();
///         Ok(())
///     }
/// }
///
/// let mut bench = Bench::new(Greeter(Lines::new(80)));
/// bench.data(b"ada\nbo");
/// assert_eq!(bench.take_output(), b"hello ada\n");
/// assert_eq!(bench.unread(), b"bo");
/// bench.advance(Duration::from_secs(5));
/// assert_eq!(bench.fired(), [PATIENCE]);
/// assert_eq!(bench.take_output(), b"bye\n");
/// assert_eq!(bench.closed(), Some(Reason::ByUs));
/// ```
///
/// # What the test does
///
/// - As the peer: [`data`](Self::data), [`eof`](Self::eof), [`reset`](Self::reset),
///   [`take_output`](Self::take_output), [`set_window`](Self::set_window).
/// - As the clock: [`advance`](Self::advance). As the workers: [`work`](Self::work).
/// - As the mail: [`message`](Self::message), [`deliver`](Self::deliver).
/// - As the engine: [`drain`](Self::drain).
/// - With the connections that the handler opens: [`take_dials`](Self::take_dials), then
///   [`Dialed::connect`] or [`refuse`](Self::refuse).
///
/// # What is real
///
/// The deadlines and limits of the [`Config`] hold: after a minute without a byte, the connection
/// closes as idle, unless configured otherwise. When the handler closes, the peer closes too, at
/// once. A panic of the handler goes through to the test, while one in a job closes the connection,
/// as it does in an engine. Random numbers are the same in every run.
pub struct Bench<H> {
    pub(super) core: Core<World>,
    pub(super) connection: Option<Connection<World>>,
    pub(super) inbox: Inbox<Envelope>,
    workers: Vec<Worker<Parcel>>,
    pub(super) ended: Option<(Reason, String)>,
    pub(super) fired: Vec<Timer>,
    dialed: Vec<Dialed>,
    pub(super) handler: PhantomData<fn() -> H>,
}

/// An outgoing connection that a handler asked for.
pub struct Dialed {
    /// Where to, for how long, and when.
    pub dial: Dial,
    handler: Box<dyn AnyHandler>,
}

impl<H: Handler> Bench<H> {
    /// Opens a connection with this handler: its `on_open` was called when this returns. The
    /// configuration is the default, with one worker.
    pub fn new(handler: H) -> Self {
        Self::with(Config { workers: 1, ..Config::default() }, handler)
    }

    /// As [`new`](Self::new), with deadlines, limits and workers of this configuration. The number
    /// of loops does not matter.
    pub fn with(config: Config, handler: H) -> Self {
        Self::open(&config, Box::new(handler))
    }

    fn open(config: &Config, handler: Box<dyn AnyHandler>) -> Self {
        // Of the addresses that are for documentation (RFC 5737).
        let peer = Peer::from(std::net::SocketAddr::from(([192, 0, 2, 1], 50_000)));
        let (home, inbox) = mailbox(Arc::new(|| {}));
        let (queues, workers): (Workers<Parcel>, _) = pool(config.workers);
        let core = Core::new(World::new(WINDOW), home, queues, Arc::default(), config);
        let id = ConnectionId { home: 0, slot: 0, generation: 1 };
        let facts = Facts { id, out: Default::default(), peer, gate: NO_GATE };
        let mut bench = Self {
            core,
            connection: Some(Connection::new((), facts, Tap::new(handler))),
            inbox,
            workers,
            ended: None,
            fired: Vec::new(),
            dialed: Vec::new(),
            handler: PhantomData,
        };
        bench.turn(Connection::visit);
        bench
    }

    /// The peer sends bytes. They are not read while the handler is paused.
    ///
    /// # Panics
    /// If the connection is closed.
    #[track_caller]
    pub fn data(&mut self, bytes: &[u8]) {
        self.core.net.incoming.extend(bytes);
        self.event(Readiness::READ);
    }

    /// The peer closes its sending half.
    ///
    /// # Panics
    /// If the connection is closed.
    #[track_caller]
    pub fn eof(&mut self) {
        self.core.net.ended = true;
        self.event(Readiness::READ | Readiness::ENDED);
    }

    /// The peer, or the network, cuts the connection.
    ///
    /// # Panics
    /// If the connection is closed.
    #[track_caller]
    pub fn reset(&mut self) {
        self.core.net.cut = true;
        self.event(Readiness::READ | Readiness::WRITE | Readiness::ENDED);
    }

    /// The peer takes what was sent to it since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        let taken = std::mem::take(&mut self.core.net.sent);
        self.writable();
        taken
    }

    /// How many bytes the peer holds before [`take_output`](Self::take_output) takes them; what is
    /// more waits in the output, as it does when a peer does not read. 16 MiB unless set.
    pub fn set_window(&mut self, bytes: usize) {
        self.core.net.window = bytes;
        self.writable();
    }

    /// If the socket took less than all, now it takes more.
    fn writable(&mut self) {
        if self.connection.as_ref().is_some_and(|connection| connection.flags & WRITABLE == 0) {
            self.event(Readiness::WRITE);
        }
    }

    /// Moves the clock. Timers and deadlines fire on the way, each at its own time.
    pub fn advance(&mut self, by: Duration) {
        let until = self.core.net.clock + by;
        let mut at_once = 0;
        while let Some(next) = self.core.wheel.next_ms().map(Duration::from_millis) {
            if next > until {
                break;
            }
            at_once = if next > self.core.net.clock { 0 } else { at_once + 1 };
            assert!(at_once < VISITS_MAX, "the handler arms a timer for now again and again");
            self.set_clock(next.max(self.core.net.clock));
            let mut due = Vec::new();
            self.core.wheel.advance(self.core.now(), &mut due);
            if !due.is_empty() {
                self.turn(Connection::look_at_deadlines);
            }
        }
        self.set_clock(until);
    }

    fn set_clock(&mut self, at: Duration) {
        self.core.net.clock = at;
        self.core.set_clock(at);
    }

    /// Somebody else sends a message to the connection. Dropped if it is closed.
    pub fn message(&mut self, message: H::Message) {
        let mut message = Some(message);
        self.turn(|connection, core| {
            connection.take_messages(0, &mut std::iter::once(&mut message as &mut dyn Any), core)
        });
    }

    /// A graceful shutdown of the engine begins.
    ///
    /// # Panics
    /// If the connection is closed.
    #[track_caller]
    pub fn drain(&mut self) {
        self.core.stage.asked.is_draining = true;
        if let Some(connection) = &mut self.connection {
            connection.flags |= TELL_DRAIN;
        }
        self.event(Readiness::READ);
    }

    /// Lets the workers do the jobs that they were given so far, in order, and delivers the
    /// answers, with all other mail. Tells how many jobs of this connection were done.
    pub fn work(&mut self) -> u32 {
        self.workers.iter_mut().for_each(|worker| while worker.run_one() {});
        self.read_mail()
    }

    /// The outgoing connections that the handler asked for since the last call.
    pub fn take_dials(&mut self) -> Vec<Dialed> {
        std::mem::take(&mut self.dialed)
    }

    /// Tells the handler of an outgoing connection that it could not be opened, as
    /// `Close::Unreachable`. If it asks for another one, that is among the next
    /// [`take_dials`](Self::take_dials).
    pub fn refuse(&mut self, dialed: Dialed, error: io::Error) {
        dialed.handler.close(Close::Unreachable(error), &mut self.core.stage.asked);
        self.note_dials();
    }

    /// Goes on as the bench of the successor, to which the handler has handed the connection.
    ///
    /// # Panics
    /// If it has not, or the connection is closed.
    #[track_caller]
    pub fn upgraded<S: Handler>(self) -> Bench<S> {
        let name = self.handler_name().unwrap_or("gone");
        assert!(self.is_now::<S>(), "the handler is {name}, not {}", std::any::type_name::<S>());
        let Self { core, connection, inbox, workers, ended, fired, dialed, .. } = self;
        let handler = PhantomData;
        Bench { core, connection, inbox, workers, ended, fired, dialed, handler }
    }

    #[track_caller]
    fn event(&mut self, readiness: u8) {
        match (&mut self.connection, &self.ended) {
            (Some(connection), _) => connection.note(Readiness(readiness)),
            (None, Some((_, why))) => panic!("the connection is closed: {why}"),
            (None, None) => {}
        }
        self.turn(Connection::visit);
    }

    /// As a turn of the loop: something happens, and the connection is visited until it waits for
    /// something else; then its jobs go to the workers.
    pub(super) fn turn(
        &mut self,
        happens: impl FnOnce(&mut Connection<World>, &mut Core<World>) -> Result,
    ) {
        let Some(connection) = &mut self.connection else { return };
        let mut visited = happens(connection, &mut self.core);
        for visits in 0.. {
            if let Err(why) = visited {
                self.close(why);
                break;
            }
            let Some(connection) = &mut self.connection else { break };
            if connection.flags & LINGERING != 0 {
                // The peer has seen our end, and closes too.
                self.core.net.ended = true;
                connection.flags |= READABLE;
            }
            if !connection.is_runnable() {
                break;
            }
            assert!(visits < VISITS_MAX, "the handler keeps itself busy, and waits for nothing");
            self.core.handshakes_left = self.core.bounds.handshakes_per_turn;
            visited = connection.visit(&mut self.core);
        }
        if let Some(tap) = self.connection.as_mut().and_then(|it| Tap::of_mut(&mut *it.handler)) {
            self.fired.append(&mut tap.fired);
        }
        let now = self.core.now();
        self.core.stage.asked.desk.hand_over(now);
        self.note_dials();
    }

    fn note_dials(&mut self) {
        let asked = self.core.stage.asked.dials.drain(..);
        self.dialed.extend(asked.map(|DialOrder { dial, handler }| Dialed { dial, handler }));
    }

    /// As the loop closes a connection.
    pub(super) fn close(&mut self, why: Close) {
        self.core.stage.asked.bits = 0;
        self.core.stage.asked.successor = None;
        let Some(connection) = self.connection.take() else { return };
        self.core.wheel.cancel(connection.id().slot);
        let ((), mut handler, why) = connection.dissolve(why, &mut self.core);
        self.ended = Some((why.reason(), why.to_string()));
        if let Some(tap) = Tap::of_mut(&mut *handler) {
            self.fired.append(&mut tap.fired);
        }
        handler.close(why, &mut self.core.stage.asked);
    }
}

impl Dialed {
    /// The connection is open: a bench of its own for its handler, with a clock of its own.
    ///
    /// # Panics
    /// If the handler is of another type.
    #[track_caller]
    pub fn connect<S: Handler>(self) -> Bench<S> {
        let name = self.handler.name();
        let is = (&*self.handler as &dyn Any).is::<S>();
        assert!(is, "the handler is {name}, not {}", std::any::type_name::<S>());
        Bench::open(&Config { workers: 1, ..Config::default() }, self.handler)
    }
}

impl std::fmt::Debug for Dialed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} for {}", self.dial, self.handler.name())
    }
}
