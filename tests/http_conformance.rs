//! A server on a real socket, held to RFC 9112 request by request: what must be served is served,
//! what must be refused is refused with the right status and then the connection ends, and what
//! comes behind it is never taken for a request.
#![cfg(feature = "http")]

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;

use overt::Engine;
use overt::service::http::{HttpServer, Request, Responder, Response, Serve};
use overt::wire::http::StatusCode;
use serving::{address, connect, loops};

#[path = "common/refused.rs"]
mod refused;
#[path = "common/serving.rs"]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
mod serving;

/// Says in a line what was asked, and how long the body was.
fn describe(request: &Request<'_>, responder: Responder<'_, '_>) {
    let (head, body) = (request.head(), request.body());
    if head.path() == "/418" {
        return responder.status(StatusCode::IM_A_TEAPOT);
    }
    let authority = head.authority().unwrap_or("-");
    let text = format!("<{} {} {authority} {}>", head.method(), head.path(), body.len());
    responder.send(Response::text(text));
}

/// With a server that runs.
fn with_server(test: impl FnOnce(SocketAddr)) {
    let mut engine = Engine::new(loops(1)).unwrap();
    let server = HttpServer::new(Serve::new(describe));
    let at = engine.listen("127.0.0.1:0", move || server.connection()).unwrap();
    let running = engine.start().unwrap();
    test(address(&at));
    running.shut_down().unwrap();
}

/// Another request, which is the last.
const LAST: &[u8] = b"GET /418 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Sends `bytes` and then [`LAST`] on one connection; gives all that comes until the server closes
/// it.
fn ask(at: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(at);
    let _ = stream.write_all(&[bytes, LAST].concat());
    let (mut answer, mut block) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut block) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&block[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&answer)),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of each response, in their order.
fn statuses(answer: &str) -> Vec<u16> {
    answer.split("HTTP/1.1 ").skip(1).map(|response| response[..3].parse().unwrap()).collect()
}

#[test]
fn what_must_be_served_is_served() {
    let table: &[(&str, &[&str])] = &[
        // RFC 9112, 2.2: empty lines before a request; 3.2: forms of targets.
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", &["<GET / a 0>"]),
        ("GET http://b:1/c?d HTTP/1.1\r\nHost: a\r\n\r\n", &["<GET /c b:1 0>"]),
        ("GET HTTP://b HTTP/1.1\r\nHost: b\r\n\r\n", &["<GET / b 0>"]),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &["<OPTIONS * a 0>"]),
        // 5: names in any case, blanks around values, values that are empty.
        ("GET / HTTP/1.1\r\nhOsT:a\r\nB:\r\nC: \t d \t\r\n\r\n", &["<GET / a 0>"]),
        ("GET / HTTP/1.1\r\nHost: \t[::1]:80 \r\n\r\n", &["<GET / [::1]:80 0>"]),
        // 6: bodies.
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", &["<POST / a 5>"]),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", &["<GET / a 5>"]),
        ("POST / HTTP/1.1\r\nHost: a\r\n\r\n", &["<POST / a 0>"]),
        // 7.1: chunks, extensions, trailers.
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n\
             00005;a=b;c=\"d;\\\"e\"\r\nhello\r\nA\r\n0123456789\r\n000\r\nF: g\r\n\r\n",
            &["<POST / a 15>"],
        ),
        // 9.3.2: pipelining.
        (
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
             PUT /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\
             GET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
            &["<GET /1 a 0>", "<PUT /2 a 1>", "<GET /3 a 0>"],
        ),
        // 9.3: HTTP/1.0 that asks to go on; a method that nobody knows.
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &["<GET / - 0>"]),
        ("SPAM / HTTP/1.1\r\nHost: a\r\n\r\n", &["<SPAM / a 0>"]),
        // An upgrade that is not granted is an ordinary request.
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
            &["<GET / a 0>"],
        ),
    ];
    with_server(|at| {
        for (request, expected) in table {
            let answer = ask(at, request.as_bytes());
            let lines = answer.split_inclusive('>').filter_map(|part| part.split('<').nth(1));
            let found: Vec<String> = lines.map(|line| format!("<{line}")).collect();
            assert_eq!(found, *expected, "{request:?}: {answer:?}");
            assert_eq!(statuses(&answer).last(), Some(&418), "{request:?}: {answer:?}");
        }
    });
}

#[test]
fn a_response_to_head_has_no_body() {
    with_server(|at| {
        let answer = ask(at, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(statuses(&answer), [200, 418]);
        let head = answer.split("HTTP/1.1 ").nth(1).unwrap();
        assert!(head.ends_with("\r\n\r\n") && head.contains("content-length: 12\r\n"), "{head:?}");
    });
}

#[test]
fn every_response_has_a_date() {
    with_server(|at| {
        for request in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"] {
            let answer = ask(at, request.as_bytes());
            for response in answer.split("HTTP/1.1 ").skip(1) {
                assert!(response.contains("\r\ndate: "), "{response:?}");
            }
        }
    });
}

#[test]
fn who_asks_to_be_the_last_is() {
    with_server(|at| {
        for request in [
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Close\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\nConnection: foo\r\n\r\n",
        ] {
            let answer = ask(at, request.as_bytes());
            assert_eq!(statuses(&answer), [200], "{request:?}: {answer:?}");
            assert!(answer.contains("connection: close\r\n"), "{answer:?}");
        }
    });
}

/// All of the tables: what is sent, and the status that it is refused with.
fn refused() -> Vec<(u16, Vec<u8>)> {
    use refused::{CHUNKS, FIELDS, HOSTS, LENGTHS, LINES, REQUEST_LINES, TARGETS};
    let tables = [LINES, FIELDS, REQUEST_LINES, TARGETS, HOSTS];
    let whole = tables.iter().copied().flatten();
    let mut all: Vec<(u16, Vec<u8>)> =
        whole.map(|(status, request)| (*status, refused::bytes(request))).collect();
    all.extend(LENGTHS.iter().map(|(status, fields)| (*status, refused::post(fields))));
    all.extend(CHUNKS.iter().map(|body| (400, refused::chunked(body))));
    all
}

#[test]
fn what_must_be_refused_is_refused_and_then_the_connection_ends() {
    with_server(|at| {
        for (status, request) in refused() {
            let answer = ask(at, &request);
            let text = String::from_utf8_lossy(&request);
            assert_eq!(statuses(&answer), [status], "{text:?}: {answer:?}");
            assert!(answer.contains("connection: close\r\n"), "{answer:?}");
        }
        // The server is none the worse for it.
        assert_eq!(statuses(&ask(at, b"")), [418]);
    });
}

#[test]
fn a_tunnel_that_is_not_granted_ends_the_connection() {
    with_server(|at| {
        let answer = ask(at, b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
        assert_eq!(statuses(&answer).len(), 1, "{answer:?}");
        assert!(statuses(&answer)[0] >= 400, "{answer:?}");
    });
}
