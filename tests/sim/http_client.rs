//! A client gets its answers whatever the network does, on connections that it uses again; and is
//! told why, if it gets none.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use overt::Dial;
use overt::service::http::client::{Client, ClientConfig, Failure, ProxyServer, Request};
use overt::sim::{Faults, Peer, Seeds, Simulation, seeds};
use overt::wire::http::{BodyLength, Method};

use crate::asker::{Outcome, Question, are_over, ask, askers, stage};
use crate::origin::{Reply, answer, chunked, origin};

pub(crate) const AT: &str = "10.0.0.2:80";

pub(crate) fn get(path: &str) -> Request {
    Request::get(&format!("http://{AT}{path}")).unwrap()
}

pub(crate) fn numbers(count: usize) -> Vec<u8> {
    (0..count as u32).flat_map(|number| number.to_be_bytes()).take(count).collect()
}

/// Requests and answers of all shapes, from several handlers at once.
pub(crate) fn all_shapes(sim: &mut Simulation) {
    stage(sim);
    let shape = sim.random(3);
    let seen = origin(sim, AT, move |asked| {
        let body = [asked.head.target().as_bytes(), b" ", &asked.body].concat();
        match shape {
            0 => Reply::Send(answer(200, "", &body)),
            1 => Reply::Send(chunked(&body, 700)),
            _ => Reply::Last([b"HTTP/1.1 200 OK\r\n\r\n", &*body].concat()),
        }
    });
    let mut bodies = Vec::new();
    let lists = (0..3).map(|asker| {
        let list = (0..4).map(|number| {
            let body = numbers(sim.random(40_000));
            let target = format!("/{asker}/{number}");
            let url = format!("http://{AT}{target}");
            bodies.push([target.as_bytes(), b" ", &body].concat());
            let request = Request::new(Method::PUT, &url).unwrap();
            match sim.random(3) {
                0 => request.body(body).into(),
                1 => {
                    let request = request.stream(BodyLength::Known(body.len() as u64));
                    Question { request, stream: Some(body), dropped: false }
                }
                _ => {
                    let request = request.stream(BodyLength::Unknown);
                    Question { request, stream: Some(body), dropped: false }
                }
            }
        });
        list.collect()
    });
    let lists = lists.collect();
    let client = Client::new(ClientConfig { window: 1 + sim.random(5000), ..Default::default() });
    let (outcomes, _) = askers(sim, &client, lists, None);
    sim.run_until(|| are_over(&outcomes, 4));
    let all = outcomes.iter().flat_map(|outcomes| std::mem::take(&mut *outcomes.lock().unwrap()));
    for (outcome, body) in all.zip(bodies) {
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        assert_eq!(outcome.status, Some(200));
        assert!(outcome.body == body);
    }
    assert_eq!(client.counts().held, 0);
    let peers = seen.borrow().peers;
    // Each handler's loop has a connection that is used again, unless the server ends it.
    assert!(if shape == 2 { peers == 12 } else { peers <= 3 }, "{peers} connections");
}

/// A server that ends its connections whenever it likes between two answers.
pub(crate) fn fickle(sim: &mut Simulation) {
    stage(sim);
    let mut random = sim.seed();
    let seen = origin(sim, AT, move |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let bytes = answer(200, "", b"hello");
        if random >> 63 == 0 { Reply::Send(bytes) } else { Reply::Last(bytes) }
    });
    let client = Client::default();
    let questions = (0..20).map(|number| get(&format!("/{number}")).into()).collect();
    let outcomes = ask(sim, &client, questions);
    for outcome in &outcomes {
        assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
        assert_eq!(outcome.body, b"hello");
    }
    let seen = seen.borrow();
    assert!(seen.peers > 1 && seen.asked.len() >= 20);
}

/// A server that cuts the connection at any byte of its answer.
pub(crate) fn cut(sim: &mut Simulation) {
    stage(sim);
    let whole = answer(200, "", &numbers(3000));
    let count = sim.random(whole.len());
    let part = whole[..count].to_vec();
    let seen = origin(sim, AT, move |_| Reply::Cut(part.clone()));
    let outcomes = ask(sim, &Client::default(), vec![get("/").into()]);
    assert!(matches!(outcomes[0].failed(), Failure::Reset(_)), "{:?}", outcomes[0].failed());
    assert!(numbers(3000).starts_with(&outcomes[0].body));
    // It was a new connection: there is nothing to try again.
    assert_eq!(seen.borrow().asked.len(), 1);
}

/// Whoever takes slowly makes the server wait, and holds no more than the window.
pub(crate) fn slow_taker(sim: &mut Simulation) {
    const ALL: usize = 400_000;
    const WINDOW: usize = 8000;
    stage(sim);
    origin(sim, AT, |_| Reply::Send(answer(200, "", &numbers(ALL))));
    let client = Client::new(ClientConfig { window: WINDOW, ..Default::default() });
    let pace = Some(Duration::from_millis(30));
    let (outcomes, _) = askers(sim, &client, vec![vec![get("/").into()]], pace);
    sim.run_until(|| are_over(&outcomes, 1));
    let outcome = &outcomes[0].lock().unwrap()[0];
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    assert!(outcome.body == numbers(ALL));
    // One visit of the loop comes on top, which reads 5,000 bytes here at most.
    let most = client.counts().held_most;
    assert!(most <= WINDOW + 5000, "{most} bytes were held");
}

#[test]
fn requests_and_answers_of_all_shapes_get_through() {
    seeds(150, all_shapes);
}

#[test]
fn a_server_that_closes_as_it_is_asked_again_costs_no_answer() {
    seeds(300, fickle);
}

#[test]
fn a_cut_at_any_byte_is_told_and_not_tried_again() {
    seeds(200, cut);
}

#[test]
fn a_slow_taker_holds_a_window_and_no_more() {
    seeds(20, slow_taker);
}

#[test]
fn a_connection_that_nobody_used_yet_may_be_closed_as_it_is_used() {
    seeds(300, |sim| {
        stage(sim);
        let first = Rc::new(Cell::new(None));
        let (seen, mut heard) = (first.clone(), Vec::new());
        sim.serve(AT, move |peer| {
            heard.extend(peer.take());
            if seen.get().is_none_or(|first| first == peer.number()) {
                seen.set(Some(peer.number()));
                peer.finish();
            } else if heard.ends_with(b"\r\n\r\n") {
                heard.clear();
                peer.send(&answer(200, "", b"hello"));
            }
        });
        let client = Client::default();
        let dropped = Question { dropped: true, ..get("/").into() };
        let (_, _) = askers(sim, &client, vec![vec![dropped]], None);
        // The server's end is on its way.
        sim.run_until(|| first.get().is_some());
        let outcomes = ask(sim, &client, vec![get("/").into()]);
        let last = outcomes.last().unwrap();
        assert!(last.failure.is_none(), "{:?}", last.failure);
    });
}

#[test]
fn a_body_larger_than_any_output_may_be_is_sent() {
    Seeds::new(2).faults(Faults::calm()).run(|sim| {
        stage(sim);
        origin(sim, AT, |asked| {
            Reply::Send(answer(200, "", asked.body.len().to_string().as_bytes()))
        });
        let put = || Request::new(Method::PUT, &format!("http://{AT}/")).unwrap();
        let large = numbers(20 << 20);
        let question = put().body(large).into();
        let outcomes = ask(sim, &Client::default(), vec![question]);
        assert_eq!(outcomes[0].body, b"20971520", "{:?}", outcomes[0].failure);
    });
}

#[test]
fn what_comes_behind_an_answer_is_no_answer_to_the_next_question() {
    // In a calm both come at once: later, nobody could tell to what it is an answer.
    Seeds::new(10).faults(Faults::calm()).run(|sim| {
        stage(sim);
        origin(sim, AT, |_| {
            Reply::Send([answer(200, "", b"good"), answer(200, "", b"evil")].concat())
        });
        let questions = (0..5).map(|_| Request::post(&format!("http://{AT}/")).unwrap().into());
        for outcome in ask(sim, &Client::default(), questions.collect()) {
            assert_eq!(outcome.body, b"good");
        }
    });
}

#[test]
fn what_is_not_idempotent_is_not_sent_twice() {
    seeds(100, |sim| {
        stage(sim);
        // The first is answered, the second cut without a word.
        let seen = origin(sim, AT, |asked| match asked.number {
            0 => Reply::Send(answer(200, "", b"")),
            _ => Reply::Cut(Vec::new()),
        });
        let post = || Request::post(&format!("http://{AT}/")).unwrap().body("once").into();
        let outcomes = ask(sim, &Client::default(), vec![get("/").into(), post()]);
        assert!(matches!(outcomes[1].failed(), Failure::Reset(_)));
        let posts = |asked: &&crate::origin::Asked| asked.head.method() == Method::POST;
        assert_eq!(seen.borrow().asked.iter().filter(posts).count(), 1);
    });
}

#[test]
fn what_is_idempotent_is_tried_again_once() {
    seeds(100, |sim| {
        stage(sim);
        let seen = origin(sim, AT, |asked| match asked.head.path() {
            "/good" => Reply::Send(answer(200, "", b"")),
            _ => Reply::Cut(Vec::new()),
        });
        let outcomes = ask(sim, &Client::default(), vec![get("/good").into(), get("/bad").into()]);
        assert!(matches!(outcomes[1].failed(), Failure::Reset(_)));
        assert_eq!(seen.borrow().asked.len(), 3);
    });
}

#[test]
fn failures_are_told_apart() {
    seeds(50, |sim| {
        stage(sim);
        origin(sim, AT, |asked| match asked.head.path() {
            "/nonsense" => Reply::Send(b"220 ftp ready\r\n".to_vec()),
            _ => Reply::Last(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc".to_vec()),
        });
        let url = |url: &str| Request::get(url).unwrap().into();
        let questions = vec![
            url("http://nobody.example/"),
            url("http://10.0.0.77/"),
            url("https://10.0.0.2/"),
            get("/nonsense").into(),
            get("/short").into(),
            get("/").header("a b", "c").into(),
        ];
        let outcomes = ask(sim, &Client::default(), questions);
        let failures: Vec<&Failure> = outcomes.iter().map(Outcome::failed).collect();
        let [resolve, connect, tls, nonsense, short, field] = failures[..] else { panic!() };
        assert!(matches!(resolve, Failure::Resolve(_)), "{resolve:?}");
        assert!(matches!(connect, Failure::Connect(_)), "{connect:?}");
        assert!(matches!(tls, Failure::Tls(_)), "{tls:?}");
        assert!(matches!(nonsense, Failure::Protocol(_)), "{nonsense:?}");
        assert!(matches!(short, Failure::Reset(None)), "{short:?}");
        assert!(matches!(field, Failure::Question(_)), "{field:?}");
    });
}

#[test]
fn redirects_are_followed_as_often_as_was_asked_for() {
    seeds(100, |sim| {
        stage(sim);
        let seen = origin(sim, AT, |asked| {
            let to = |to: &str| format!("location: {to}\r\n");
            Reply::Send(match asked.head.path() {
                "/1" => answer(302, &to("/2"), b"not here"),
                "/2" => answer(307, &to("http://10.0.0.3/3"), b""),
                "/loop" => answer(301, &to("loop"), b""),
                _ => answer(200, "", b"here"),
            })
        });
        let other = origin(sim, "10.0.0.3:80", |_| Reply::Send(answer(200, "", b"there")));
        let post = |max| {
            let request = Request::post(&format!("http://{AT}/1")).unwrap().body("a");
            request.header("Authorization", "secret").redirects(max).into()
        };
        let questions = vec![post(5), post(0), post(1), get("/loop").redirects(3).into()];
        let outcomes = ask(sim, &Client::default(), questions);
        assert_eq!((outcomes[0].status, &*outcomes[0].body), (Some(200), &b"there"[..]));
        assert_eq!((outcomes[1].status, &*outcomes[1].body), (Some(302), &b"not here"[..]));
        assert!(matches!(outcomes[2].failed(), Failure::Redirect(_)));
        assert!(matches!(outcomes[3].failed(), Failure::Redirect(_)));
        let (seen, other) = (seen.borrow(), other.borrow());
        assert_eq!(seen.asked[1].head.method(), Method::GET);
        assert!(seen.asked[1].head.headers.contains("authorization"));
        assert!(!other.asked[0].head.headers.contains("authorization"));
        assert_eq!(other.asked[0].head.headers.get("host"), Some(&b"10.0.0.3"[..]));
        // Answers that say so little are read to their end, and their connection used again.
        assert!(seen.peers <= 3, "{}", seen.peers);
    });
}

#[test]
fn a_proxy_is_asked_for_a_tunnel_and_may_refuse() {
    seeds(100, |sim| {
        stage(sim);
        let proxy = |sim: &mut Simulation, at: &'static str, refuses: bool| {
            let heard = std::cell::RefCell::new(Vec::new());
            sim.serve(at, move |peer: &Peer| {
                let mut heard = heard.borrow_mut();
                heard.extend(peer.take());
                if !heard.ends_with(b"\r\n\r\n") {
                    return;
                }
                let text = String::from_utf8(std::mem::take(&mut *heard)).unwrap();
                match text.starts_with("CONNECT example.org:80 HTTP/1.1\r\n") {
                    true if refuses => {
                        peer.send(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n");
                    }
                    true => {
                        assert!(text.contains("Proxy-Authorization: Basic abc\r\n"), "{text}");
                        peer.send(b"HTTP/1.1 200 Go on\r\n\r\n");
                    }
                    false => peer.send(&answer(200, "", b"hello")),
                }
            });
        };
        proxy(sim, "10.0.0.5:3128", false);
        proxy(sim, "10.0.0.6:3128", true);
        let through = |at: &str| {
            let dial: Dial = at.parse().unwrap();
            let proxy = Some(ProxyServer::new(dial).authorization("Basic abc"));
            Client::new(ClientConfig { proxy, ..Default::default() })
        };
        let url = || Request::get("http://example.org/").unwrap().into();
        let outcomes = ask(sim, &through("10.0.0.5:3128"), vec![url(), url()]);
        assert!(outcomes.iter().all(|outcome| outcome.body == b"hello"), "{outcomes:?}");
        let outcomes = ask(sim, &through("10.0.0.6:3128"), vec![url()]);
        let failure = outcomes[0].failed();
        assert!(matches!(failure, Failure::Proxy(status) if *status == 407), "{failure:?}");
    });
}

#[test]
fn a_caller_that_is_gone_leaves_no_connection_behind() {
    seeds(100, |sim| {
        stage(sim);
        let seen = origin(sim, AT, |_| {
            Reply::Send(b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\nabc".to_vec())
        });
        let client = Client::default();
        let (outcomes, handle) = askers(sim, &client, vec![vec![get("/").into()]], None);
        sim.run_until(|| outcomes[0].lock().unwrap().iter().any(|it| it.status.is_some()));
        // The asker closes at once when a shutdown begins; its answer would go on.
        handle.shut_down();
        sim.run_until(|| seen.borrow().over == 1 && client.counts().open == 0);
        assert_eq!(client.counts().held, 0);
    });
}
