//! A reverse proxy brings every request to a backend and every answer back, whatever the network
//! does, holds little, and tells what went wrong.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use overt::Limits;
use overt::service::http::client::ClientConfig;
use overt::service::http::proxy::{HostRule, ProxyConfig, Rewriting};
use overt::sim::{Faults, Peer, Reading, Seeds, Simulation, Status, seeds};
use overt::wire::http::Method;

use crate::behind::{AT, BACKEND, SECOND, answers, defaults, exchange, get, numbers, proxy};
use crate::origin::{Reply, answer, chunked, origin};
use crate::small_limits;

fn window(window: usize) -> ProxyConfig {
    let client = ClientConfig { window, ..ClientConfig::default() };
    ProxyConfig { client, ..ProxyConfig::default() }
}

/// Bodies of all shapes both ways, several requests on each connection, sent without waiting.
pub(crate) fn all_shapes(sim: &mut Simulation) {
    let shape = sim.random(3);
    let seen = origin(sim, BACKEND, move |asked| {
        let body = [asked.head.target().as_bytes(), b" ", &asked.body].concat();
        match shape {
            0 => Reply::Send(answer(200, "", &body)),
            1 => Reply::Send(chunked(&body, 700)),
            _ => Reply::Last([b"HTTP/1.1 200 OK\r\n\r\n", &*body].concat()),
        }
    });
    let config = window(1 + sim.random(5000));
    let limits = Limits { mailbox: 1, ..small_limits(sim) };
    let (proxy, _) = proxy(sim, config, limits, &[BACKEND]);
    let clients: Vec<_> = (0..3)
        .map(|client| {
            let (mut bytes, mut bodies) = (Vec::new(), Vec::new());
            for number in 0..3 {
                let (target, body) = (format!("/{client}/{number}"), numbers(sim.random(20_000)));
                let connection = if number == 2 { "close" } else { "keep-alive" };
                let head =
                    format!("PUT {target} HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\n");
                bytes.extend(head.as_bytes());
                match sim.random(2) {
                    0 => {
                        let length = format!("Content-Length: {}\r\n\r\n", body.len());
                        bytes.extend(length.as_bytes());
                        bytes.extend(&body);
                    }
                    _ => {
                        let whole = chunked(&body, 999);
                        let start = whole.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
                        bytes.extend(b"Transfer-Encoding: chunked");
                        bytes.extend(&whole[start..]);
                    }
                }
                bodies.push([target.as_bytes(), b" ", &body].concat());
            }
            let peer = sim.connect(AT);
            if sim.random(3) == 0 {
                peer.set_reading(Reading::Slow { bytes: 4000, every: SECOND / 50 });
            }
            peer.send(&bytes);
            (peer, bodies)
        })
        .collect();
    sim.run_until(|| clients.iter().all(|(peer, _)| peer.is_over()));
    for (peer, bodies) in &clients {
        let got = answers(&peer.received(), &[Method::PUT, Method::PUT, Method::PUT]);
        assert!(got.iter().all(|got| got.status == 200 && got.complete), "{got:?}");
        assert!(got.iter().map(|got| &got.body).eq(bodies));
    }
    assert_eq!(proxy.counts().held, 0);
    let peers = seen.borrow().peers;
    assert!(if shape == 2 { peers == 9 } else { peers <= 3 }, "{peers} connections");
}

/// The backend cuts the connection at any byte of its answer.
pub(crate) fn cut(sim: &mut Simulation) {
    let whole = answer(200, "", &numbers(3000));
    let part = whole[..sim.random(whole.len())].to_vec();
    origin(sim, BACKEND, move |_| Reply::Cut(part.clone()));
    let (proxy, _) = defaults(sim);
    let got = exchange(sim, &get("/"), &[Method::GET]);
    match got.first() {
        Some(got) if got.status == 502 => assert!(got.complete),
        Some(got) => {
            assert!(got.status == 200 && !got.complete && numbers(3000).starts_with(&got.body));
        }
        // Not even the head was sent on when it was known that no end would come.
        None => {}
    }
    assert_eq!(proxy.counts().held, 0);
}

/// The client is gone at any time: so is its request.
pub(crate) fn client_gone(sim: &mut Simulation) {
    let seen = origin(sim, BACKEND, |_| {
        Reply::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 9000000\r\n\r\nabc".to_vec())
    });
    let (proxy, handle) = defaults(sim);
    let client = sim.connect(AT);
    client.send(&get("/"));
    let wait = sim.random(3);
    match wait {
        0 => sim.run_until(|| client.received_in_all() > 0),
        1 => sim.run_until(|| !seen.borrow().asked.is_empty()),
        _ => sim.run_until(|| client.status() == Status::Open),
    }
    client.reset();
    sim.run_until(|| {
        let seen = seen.borrow();
        handle.connections() == 0 && proxy.counts().open == 0 && seen.over == seen.peers
    });
    assert_eq!(proxy.counts().held, 0);
}

#[test]
fn requests_and_answers_of_all_shapes_pass() {
    seeds(100, all_shapes);
}

#[test]
fn a_backend_that_cuts_at_any_byte_is_no_proper_answer() {
    seeds(200, cut);
}

#[test]
fn a_client_that_is_gone_takes_its_request_along() {
    seeds(100, client_gone);
}

#[test]
fn a_slow_reader_holds_less_than_a_mebibyte() {
    const ALL: usize = 6 << 20;
    // In a calm, reads and the buffers of sockets are as large as they get.
    Seeds::new(3).faults(Faults::calm()).run(|sim| {
        origin(sim, BACKEND, |_| Reply::Send(answer(200, "", &numbers(ALL))));
        let (proxy, _) = defaults(sim);
        let client = sim.connect(AT);
        client.set_reading(Reading::Slow { bytes: 50_000, every: SECOND / 10 });
        client.send(&get("/"));
        let mut most = 0;
        while client.received_in_all() < ALL as u64 {
            sim.run_for(SECOND / 2);
            most = most.max(held(sim) + proxy.counts().held);
        }
        let got = answers(&client.received(), &[Method::GET]);
        assert!(got[0].body == numbers(ALL));
        assert!((128 << 10..1 << 20).contains(&most), "{most} bytes");
    });
}

#[test]
fn a_slow_backend_holds_less_than_a_mebibyte() {
    const ALL: usize = 6 << 20;
    Seeds::new(3).faults(Faults::calm()).run(|sim| {
        let received = Rc::new(RefCell::new(0));
        let count = received.clone();
        sim.serve(BACKEND, move |peer| {
            peer.set_reading(Reading::Slow { bytes: 50_000, every: SECOND / 10 });
            *count.borrow_mut() += peer.take().len();
            if *count.borrow() >= ALL && peer.received_in_all() > ALL as u64 {
                peer.send(&answer(200, "", b"thanks"));
                *count.borrow_mut() = 0;
            }
        });
        let (proxy, _) = defaults(sim);
        let client = sim.connect(AT);
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {ALL}\r\n\r\n");
        client.send(&[head.as_bytes(), &numbers(ALL)].concat());
        let mut most = 0;
        while client.received_in_all() == 0 {
            sim.run_for(SECOND / 2);
            most = most.max(held(sim) + proxy.counts().held);
        }
        assert!((128 << 10..1 << 20).contains(&most), "{most} bytes");
    });
}

#[test]
fn what_lies_between_two_connections_counts_to_the_memory_of_the_process() {
    const MEMORY_MAX: u64 = 4 << 20;
    /// What a visit reads comes on top, and loops may be off a little.
    const OFF_MAX: u64 = 1 << 20;
    Seeds::new(3).faults(Faults::calm()).run(|sim| {
        origin(sim, BACKEND, |asked| match asked.head.path() {
            "/" => Reply::Send(answer(200, "", &numbers(2 << 20))),
            _ => Reply::Send(answer(200, "", b"small")),
        });
        let limits = Limits { memory_max: MEMORY_MAX, ..Limits::default() };
        let (proxy, handle) = proxy(sim, ProxyConfig::default(), limits, &[BACKEND]);
        let clients: Vec<_> = (0..30).map(|_| sim.connect(AT)).collect();
        let memory = |sim: &Simulation| sim.snapshots(0).iter().map(|it| it.memory).max().unwrap();
        for client in &clients {
            client.set_reading(Reading::Never);
            client.send(&get("/"));
            sim.run_for(SECOND / 10);
            let (counted, held) = (memory(sim), (held(sim) + proxy.counts().held) as u64);
            assert!(counted + OFF_MAX / 4 >= held, "{held} bytes are held, {counted} counted");
            assert!(counted <= MEMORY_MAX + OFF_MAX, "{counted} bytes");
        }
        assert!(memory(sim) > MEMORY_MAX / 2);
        // Whoever just asks and is answered notices nothing.
        assert_eq!(exchange(sim, &get("/small"), &[Method::GET])[0].body, b"small");
        clients.iter().for_each(|client| client.reset());
        sim.run_until(|| handle.connections() <= 1);
        assert_eq!(proxy.counts().held, 0);
        assert!(memory(sim) < OFF_MAX / 4);
    });
}

/// Bytes in the buffers of all connections.
fn held(sim: &Simulation) -> usize {
    let loops = sim.snapshots(9);
    let connections = loops.iter().flat_map(|one| &one.some_connections);
    connections.map(|one| one.unread + one.unsent).sum()
}

/// Those who ask, by their numbers, and what they have said.
type Askers = BTreeMap<usize, (Peer, Vec<u8>)>;

#[test]
fn a_crowd_that_asks_again_opens_no_connection_and_nobody_is_refused() {
    const CROWD: usize = 200;
    seeds(10, |sim| {
        let backend: Rc<RefCell<Askers>> = Rc::default();
        let hears = backend.clone();
        sim.serve(BACKEND, move |peer| {
            let mut asked = hears.borrow_mut();
            let of_this = asked.entry(peer.number()).or_insert_with(|| (peer.clone(), Vec::new()));
            of_this.1.extend(peer.take());
            // Nobody is answered before all have asked: so many connections are busy at a moment.
            if asked.values().filter(|(_, heard)| heard.ends_with(b"\r\n\r\n")).count() == CROWD {
                for (peer, heard) in asked.values_mut() {
                    heard.clear();
                    peer.send(&answer(200, "", b"hello"));
                }
            }
        });
        let (proxy, _) = defaults(sim);
        let clients: Vec<Peer> = (0..CROWD).map(|_| sim.connect(AT)).collect();
        for _ in 0..2 {
            clients.iter().for_each(|client| client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
            sim.run_until(|| clients.iter().all(|client| client.received().ends_with(b"hello")));
            for client in &clients {
                assert_eq!(answers(&client.take(), &[Method::GET])[0].status, 200);
            }
            sim.run_until(|| proxy.counts().open == proxy.counts().resting);
        }
        assert_eq!((backend.borrow().len(), proxy.counts().resting), (CROWD, CROWD));
    });
}

#[test]
fn failures_have_a_status_each() {
    seeds(60, |sim| {
        origin(sim, BACKEND, |asked| match asked.head.path() {
            "/silent" => Reply::Send(Vec::new()),
            "/nonsense" => Reply::Send(b"SSH-2.0-OpenSSH\r\n".to_vec()),
            "/smuggled" => {
                let head = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 5\r\n\r\nabc";
                Reply::Send(head.into())
            }
            _ => Reply::Send(answer(200, "", b"")),
        });
        let client = ClientConfig { first_byte: 5 * SECOND, ..ClientConfig::default() };
        let config = ProxyConfig { client, ..ProxyConfig::default() };
        let (proxy, _) = proxy(sim, config, Limits::default(), &[BACKEND]);
        for (path, status) in
            [("/silent", 504), ("/nonsense", 502), ("/smuggled", 502), ("/good", 200)]
        {
            assert_eq!(exchange(sim, &get(path), &[Method::GET])[0].status, status, "{path}");
        }
        for (request, status) in [
            (&b"TRACE / HTTP/1.0\r\nHost: a\r\n\r\n"[..], 405),
            (b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
            (b"GET / HTTP/1.0\r\nHost: a\r\nVia: 1.1 a, 1.1 b\r\n\r\n", 200),
        ] {
            assert_eq!(exchange(sim, request, &[Method::GET])[0].status, status);
        }
        let circle =
            format!("GET / HTTP/1.0\r\nHost: a\r\nVia: 1.1 a{}\r\n\r\n", ", 1.1 b".repeat(15));
        assert_eq!(exchange(sim, circle.as_bytes(), &[Method::GET])[0].status, 508);
        assert_eq!(proxy.counts().held, 0);
    });
}

#[test]
fn where_nobody_listens_another_backend_is_asked() {
    seeds(60, |sim| {
        let seen = origin(sim, BACKEND, |asked| Reply::Send(answer(200, "", &asked.body)));
        let dead = "10.0.0.3:80";
        let backends = [dead, BACKEND];
        let (_, _) = proxy(sim, ProxyConfig::default(), Limits::default(), &backends);
        let post =
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
        for _ in 0..8 {
            let got = exchange(sim, post, &[Method::POST]);
            assert_eq!((got[0].status, &*got[0].body), (200, &b"hello"[..]));
        }
        assert_eq!(seen.borrow().asked.len(), 8);
    });
    seeds(20, |sim| {
        let (_, _) = defaults(sim);
        assert_eq!(exchange(sim, &get("/"), &[Method::GET])[0].status, 502);
    });
}

#[test]
fn a_second_backend_is_told_its_own_name() {
    seeds(30, |sim| {
        let seen = origin(sim, BACKEND, |_| Reply::Send(answer(200, "", b"")));
        let rewriting = Rewriting { host: HostRule::Backend, ..Rewriting::default() };
        let config = ProxyConfig { rewriting, ..ProxyConfig::default() };
        let (_, _) = proxy(sim, config, Limits::default(), &["10.0.0.3:80", BACKEND]);
        for _ in 0..4 {
            assert_eq!(exchange(sim, &get("/"), &[Method::GET])[0].status, 200);
        }
        for asked in &seen.borrow().asked {
            assert_eq!(asked.head.headers.get_str("host"), Some(BACKEND));
        }
    });
}

#[test]
fn only_what_may_be_repeated_is_asked_of_another_backend() {
    const OTHER: &str = "10.0.0.3:80";
    for (method, count) in [("POST", 1), ("PATCH", 1), ("GET", 2), ("PUT", 2)] {
        seeds(30, |sim| {
            let seen = [BACKEND, OTHER].map(|at| origin(sim, at, |_| Reply::Cut(Vec::new())));
            let backends = [BACKEND, OTHER];
            let (_, _) = proxy(sim, ProxyConfig::default(), Limits::default(), &backends);
            let request = format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
            let got = exchange(sim, request.as_bytes(), &[Method::GET]);
            assert_eq!(got[0].status, 502);
            let asked = seen.iter().map(|seen| seen.borrow().asked.len()).sum::<usize>();
            assert_eq!(asked, count, "{method}");
        });
    }
}

#[test]
fn heads_are_written_anew() {
    seeds(20, |sim| {
        let seen = origin(sim, BACKEND, |_| {
            let headers =
                "Keep-Alive: timeout=5\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Stays: 2\r\n";
            Reply::Send(answer(200, headers, b"hello"))
        });
        let (_, _) = defaults(sim);
        let request = b"GET http://b.example/a?b HTTP/1.1\r\nHost: b.example\r\n\
            Connection: close, X-Secret\r\nX-Secret: 1\r\nTE: trailers\r\nKeep-Alive: 1\r\n\
            X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nProxy-Authorization: a\r\n\
            Accept: text/plain\r\n\r\n";
        let got = exchange(sim, request, &[Method::GET]).remove(0);
        assert_eq!((got.status, &*got.body), (200, &b"hello"[..]));
        assert_eq!(got.field("X-Stays"), Some("2"));
        assert_eq!(got.field("Via"), Some("1.1 overt"));
        assert_eq!(got.field("Connection"), Some("close"));
        assert!(got.field("X-Hop").is_none() && got.field("Keep-Alive").is_none());
        let seen = seen.borrow();
        let head = &seen.asked[0].head;
        let field = |name| head.headers.get_str(name);
        assert_eq!(head.target(), "/a?b");
        assert_eq!(field("host"), Some("b.example"));
        assert_eq!(field("accept"), Some("text/plain"));
        assert_eq!(field("te"), Some("trailers"));
        assert_eq!(field("via"), Some("1.1 overt"));
        let client = "10.255.0.1";
        assert_eq!(field("x-forwarded-host"), Some("b.example"));
        assert_eq!(field("x-forwarded-proto"), Some("http"));
        assert!(!field("x-forwarded-for").unwrap().contains("1.2.3.4"), "{client}");
        assert!(field("forwarded").unwrap().ends_with("host=\"b.example\";proto=http"));
        for gone in ["x-secret", "keep-alive", "proxy-authorization"] {
            assert_eq!(field(gone), None);
        }
    });
}

#[test]
fn what_has_no_body_has_none_behind_a_proxy() {
    seeds(30, |sim| {
        let seen = origin(sim, BACKEND, |asked| {
            Reply::Send(match asked.head.path() {
                "/head" => b"HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\n".to_vec(),
                "/unknown" => b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
                "/204" => b"HTTP/1.1 204 No\r\n\r\n".to_vec(),
                "/304" => b"HTTP/1.1 304 Same\r\netag: \"a\"\r\ncontent-length: 9\r\n\r\n".to_vec(),
                _ => answer(200, "", b"hello"),
            })
        });
        let (_, _) = defaults(sim);
        let head = |path| format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
        let more = |path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
        let all = [head("/head"), head("/unknown"), more("/204"), more("/304"), get("/")].concat();
        let methods = [Method::HEAD, Method::HEAD, Method::GET, Method::GET, Method::GET];
        let got = exchange(sim, &all, &methods);
        let statuses: Vec<u16> = got.iter().map(|got| got.status).collect();
        assert_eq!(statuses, [200, 200, 204, 304, 200]);
        assert_eq!(got[0].field("content-length"), Some("5000000"));
        assert_eq!(got[1].field("content-length"), None);
        assert_eq!(got[3].field("etag"), Some("\"a\""));
        assert_eq!(got[4].body, b"hello");
        assert!(seen.borrow().peers <= 2, "{}", seen.borrow().peers);
    });
}
