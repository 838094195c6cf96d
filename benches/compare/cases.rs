//! The rows of the comparison: what is measured, on which servers, and the ratios to be reached.
//!
//! A ratio is overt's figure divided by the peer's: below 1, overt does with less. The figures
//! were set beforehand, from prototypes; a row that misses one is printed like any other.

use crate::load::Load;
use crate::message::Message;
use crate::program::Peer::{C, Go, Nginx, NoLedger, Node, Overt, Tokio};
use crate::program::Program;

/// What a case compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Nanoseconds of the server's processor, kernel included, per message.
    Processor,
    /// Instructions of the server itself, kernel not included, per message.
    Instructions,
    /// System calls per message.
    Calls,
    /// Bytes of memory per idle connection.
    Resident,
    /// Nanoseconds until the answer, for half of the messages.
    Median,
    /// Nanoseconds until the answer, for 99 of 100 messages.
    Tail,
    /// Nanoseconds of an operation.
    Operation,
}

pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) cases: Vec<Case>,
}

pub(crate) struct Case {
    pub(crate) title: String,
    pub(crate) load: Load,
    pub(crate) figure: Figure,
    pub(crate) overt: Program,
    /// What overt's own figure may be.
    pub(crate) at_most: Option<f64>,
    pub(crate) rivals: Vec<Rival>,
}

pub(crate) struct Rival {
    pub(crate) program: Program,
    /// What overt's figure divided by this one's may be, if anything is promised.
    pub(crate) at_most: Option<f64>,
}

impl Case {
    fn new(title: &str, load: Load, figure: Figure, kind: &'static str) -> Self {
        let (title, overt) = (title.to_owned(), Program::new(Overt, kind));
        Self { title, load, figure, overt, at_most: None, rivals: Vec::new() }
    }

    fn processor(title: &str, load: Load, kind: &'static str) -> Self {
        Self::new(title, load, Figure::Processor, kind)
    }

    fn at_most(mut self, figure: f64) -> Self {
        self.at_most = Some(figure);
        self
    }

    fn against(mut self, peer: crate::program::Peer, kind: &'static str, at_most: f64) -> Self {
        let program = Program::new(peer, kind);
        self.rivals.push(Rival { program, at_most: Some(at_most) });
        self
    }

    /// Beside a peer to which nothing is promised.
    fn beside(mut self, peer: crate::program::Peer, kind: &'static str) -> Self {
        self.rivals.push(Rival { program: Program::new(peer, kind), at_most: None });
        self
    }
}

const SMALL: Message = Message::Raw(64);
const SMALL_FRAME: Message = Message::Framed(64);
const KIB_64: usize = 64 * 1024;

fn echo(connections: usize, message: Message, in_flight: usize) -> Load {
    Load::Echo { connections, message, in_flight }
}

/// All rows. T17 has no servers, and so no cases here: see `deadlines.rs`.
pub(crate) fn rows() -> Vec<Row> {
    let row = |id, title, cases| Row { id, title, cases };
    vec![
        row("T1", "instructions: raw echo of 64 B, one at a time", instructions_raw()),
        row("T2", "instructions: frames of 64 B, 16 in flight", instructions_framed()),
        row("T3", "system calls per message of 64 B", calls()),
        row("T4", "processor: raw echo, 50 connections", raw()),
        row("T5", "processor: raw echo of 64 B, many connections", many()),
        row("T6", "processor: frames of 64 B, one at a time", framed()),
        row("T7", "processor: frames of 64 B, 16 in flight", framed_pipelined()),
        row("T8", "processor: raw echo of 64 KiB", bulk()),
        row("T9", "processor: frames of 64 KiB", bulk_framed()),
        row("T10", "processor: HTTP/1.1, hello", http()),
        row("T11", "processor: UDP echo", udp()),
        row("T12", "processor: frames of 64 B through one worker", workers()),
        row("T13", "memory: resident bytes per idle connection", resident()),
        row("T14", "processor: connect, one message, close", churn()),
        row("T15", "median latency: one connection, 64 B", latency()),
        row("T16", "99th percentile of latency: 50 connections, 64 B", tail()),
        row("T17", "timers: a million live", Vec::new()),
        row("T18", "processor: one line of 128 B to all of many", broadcast()),
        row("T19", "processor: the ledger, on against compiled out", ledger()),
        row("T20", "processor: echo of a text over WebSocket, 50 connections", websocket()),
        row("T21", "processor: one text of 128 B to all of many over WebSocket", websocket_room()),
        row("T22", "processor: by TLS 1.3, 50 connections", tls()),
        row("T23", "memory: an idle WebSocket, with heartbeat, in a room", websocket_resident()),
        row("T24", "processor: reverse proxy of HTTP/1.1, that of the proxy alone", proxy()),
    ]
}

/// The rows that need servers of the web.
pub(crate) const WEB: &[&str] = &["T10", "T20", "T21", "T22", "T23", "T24"];

fn instructions_raw() -> Vec<Case> {
    let case = Case::new("50 connections", echo(50, SMALL, 1), Figure::Instructions, "raw");
    vec![case.at_most(350.0).beside(C, "raw").against(Tokio, "raw", 0.35)]
}

fn instructions_framed() -> Vec<Case> {
    let load = echo(50, SMALL_FRAME, 16);
    let case = Case::new("50 connections", load, Figure::Instructions, "framed").at_most(100.0);
    let case = case.beside(C, "framed").against(Tokio, "framed", 0.30);
    vec![case.against(Tokio, "framed-send", 0.20)]
}

fn calls() -> Vec<Case> {
    let case = |title, load, kind, at_most: f64| {
        let case = Case::new(title, load, Figure::Calls, kind).at_most(at_most);
        case.against(C, kind, 1.0).against(Tokio, kind, 1.0).against(Go, kind, 0.85)
    };
    vec![
        case("raw, 50 connections", echo(50, SMALL, 1), "raw", 2.10),
        case("raw, 1 connection", echo(1, SMALL, 1), "raw", 3.05),
        case("framed, 16 in flight, 50 connections", echo(50, SMALL_FRAME, 16), "framed", 0.15),
    ]
}

fn raw() -> Vec<Case> {
    let case = |title, size| {
        let case = Case::processor(title, echo(50, Message::Raw(size), 1), "raw");
        case.against(C, "raw", 1.05).against(Tokio, "raw", 1.00).against(Go, "raw", 0.83)
    };
    vec![case("64 B", 64), case("1 KiB", 1024)]
}

fn many() -> Vec<Case> {
    let case = |title, connections| {
        let case = Case::processor(title, echo(connections, SMALL, 1), "raw");
        case.against(C, "raw", 1.05).against(Tokio, "raw", 0.95).against(Go, "raw", 0.80)
    };
    vec![case("1,000 connections", 1000), case("9,000 connections", 9000)]
}

fn framed() -> Vec<Case> {
    let case = Case::processor("50 connections", echo(50, SMALL_FRAME, 1), "framed");
    let case = case.against(C, "framed", 1.05).against(Tokio, "framed", 0.93);
    vec![case.beside(Tokio, "framed-send").against(Go, "framed", 0.81)]
}

fn framed_pipelined() -> Vec<Case> {
    let case = Case::processor("50 connections", echo(50, SMALL_FRAME, 16), "framed");
    let case = case.against(C, "framed", 1.05).against(Tokio, "framed", 0.80);
    vec![case.against(Tokio, "framed-send", 0.07).against(Go, "framed", 0.80)]
}

/// C reads into 64 KiB, too.
fn bulk() -> Vec<Case> {
    let case = |title, in_flight, c, tokio_64k| {
        let case = Case::processor(title, echo(8, Message::Raw(KIB_64), in_flight), "raw");
        let case = case.against(C, "raw", c);
        let case = case.against(Tokio, "raw-16k", 0.55).against(Tokio, "raw-64k", tokio_64k);
        case.against(Go, "raw-16k", 0.50).against(Go, "raw-64k", 0.97)
    };
    vec![case("1 in flight", 1, 1.05, 1.00), case("4 in flight", 4, 0.75, 0.80)]
}

fn bulk_framed() -> Vec<Case> {
    let case = Case::processor("1 in flight", echo(8, Message::Framed(KIB_64), 1), "framed");
    let case = case.against(C, "framed", 0.90).against(Tokio, "framed", 0.90);
    vec![case.beside(Tokio, "framed-send").against(Go, "framed", 0.72)]
}

fn http() -> Vec<Case> {
    let case = |title, connections, in_flight, [nginx, hyper, go]: [f64; 3]| {
        let load = echo(connections, Message::Hello, in_flight);
        let case = Case::processor(title, load, "http").against(Nginx, "http", nginx);
        case.against(Tokio, "http", hyper).against(Go, "http", go)
    };
    vec![
        case("50 connections", 50, 1, [0.95, 0.98, 0.55]),
        case("50 connections, 16 in flight", 50, 16, [0.10, 0.80, 0.06]),
        case("1,000 connections", 1000, 1, [0.78, 0.85, 0.40]),
    ]
}

fn websocket() -> Vec<Case> {
    let case = |title, size, in_flight| {
        let load = echo(50, Message::Text(size), in_flight);
        let case = Case::processor(title, load, "ws").against(Tokio, "ws", 1.0);
        case.against(Tokio, "ws-fast", 1.0).against(Go, "ws", 1.0).against(Node, "ws", 1.0)
    };
    vec![
        case("64 B", 64, 1),
        case("64 B, 16 in flight", 64, 16),
        case("16 KiB", 16 * 1024, 1),
        case("16 KiB, 16 in flight", 16 * 1024, 16),
    ]
}

fn websocket_room() -> Vec<Case> {
    let load = Load::Broadcast { members: 5000, message: Message::Text(128) };
    let case = Case::processor("5,000 members", load, "ws-broadcast");
    let case = case.against(Tokio, "ws-broadcast", 1.0).against(Go, "ws-broadcast", 1.0);
    vec![case.against(Node, "ws-broadcast", 1.0)]
}

fn tls() -> Vec<Case> {
    let case = |title, size| {
        let case = Case::processor(title, echo(50, Message::Sealed(size), 1), "tls");
        case.against(Tokio, "tls", 1.0).against(Go, "tls", 1.0)
    };
    let hello = Case::processor("HTTPS hello", echo(50, Message::SealedHello, 1), "https");
    let hello = hello.beside(Nginx, "https").against(Tokio, "https", 1.0);
    let hello = hello.against(Go, "https", 1.0);
    vec![case("echo of 64 B", 64), case("echo of 16 KiB", 16 * 1024), hello]
}

fn websocket_resident() -> Vec<Case> {
    let load = echo(5000, Message::Text(64), 1);
    let case = Case::new("5,000", load, Figure::Resident, "ws-member").at_most(1024.0);
    vec![case.beside(Tokio, "ws").beside(Go, "ws").beside(Node, "ws")]
}

fn udp() -> Vec<Case> {
    let case = |title, size, sockets, in_flight, tokio, go| {
        let case = Case::processor(title, Load::Datagrams { sockets, size, in_flight }, "udp");
        case.against(Tokio, "udp", tokio).against(Go, "udp", go)
    };
    vec![
        case("64 B, 50 peers, one at a time", 64, 50, 1, 0.97, 0.78),
        case("1,200 B, 50 peers, one at a time", 1200, 50, 1, 0.97, 0.78),
        case("64 B, 1 peer, bursts of 32", 64, 1, 32, 0.78, 0.62),
        case("1,200 B, 1 peer, bursts of 32", 1200, 1, 32, 0.78, 0.62),
    ]
}

/// All threads of a server share one processor.
fn workers() -> Vec<Case> {
    let one = Case::processor("one at a time", echo(50, SMALL_FRAME, 1), "workers");
    let one = one.against(Overt, "framed", 1.45).against(Tokio, "workers", 0.80);
    let one = one.against(Tokio, "workers-blocking", 0.55).against(Go, "workers", 0.95);
    let many = Case::processor("16 in flight", echo(50, SMALL_FRAME, 16), "workers");
    let many = many.against(Overt, "framed", 1.5).against(Tokio, "workers", 0.75);
    let many = many.against(Tokio, "workers-blocking", 0.05).against(Go, "workers", 0.87);
    vec![one, many]
}

fn resident() -> Vec<Case> {
    let load = echo(9000, SMALL, 1);
    let case = Case::new("raw", load, Figure::Resident, "raw").at_most(200.0);
    let raw = case.beside(C, "raw").against(Tokio, "raw", 0.06).against(Go, "raw", 0.08);
    let load = echo(9000, SMALL_FRAME, 1);
    let case = Case::new("framed", load, Figure::Resident, "framed").at_most(200.0);
    let case = case.beside(C, "framed").against(Tokio, "framed-send", 0.06);
    vec![raw, case.against(Go, "framed", 0.08)]
}

fn churn() -> Vec<Case> {
    let load = Load::Churn { connections: 50, size: 64 };
    let case = Case::processor("50 at a time", load, "raw");
    vec![case.against(C, "raw", 1.08).against(Tokio, "raw", 0.95).against(Go, "raw", 0.78)]
}

fn latency() -> Vec<Case> {
    let load = echo(1, SMALL, 1);
    let plain = Case::new("as by default", load, Figure::Median, "raw");
    let plain = plain.against(C, "raw", 1.05).against(Tokio, "raw", 1.05).against(Go, "raw", 1.00);
    let spinning = Case::new("with adaptive spin", load, Figure::Median, "spin");
    let spinning = spinning.beside(C, "raw").against(Tokio, "raw", 0.50);
    vec![plain, spinning.against(Go, "raw", 0.45)]
}

fn tail() -> Vec<Case> {
    let full = Case::new("saturated", echo(50, SMALL, 1), Figure::Tail, "raw");
    let full = full.against(C, "raw", 1.05).beside(Tokio, "raw").against(Go, "raw", 0.90);
    let load = Load::Paced { connections: 50, message: SMALL, share: 0.5 };
    let half = Case::new("at half of what the slowest can", load, Figure::Tail, "raw");
    let half = half.against(C, "raw", 1.05).against(Tokio, "raw", 1.05).against(Go, "raw", 1.00);
    vec![full, half]
}

fn broadcast() -> Vec<Case> {
    let load = Load::Broadcast { members: 9000, message: Message::Raw(128) };
    let case = Case::processor("9,000 members", load, "broadcast").against(C, "broadcast", 1.05);
    vec![case.against(Tokio, "broadcast", 0.70).against(Go, "broadcast", 0.60)]
}

fn ledger() -> Vec<Case> {
    let raw = Case::processor("raw, 64 B", echo(50, SMALL, 1), "raw");
    let framed = Case::processor("framed, 16 in flight", echo(50, SMALL_FRAME, 16), "framed");
    vec![raw.against(NoLedger, "raw", 1.01), framed.against(NoLedger, "framed", 1.03)]
}

/// All before one origin. Each tells it of the client, and keeps as many connections to it as it
/// has clients.
fn proxy() -> Vec<Case> {
    let case = |title, connections, message| {
        let case = Case::processor(title, echo(connections, message, 1), "proxy");
        case.against(Nginx, "proxy", 1.0).against(Go, "proxy", 1.0)
    };
    let page = case("64 KiB, 32 connections", 32, Message::Page(KIB_64));
    vec![
        case("hello, 1 connection", 1, Message::Hello),
        case("hello, 32 connections", 32, Message::Hello),
        case("hello, 1,000 connections", 1000, Message::Hello),
        page.against(Nginx, "proxy-64k", 1.0),
    ]
}
