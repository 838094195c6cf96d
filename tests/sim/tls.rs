//! TLS in a simulated network: handlers can't tell it from TCP, whatever the network does.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

use overt::net::{Endpoint, Listen, TlsVersion};
use overt::sim::{Simulation, seeds};
use overt::tls::{Identity, Roots, TlsClient, TlsServer};
use overt::{Close, Config, Context, Dial, Engine, Handler, Never, Outgoing, Reason, Result};

use crate::certificates::Authority;
use crate::{assert_closes, small_limits};

const AT: &str = "10.0.0.1:7443";

/// What both sides use: made once, since making keys takes longer than running a seed.
fn both() -> &'static (TlsServer, TlsClient) {
    static BOTH: OnceLock<(TlsServer, TlsClient)> = OnceLock::new();
    BOTH.get_or_init(|| {
        let authority = Authority::repeatable("sim");
        let signed = authority.sign(&["example.org"]);
        let identity = Identity::from_pem(signed.certificate.as_bytes(), signed.key.as_bytes());
        let server = TlsServer::builder().identity(identity.unwrap()).alpn(["echo"]);
        let roots = Roots::none().and_pem(authority.pem().as_bytes()).unwrap();
        let client = TlsClient::builder().roots(roots).alpn(["echo"]).server_name("example.org");
        (server.build().unwrap(), client.build().unwrap())
    })
}

fn listen<H: Handler>(
    engine: &mut Engine<overt::sim::World>,
    handler: impl Fn() -> H + Send + Sync + 'static,
) {
    let at: Endpoint = AT.parse().unwrap();
    engine.listen(Listen::at(at).tls(&both().0), handler).unwrap();
}

fn dial() -> Dial {
    AT.parse::<Dial>().unwrap().tls(&both().1)
}

struct Echo;

impl Handler for Echo {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let facts = cx.effects.tls().expect("it is encrypted");
        assert_eq!(facts.alpn.as_deref(), Some(&b"echo"[..]));
        assert_eq!(facts.server_name.as_deref(), Some("example.org"));
        assert_eq!(facts.version, TlsVersion::V1_3);
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert!(!cx.input.is_empty());
        cx.output.append(cx.input);
        Ok(())
    }
}

/// Sends so many bytes, ends, and notes what comes back.
struct Client {
    left: usize,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    received: AtomicUsize,
    ends: Mutex<Vec<Reason>>,
}

impl Client {
    fn new(left: usize) -> (Self, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        (Self { left, seen: seen.clone() }, seen)
    }

    fn flow(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while self.left > 0 && !cx.output.is_congested() {
            let count = self.left.min(777);
            let bytes: Vec<_> = (0..count).map(|at| pattern(self.left - at)).collect();
            cx.output.put(&bytes);
            self.left -= count;
            if self.left == 0 {
                cx.effects.finish();
            }
        }
        Ok(())
    }
}

fn pattern(left: usize) -> u8 {
    (left % 251) as u8
}

impl Handler for Client {
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        assert!(cx.effects.tls().is_some());
        self.flow(cx)
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.seen.received.fetch_add(cx.input.len(), Relaxed);
        cx.input.clear();
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.flow(cx)
    }

    fn on_close(self, why: Close, _: &mut Outgoing<'_>) {
        self.seen.ends.lock().unwrap().push(why.reason());
    }
}

/// Everything comes back, and both sides end in order.
pub(crate) fn echo(sim: &mut Simulation) {
    let limits = small_limits(sim);
    let engine = sim.engine(Config { limits, ..Config::default() });
    listen(engine, || Echo);
    let handle = engine.handle();
    // A client that is not read from because it does not read would wait for ever.
    let clients = sim.engine(Config::default()).handle();
    let counts: Vec<_> = (0..1 + sim.random(3)).map(|_| 1 + sim.random(40_000)).collect();
    let all: Vec<_> = counts.iter().map(|count| Client::new(*count)).collect();
    let seen: Vec<_> = all.iter().map(|(_, seen)| seen.clone()).collect();
    all.into_iter().for_each(|(client, _)| clients.connect(dial(), client));
    sim.run_until(|| seen.iter().all(|one| !one.ends.lock().unwrap().is_empty()));
    sim.run_until(|| handle.connections() == 0);
    for (one, count) in seen.iter().zip(counts) {
        assert_eq!(
            (one.received.load(Relaxed), &*one.ends.lock().unwrap()),
            (count, &vec![Reason::ByPeer])
        );
    }
    assert_closes(sim, &[Reason::ByPeer]);
}

#[test]
fn what_is_sent_by_tls_comes_back() {
    seeds(150, echo);
}
