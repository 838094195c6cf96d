//! [`Engine`]: loops and workers, built together, started together, and ended together.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::unbounded;

use super::check::cannot;
use super::core::{Core, millis};
use super::gate::Gate;
use super::limits::{Admission, Balance, Config, Spread};
use super::listener::Listener;
use super::order::Order;
use super::report::ShutdownReport;
use super::shared::{Shared, ShutdownPhase};
use super::snapshot::LoopSnapshot;
use super::state::{EventLoop, Other, Parts, Slot, Ticker};
use crate::handler::jobs::Parcel;
use crate::handler::stage::{Dial, DialOrder};
use crate::handler::{Handler, Outgoing};
use crate::net::mailbox::{Inbox, mailbox};
use crate::net::workers::{self, Worker, Workers};
use crate::net::{Endpoint, IntoListen, Listen, Net, Os, Source};

/// Loops and workers that are not running yet. See the [crate's](crate) example.
pub struct Engine<N: Net = Os> {
    pub(crate) loops: Vec<EventLoop<N>>,
    pub(crate) workers: Vec<Worker<Parcel>>,
    shared: Arc<Shared>,
    config: Config,
}

/// A running engine.
#[derive(Debug)]
pub struct Running {
    loops: Vec<JoinHandle<io::Result<ShutdownReport>>>,
    workers: Vec<JoinHandle<()>>,
    handle: Handle,
}

/// What an engine can be told and asked from any thread.
pub struct Handle<N: Net = Os> {
    pub(super) shared: Arc<Shared>,
    world: std::marker::PhantomData<fn() -> N>,
}

impl Engine {
    /// Opens the loops and workers that `config` asks for; or says which setting makes no sense.
    pub fn new(config: Config) -> io::Result<Self> {
        config.check()?; // Before a loop too many is opened.
        let count = match config.loops {
            0 => Os::processors(),
            count => count,
        };
        let worlds = (0..count).map(|_| Os::new()).collect::<io::Result<_>>()?;
        Self::in_worlds(worlds, config)
    }

    /// Runs until SIGTERM or SIGINT (or [`Handle::shut_down`]) has ended it gracefully; a second
    /// signal ends it at once. The first loop runs on this thread.
    ///
    /// Without the feature `signals`, and elsewhere than on Unix, signals are left alone.
    pub fn run(mut self) -> io::Result<ShutdownReport> {
        #[cfg(all(unix, feature = "signals"))]
        if let Some(first) = self.loops.first_mut() {
            first.core.net.watch_signals()?;
            first.hears_signals = true;
        }
        let first = self.loops.remove(0);
        let pin = self.config.pin;
        let running = self.start()?;
        running.join_with(run_loop(first, pin))
    }

    /// Runs on threads of its own. Signals are left alone.
    pub fn start(self) -> io::Result<Running> {
        let handle = self.handle();
        let mut running = Running { loops: Vec::new(), workers: Vec::new(), handle };
        match self.spawn(&mut running) {
            Ok(()) => Ok(running),
            Err(error) => {
                // Those that run already must not go on by themselves.
                running.handle.shut_down();
                let _ = running.join();
                Err(error)
            }
        }
    }

    fn spawn(self, running: &mut Running) -> io::Result<()> {
        let pin = self.config.pin;
        for (number, worker) in self.workers.into_iter().enumerate() {
            running.workers.push(worker.spawn(format!("worker-{number}"))?);
        }
        for event_loop in self.loops {
            let name = format!("loop-{}", event_loop.number);
            let run = move || run_loop(event_loop, pin);
            running.loops.push(thread::Builder::new().name(name).spawn(run)?);
        }
        Ok(())
    }
}

fn run_loop(mut event_loop: EventLoop<Os>, pin: bool) -> io::Result<ShutdownReport> {
    if pin && let Err(error) = Os::pin(event_loop.number.into()) {
        log::warn!("loop {} is not pinned: {error}", event_loop.number);
    }
    match event_loop.run() {
        Ok(()) => Ok(event_loop.shutdown.report),
        Err(error) => {
            log::error!("loop {} cannot go on: {error}", event_loop.number);
            event_loop.fail();
            Err(error)
        }
    }
}

impl<N: Net> Engine<N> {
    /// One loop in each world.
    pub(crate) fn in_worlds(mut worlds: Vec<N>, config: Config) -> io::Result<Self> {
        config.check()?;
        let (queues, workers) = workers::pool(config.workers);
        let mailboxes: Vec<_> =
            worlds.iter_mut().map(|net| net.waker().map(mailbox)).collect::<io::Result<_>>()?;
        let homes = mailboxes.iter().map(|(home, _)| home.clone()).collect();
        let hash_key = worlds.first_mut().map_or(0, Net::random);
        let shared = Arc::new(Shared::new(homes, &config.limits, hash_key));
        let loops = worlds.into_iter().zip(mailboxes).enumerate();
        let loops = loops
            .map(|(number, (net, (_, inbox)))| {
                let parts = parts(number as u16, net, inbox, queues.clone(), &shared, &config);
                EventLoop::new(parts, &config)
            })
            .collect();
        Ok(Self { loops, workers, shared, config })
    }

    /// Listens at an address: a `SocketAddr`, `"127.0.0.1:7000"`, `"unix:/run/overt.sock"`, a
    /// [`Listen`], or a socket that listens already. Each connection gets a handler from `handler`.
    /// Tells the address bound.
    ///
    /// # Errors
    /// In one line: what is no address, or why the system won't listen there.
    pub fn listen<H: Handler>(
        &mut self,
        at: impl IntoListen,
        handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> io::Result<Endpoint> {
        let admission = self.config.limits.admission.clone();
        self.listen_with(at, admission, handler)
    }

    /// As [`listen`](Self::listen), with bounds of its own on who is let in.
    pub fn listen_with<H: Handler>(
        &mut self,
        at: impl IntoListen,
        admission: Admission,
        handler: impl Fn() -> H + Send + Sync + 'static,
    ) -> io::Result<Endpoint> {
        admission.check()?;
        let how = at.into_listen()?;
        let ours = how.socket.is_none() && matches!(how.at, Endpoint::Ip(_));
        let several = self.loops.len() > 1;
        let reuse_port = several && ours && N::REUSE_PORT_SPREADS;
        let (reuse_port, balance) = match self.config.spread {
            Spread::ReusePort if reuse_port => (true, None),
            Spread::ReusePort => (false, several.then_some(Balance::RoundRobin)),
            Spread::HandOff(balance) => (false, several.then_some(balance)),
        };
        let secured = how.secured.clone();
        let gate = |at: Endpoint| {
            let factory = Box::new(move || Box::new(handler()) as _);
            let (limits, key) = (&self.config.limits, self.shared.hash_key);
            Arc::new(Gate::new(at, factory, secured, admission, limits, key))
        };
        if !reuse_port {
            let cannot = cannot("listen at", &how.at);
            let (socket, at) = self.loops[0].core.net.listen(how).map_err(cannot)?;
            let gate = gate(at.clone());
            self.add_listener(0, socket, gate, None, balance)?;
            return Ok(at);
        }
        let Listen { at, backlog, dual_stack, unsent_max, .. } = how;
        let listen = |at: Endpoint, reuse_port| Listen {
            backlog,
            dual_stack,
            reuse_port,
            unsent_max,
            ..Listen::at(at)
        };
        // With the option set, a port that is in use already would be shared without a word.
        let probed = self.loops[0].core.net.listen(listen(at.clone(), false));
        let (probe, at) = probed.map_err(cannot("listen at", &at))?;
        drop(probe);
        let (gate, mut number) = (gate(at.clone()), None);
        for index in 0..self.loops.len() {
            let opened = self.loops[index].core.net.listen(listen(at.clone(), true));
            let (socket, _) = opened.map_err(cannot("listen at", &at))?;
            number = Some(self.add_listener(index, socket, gate.clone(), number, None)?);
        }
        Ok(at)
    }

    fn add_listener(
        &mut self,
        index: usize,
        socket: N::Listener,
        gate: Arc<Gate>,
        number: Option<u16>,
        balance: Option<Balance>,
    ) -> io::Result<u16> {
        let number = number.unwrap_or_else(|| self.shared.add_gate(gate.clone()));
        let event_loop = &mut self.loops[index];
        let id = event_loop.next_id();
        let mut listener = Listener::new(id, number, gate, socket, balance);
        let source = Source::Listener(listener.socket());
        event_loop.core.net.watch(source, id.token())?;
        event_loop.slots.insert(Slot::Other(Box::new(Other::Listener(listener))));
        event_loop.listeners.push(id);
        Ok(number)
    }

    /// Opens an outgoing connection when the engine runs, on its first loop. If that fails, the
    /// handler's `on_close` is told why.
    pub fn connect(&mut self, dial: impl Into<Dial>, handler: impl Handler) {
        let order = DialOrder { dial: dial.into(), handler: Box::new(handler) };
        self.loops[0].dial_one(order);
    }

    /// Calls `call` every `period` (at least 1 ms) on the first loop, until the engine ends. It
    /// must not block.
    pub fn every(
        &mut self,
        period: Duration,
        call: impl FnMut(&mut Outgoing<'_>) + Send + 'static,
    ) {
        let first = &mut self.loops[0];
        let ticker = Ticker { period_ms: millis(period).max(1).into(), call: Box::new(call) };
        let due = first.core.now() + ticker.period_ms;
        let slot = first.slots.insert(Slot::Other(Box::new(Other::Ticker(ticker))));
        first.core.wheel.remind(slot as u32, due);
    }

    /// What the engine can be told and asked from any thread.
    pub fn handle(&self) -> Handle<N> {
        Handle { shared: self.shared.clone(), world: std::marker::PhantomData }
    }
}

fn parts<N: Net>(
    number: u16,
    net: N,
    inbox: Inbox<crate::handler::mail::Envelope>,
    queues: Workers<Parcel>,
    shared: &Arc<Shared>,
    config: &Config,
) -> Parts<N> {
    let home = inbox.mailbox().clone();
    let core = Core::new(net, home, queues, shared.memory.clone(), config);
    Parts { core, number, inbox, shared: shared.clone(), marks: config.limits.marks() }
}

impl Running {
    /// What the engine can be told and asked.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits until the engine has ended, which [`Handle::shut_down`] makes it do. Workers are not
    /// waited for if the time was over before their jobs were done.
    pub fn join(self) -> io::Result<ShutdownReport> {
        self.join_with(Ok(ShutdownReport::default()))
    }

    /// As [`join`](Self::join), with what a loop that ran elsewhere reports.
    fn join_with(self, first: io::Result<ShutdownReport>) -> io::Result<ShutdownReport> {
        let mut ended = first;
        for thread in self.loops {
            let part = thread.join().unwrap_or_else(|_| Err(io::Error::other("a loop panicked")));
            ended = ended.and_then(|mut report| {
                report += part?;
                Ok(report)
            });
        }
        self.handle.shared.advance(ShutdownPhase::Ended);
        let report = ended?;
        if report.jobs_cut == 0 {
            for thread in self.workers {
                // A worker ends when no loop can give it work; its jobs' panics are contained.
                let _ = thread.join();
            }
        }
        Ok(report)
    }

    /// Shuts down gracefully, and waits for the end.
    pub fn shut_down(self) -> io::Result<ShutdownReport> {
        self.handle.shut_down();
        self.join()
    }
}

impl<N: Net> Clone for Handle<N> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), world: std::marker::PhantomData }
    }
}

impl<N: Net> fmt::Debug for Engine<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<N: Net> fmt::Debug for Handle<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (phase, connections) = (self.phase(), self.connections());
        let mut told = f.debug_struct("Handle");
        told.field("phase", &phase).field("connections", &connections).finish_non_exhaustive()
    }
}

impl<N: Net> Handle<N> {
    /// Begins a graceful shutdown; called a second time, forces it.
    pub fn shut_down(&self) {
        for load in &self.shared.loads {
            // A loop that has ended needs no telling.
            let _ = Order::<N>::Shutdown.post(&load.home);
        }
    }

    /// Where the shutdown stands: `Ready` while there is none.
    pub fn phase(&self) -> ShutdownPhase {
        self.shared.phase()
    }

    /// What all loops hold, in bytes.
    #[cfg(feature = "http")]
    pub(crate) fn memory(&self) -> Arc<std::sync::atomic::AtomicI64> {
        self.shared.memory.clone()
    }

    /// Open connections in all.
    pub fn connections(&self) -> u32 {
        self.shared.open.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Opens an outgoing connection, on the loop with the fewest. If that fails, the handler's
    /// `on_close` is told why. Gives nothing back if the engine has ended: then nobody is told.
    pub fn connect(&self, dial: impl Into<Dial>, handler: impl Handler) {
        let order = DialOrder { dial: dial.into(), handler: Box::new(handler) };
        let _ = Order::<N>::Dial(order).post(&self.shared.least().home);
    }

    /// What each loop is doing, with at most `connections_max` of its connections. A loop that does
    /// not answer within `timeout` is left out.
    pub fn snapshot(&self, connections_max: usize, timeout: Duration) -> Vec<LoopSnapshot> {
        let (reply, answers) = unbounded();
        let mut asked = 0;
        for load in &self.shared.loads {
            let reply = reply.clone();
            let order = Order::<N>::Snapshot { connections_max, reply };
            asked += usize::from(order.post(&load.home).is_ok());
        }
        let mut snapshots: Vec<_> =
            (0..asked).map_while(|_| answers.recv_timeout(timeout).ok()).collect();
        snapshots.sort_by_key(|snapshot: &LoopSnapshot| snapshot.number);
        snapshots
    }
}

impl Handle {
    /// Takes over a TCP stream that is open already.
    pub fn enroll(&self, stream: std::net::TcpStream, handler: impl Handler) -> io::Result<()> {
        let peer = stream.peer_addr()?.into();
        self.enroll_stream(Os::enroll(stream)?, peer, handler)
    }

    /// Takes over a Unix stream that is open already.
    #[cfg(unix)]
    pub fn enroll_unix(
        &self,
        stream: std::os::unix::net::UnixStream,
        handler: impl Handler,
    ) -> io::Result<()> {
        self.enroll_stream(Os::enroll_unix(stream)?, crate::net::Peer::UNIX, handler)
    }

    fn enroll_stream(
        &self,
        stream: <Os as Net>::Stream,
        peer: crate::net::Peer,
        handler: impl Handler,
    ) -> io::Result<()> {
        let order = Order::<Os>::Enroll { stream, peer, handler: Box::new(handler) };
        let ended = |_| io::Error::new(io::ErrorKind::NotConnected, "the engine has ended");
        order.post(&self.shared.least().home).map_err(ended)
    }
}
