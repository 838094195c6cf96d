//! The conformance suite of WebSocket, in both roles: Autobahn's `wstest` as the client of our
//! server, and as the server of our client. `.ci/autobahn` installs it, and runs this.
#![cfg(all(feature = "websocket", feature = "json"))]

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use std::{env, fs};

use overt::service::websocket::{
    Closed, Refusal, WebSocketConfig, WebSocketContext, WebSocketHandler, WebSocketRequest,
    WebSocketServer,
};
use overt::wire::http::RequestHead;
use overt::wire::websocket::{Deflate, MessageLimits};
use overt::{Config, Engine, Limits, Never, Outgoing, Result};

/// The longest messages of the suite have 16 MiB.
const LONGEST: usize = 16 << 20;
/// Everything but most of compression, which takes minutes.
const SHORT: &str = r#""1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*",
    "12.1.1", "12.1.10", "12.2.5", "13.1.1", "13.3.2", "13.5.10", "13.7.18""#;
/// Of what needs a server or client of its own: messages that refer to those before them.
const SHORT_TAKING_OVER: &str = r#""12.1.5", "13.1.5", "13.3.10", "13.4.3""#;

/// Says everything back.
struct Echo;

impl WebSocketHandler for Echo {
    type Message = Never;

    fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.text(text);
        Ok(())
    }

    fn on_binary(&mut self, bytes: &[u8], cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.binary(bytes);
        Ok(())
    }
}

/// A client that lets the server run all its cases, one connection each.
struct Runner {
    server: SocketAddr,
    agent: &'static str,
    config: WebSocketConfig,
    step: Step,
    done: Sender<()>,
}

#[derive(Clone, Copy)]
enum Step {
    Count,
    Case(usize, usize),
    Report,
}

impl Runner {
    fn request(&self) -> WebSocketRequest {
        let (server, agent) = (self.server, self.agent);
        let url = match self.step {
            Step::Count => format!("ws://{server}/getCaseCount"),
            Step::Case(case, _) => format!("ws://{server}/runCase?case={case}&agent={agent}"),
            Step::Report => format!("ws://{server}/updateReports?agent={agent}"),
        };
        url.parse::<WebSocketRequest>().unwrap().config(self.config.clone())
    }
}

impl WebSocketHandler for Runner {
    type Message = Never;

    fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
        match self.step {
            Step::Count => self.step = Step::Case(0, text.parse().unwrap()),
            _ => cx.text(text),
        }
        Ok(())
    }

    fn on_binary(&mut self, bytes: &[u8], cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.binary(bytes);
        Ok(())
    }

    fn on_close(mut self, closed: Closed, outgoing: &mut Outgoing<'_>) {
        self.step = match self.step {
            Step::Count => panic!("how many cases there are was not said: {closed}"),
            Step::Case(case, of) if case < of => Step::Case(case + 1, of),
            Step::Case(..) => Step::Report,
            Step::Report => return self.done.send(()).unwrap(),
        };
        let request = self.request();
        outgoing.connect(request.dial(), request.open(self));
    }
}

/// The default, but for limits, and everything is compressed.
fn defaults() -> WebSocketConfig {
    WebSocketConfig {
        limits: MessageLimits { frame_max: LONGEST, message_max: LONGEST },
        deflate: Some(Deflate { min: 0, ..Deflate::default() }),
        ..WebSocketConfig::default()
    }
}

/// Messages refer to those before them.
fn taking_over() -> WebSocketConfig {
    let deflate = Deflate { takeover: true, peer_takeover: true, min: 0, ..Deflate::default() };
    WebSocketConfig { deflate: Some(deflate), ..defaults() }
}

fn engine() -> Engine {
    let limits = Limits { output_max: 4 * LONGEST, ..Limits::default() };
    Engine::new(Config { loops: 1, limits, ..Config::default() }).unwrap()
}

#[test]
#[ignore = "needs wstest: .ci/autobahn"]
fn our_server_passes_all_cases() {
    let mut engine = engine();
    let mut listen = |config: WebSocketConfig| {
        let server = WebSocketServer::new(config, |_: &RequestHead| Ok::<_, Refusal>(Echo));
        engine.listen("127.0.0.1:0", move || server.clone()).unwrap().socket_addr().unwrap()
    };
    let ways = ways().map(|way| (listen(way.config.clone()), way));
    let running = engine.start().unwrap();
    for (at, way) in &ways {
        let suite = Suite::new("server", way);
        let servers = format!(r#""servers": [{{"agent": "{}", "url": "ws://{at}"}}]"#, way.name);
        let ended = suite.wstest("fuzzingclient", &servers).wait().unwrap();
        assert!(ended.success());
        suite.judge();
    }
    running.shut_down().unwrap();
}

#[test]
#[ignore = "needs wstest: .ci/autobahn"]
fn our_client_passes_all_cases() {
    for way in &ways() {
        let suite = Suite::new("client", way);
        let (server, mut wstest) = suite.serve();
        let (done, all_done) = channel();
        let (agent, config) = (way.name, way.config.clone());
        let runner = Runner { server, agent, config, step: Step::Count, done };
        let (mut engine, request) = (engine(), runner.request());
        engine.connect(request.dial(), request.open(runner));
        let running = engine.start().unwrap();
        all_done.recv().expect("the client gave up");
        running.shut_down().unwrap();
        wstest.kill().unwrap();
        wstest.wait().unwrap();
        suite.judge();
    }
}

/// One way to speak WebSocket, and the cases for it.
struct Way {
    name: &'static str,
    config: WebSocketConfig,
    cases: &'static str,
}

/// With `OVERT_AUTOBAHN=all`, all cases in each way.
fn ways() -> [Way; 2] {
    let all = env::var("OVERT_AUTOBAHN").is_ok_and(|chosen| chosen == "all");
    let cases = |all_of_them, short| if all { all_of_them } else { short };
    [
        Way { name: "overt", config: defaults(), cases: cases(r#""*""#, SHORT) },
        Way {
            name: "overt_taking_over",
            config: taking_over(),
            cases: cases(r#""12.*", "13.*""#, SHORT_TAKING_OVER),
        },
    ]
}

/// A run of the suite, and the folder of its reports.
struct Suite<'a> {
    role: &'static str,
    way: &'a Way,
    folder: PathBuf,
}

impl<'a> Suite<'a> {
    fn new(role: &'static str, way: &'a Way) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("autobahn").join(role);
        let folder = folder.join(way.name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self { role, way, folder }
    }

    fn wstest(&self, mode: &str, peer: &str) -> Child {
        let (reports, cases) = (self.folder.to_str().unwrap(), self.way.cases);
        let spec = format!(
            r#"{{{peer}, "outdir": "{reports}", "cases": [{cases}], "exclude-cases": [],
            "exclude-agent-cases": {{}}, "options": {{"failByDrop": false}}}}"#
        );
        let (spec_at, log_at) = (self.folder.join("spec.json"), self.folder.join("log"));
        fs::write(&spec_at, spec).unwrap();
        let log = fs::File::create(log_at).unwrap();
        Command::new(wstest())
            .args(["--webport", "0", "-m", mode, "-s"])
            .arg(spec_at)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Begins the suite as a server. Until it has its address, another connection may take that:
    /// then it ends, and begins anew at another one.
    fn serve(&self) -> (SocketAddr, Child) {
        for _ in 0..5 {
            let server = free_address();
            let mut wstest = self.wstest("fuzzingserver", &format!(r#""url": "ws://{server}""#));
            let mut has_ended = false;
            wait_until(|| {
                has_ended = wstest.try_wait().unwrap().is_some();
                has_ended || TcpStream::connect(server).is_ok()
            });
            if !has_ended {
                return (server, wstest);
            }
        }
        panic!("the suite does not begin: see {}", self.folder.display());
    }

    /// Prints the score; fails if a case did.
    fn judge(&self) {
        let index = fs::read(self.folder.join("index.json")).expect("there is no report");
        type Index = BTreeMap<String, BTreeMap<String, BTreeMap<String, serde_json::Value>>>;
        let index: Index = serde_json::from_slice(&index).unwrap();
        let cases = &index[self.way.name];
        let (mut sums, mut failed) = (BTreeMap::new(), Vec::new());
        for (case, result) in cases {
            let of = |what: &str| result[what].as_str().unwrap().to_owned();
            let (behaviour, close) = (of("behavior"), of("behaviorClose"));
            let is_good = |found: &str| ["OK", "NON-STRICT", "INFORMATIONAL"].contains(&found);
            if !is_good(&behaviour) || !is_good(&close) {
                failed.push(format!("{case}: {behaviour}, {close}"));
            } else if behaviour == "NON-STRICT" {
                println!("{} as {}: {case} is not strict", self.way.name, self.role);
            }
            *sums.entry(behaviour).or_insert(0) += 1;
        }
        println!("{} as {}: {} cases, {sums:?}", self.way.name, self.role, cases.len());
        assert!(failed.is_empty(), "see {}: {failed:?}", self.folder.display());
        assert!(!cases.is_empty());
    }
}

/// The suite, which is installed if it is not there.
fn wstest() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/autobahn");
    let installed = Command::new(script).arg("install").output().unwrap();
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    String::from_utf8(installed.stdout).unwrap().trim().into()
}

/// An address that nobody listens at, and that the suite can be told.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < until, "the suite does not begin");
        thread::park_timeout(Duration::from_millis(10));
    }
}
