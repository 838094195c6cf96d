//! Whatever a client sends, a backend sees only what is a request; and whatever a backend sends, a
//! client sees only what is an answer, if it may be cut short.

use overt::Limits;
use overt::service::http::proxy::ProxyConfig;
use overt::sim::{Simulation, seeds};
use overt::wire::http::Method;

use crate::behind::{AT, BACKEND, SECOND, answers, proxy};
use crate::origin::{Reply, answer, origin};

/// Messages that are good, and pieces that are not.
const REQUESTS: [&[u8]; 4] = [
    b"GET /a?b=c HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
      5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",
    b"GET http://b/ HTTP/1.1\r\nHost: b\r\nConnection: X-A, keep-alive\r\nX-A: 1\r\n\
      TE: trailers\r\n\r\n",
];
const ANSWERS: [&[u8]; 3] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\nhello",
    b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
      5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.0 404 Missing\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\nnothing here",
];
const SPLINTERS: [&[u8]; 20] = [
    b"\r",
    b"\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"\r\n",
    b"\xff",
    b"\x7f",
    b"chunked",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"0\r\n\r\n",
    b"\r\n\r\n",
    b"Host: c\r\n",
    b" folded\r\n",
    b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
];

/// One of the messages, with some of it lost, doubled, or beset with splinters.
fn garbled(sim: &Simulation, messages: &[&[u8]]) -> Vec<u8> {
    let mut bytes = messages[sim.random(messages.len())].to_vec();
    for _ in 0..sim.random(4) {
        let at = sim.random(bytes.len());
        let splinter = SPLINTERS[sim.random(SPLINTERS.len())];
        match sim.random(4) {
            0 => drop(bytes.splice(at..at, splinter.iter().copied())),
            1 => {
                let end = bytes.len().min(at + splinter.len());
                drop(bytes.splice(at..end, splinter.iter().copied()));
            }
            2 => drop(bytes.drain(at..bytes.len().min(at + 1 + sim.random(4)))),
            _ => bytes[at] ^= 1 << sim.random(8),
        }
        if bytes.is_empty() {
            return b"\r\n".to_vec();
        }
    }
    bytes
}

/// The backend's own decoder, which is strict, panics in the scenario if it gets what is none.
pub(crate) fn requests(sim: &mut Simulation) {
    let seen = origin(sim, BACKEND, |asked| Reply::Send(answer(200, "", &asked.body)));
    let (proxy, handle) = proxy(sim, ProxyConfig::default(), Limits::default(), &[BACKEND]);
    let clients: Vec<_> = (0..4).map(|_| sim.connect(AT)).collect();
    for client in &clients {
        for _ in 0..3 {
            client.send(&garbled(sim, &REQUESTS));
        }
        client.finish();
    }
    sim.run_until(|| clients.iter().all(|client| client.is_over()));
    clients.iter().for_each(|client| client.close());
    sim.run_until(|| handle.connections() == proxy.counts().open as u32);
    for asked in &seen.borrow().asked {
        assert!(asked.head.headers.contains("host") && asked.head.target().starts_with('/'));
    }
    assert_eq!(proxy.counts().held, 0);
}

/// The client's own decoder, which is strict, panics in the scenario if it gets what is none.
pub(crate) fn replies(sim: &mut Simulation) {
    let said: Vec<Vec<u8>> = (0..40).map(|_| garbled(sim, &ANSWERS)).collect();
    let mut next = said.into_iter().cycle();
    origin(sim, BACKEND, move |asked| match (next.next(), asked.number % 2) {
        (Some(bytes), 0) => Reply::Send(bytes),
        (bytes, _) => Reply::Last(bytes.unwrap_or_default()),
    });
    let config = {
        let mut config = ProxyConfig::default();
        (config.client.first_byte, config.client.idle) = (SECOND, SECOND);
        config
    };
    let (proxy, _) = proxy(sim, config, Limits::default(), &[BACKEND]);
    let clients: Vec<_> = (0..4).map(|_| sim.connect(AT)).collect();
    for client in &clients {
        client.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        client.send(b"GET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    sim.run_until(|| clients.iter().all(|client| client.is_over()));
    for client in &clients {
        let got = answers(&client.received(), &[Method::GET, Method::GET]);
        assert!(got.iter().rev().skip(1).all(|got| got.complete), "{got:?}");
    }
    assert_eq!(proxy.counts().held, 0);
}

#[test]
fn a_backend_never_sees_what_is_no_request() {
    seeds(400, requests);
}

#[test]
fn a_client_never_sees_what_is_no_answer() {
    seeds(400, replies);
}
