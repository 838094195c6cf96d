//! A second reader: h11, a strict HTTP/1.1 in Python that nobody here wrote, reads what we read,
//! tens of thousands of messages that are right or a little wrong. What we took for a message it
//! must have taken for the same one: a difference between two readers is where requests are
//! smuggled. That we refuse more is as it should be.
#![cfg(feature = "http")]

use std::path::Path;
use std::process::Command;

use corpus::{changed, corpus};
use overt::Input;
use overt::wire::http::{Headers, HttpError, RequestHead};
use overt::wire::http1::{RequestDecoder, RequestEvent, ResponseDecoder, ResponseEvent};
use process::foreign;

#[path = "common/corpus.rs"]
mod corpus;
#[path = "common/process.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod process;

/// How often each file of the corpus is changed.
const CHANGES: u64 = 1_000;

/// Reads lines of a method and of hexadecimal digits: requests, if the method is `-`, and else a
/// response to such a request. Prints what came of each, as [`Told`] does.
const PROGRAM: &str = r#"
import h11, sys
def fields(headers):
    return "".join(" %s=%s" % (name.decode(), value.hex()) for name, value in headers)
def read(method, data):
    told, body = "", b""
    c = h11.Connection(h11.SERVER if method == "-" else h11.CLIENT, 1 << 16)
    if method != "-":
        c.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
        c.send(h11.EndOfMessage())
    if data:
        c.receive_data(data)
    if method != "-":
        c.receive_data(b"")
    try:
        while True:
            event = c.next_event()
            if event is h11.PAUSED and c.their_state is h11.DONE:
                c.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                c.send(h11.EndOfMessage())
                if c.our_state is not h11.DONE:
                    return told + "STOP"
                c.start_next_cycle()
            elif isinstance(event, h11.Request):
                line = event.method.decode(), event.target.decode(), event.http_version.decode()
                told += "%s %s HTTP/%s" % line + fields(event.headers) + ";"
            elif isinstance(event, (h11.Response, h11.InformationalResponse)):
                told += "%d" % event.status_code + fields(event.headers) + ";"
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                told, body = told + "body " + body.hex() + fields(event.headers) + ";", b""
                if method != "-":
                    return told
            elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return told + "STOP"
            else:
                return told
    except h11.RemoteProtocolError as error:
        # It knows no empty lines before a request, and nothing behind HTTP/1.0.
        mild = "no request line received", "Got data when expecting EOF"
        return told + ("STOP" if str(error) in mild else "ERROR")
for line in sys.stdin:
    method, data = line.split(" ")
    print(read(method, bytes.fromhex(data)))
"#;

/// What came of a message: a text for each head and each end, each ended by a semicolon.
#[derive(Default)]
struct Told(String);

impl Told {
    fn line(&mut self, line: &str, headers: &Headers) {
        self.0.push_str(line);
        for (name, value) in headers.iter() {
            let name = name.to_ascii_lowercase();
            // It is given in one case by the other one.
            let value = if name == "transfer-encoding" {
                value.to_ascii_lowercase()
            } else {
                value.to_vec()
            };
            self.0.push_str(&format!(" {name}={}", hex(&value)));
        }
        self.0.push(';');
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn requests(bytes: &[u8]) -> (Told, Result<(), HttpError>) {
    let (mut decoder, mut input) = (RequestDecoder::default(), Input::from(bytes));
    let (mut told, mut body) = (Told::default(), Vec::new());
    loop {
        match decoder.decode(&mut input) {
            Ok(Some(RequestEvent::Head(head))) => {
                let line = format!("{} {} {:?}", head.method(), head.target(), head.version());
                told.line(&line, &head.headers);
            }
            Ok(Some(RequestEvent::Body(bytes))) => body.extend_from_slice(bytes),
            Ok(Some(RequestEvent::End(trailers))) => {
                told.line(&format!("body {}", hex(&std::mem::take(&mut body))), trailers);
            }
            Ok(None) => return (told, Ok(())),
            Err(error) => return (told, Err(error)),
        }
    }
}

/// One response, and what comes before it.
fn response(method: &str, bytes: &[u8]) -> (Told, Result<(), HttpError>) {
    let (mut decoder, mut input) = (ResponseDecoder::default(), Input::from(bytes));
    decoder.expect(&RequestHead::new(method.parse().unwrap(), "/").unwrap());
    let (mut told, mut body) = (Told::default(), Vec::new());
    loop {
        let event = match decoder.decode(&mut input) {
            Ok(Some(event)) => Ok(Some(event)),
            Ok(None) => decoder.eof(&input),
            Err(error) => Err(error),
        };
        match event {
            Ok(Some(ResponseEvent::Interim(head) | ResponseEvent::Head(head))) => {
                told.line(head.status().as_str(), &head.headers);
            }
            Ok(Some(ResponseEvent::Body(bytes))) => body.extend_from_slice(bytes),
            Ok(Some(ResponseEvent::End(trailers))) => {
                told.line(&format!("body {}", hex(&body)), trailers);
                return (told, Ok(()));
            }
            Ok(None) => return (told, Ok(())),
            Err(error) => return (told, Err(error)),
        }
    }
}

/// What `h11` makes of each.
fn second_reader(lines: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("second_reader");
    foreign(Command::new("python3").args(["-m", "venv"]).arg(&folder), b"");
    let pip = ["-q", "install", "--disable-pip-version-check", "h11==0.16.0"];
    foreign(Command::new(folder.join("bin/pip")).args(pip), b"");
    let python = &mut Command::new(folder.join("bin/python"));
    let told = foreign(python.args(["-c", PROGRAM]), lines.as_bytes());
    told.lines().map(str::to_owned).collect()
}

/// Messages that are right or a little wrong; `skip` bytes of each file are parameters.
fn messages(name: &str, skip: usize, before: &[u8]) -> Vec<Vec<u8>> {
    let files = corpus(name);
    let mut all = Vec::new();
    for (_, bytes) in &files {
        all.push([before, &bytes[skip..]].concat());
        for seed in 0..CHANGES {
            let (_, other) = &files[seed as usize % files.len()];
            let changed = changed(&bytes[skip..], &other[skip..], seed);
            all.push([before, &changed].concat());
        }
    }
    all
}

#[test]
#[ignore = "needs python3"]
fn a_second_reader_reads_the_same() {
    let chunked = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let requests_read = [messages("http_requests", 1, b""), messages("http_chunks", 1, chunked)];
    let mut all: Vec<(&str, Vec<u8>)> =
        requests_read.concat().into_iter().map(|bytes| ("-", bytes)).collect();
    for bytes in messages("http_responses", 2, b"") {
        all.push((if all.len().is_multiple_of(3) { "HEAD" } else { "GET" }, bytes));
    }
    let lines: String =
        all.iter().map(|(method, bytes)| format!("{method} {}\n", hex(bytes))).collect();
    let theirs = second_reader(&lines);
    assert_eq!(theirs.len(), all.len());
    let mut understood = 0;
    for ((method, bytes), theirs) in all.iter().zip(theirs) {
        let (ours, is_right) = match *method {
            "-" => requests(bytes),
            method => response(method, bytes),
        };
        let text = String::from_utf8_lossy(bytes);
        let (told, ours) = (theirs.trim_end_matches("STOP").trim_end_matches("ERROR"), ours.0);
        let is_same = match is_right {
            Ok(()) if theirs.ends_with("STOP") => ours.starts_with(told),
            // They may refuse what we take for the beginning of something.
            Ok(()) => ours == told,
            // What came before what we refuse was the same, as far as they read it.
            Err(_) if theirs == told => told.starts_with(&*ours),
            Err(_) => told.starts_with(&*ours) || ours.starts_with(told),
        };
        assert!(
            is_same,
            "{method} {text:?}:\nwe read   {ours:?} {is_right:?}\nthey read {theirs:?}"
        );
        understood += u32::from(is_right.is_ok() && !ours.is_empty());
    }
    assert!(understood > 5_000, "{understood} of {} say little", all.len());
}
