//! What client and backend say to each other beside a request and its answer passes a reverse
//! proxy, too: a go-ahead, an early answer, trailers, another protocol; and connections are used
//! again without a loss.

use std::time::Duration;

use overt::service::http::HttpServer;
use overt::service::http::proxy::ProxyConfig;
use overt::sim::{Faults, Peer, Reading, Seeds, Simulation, Status, seeds};
use overt::wire::http::{HttpLimits, Method};
use overt::wire::http1::{RequestDecoder, RequestEvent};
use overt::{Config, Input, Limits};

use crate::behind::{AT, BACKEND, SECOND, answers, defaults, exchange, get, numbers, proxy};
use crate::origin::{Reply, answer, origin};

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";

/// A backend that is told all that it heard when it hears more, and says what it likes.
fn backend(sim: &mut Simulation, mut hear: impl FnMut(&str, &Peer) + 'static) {
    let mut heard = Vec::new();
    sim.serve(BACKEND, move |peer| {
        let more = peer.take();
        heard.extend(&more);
        if !more.is_empty() {
            hear(&String::from_utf8_lossy(&heard), peer);
        }
    });
}

/// Another protocol, of which the proxy knows nothing: bytes both ways, and ends one by one.
pub(crate) fn upgrade(sim: &mut Simulation) {
    const SWITCH: &str =
        "HTTP/1.1 101 Go\r\nUpgrade: chatter\r\nConnection: Upgrade\r\nX-Key: a\r\n\r\n";
    let question = numbers(sim.random(30_000));
    let tale = numbers(sim.random(30_000));
    let (expected, answer) = (question.clone(), tale.clone());
    let heard = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let hears = heard.clone();
    let mut switched = false;
    sim.serve(BACKEND, move |peer| {
        let heard = &mut *hears.borrow_mut();
        heard.extend(peer.take());
        let end = heard.windows(4).position(|it| it == b"\r\n\r\n");
        if let Some(end) = end.filter(|_| !switched) {
            let head = String::from_utf8(heard.drain(..end + 4).collect()).unwrap();
            assert!(head.to_lowercase().contains("upgrade: chatter\r\n"), "{head}");
            assert!(head.to_lowercase().contains("connection: upgrade\r\n"), "{head}");
            switched = true;
            // The first words come right behind the head.
            peer.send(&[SWITCH.as_bytes(), &answer].concat());
            if answer.len() % 2 == 0 {
                peer.finish();
            }
        }
        if switched && *heard == expected {
            peer.finish();
        }
    });
    let (proxy, handle) = defaults(sim);
    let client = sim.connect(AT);
    client
        .send(b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: chatter\r\nConnection: upgrade\r\n\r\n");
    sim.run_until(|| client.received().windows(4).any(|it| it == b"\r\n\r\n"));
    client.send(&question);
    client.finish();
    sim.run_until(|| client.is_over() && *heard.borrow() == question);
    assert_eq!(client.status(), Status::Ended);
    let received = client.received();
    let end = received.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8(received[..end].to_vec()).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101 ") && head.contains("upgrade: chatter\r\n"), "{head}");
    assert!(head.contains("connection: upgrade\r\n") && head.contains("x-key: a\r\n"), "{head}");
    assert!(received[end..] == tale);
    client.close();
    sim.run_until(|| handle.connections() == 0 && proxy.counts().open == 0);
    assert_eq!(proxy.counts().held, 0);
}

/// A backend that ends its connections whenever it likes between two answers.
pub(crate) fn fickle(sim: &mut Simulation) {
    let mut random = sim.seed();
    let seen = origin(sim, BACKEND, move |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let bytes = answer(200, "", b"hello");
        if random >> 63 == 0 { Reply::Send(bytes) } else { Reply::Last(bytes) }
    });
    let (_, _) = defaults(sim);
    let client = sim.connect(AT);
    for number in 0..20 {
        let connection = if number == 19 { "close" } else { "keep-alive" };
        let head = format!("GET /{number} HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\n\r\n");
        client.send(head.as_bytes());
    }
    sim.run_until(|| client.is_over());
    let got = answers(&client.received(), &[const { Method::GET }; 20]);
    assert_eq!(got.len(), 20);
    for got in &got {
        assert_eq!((got.status, &*got.body), (200, &b"hello"[..]));
    }
    assert!(seen.borrow().peers > 1);
}

#[test]
fn another_protocol_passes_as_it_is() {
    seeds(200, upgrade);
}

#[test]
fn a_backend_that_closes_as_it_is_asked_again_costs_no_answer() {
    seeds(200, fickle);
}

#[test]
fn an_upgrade_that_is_refused_is_an_answer_like_any_other() {
    seeds(50, |sim| {
        origin(sim, BACKEND, |_| Reply::Send(answer(426, "", b"no")));
        let (_, _) = defaults(sim);
        let request =
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade, close\r\n\r\n";
        let got = exchange(sim, request, &[Method::GET]);
        assert_eq!((got[0].status, &*got[0].body), (426, &b"no"[..]));
    });
}

#[test]
fn a_backend_that_switches_before_it_has_heard_all_gives_no_proper_answer() {
    seeds(50, |sim| {
        let mut said = false;
        backend(sim, move |heard, peer| {
            if heard.contains("\r\n\r\n") && !std::mem::replace(&mut said, true) {
                peer.send(b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
            }
        });
        let (_, _) = defaults(sim);
        let client = sim.connect(AT);
        let fields = "Upgrade: x\r\nConnection: upgrade\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}5\r\nhello\r\n").as_bytes());
        sim.run_until(|| client.is_over());
        assert_eq!(answers(&client.received(), &[Method::POST])[0].status, 502);
    });
}

#[test]
fn a_body_that_waits_for_the_word_gets_it_from_the_backend() {
    seeds(100, |sim| {
        backend(sim, |heard, peer| match () {
            () if heard.ends_with("hello") => peer.send(&answer(200, "", b"thanks")),
            () if heard.ends_with("\r\n\r\n") => {
                assert!(heard.to_lowercase().contains("expect: 100-continue\r\n"));
                peer.send(b"HTTP/1.1 100 Go\r\n\r\n");
            }
            () => {}
        });
        let (_, _) = defaults(sim);
        let client = sim.connect(AT);
        let head = format!("{POST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        client.send(head.as_bytes());
        sim.run_until(|| client.received().ends_with(b"\r\n\r\n"));
        assert!(client.received().starts_with(b"HTTP/1.1 100 "));
        client.send(b"hello");
        sim.run_until(|| client.is_over());
        let got = answers(&client.received(), &[Method::POST]);
        assert_eq!((got[0].status, &*got[0].body), (200, &b"thanks"[..]));
        assert_eq!(got[0].interim, [100]);
    });
}

#[test]
fn a_body_that_nobody_asks_for_is_refused_before_it_comes() {
    seeds(100, |sim| {
        backend(sim, |heard, peer| {
            if heard.ends_with("\r\n\r\n") {
                peer.send(&answer(401, "", b"who are you"));
            }
        });
        let (_, _) = defaults(sim);
        let head = format!("{POST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        let got = exchange(sim, head.as_bytes(), &[Method::POST]);
        assert_eq!((got[0].status, &*got[0].body), (401, &b"who are you"[..]));
        assert_eq!(got[0].interim, [0; 0]);
    });
}

#[test]
fn a_backend_that_does_not_know_the_word_gets_the_body_all_the_same() {
    seeds(50, |sim| {
        backend(sim, |heard, peer| {
            if heard.ends_with("hello") {
                peer.send(&answer(200, "", b"thanks"));
            }
        });
        let (_, _) = defaults(sim);
        let client = sim.connect(AT);
        let head = format!("{POST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        client.send(head.as_bytes());
        sim.run_until(|| client.received().ends_with(b"\r\n\r\n"));
        assert!(sim.now() < 3 * SECOND, "{:?}", sim.now());
        client.send(b"hello");
        sim.run_until(|| client.is_over());
        assert_eq!(answers(&client.received(), &[Method::POST])[0].body, b"thanks");
    });
}

#[test]
fn early_hints_pass() {
    seeds(50, |sim| {
        backend(sim, |heard, peer| {
            if heard.ends_with("\r\n\r\n") {
                peer.send(b"HTTP/1.1 103 Hints\r\nLink: </a.css>\r\n\r\n");
                peer.send(&answer(200, "", b"hello"));
            }
        });
        let (_, _) = defaults(sim);
        let got = exchange(sim, &get("/"), &[Method::GET]);
        assert_eq!((&*got[0].interim, &*got[0].body), (&[103][..], &b"hello"[..]));
    });
}

#[test]
fn an_answer_may_come_before_the_request_has_ended() {
    seeds(100, |sim| {
        let mut said = false;
        backend(sim, move |heard, peer| {
            if heard.contains("\r\n\r\n") && !std::mem::replace(&mut said, true) {
                peer.send(&answer(413, "Connection: close\r\n", b"too much"));
                peer.finish();
            }
        });
        let (proxy, _) = defaults(sim);
        let client = sim.connect(AT);
        client.send(format!("{POST}Content-Length: 5000000\r\n\r\n").as_bytes());
        client.send(&numbers(100_000));
        sim.run_until(|| client.received().ends_with(b"too much"));
        assert_eq!(answers(&client.received(), &[Method::POST])[0].status, 413);
        client.close();
        sim.run_until(|| proxy.counts().open == 0);
        assert_eq!(proxy.counts().held, 0);
    });
}

#[test]
fn a_backend_that_hears_only_as_fast_as_it_is_heard_does_not_wait_for_ever() {
    const ALL: usize = 300_000;
    seeds(30, |sim| {
        // Soon it has said more than the sockets take, and does not read on before.
        let limits = Limits { output_high: 4000, output_low: 1000, ..Limits::default() };
        let http = HttpServer::new(overt::service::origin::origin());
        let echo = sim.engine(Config { limits: limits.clone(), ..Config::default() });
        echo.listen(BACKEND, move || http.connection()).unwrap();
        let (_, _) = proxy(sim, ProxyConfig::default(), limits, &[BACKEND]);
        let client = sim.connect(AT);
        client.send(format!("{POST}Content-Length: {ALL}\r\n\r\n").as_bytes());
        client.send(&numbers(ALL));
        sim.run_until(|| client.is_over());
        assert!(answers(&client.received(), &[Method::POST])[0].body == numbers(ALL));
    });
}

#[test]
fn a_backend_that_has_answered_and_does_not_listen_is_left_at_once() {
    Seeds::new(20).faults(Faults::calm()).run(|sim| {
        let mut said = false;
        backend(sim, move |_, peer| {
            if !std::mem::replace(&mut said, true) {
                peer.set_reading(Reading::Never);
                peer.send(&answer(413, "", b"too much"));
            }
        });
        let (proxy, _) = defaults(sim);
        let client = sim.connect(AT);
        client.send(format!("{POST}Content-Length: 50000000\r\n\r\n").as_bytes());
        client.send(&numbers(2_000_000));
        sim.run_until(|| client.received().ends_with(b"too much"));
        sim.run_for(SECOND);
        assert_eq!(proxy.counts().open, 0);
    });
}

#[test]
fn a_client_that_says_all_before_it_listens_does_not_wait_for_ever_in_another_protocol() {
    const SWITCH: &[u8] = b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
    seeds(30, |sim| {
        let (mut heard, mut switched) = (Vec::new(), false);
        sim.serve(BACKEND, move |peer| {
            heard.extend(peer.take());
            if !switched {
                let Some(end) = heard.windows(4).position(|it| it == b"\r\n\r\n") else { return };
                heard.drain(..end + 4);
                peer.send(SWITCH);
                switched = true;
            }
            peer.send(&heard);
            heard.clear();
        });
        let limits = Limits { output_high: 4000, output_low: 1000, ..Limits::default() };
        let (_, _) = proxy(sim, ProxyConfig::default(), limits, &[BACKEND]);
        let (client, tale) = (sim.connect(AT), numbers(300_000));
        client.set_reading(Reading::Never);
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
        sim.run_until(|| client.unsent() == 0);
        client.send(&tale);
        sim.run_until(|| client.unsent() == 0);
        client.set_reading(Reading::Eager);
        sim.run_until(|| client.received().ends_with(&tale));
    });
}

#[test]
fn a_client_that_hangs_up_while_the_backend_thinks_takes_its_request_along() {
    seeds(100, |sim| {
        let seen = origin(sim, BACKEND, |_| Reply::Send(Vec::new()));
        let (proxy, handle) = defaults(sim);
        let client = sim.connect(AT);
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        sim.run_until(|| !seen.borrow().asked.is_empty());
        client.finish();
        sim.run_until(|| seen.borrow().over == 1 && handle.connections() == 0);
        assert!(sim.now() < SECOND, "{:?}", sim.now());
        assert_eq!((client.received().len(), proxy.counts().open), (0, 0));
    });
    seeds(50, |sim| {
        let seen = origin(sim, BACKEND, |_| Reply::Send(answer(200, "", b"hello")));
        let config = ProxyConfig { half_closed: true, ..ProxyConfig::default() };
        let (_, _) = proxy(sim, config, Limits::default(), &[BACKEND]);
        let client = sim.connect(AT);
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.finish();
        sim.run_until(|| client.is_over());
        assert_eq!(answers(&client.received(), &[Method::GET])[0].body, b"hello");
        assert_eq!(seen.borrow().asked.len(), 1);
    });
}

#[test]
fn what_comes_behind_a_body_passes_both_ways() {
    seeds(50, |sim| {
        let trailers = std::rc::Rc::new(std::cell::RefCell::new(None));
        let seen = trailers.clone();
        let mut decoder = RequestDecoder::new(HttpLimits::default());
        let mut input = Input::default();
        sim.serve(BACKEND, move |peer| {
            input.extend(&peer.take());
            while let Some(event) = decoder.decode(&mut input).unwrap() {
                if let RequestEvent::End(trailers) = event {
                    *seen.borrow_mut() = trailers.get_str("x-sum").map(str::to_owned);
                    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                    peer.send(b"5\r\nhello\r\n0\r\nX-Sum: 2\r\n\r\n");
                }
            }
        });
        let (_, _) = defaults(sim);
        let client = sim.connect(AT);
        client.send(format!("{POST}Transfer-Encoding: chunked\r\n\r\n").as_bytes());
        client.send(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n");
        sim.run_until(|| client.is_over());
        assert_eq!(trailers.borrow().as_deref(), Some("1"));
        let received = String::from_utf8(client.received()).unwrap();
        assert!(received.ends_with("5\r\nhello\r\n0\r\nX-Sum: 2\r\n\r\n"), "{received}");
    });
}

#[test]
fn a_shutdown_lets_requests_end_that_are_under_way() {
    Seeds::new(50).run(|sim| {
        backend(sim, |heard, peer| {
            if heard.ends_with("\r\n\r\n") && peer.received_in_all() > 0 {
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
            }
        });
        let (proxy, handle) = proxy(sim, Default::default(), Limits::default(), &[BACKEND]);
        let client = sim.connect(AT);
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        sim.run_until(|| client.received().ends_with(b"hello"));
        handle.shut_down();
        sim.run_for(Duration::from_secs(3));
        assert_eq!((client.status(), proxy.counts().open), (Status::Open, 1));
        client.close();
        sim.run_until(|| sim_is_over(&handle));
    });
}

/// Clients that ask again and again, until they are told that it was the last time.
pub(crate) fn last_requests(sim: &mut Simulation) {
    origin(sim, BACKEND, |_| Reply::Send(answer(200, "", b"hello")));
    let (proxy, handle) = defaults(sim);
    let clients: Vec<_> = (0..4).map(|_| sim.connect(AT)).collect();
    let (mut asked, mut rounds) = ([0; 4], 0);
    let until = 1 + sim.random(4) as u32;
    let answers =
        |client: &Peer| client.received().windows(5).filter(|window| *window == b"hello").count();
    let told = |client: &Peer| {
        String::from_utf8(client.received()).unwrap().to_lowercase().contains("connection: close")
    };
    loop {
        for (client, asked) in clients.iter().zip(&mut asked) {
            if answers(client) == *asked && !told(client) {
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                *asked += 1;
            }
        }
        if clients.iter().all(Peer::is_over) {
            break;
        }
        let received = || clients.iter().map(Peer::received_in_all).sum::<u64>();
        let before = received();
        sim.run_until(|| received() > before || clients.iter().all(Peer::is_over));
        // Time passes, or a loop that ran out of descriptors would not accept the last of them.
        sim.run_for(SECOND / 1000);
        // Who waits to be accepted may be cut by a shutdown.
        rounds += u32::from(clients.iter().all(|client| answers(client) > 0));
        if rounds == until {
            handle.shut_down();
        }
    }
    for (client, asked) in clients.iter().zip(asked) {
        // All that it asked was answered, the last with the word that it is the last.
        assert_eq!((answers(client), told(client)), (asked, true));
        client.close();
    }
    sim.run_until(|| handle.connections() == 0 && proxy.counts().open == 0);
}

#[test]
fn a_shutdown_answers_every_last_request() {
    seeds(50, last_requests);
}

fn sim_is_over<N: overt::net::Net>(handle: &overt::Handle<N>) -> bool {
    handle.connections() == 0
}
