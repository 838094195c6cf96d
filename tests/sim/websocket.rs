//! WebSockets between two engines, whatever the network does that loses nothing: messages come back
//! in order, ends are said by both sides, a peer that is gone is found out, and a server that goes
//! down says so to each client in its turn.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use overt::service::Reconnect;
use overt::service::websocket::{
    Closed, Heartbeat, Refusal, Side, WebSocketConfig, WebSocketContext, WebSocketHandler,
    WebSocketRequest, WebSocketServer,
};
use overt::sim::{Faults, Reading, Seeds, Simulation, seeds};
use overt::wire::http::RequestHead;
use overt::wire::websocket::{CloseCode, Deflate, Frame, Mask, Opcode, encode_close};
use overt::{Config, Never, Outgoing, Output, Reason, Result};

use crate::{closes, small_limits};

const AT: &str = "10.0.0.1:8080";
const SECOND: Duration = Duration::from_secs(1);
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// How WebSockets ended, as both sides saw it.
type Ends = Arc<Mutex<Vec<Closed>>>;

/// Says everything back.
struct Echo(Ends);

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

    fn on_close(self, closed: Closed, _: &mut Outgoing<'_>) {
        self.0.lock().unwrap().push(closed);
    }
}

/// Says one message after another, each when the one before has come back, and then the end.
struct Caller {
    messages: Vec<String>,
    at: usize,
    ends: Ends,
}

impl Caller {
    fn go_on(&mut self, cx: &mut WebSocketContext<'_, Self>) {
        match self.messages.get(self.at) {
            Some(message) if self.at.is_multiple_of(2) => cx.text(message),
            Some(message) => cx.binary(message.as_bytes()),
            None => cx.close(CloseCode(4000), "that was all"),
        }
    }

    fn back(&mut self, message: &[u8], cx: &mut WebSocketContext<'_, Self>) {
        assert!(self.messages[self.at].as_bytes() == message, "message {}", self.at);
        self.at += 1;
        self.go_on(cx);
    }
}

impl WebSocketHandler for Caller {
    type Message = Never;

    fn on_open(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
        self.go_on(cx);
        Ok(())
    }

    fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
        self.back(text.as_bytes(), cx);
        Ok(())
    }

    fn on_binary(&mut self, bytes: &[u8], cx: &mut WebSocketContext<'_, Self>) -> Result {
        self.back(bytes, cx);
        Ok(())
    }

    fn on_close(self, closed: Closed, _: &mut Outgoing<'_>) {
        self.ends.lock().unwrap().push(closed);
    }
}

fn serve(sim: &mut Simulation, config: Config, socket: WebSocketConfig) -> Ends {
    serve_at(sim, AT, config, socket)
}

fn serve_at(sim: &mut Simulation, at: &str, config: Config, socket: WebSocketConfig) -> Ends {
    let ends = Ends::default();
    let to = ends.clone();
    let server =
        WebSocketServer::new(socket, move |_: &RequestHead| Ok::<_, Refusal>(Echo(to.clone())));
    sim.engine(config).listen(at, move || server.clone()).unwrap();
    ends
}

fn request() -> WebSocketRequest {
    format!("ws://{AT}/").parse().unwrap()
}

/// Compression in one of several ways, or none.
fn socket_config(sim: &Simulation) -> WebSocketConfig {
    let takeover = sim.random(2) == 0;
    let deflate = Deflate { takeover, peer_takeover: takeover, min: 10, ..Deflate::default() };
    WebSocketConfig {
        deflate: (sim.random(3) > 0).then_some(deflate),
        ..WebSocketConfig::default()
    }
}

pub(crate) fn messages(sim: &mut Simulation) {
    let limits = small_limits(sim);
    let config = socket_config(sim);
    let heard = serve(sim, Config { limits, ..Config::default() }, config);
    let (limits, config) = (small_limits(sim), socket_config(sim));
    let said = Ends::default();
    let callers = 1 + sim.random(4);
    let all: Vec<Caller> = (0..callers)
        .map(|_| {
            let messages = (0..sim.random(5)).map(|_| "wörter ".repeat(sim.random(2000))).collect();
            Caller { messages, at: 0, ends: said.clone() }
        })
        .collect();
    let engine = sim.engine(Config { limits, ..Config::default() });
    for caller in all {
        let request = request().config(config.clone());
        engine.connect(request.dial(), request.open(caller));
    }
    let ended = |ends: &Ends| ends.lock().unwrap().len() == callers;
    sim.run_until(|| ended(&said) && ended(&heard));
    for (ends, by) in [(said, Side::Us), (heard, Side::Peer)] {
        for closed in &*ends.lock().unwrap() {
            assert_eq!((closed.code, closed.by), (CloseCode(4000), by), "{closed}");
            assert!(closed.is_clean && &*closed.reason == "that was all");
        }
    }
}

/// A client that is there, and one that reads and says nothing: only the second is dead.
pub(crate) fn silence(sim: &mut Simulation) {
    let heartbeat = Some(Heartbeat { every: 25 * SECOND, timeout: 20 * SECOND });
    let config = WebSocketConfig { heartbeat, ..WebSocketConfig::default() };
    let ends = serve(sim, Config::default(), config);
    let lost = sim.connect(AT);
    lost.send(REQUEST);
    if sim.random(2) == 0 {
        lost.set_reading(Reading::Never);
    }
    let there = Ends::default();
    let engine = sim.engine(Config::default());
    // Its own pings come seldom: it is those of the server that keep it.
    let seldom = Some(Heartbeat { every: 3600 * SECOND, timeout: SECOND });
    let config = WebSocketConfig { heartbeat: seldom, ..WebSocketConfig::default() };
    let request = request().config(config);
    engine.connect(request.dial(), request.open(Echo(there.clone())));
    sim.run_until(|| !ends.lock().unwrap().is_empty());
    sim.run_for(600 * SECOND);
    let ends = ends.lock().unwrap();
    assert_eq!((ends.len(), there.lock().unwrap().len()), (1, 0));
    assert_eq!((ends[0].code, ends[0].why.reason()), (CloseCode::ABNORMAL, Reason::LateHeartbeat));
    assert_eq!(closes(sim, Reason::LateHeartbeat), 1);
}

/// A client that sends its request, all that it has to say, and the end, without waiting for an
/// answer.
pub(crate) fn all_at_once(sim: &mut Simulation) {
    let ends = serve(
        sim,
        Config { limits: small_limits(sim), ..Config::default() },
        WebSocketConfig::default(),
    );
    let client = sim.connect(AT);
    let mut output = Output::default();
    output.put(REQUEST);
    let mask = Some(Mask::new([1, 2, 3, 4]));
    for _ in 0..20 {
        Frame::new(Opcode::Text, b"hello").encode(mask, &mut output);
    }
    encode_close(CloseCode::NORMAL, "that was all", mask, &mut output);
    client.send(&output.to_vec());
    client.finish();
    sim.run_until(|| !ends.lock().unwrap().is_empty());
    let ends = ends.lock().unwrap();
    assert_eq!((ends[0].code, ends[0].by), (CloseCode::NORMAL, Side::Peer), "{}", ends[0]);
    sim.run_until(|| client.received().ends_with(b"\x88\x02\x03\xe8"));
    let hellos = client.received().windows(5).filter(|at| at == b"hello").count();
    assert_eq!(hellos, 20);
}

#[test]
fn what_comes_together_with_the_request_and_the_end_is_heard() {
    seeds(100, all_at_once);
}

#[test]
fn messages_come_back_in_order_and_both_ends_say_the_end() {
    seeds(100, messages);
}

#[test]
fn a_peer_that_is_gone_is_found_out_and_one_that_is_idle_is_kept() {
    seeds(30, silence);
}

#[test]
fn whatever_is_cut_off_each_side_is_told_once() {
    Seeds::new(60).faults(Faults::havoc()).run(|sim| {
        let config = socket_config(sim);
        let heard = serve(sim, Config::default(), config);
        let said = Ends::default();
        let engine = sim.engine(Config::default());
        for _ in 0..4 {
            let messages = vec!["and again".to_owned(); 100_000];
            let request = request();
            let caller = Caller { messages, at: 0, ends: said.clone() };
            engine.connect(request.dial(), request.open(caller));
        }
        sim.run_until(|| said.lock().unwrap().len() == 4);
        let heard = heard.lock().unwrap();
        assert!(heard.len() <= 4 && heard.iter().all(|closed| !closed.is_clean));
    });
}

#[test]
fn a_client_whose_engine_shuts_down_says_good_bye_at_once() {
    Seeds::new(20).faults(Faults::calm()).run(|sim| {
        serve(sim, Config::default(), WebSocketConfig::default());
        let said = Ends::default();
        let engine = sim.engine(Config::default());
        engine.connect(request().dial(), request().open(Echo(said.clone())));
        sim.run_for(SECOND);
        sim.signal(1);
        sim.run_for(SECOND / 10);
        let said = said.lock().unwrap();
        let [closed] = &said[..] else { panic!("{said:?}") };
        assert_eq!((closed.code, closed.by), (CloseCode::GOING_AWAY, Side::Us), "{closed}");
        assert!(closed.is_clean);
    });
}

/// A client that comes back to another server.
struct Guest {
    reconnect: Reconnect,
    next: WebSocketRequest,
    seen: Arc<Mutex<Seen>>,
}

/// When guests were sent away, and when they came back.
#[derive(Default)]
struct Seen {
    away: Vec<Duration>,
    back: Vec<Duration>,
}

impl WebSocketHandler for Guest {
    type Message = Never;

    fn on_open(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
        let mut seen = self.seen.lock().unwrap();
        if seen.away.len() > seen.back.len() {
            seen.back.push(cx.now());
        }
        Ok(())
    }

    fn on_close(mut self, closed: Closed, outgoing: &mut Outgoing<'_>) {
        assert_eq!((closed.code, closed.by), (CloseCode::SERVICE_RESTART, Side::Peer), "{closed}");
        assert!(closed.is_clean && closed.retry_after().is_some_and(|wait| wait <= 5 * SECOND));
        self.seen.lock().unwrap().away.push(outgoing.now());
        self.reconnect.not_before(closed.retry_after());
        let dial = self.reconnect.again(&closed.why, outgoing).unwrap();
        outgoing.connect(dial, self.next.clone().open(self));
    }
}

#[test]
fn a_server_that_goes_down_sends_its_guests_away_one_by_one_and_they_come_back_so() {
    const GUESTS: usize = 200;
    const NEXT: &str = "10.0.0.3:8080";
    Seeds::new(5).faults(Faults::calm()).run(|sim| {
        serve_at(sim, AT, Config::default(), WebSocketConfig::default());
        serve_at(sim, NEXT, Config::default(), WebSocketConfig::default());
        let next: WebSocketRequest = format!("ws://{NEXT}/").parse().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let engine = sim.engine(Config::default());
        let handle = engine.handle();
        for _ in 0..GUESTS {
            let reconnect = Reconnect::new(next.dial());
            let guest = Guest { reconnect, next: next.clone(), seen: seen.clone() };
            engine.connect(request().dial(), request().open(guest));
        }
        sim.run_for(SECOND);
        assert_eq!(handle.connections() as usize, GUESTS);
        sim.signal(0);
        sim.run_until(|| seen.lock().unwrap().back.len() == GUESTS);
        let seen = seen.lock().unwrap();
        for times in [&seen.away, &seen.back] {
            let tenth = |time: &Duration| time.as_millis() / 100;
            let first = times.iter().map(tenth).min().unwrap();
            let busiest = (first..first + 200)
                .map(|at| times.iter().filter(|time| tenth(time) == at).count())
                .max();
            // Four come on average in each tenth of the seconds over which they are spread.
            assert!(busiest <= Some(20), "{busiest:?} in a tenth of a second");
        }
        assert_eq!(closes(sim, Reason::Shutdown), 0);
    });
}
