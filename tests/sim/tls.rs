//! TLS in a simulated network: handlers can't tell it from TCP, whatever the network does.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use overt::net::{Endpoint, Listen, TlsVersion};
use overt::sim::{Faults, Reading, Seeds, Simulation, World, seeds};
use overt::tls::{Identity, Roots, TlsClient, TlsServer};
use overt::{
    Address, Close, Config, Context, Deadlines, Dial, Engine, Handler, Never, Outgoing, Reason,
    Result, Timer,
};

use crate::certificates::Authority;
use crate::{assert_closes, closes, small_limits};

pub(crate) const AT: &str = "10.0.0.1:7443";

/// What all seeds use, since making keys takes longer than running one: a server, and the authority
/// that vouches for it. All that they send has the same length in each run. Where there are
/// workers, they shake hands.
fn server() -> &'static (TlsServer, String) {
    static SERVER: OnceLock<(TlsServer, String)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let authority = Authority::repeatable("sim");
        let signed = authority.sign(&["example.org"]);
        let identity = Identity::from_pem(signed.certificate.as_bytes(), signed.key.as_bytes());
        let server = TlsServer::builder().identity(identity.unwrap()).alpn(["echo"]);
        (server.handshakes_by_workers(true).build().unwrap(), authority.pem())
    })
}

pub(crate) fn listen<H: Handler>(
    engine: &mut Engine<World>,
    handler: impl Fn() -> H + Send + Sync + 'static,
) {
    let at: Endpoint = AT.parse().unwrap();
    engine.listen(Listen::at(at).tls(&server().0), handler).unwrap();
}

/// A client that trusts the server.
pub(crate) fn client() -> &'static TlsClient {
    static CLIENT: OnceLock<TlsClient> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let roots = Roots::none().and_pem(server().1.as_bytes()).unwrap();
        TlsClient::builder().roots(roots).build().unwrap()
    })
}

/// With a client that has no sessions to resume yet, in one version or the other.
pub(crate) fn dial(sim: &Simulation) -> Dial {
    let versions = [[TlsVersion::V1_3].as_slice(), &[TlsVersion::V1_2]];
    let roots = Roots::none().and_pem(server().1.as_bytes()).unwrap();
    let client = TlsClient::builder().roots(roots).alpn(["echo"]).server_name("example.org");
    let client = client.versions(versions[sim.random(2)]).handshakes_by_workers(true);
    let client = client.build().unwrap();
    AT.parse::<Dial>().unwrap().tls(&client)
}

pub(crate) struct Echo;

impl Handler for Echo {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let facts = cx.effects.tls().expect("it is encrypted");
        assert_eq!(facts.alpn.as_deref(), Some(&b"echo"[..]));
        assert_eq!(facts.server_name.as_deref(), Some("example.org"));
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert!(!cx.input.is_empty());
        cx.output.append(cx.input);
        Ok(())
    }
}

/// Sends so many bytes, ends, and notes what comes back.
pub(crate) struct Client {
    count: usize,
    seen: Arc<Seen>,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) opened: AtomicUsize,
    pub(crate) received: AtomicUsize,
    pub(crate) ends: Mutex<Vec<Reason>>,
}

impl Seen {
    pub(crate) fn has_ended(&self) -> bool {
        !self.ends.lock().unwrap().is_empty()
    }

    pub(crate) fn end(&self) -> Reason {
        let ends = self.ends.lock().unwrap();
        assert_eq!(ends.len(), 1, "told more than once");
        ends[0]
    }
}

impl Client {
    pub(crate) fn new(count: usize) -> (Self, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        (Self { count, seen: seen.clone() }, seen)
    }
}

fn pattern(at: usize) -> u8 {
    (at % 251) as u8
}

impl Handler for Client {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert!(cx.effects.tls().is_some());
        self.seen.opened.fetch_add(1, Relaxed);
        let bytes: Vec<_> = (0..self.count).map(pattern).collect();
        cx.output.put(&bytes);
        cx.effects.finish();
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let before = self.seen.received.fetch_add(cx.input.len(), Relaxed);
        assert!((before..).map(pattern).zip(cx.input.iter()).all(|(one, other)| one == *other));
        cx.input.clear();
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.seen.ends.lock().unwrap().push(why.reason());
    }
}

/// Everything comes back, and both sides end in order.
pub(crate) fn echo(sim: &mut Simulation) {
    let (limits, workers) = (small_limits(sim), sim.random(3));
    let engine = sim.engine(Config { limits, workers, ..Config::default() });
    listen(engine, || Echo);
    let handle = engine.handle();
    // One whose own output is too much is not read from, and would wait for ever.
    let clients = sim.engine(Config { workers, ..Config::default() }).handle();
    let counts: Vec<_> = (0..1 + sim.random(3)).map(|_| 1 + sim.random(40_000)).collect();
    let dial = dial(sim);
    let seen: Vec<_> = counts
        .iter()
        .map(|count| {
            let (client, seen) = Client::new(*count);
            clients.connect(dial.clone(), client);
            seen
        })
        .collect();
    sim.run_until(|| seen.iter().all(|one| one.has_ended()));
    sim.run_until(|| handle.connections() == 0);
    for (one, count) in seen.iter().zip(counts) {
        assert_eq!((one.received.load(Relaxed), one.end()), (count, Reason::ByPeer));
    }
    assert_closes(sim, &[Reason::ByPeer]);
}

#[test]
fn what_is_sent_by_tls_comes_back() {
    seeds(150, echo);
}

/// Takes a thousand bytes, and a breath. Notes how many were there before it was told of the end.
struct Sips {
    count: usize,
    told: Arc<AtomicUsize>,
}

impl Handler for Sips {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.count += cx.input.len().min(1000);
        cx.input.consume(1000);
        cx.effects.pause();
        cx.effects.arm(Timer::new(0), Duration::from_millis(1));
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.resume();
        Ok(())
    }

    fn on_eof(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert!(cx.input.is_empty(), "{} bytes were not seen", cx.input.len());
        self.told.store(self.count, Relaxed);
        cx.effects.close();
        Ok(())
    }
}

#[test]
fn a_handler_that_pauses_is_not_told_of_the_end_before_what_came_with_it() {
    seeds(50, |sim| {
        let told = Arc::<AtomicUsize>::default();
        let engine = sim.engine(Config::default());
        let to = told.clone();
        listen(engine, move || Sips { count: 0, told: to.clone() });
        let (client, seen) = Client::new(5000);
        let dial = dial(sim);
        sim.engine(Config::default()).connect(dial, client);
        sim.run_until(|| seen.has_ended());
        assert_eq!(told.load(Relaxed), 5000);
    });
}

#[test]
fn every_byte_may_come_alone() {
    let pieces = Faults { short: 1000, pieces: 1000, window: 37, ..Faults::calm() };
    Seeds::new(10).faults(pieces).run(echo);
}

#[test]
fn a_seed_repeats_itself() {
    let run = |seed| {
        let mut sim = Simulation::with_faults(seed, Faults::storm());
        echo(&mut sim);
        sim.trace_hash()
    };
    for seed in 0..5 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}

/// Connections are cut at any byte, in the handshake and after it. Whoever was cut is told so, and
/// nobody is told anything that was not sent.
pub(crate) fn cut(sim: &mut Simulation) {
    sim.set_faults(Faults { reset: 100, ..sim.faults() });
    let workers = sim.random(3);
    let engine = sim.engine(Config { workers, ..Config::default() });
    listen(engine, || Echo);
    let handle = engine.handle();
    let clients = sim.engine(Config { workers, ..Config::default() }).handle();
    let dial = dial(sim);
    let seen: Vec<_> = (0..5)
        .map(|_| {
            let (client, seen) = Client::new(20_000);
            clients.connect(dial.clone(), client);
            seen
        })
        .collect();
    sim.run_until(|| seen.iter().all(|one| one.has_ended()));
    sim.run_until(|| handle.connections() == 0 && clients.connections() == 0);
    let cut = [Reason::Reset, Reason::TlsTruncated, Reason::TlsUnfinished];
    for one in &seen {
        match one.end() {
            Reason::ByPeer => assert_eq!(one.received.load(Relaxed), 20_000),
            other => assert!(cut.contains(&other) || other == Reason::Unreachable, "{other:?}"),
        }
    }
    assert_closes(sim, &[&cut[..], &[Reason::ByPeer, Reason::Unreachable]].concat());
}

#[test]
fn who_is_cut_is_told_so() {
    seeds(150, cut);
}

/// Bytes that are not TLS, or end too early, or never.
pub(crate) fn strangers(sim: &mut Simulation) {
    let engine = sim.engine(Config { workers: sim.random(2), ..Config::default() });
    listen(engine, || Echo);
    let handle = engine.handle();
    let peers: Vec<_> = (0..3).map(|_| sim.connect(AT)).collect();
    let garbage: Vec<_> = (0..1 + sim.random(3000)).map(|_| 23 + sim.random(200) as u8).collect();
    peers[0].send(&garbage);
    peers[1].send(&[22, 3, 1]);
    peers[1].finish();
    peers[2].send(&[22, 3, 1, 1]);
    peers[2].set_reading(Reading::Never);
    sim.run_for(Duration::from_secs(20));
    assert_eq!(handle.connections(), 0);
    assert_closes(sim, &[Reason::TlsMalformed, Reason::TlsUnfinished, Reason::LateHandshake]);
    assert_eq!(closes(sim, Reason::TlsUnfinished), 1);
    assert!(closes(sim, Reason::LateHandshake) >= 1);
}

#[test]
fn strangers_do_not_stay() {
    seeds(100, strangers);
}

const BEAT: Timer = Timer::new(0);

/// Answers each byte in every way there is: at once, by a worker, by a message, by a timer, with
/// shared bytes; and hands over to another handler half-way.
struct AllWays {
    me: Option<Address<Bytes>>,
    upgrades: bool,
}

impl Handler for AllWays {
    type Message = Bytes;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert!(cx.effects.tls().is_some(), "a successor is as encrypted as the first");
        self.me = Some(cx.effects.address());
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(&[byte]) = cx.input.take(1) {
            match byte {
                b'0' => cx.output.put(b"0"),
                b'w' => cx.effects.answer(b"w", |frame, output| output.put(frame))?,
                b'm' => {
                    let me = self.me.as_ref().expect("it is open");
                    me.send(Bytes::from_static(b"m")).map_err(|_| Close::Protocol("full"))?;
                }
                b't' => cx.effects.arm(BEAT, Duration::from_millis(5)),
                b's' => cx.output.share(Bytes::from(vec![b's'; 1000])),
                b'u' if self.upgrades => {
                    cx.output.put(b"u");
                    cx.effects.upgrade(Self { me: None, upgrades: false });
                    return Ok(());
                }
                _ => return Err(Close::Protocol("no such way")),
            }
        }
        Ok(())
    }

    fn on_message(&mut self, message: Bytes, cx: &mut Context<'_, Self>) -> Result {
        cx.output.share(message);
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"t");
        Ok(())
    }
}

/// Asks one thing after the other, each when the one before was answered.
struct InTurn {
    ways: &'static [u8],
    awaited: usize,
    seen: Arc<Seen>,
}

impl InTurn {
    fn ask(&mut self, cx: &mut Context<'_, Self>) {
        match self.ways {
            [way, rest @ ..] => {
                cx.output.put(&[*way]);
                self.awaited = if *way == b's' { 1000 } else { 1 };
                self.ways = rest;
            }
            [] => cx.effects.close(),
        }
    }
}

impl Handler for InTurn {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.ask(cx);
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.awaited -= cx.input.len();
        cx.input.clear();
        if self.awaited == 0 {
            self.ask(cx);
        }
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.seen.ends.lock().unwrap().push(why.reason());
    }
}

/// Whatever it is that has something sent, it is sent encrypted, and at once.
pub(crate) fn all_ways(sim: &mut Simulation) {
    let engine = sim.engine(Config { workers: 1 + sim.random(2), ..Config::default() });
    listen(engine, || AllWays { me: None, upgrades: true });
    let handle = engine.handle();
    let clients = sim.engine(Config::default()).handle();
    let seen = Arc::new(Seen::default());
    let client = InTurn { ways: b"0wmtsu0wmts", awaited: 0, seen: seen.clone() };
    clients.connect(dial(sim), client);
    sim.run_until(|| seen.has_ended());
    sim.run_until(|| handle.connections() == 0);
    assert_eq!(seen.end(), Reason::ByUs);
    assert_closes(sim, &[Reason::ByUs, Reason::ByPeer]);
}

#[test]
fn whatever_sends_is_encrypted() {
    seeds(150, all_ways);
}

/// Says hello, and no more.
struct Hello(Arc<Seen>);

impl Handler for Hello {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.put(b"hello");
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.0.received.fetch_add(cx.input.len(), Relaxed);
        cx.input.clear();
        Ok(())
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.0.ends.lock().unwrap().push(why.reason());
    }
}

#[test]
fn a_first_frame_that_comes_with_the_handshake_has_come() {
    seeds(30, |sim| {
        let first_frame = Some(Duration::from_secs(5));
        let deadlines = Deadlines { first_frame, ..Deadlines::default() };
        let engine = sim.engine(Config { deadlines, ..Config::default() });
        listen(engine, || Echo);
        let clients = sim.engine(Config::default()).handle();
        let seen = Arc::new(Seen::default());
        clients.connect(dial(sim), Hello(seen.clone()));
        sim.run_until(|| seen.received.load(Relaxed) == 5);
        sim.run_for(Duration::from_secs(20));
        assert_eq!(*seen.ends.lock().unwrap(), []);
    });
}
