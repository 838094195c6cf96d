//! Peers that are not ours speak WebSocket with us, in both roles: Python's `websockets` and npm's
//! `ws`. The conformance suite is in `autobahn.rs`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};

use overt::net::{Endpoint, Listen};
use overt::service::Reconnect;
use overt::service::websocket::{
    Closed, Refusal, WebSocketConfig, WebSocketContext, WebSocketHandler, WebSocketRequest,
    WebSocketServer,
};
use overt::tls::{Roots, TlsClient, TlsServer};
use overt::wire::http::RequestHead;
use overt::wire::websocket::{CloseCode, Deflate};
use overt::{Config, Engine, Never, Outgoing, Result, Running};

use certificates::Authority;
use process::{PATIENCE, Process, foreign};

#[path = "common/certificates.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod certificates;
#[path = "common/process.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod process;

/// Where the peers are installed.
fn peers() -> &'static Path {
    static PEERS: OnceLock<PathBuf> = OnceLock::new();
    PEERS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("websocket_peers");
        let place = folder.to_str().unwrap();
        foreign(Command::new("python3").args(["-m", "venv", place]), b"");
        let pip = ["-q", "install", "--disable-pip-version-check", "websockets==17.4"];
        foreign(Command::new(folder.join("bin/pip")).args(pip), b"");
        let npm = ["install", "--silent", "--no-audit", "--no-fund", "--prefix", place];
        foreign(Command::new("npm").args(npm).arg("ws@8.23.0"), b"");
        folder
    })
}

fn python(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(peers().join("bin/python"));
    command.args(["-u", "-c", program]).args(arguments);
    command
}

fn node(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.current_dir(peers()).args(["-e", program, "--"]).args(arguments);
    command
}

fn origin() -> (Process, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_overt"));
    let server = Process::start(command.args(["origin", "--listen", "127.0.0.1:0"]));
    let at = server.address(" on ");
    (server, at)
}

#[test]
#[ignore = "needs python3"]
fn python_gets_its_messages_back_and_the_right_codes() {
    const PROGRAM: &str = r#"
import asyncio, sys, websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Deflate
uri = "ws://127.0.0.1:%s/ws" % sys.argv[1]
messages = ["hello", "", b"", "\u00e4\U0001d11e" * 1000, bytes(range(256)) * 300, b"x" * (1 << 20)]
async def talk(**options):
    async with websockets.connect(uri, max_size=None, **options) as ws:
        for message in messages:
            await ws.send(message)
            assert await ws.recv() == message
        await ws.send(["in ", "several ", "pieces " * 100])
        assert await ws.recv() == "in several " + "pieces " * 100
        await (await ws.ping(b"there?"))
        await ws.close(4001, "enough")
    assert ws.close_code == 4001, ws.close_code
async def ends(code, what):
    async with websockets.connect(uri, max_size=None) as ws:
        await what(ws)
        try:
            await ws.recv()
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd and closed.rcvd.code == code, closed
async def main():
    await talk()
    await talk(compression=None)
    for bits in range(9, 16):
        await talk(extensions=[Deflate(server_max_window_bits=bits, client_max_window_bits=bits)])
    await ends(1009, lambda ws: ws.send(bytes(17 << 20)))
    await ends(1007, lambda ws: ws.send(b"\xff", text=True))
    await asyncio.gather(*(talk() for _ in range(50)))
asyncio.run(main())
print("same")
"#;
    let (server, at) = origin();
    let port = at.port().to_string();
    assert_eq!(foreign(&mut python(PROGRAM, &[&port]), b""), "same\n");
    server.ends();
}

#[test]
#[ignore = "needs node"]
fn node_gets_its_messages_back_and_the_right_codes() {
    const PROGRAM: &str = r#"
const { WebSocket } = require("ws");
const assert = require("assert");
const url = `ws://127.0.0.1:${process.argv.at(-1)}/ws`;
const messages = ["hello", "", "\u00e4\u{1d11e}".repeat(1000), Buffer.alloc(1 << 20, 7)];
const talk = options => new Promise((done, failed) => {
    const ws = new WebSocket(url, { maxPayload: 0, ...options });
    let at = 0;
    const next = () => at < messages.length ? ws.send(messages[at]) : ws.ping("there?");
    ws.on("open", () => {
        assert.equal(ws.extensions, options.extensions);
        next();
    });
    ws.on("message", (data, isBinary) => {
        assert.deepEqual(isBinary ? data : data.toString(), messages[at++]);
        next();
    });
    ws.on("pong", () => ws.close(4001, "enough"));
    ws.on("close", code => code === 4001 ? done() : failed(new Error(`closed with ${code}`)));
    ws.on("error", failed);
});
const pieces = () => new Promise((done, failed) => {
    const ws = new WebSocket(url, { perMessageDeflate: { threshold: 0 } });
    ws.on("open", () => {
        ws.send("in ", { fin: false });
        ws.ping();
        ws.send("several ", { fin: false });
        ws.send("pieces");
    });
    ws.on("message", data => {
        data.toString() === "in several pieces" ? ws.terminate() : failed(data);
    });
    ws.on("close", done);
    ws.on("error", failed);
});
(async () => {
    await talk({ perMessageDeflate: false, extensions: "" });
    await talk({ perMessageDeflate: { threshold: 0 }, extensions: "permessage-deflate" });
    await pieces();
    await Promise.all(Array.from({ length: 50 }, pieces));
    console.log("same");
})();
"#;
    let (server, at) = origin();
    let port = at.port().to_string();
    assert_eq!(foreign(&mut node(PROGRAM, &[&port]), b""), "same\n");
    server.ends();
}

#[test]
#[ignore = "needs python3"]
fn who_is_connected_when_the_server_goes_down_is_told_when_to_come_back() {
    const PROGRAM: &str = r#"
import sys
from websockets.sync.client import connect
from websockets.exceptions import ConnectionClosed
with connect("ws://127.0.0.1:%s/ws" % sys.argv[1]) as ws:
    print("open")
    try:
        ws.recv()
    except ConnectionClosed as closed:
        print(closed.rcvd.code, closed.rcvd.reason, sep=", ")
"#;
    let (server, at) = origin();
    let client = Process::start(&mut python(PROGRAM, &[&at.port().to_string()]));
    client.prints_at_last("open");
    server.ends();
    client.prints_at_last("1012, the server goes down; retry-after-ms=");
}

/// What our client was told.
#[derive(Debug, PartialEq)]
enum Told {
    Open(Option<String>),
    Message(usize),
    Closed(CloseCode, String),
}

/// Says all of its messages, one after another, then asks to be sent away; comes back once, and
/// says the end.
struct Caller {
    request: WebSocketRequest,
    reconnect: Reconnect,
    at: usize,
    is_back: bool,
    told: Sender<Told>,
}

fn messages() -> [String; 4] {
    ["hello".into(), String::new(), "ä𝄞".repeat(1000), "long ".repeat(100_000)]
}

impl Caller {
    fn go_on(&mut self, cx: &mut WebSocketContext<'_, Self>) {
        match messages().get(self.at) {
            Some(message) if self.at.is_multiple_of(2) => cx.text(message),
            Some(message) => cx.binary(message.as_bytes()),
            None if self.is_back => cx.close(CloseCode(4002), "enough"),
            None => cx.text("restart"),
        }
    }

    fn back(&mut self, message: &[u8], cx: &mut WebSocketContext<'_, Self>) -> Result {
        assert!(messages()[self.at].as_bytes() == message, "message {}", self.at);
        self.told.send(Told::Message(self.at)).unwrap();
        self.at += 1;
        self.go_on(cx);
        Ok(())
    }
}

impl WebSocketHandler for Caller {
    type Message = Never;

    fn on_open(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
        self.told.send(Told::Open(cx.protocol().map(str::to_owned))).unwrap();
        self.go_on(cx);
        Ok(())
    }

    fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
        self.back(text.as_bytes(), cx)
    }

    fn on_binary(&mut self, bytes: &[u8], cx: &mut WebSocketContext<'_, Self>) -> Result {
        self.back(bytes, cx)
    }

    fn on_close(mut self, closed: Closed, outgoing: &mut Outgoing<'_>) {
        assert!(closed.is_clean, "{closed}: {}", closed.why);
        self.told.send(Told::Closed(closed.code, closed.reason.to_string())).unwrap();
        if self.is_back {
            return;
        }
        self.is_back = true;
        self.reconnect.not_before(closed.retry_after());
        let dial = self.reconnect.again(&closed.why, outgoing).unwrap();
        outgoing.connect(dial, self.request.clone().open(self));
    }
}

fn call(request: WebSocketRequest) -> (Running, Receiver<Told>) {
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    let (to, told) = channel();
    let reconnect = Reconnect::new(request.dial());
    let first = request.clone();
    let caller = Caller { request, reconnect, at: 0, is_back: false, told: to };
    engine.connect(first.dial(), first.open(caller));
    (engine.start().unwrap(), told)
}

/// Our client and a foreign server that answers "restart" by 1012 and a hint.
fn calls(server: &Process, compression: Option<Deflate>, tls: Option<&TlsClient>) {
    let port = server.prints().expect("the server says its port");
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    let config = WebSocketConfig {
        deflate: compression,
        protocols: vec!["other".into(), "chat".into()],
        ..WebSocketConfig::default()
    };
    let request = format!("{scheme}://localhost:{port}/there?a=b").parse::<WebSocketRequest>();
    let mut request = request.unwrap().config(config).header("cookie", "a=b");
    if let Some(tls) = tls {
        request = request.tls(tls);
    }
    let (running, told) = call(request);
    let mut expected = vec![Told::Open(Some("chat".into()))];
    expected.extend((0..messages().len()).map(Told::Message));
    let away = CloseCode::SERVICE_RESTART;
    expected.push(Told::Closed(away, "restarting; retry-after-ms=50".into()));
    expected.push(Told::Open(Some("chat".into())));
    expected.push(Told::Closed(CloseCode(4002), "enough".into()));
    for expected in expected {
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), expected);
    }
    running.shut_down().unwrap();
}

/// Ways to compress.
fn ways() -> [Option<Deflate>; 3] {
    let all = Deflate { min: 0, ..Deflate::default() };
    [
        None,
        Some(all.clone()),
        Some(Deflate { takeover: true, peer_takeover: true, window_bits: 9, ..all }),
    ]
}

const PYTHON_SERVER: &str = r#"
import asyncio, ssl, sys, websockets
context = None
if len(sys.argv) > 1:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
async def echo(ws):
    assert ws.request.path == "/there?a=b" and ws.request.headers["cookie"] == "a=b"
    try:
        async for message in ws:
            if message == "restart":
                await ws.close(1012, "restarting; retry-after-ms=50")
            else:
                await ws.send(message)
    except websockets.ConnectionClosed:
        pass
async def main():
    async with websockets.serve(echo, "localhost", 0, subprotocols=["chat"], ssl=context,
                                family=2) as server:
        print(server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().create_future()
asyncio.run(main())
"#;

#[test]
#[ignore = "needs python3"]
fn our_client_calls_a_server_in_python() {
    for way in ways() {
        let server = Process::start(&mut python(PYTHON_SERVER, &[]));
        calls(&server, way, None);
    }
}

#[test]
#[ignore = "needs node"]
fn our_client_calls_a_server_in_node() {
    const PROGRAM: &str = r#"
const { WebSocketServer } = require("ws");
const server = new WebSocketServer({
    host: "127.0.0.1", port: 0, perMessageDeflate: { threshold: 0 },
    handleProtocols: protocols => protocols.has("chat") ? "chat" : false,
});
server.on("connection", ws => ws.on("message", (data, isBinary) => {
    if (!isBinary && data.toString() === "restart") {
        ws.close(1012, "restarting; retry-after-ms=50");
    } else {
        ws.send(data, { binary: isBinary });
    }
}));
server.on("listening", () => console.log(server.address().port));
"#;
    for way in ways() {
        let server = Process::start(&mut node(PROGRAM, &[]));
        calls(&server, way, None);
    }
}

/// Says everything back.
struct Echo;

impl WebSocketHandler for Echo {
    type Message = Never;

    fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.text(text);
        Ok(())
    }
}

/// A certificate for `localhost`, with its key in one file, and who vouches for it.
fn certificate(name: &str) -> (PathBuf, Authority) {
    let authority = Authority::new("WebSocket Test");
    let signed = authority.sign(&["localhost"]);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, format!("{}{}", signed.certificate, signed.key)).unwrap();
    (path, authority)
}

#[test]
#[ignore = "needs python3"]
fn both_ways_through_tls() {
    let (path, authority) = certificate("websocket_peers.pem");
    let roots = Roots::none().and_pem(authority.pem().as_bytes()).unwrap();
    let client = TlsClient::builder().roots(roots).build().unwrap();
    let server = Process::start(&mut python(PYTHON_SERVER, &[path.to_str().unwrap()]));
    calls(&server, Some(Deflate::default()), Some(&client));

    const CLIENT: &str = r#"
import ssl, sys
from websockets.sync.client import connect
context = ssl.create_default_context(cafile=sys.argv[2])
with connect("wss://localhost:%s/" % sys.argv[1], ssl=context) as ws:
    for message in ["hello", "x" * 500_000]:
        ws.send(message)
        assert ws.recv() == message
print("same")
"#;
    let tls = TlsServer::from_files(&path, &path).unwrap();
    let mut engine = Engine::new(Config { loops: 1, ..Config::default() }).unwrap();
    let open = |_: &RequestHead| Ok::<_, Refusal>(Echo);
    let server = WebSocketServer::new(WebSocketConfig::default(), open);
    let at: Endpoint = "127.0.0.1:0".parse().unwrap();
    let at = engine.listen(Listen::at(at).tls(&tls), move || server.clone()).unwrap();
    let running = engine.start().unwrap();
    let port = at.socket_addr().unwrap().port().to_string();
    let root = path.with_extension("root");
    std::fs::write(&root, authority.pem()).unwrap();
    let said = foreign(&mut python(CLIENT, &[&port, root.to_str().unwrap()]), b"");
    assert_eq!(said, "same\n");
    running.shut_down().unwrap();
}
