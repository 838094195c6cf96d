//! [`Simulation`]: engines, workers and peers in one network, and whose turn it is.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::peer::{DatagramPeer, Peer};
use crate::engine::{Config, Engine, EventLoop, Ledger, LoopSnapshot, ShutdownReport};
use crate::handler::jobs::Parcel;
use crate::net::sim::{Chance, Faults, Network, Outside, SharedNetwork, World};
use crate::net::workers::Worker;
use crate::net::{Bind, Endpoint, IntoListen};

/// As many steps may one wait take: beyond them something spins.
const STEPS_MAX: u64 = 3_000_000;
/// So long, on its own clock, may [`Simulation::run_until`] take.
const PATIENCE: Duration = Duration::from_secs(3600);
/// With a `loops` of 0, the seed chooses how many: at most so many.
const LOOPS_MAX: usize = 3;

/// A simulated network, with engines and peers in it. See the [module](super).
pub struct Simulation {
    seed: u64,
    mask: u32,
    network: SharedNetwork,
    engines: Vec<Machine>,
    scripts: Vec<Script>,
    /// Whether mail is mixed: from the beginning, or never.
    mixes: bool,
    /// Who can take the next step; kept for its allocation.
    able: Vec<Actor>,
}

type Script = Box<dyn FnMut(&Peer)>;

/// An engine, taken apart as soon as it runs.
struct Machine {
    engine: Engine<World>,
    loops: Vec<Runner>,
    workers: Vec<Hand>,
}

struct Runner {
    event_loop: EventLoop<World>,
    world: usize,
    /// Until when it sleeps, once it has lain down; without a time, until it is woken.
    asleep: Option<Option<Duration>>,
    ended: Option<ShutdownReport>,
}

struct Hand {
    worker: Worker<Parcel>,
    /// When it is done with what it was given.
    done: Option<Duration>,
}

/// Who can take a step. The numbers are those of the engine, and of the part of it.
#[derive(Clone, Copy)]
enum Actor {
    Loop(usize, usize),
    Worker(usize, usize),
    Network,
    Peers,
}

/// Numbers of senders of mail: the test itself, and what the network calls back.
const TEST: usize = 0;
const CALLBACK: usize = 1;
const FIRST: usize = 2;
/// No engine has as many loops and workers.
const STRIDE: usize = 1 << 16;

impl Simulation {
    /// A world made of `seed`, with some [`Faults`] that lose nothing: which, the seed chooses.
    pub fn new(seed: u64) -> Self {
        Self::masked(seed, Faults::draw(&mut Chance::new(!seed)), u32::MAX)
    }

    /// A world made of `seed`, with these faults.
    pub fn with_faults(seed: u64, faults: Faults) -> Self {
        Self::masked(seed, faults, u32::MAX)
    }

    pub(super) fn masked(seed: u64, faults: Faults, mask: u32) -> Self {
        let network = SharedNetwork::new(Network::new(seed, faults.masked(mask)));
        let mixes = network.lock().faults.mixed_mail > 0;
        let (engines, scripts, able) = (Vec::new(), Vec::new(), Vec::new());
        Self { seed, mask, network, engines, scripts, mixes, able }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What the network does to those who use it.
    pub fn faults(&self) -> Faults {
        self.network.lock().faults.clone()
    }

    /// From now on these faults. Kinds that are being left out, in the search for the smallest set
    /// that fails, stay calm. Those of whole loops (`split_events`, `mixed_mail`) are decided when
    /// an engine, or the simulation, is made.
    pub fn set_faults(&mut self, faults: Faults) {
        self.network.lock().faults = faults.masked(self.mask);
    }

    /// A number below `end`, drawn from the seed: for the test's own choices.
    pub fn random(&self, end: usize) -> usize {
        self.network.lock().chance.below(end)
    }

    /// The time since the simulation began.
    pub fn now(&self) -> Duration {
        self.network.lock().clock
    }

    /// The same for two simulations in which the same happened at the same times.
    pub fn trace_hash(&self) -> u64 {
        self.network.lock().trace_hash()
    }

    /// A new engine, to be set up as any other; it runs as soon as the simulation does. With a
    /// `Config::loops` of 0 it has one to three loops: the seed chooses.
    pub fn engine(&mut self, mut config: Config) -> &mut Engine<World> {
        if config.loops == 0 {
            config.loops = 1 + self.random(LOOPS_MAX);
        }
        let worlds = (0..config.loops).map(|_| World::new(&self.network)).collect();
        let engine = match Engine::in_worlds(worlds, config) {
            Ok(engine) => engine,
            Err(error) => panic!("a simulated engine can't be made: {error}"),
        };
        let at = self.engines.len();
        self.engines.push(Machine { engine, loops: Vec::new(), workers: Vec::new() });
        &mut self.engines[at].engine
    }

    /// A simulated client, which connects to `at` (`"10.0.0.1:80"`, `"unix:/run/app.sock"`).
    ///
    /// # Panics
    /// If `at` is not an address.
    pub fn connect(&mut self, at: &str) -> Peer {
        self.connect_from(Network::CLIENTS, at)
    }

    /// As [`connect`](Self::connect), from an address of its own.
    ///
    /// # Panics
    /// If `at` is not an address.
    pub fn connect_from(&mut self, from: IpAddr, at: &str) -> Peer {
        let number = self.network.lock().connect_peer(from, &endpoint(at));
        Peer::new(&self.network, number)
    }

    /// A simulated server at `at`. Each client becomes a peer, and `script` is called whenever
    /// something happened to one: it came, bytes came, there is room, it ended.
    ///
    /// # Panics
    /// If `at` is not an address, or is in use.
    pub fn serve(&mut self, at: &str, script: impl FnMut(&Peer) + 'static) {
        let number = self.scripts.len();
        self.scripts.push(Box::new(script));
        let served = at.into_listen().and_then(|at| self.network.serve(at, number));
        if let Err(error) = served {
            panic!("no simulated server at {at}: {error}");
        }
    }

    /// A simulated peer with a datagram socket: `Bind::at(..)` an address.
    ///
    /// # Panics
    /// If the address is in use.
    pub fn bind(&mut self, how: &Bind) -> DatagramPeer {
        match self.network.bind(how) {
            Ok((socket, at)) => DatagramPeer::new(&self.network, socket, at),
            Err(error) => panic!("no simulated socket at {}: {error}", how.at),
        }
    }

    /// Gives a host name these addresses. Names that nobody gave any are not found.
    pub fn name_host(&mut self, host: &str, addresses: &[IpAddr]) {
        self.network.lock().name_host(host, addresses.to_vec());
    }

    /// How many descriptors all loops together may have open. No limit unless set.
    pub fn limit_descriptors(&mut self, max: usize) {
        self.network.lock().descriptors_max = max;
    }

    /// A signal that asks to end comes to the first loop of the engine of this number.
    pub fn signal(&mut self, engine: usize) {
        self.start();
        if let Some(runner) = self.engines.get(engine).and_then(|machine| machine.loops.first()) {
            self.network.lock().signal(runner.world);
        }
    }

    /// Everything stands still for so long, as a machine that sleeps, or a process that is stopped.
    pub fn suspend(&mut self, time: Duration) {
        self.network.lock().clock += time;
    }

    /// Runs until `done`.
    ///
    /// # Panics
    /// If it never will be: nothing can happen any more, an hour has passed on the simulation's
    /// clock, or something spins. Says then what each connection waits for.
    pub fn run_until(&mut self, mut done: impl FnMut() -> bool) {
        let end = self.now() + PATIENCE;
        for _ in 0..STEPS_MAX {
            if done() {
                return;
            }
            if self.now() > end {
                panic!("not done after an hour\n{}", self.situation());
            }
            if !self.step(end + PATIENCE) {
                panic!("not done, and nothing can happen any more\n{}", self.situation());
            }
        }
        panic!("not done after {STEPS_MAX} steps: something spins\n{}", self.situation());
    }

    /// Runs for so long, on the simulation's clock.
    ///
    /// # Panics
    /// If something spins.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now() + time;
        let mut steps = 0;
        while self.now() < end && self.step(end) {
            steps += 1;
            assert!(steps < STEPS_MAX, "something spins\n{}", self.situation());
        }
        let mut network = self.network.lock();
        network.clock = network.clock.max(end);
    }

    /// What all loops have counted, those that have ended included.
    pub fn ledgers(&self) -> Vec<Ledger> {
        self.runners().map(|runner| runner.event_loop.ledger().clone()).collect()
    }

    /// What all loops are doing, with at most `connections_max` connections of each.
    pub fn snapshots(&self, connections_max: usize) -> Vec<LoopSnapshot> {
        self.runners().map(|runner| runner.event_loop.snapshot(connections_max)).collect()
    }

    /// What the shutdown of all engines came to, once all their loops have ended.
    pub fn report(&self) -> Option<ShutdownReport> {
        let mut sum = ShutdownReport::default();
        for runner in self.runners() {
            sum += runner.ended?;
        }
        Some(sum)
    }

    fn runners(&self) -> impl Iterator<Item = &Runner> {
        self.engines.iter().flat_map(|machine| &machine.loops)
    }

    /// One step of somebody; if nobody can take one, the clock jumps to where somebody can, but
    /// not beyond `end`. Tells whether anything can happen before `end`.
    fn step(&mut self, end: Duration) -> bool {
        self.start();
        self.mix(TEST);
        self.find_able();
        if self.able.is_empty() && (!self.jump(end) || !self.find_able()) {
            return false;
        }
        let chosen = self.random(self.able.len());
        match self.able[chosen] {
            Actor::Network => {
                let outside = self.network.lock().step();
                self.go_outside(outside);
            }
            Actor::Peers => {
                let outside = self.network.lock().act();
                self.go_outside(outside);
            }
            Actor::Loop(engine, number) => {
                self.turn(engine, number);
                self.mix(FIRST + engine * STRIDE + number);
            }
            Actor::Worker(engine, number) => {
                self.work(engine, number);
                self.mix(FIRST + engine * STRIDE + STRIDE / 2 + number);
            }
        }
        true
    }

    /// Takes engines apart that are still whole.
    fn start(&mut self) {
        for machine in &mut self.engines {
            for event_loop in machine.engine.loops.drain(..) {
                let world = event_loop.world().number();
                machine.loops.push(Runner { event_loop, world, asleep: None, ended: None });
            }
            let workers = machine.engine.workers.drain(..);
            machine.workers.extend(workers.map(|worker| Hand { worker, done: None }));
        }
    }

    /// Finds out who can take a step; tells whether anybody can.
    fn find_able(&mut self) -> bool {
        let (mut network, able) = (self.network.lock(), &mut self.able);
        able.clear();
        let now = network.clock;
        if network.next_event().is_some_and(|at| at <= now) {
            able.push(Actor::Network);
        }
        if network.has_active_peers() {
            able.push(Actor::Peers);
        }
        for (engine, machine) in self.engines.iter_mut().enumerate() {
            for (number, runner) in machine.loops.iter().enumerate() {
                if runner.can_run(now, &network) {
                    able.push(Actor::Loop(engine, number));
                }
            }
            for (number, hand) in machine.workers.iter_mut().enumerate() {
                if hand.can_work(now, &mut network) {
                    able.push(Actor::Worker(engine, number));
                }
            }
        }
        !able.is_empty()
    }

    /// The clock jumps to the next thing that is to happen; only to be called when nobody can do
    /// anything before.
    fn jump(&mut self, end: Duration) -> bool {
        let mut network = self.network.lock();
        let sleepers = self.runners_asleep();
        let hands = self.engines.iter().flat_map(|machine| &machine.workers);
        let done = hands.filter_map(|hand| hand.done);
        let next = network.next_event().into_iter().chain(sleepers).chain(done).min();
        match next.filter(|at| *at <= end) {
            Some(at) => {
                network.clock = network.clock.max(at);
                true
            }
            None => false,
        }
    }

    fn runners_asleep(&self) -> impl Iterator<Item = Duration> {
        let living = self.runners().filter(|runner| runner.ended.is_none());
        living.filter_map(|runner| runner.asleep.flatten())
    }

    /// A loop lies down, or takes the rest of its turn.
    fn turn(&mut self, engine: usize, number: usize) {
        let runner = &mut self.engines[engine].loops[number];
        let turned = match runner.asleep.take() {
            None => runner.event_loop.lie_down().map(|timeout| {
                let now = self.network.lock().clock;
                runner.asleep = Some(timeout.map(|timeout| now + timeout));
            }),
            Some(_) => runner.event_loop.guarded_turn(),
        };
        if let Err(error) = turned {
            panic!("a loop failed: {error}");
        }
        if let Some(report) = runner.event_loop.ended() {
            runner.ended = Some(report);
        }
    }

    fn work(&mut self, engine: usize, number: usize) {
        let hand = &mut self.engines[engine].workers[number];
        hand.done = None;
        hand.worker.run_one();
    }

    fn go_outside(&mut self, outside: Option<Outside>) {
        match outside {
            Some(Outside::Resolved(reply, answer)) => {
                reply(answer);
                self.mix(CALLBACK);
            }
            Some(Outside::Script { peer, script }) => {
                let peer = Peer::new(&self.network, peer);
                if let Some(script) = self.scripts.get_mut(script) {
                    script(&peer);
                }
                self.mix(CALLBACK);
            }
            None => {}
        }
    }

    /// What came to any loop since the last step came from `sender`.
    fn mix(&mut self, sender: usize) {
        if !self.mixes {
            return;
        }
        let mut network = self.network.lock();
        let chances = network.faults.mixed_mail;
        for runner in self.engines.iter_mut().flat_map(|machine| &mut machine.loops) {
            runner.event_loop.mix_mail(sender, |end| {
                let moves = network.chance.happens(chances);
                if moves { network.chance.below(end) } else { end - 1 }
            });
        }
    }

    /// What everybody waits for, in words.
    fn situation(&self) -> String {
        const SHOWN: usize = 20;
        let mut text = format!("seed {}, after {:?}, {:?}\n", self.seed, self.now(), self.faults());
        for snapshot in self.snapshots(SHOWN) {
            text += &format!(
                "loop {} ({}): {} connections, {} runnable, {} messages\n",
                snapshot.number,
                snapshot.phase,
                snapshot.connections,
                snapshot.runnable,
                snapshot.mail
            );
            for connection in snapshot.some_connections {
                text += &format!("  {} {}\n", connection.id, connection.waiting_for);
            }
        }
        text
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Simulation");
        told.field("seed", &self.seed).field("now", &self.now());
        told.field("faults", &self.faults()).finish_non_exhaustive()
    }
}

impl Runner {
    fn can_run(&self, now: Duration, network: &Network) -> bool {
        let awake = match self.asleep {
            None => true,
            Some(until) => until.is_some_and(|until| until <= now) || network.wakes(self.world),
        };
        self.ended.is_none() && awake
    }
}

impl Hand {
    /// A batch takes its time from when the worker first sees it.
    fn can_work(&mut self, now: Duration, network: &mut Network) -> bool {
        if self.done.is_none() && !self.worker.is_idle() {
            let max = network.faults.work_max;
            self.done = Some(now + network.chance.time(max));
        }
        self.done.is_some_and(|done| done <= now)
    }
}

fn endpoint(at: &str) -> Endpoint {
    match at.parse() {
        Ok(endpoint) => endpoint,
        Err(error) => panic!("{error}"),
    }
}
