//! How long a client waits for what: each wait has its own end, and none runs while nobody could be
//! late.

use std::iter;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use overt::service::http::client::{
    Call, Client, ClientConfig, Failure, Part, Ready, Request, Wait,
};
use overt::service::http::{Exchange, ExchangeContext, HttpServer, Params};
use overt::sim::{Faults, Seeds, seeds};
use overt::wire::http::{BodyLength, Headers, RequestHead, ResponseHead, StatusCode};
use overt::{Config, Context, Dial, Handler, Never, Result, Timer};

use crate::asker::{STAGE, are_over, ask, askers, stage};
use crate::http_client::{AT, get, numbers};
use crate::origin::{Reply, answer, origin};

fn config(time: Duration) -> ClientConfig {
    ClientConfig { first_byte: time, idle: time, connect: time, ..Default::default() }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn each_wait_has_its_own_end() {
    for (part, total, expected) in [
        (&b""[..], 60 * SECOND, Wait::FirstByte),
        (b"HTTP/1.1 2", 60 * SECOND, Wait::Idle),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", 60 * SECOND, Wait::Idle),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", SECOND, Wait::Total),
    ] {
        seeds(30, |sim| {
            stage(sim);
            origin(sim, AT, move |_| Reply::Send(part.to_vec()));
            let client = Client::new(ClientConfig { total, ..config(5 * SECOND) });
            let outcomes = ask(sim, &client, vec![get("/").into()]);
            let failure = outcomes[0].failed();
            assert!(matches!(failure, Failure::Late(wait) if *wait == expected), "{failure:?}");
            assert!(sim.now() <= total.min(5 * SECOND) + SECOND, "{:?}", sim.now());
            assert_eq!(client.counts().resting, 0);
        });
    }
    let silent = Faults { unanswered: 1000, ..Faults::calm() };
    seeds(30, |sim| {
        stage(sim);
        let client = Client::new(config(2 * SECOND));
        let (outcomes, _) = askers(sim, &client, vec![vec![get("/").into()]], None);
        sim.run_until(|| !outcomes[0].lock().unwrap().is_empty());
        sim.set_faults(silent.clone());
        sim.run_until(|| are_over(&outcomes, 1));
        let outcomes = outcomes[0].lock().unwrap();
        // The dial may have been refused before the network fell silent.
        let failure = outcomes[0].failed();
        assert!(matches!(failure, Failure::Late(Wait::Connect) | Failure::Connect(_)));
        assert_eq!(client.counts().open, 0);
    });
}

#[test]
fn a_connection_that_was_ended_rests_no_more() {
    seeds(30, |sim| {
        stage(sim);
        // A server that does not mind, and keeps its half open.
        let mut heard = Vec::new();
        sim.serve(AT, move |peer| {
            heard.extend(peer.take());
            if heard.ends_with(b"\r\n\r\n") {
                heard.clear();
                peer.send(&answer(200, "", b"hello"));
            }
        });
        let client = Client::new(ClientConfig { rest: 2 * SECOND, ..Default::default() });
        ask(sim, &client, vec![get("/").into()]);
        assert_eq!(client.counts().resting, 1);
        sim.run_for(3 * SECOND);
        assert_eq!(client.counts().resting, 0);
    });
}

/// Says the last of its request after a second, and takes nothing of the answer for five.
struct Dawdler {
    client: Client,
    request: Request,
    call: Option<Call>,
    takes: bool,
    parts: Arc<Mutex<Vec<Part>>>,
}

impl Handler for Dawdler {
    type Message = Ready;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.call = Some(self.client.call(self.request.clone(), &mut cx.effects));
        cx.effects.arm(Timer::new(0), SECOND);
        cx.effects.arm(Timer::new(1), 5 * SECOND);
        Ok(())
    }

    fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    fn on_message(&mut self, _: Ready, cx: &mut Context<'_, Self>) -> Result {
        if let Some(call) = self.call.as_mut().filter(|_| self.takes) {
            let parts = iter::from_fn(|| call.next(&mut cx.effects));
            self.parts.lock().unwrap().extend(parts);
        }
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Context<'_, Self>) -> Result {
        match &self.call {
            Some(call) if timer == Timer::new(0) => call.finish(Headers::default()),
            _ => self.takes = true,
        }
        self.on_message(Ready(self.call.as_ref().unwrap().id()), cx)
    }
}

#[test]
fn who_takes_nothing_does_not_make_the_server_late_be_its_request_complete_or_not() {
    seeds(30, |sim| {
        stage(sim);
        let request = match sim.random(2) {
            0 => get("/"),
            _ => get("/").stream(BodyLength::Unknown),
        };
        let mut said = false;
        sim.serve(AT, move |peer| {
            if !peer.take().is_empty() && !std::mem::replace(&mut said, true) {
                peer.send(&answer(200, "", &numbers(100_000)));
            }
        });
        let config = ClientConfig { window: 8000, idle: 2 * SECOND, ..Default::default() };
        let (client, parts) = (Client::new(config), Arc::<Mutex<Vec<Part>>>::default());
        let dawdler = Dawdler { client, request, call: None, takes: false, parts: parts.clone() };
        let engine = sim.engine(Config::default());
        engine.handle().connect(STAGE.parse::<Dial>().unwrap(), dawdler);
        let is_over = |parts: &[Part]| matches!(parts.last(), Some(Part::End(_) | Part::Failed(_)));
        sim.run_until(|| is_over(&parts.lock().unwrap()));
        assert!(matches!(parts.lock().unwrap().last(), Some(Part::End(_))));
    });
}

/// Leads in a circle, and takes its time.
struct Circle;

impl Exchange for Circle {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.arm(Timer::new(0), 2 * SECOND);
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.answer(&ResponseHead::new(StatusCode::FOUND).header("location", "/"), b"");
        Ok(())
    }
}

#[test]
fn the_time_for_all_of_an_answer_counts_redirects_too() {
    seeds(10, |sim| {
        stage(sim);
        let http = HttpServer::new(|_: &RequestHead, _: &Params| Circle);
        sim.engine(Config::default()).listen(AT, move || http.connection()).unwrap();
        let request = get("/").redirects(100).total(5 * SECOND);
        let outcomes = ask(sim, &Client::default(), vec![request.into()]);
        let failure = outcomes[0].failed();
        assert!(matches!(failure, Failure::Late(Wait::Total)), "{failure:?}");
        assert!(sim.now() < 7 * SECOND, "{:?}", sim.now());
    });
}

#[test]
fn what_rests_too_long_is_closed() {
    Seeds::new(50).faults(Faults::calm()).run(|sim| {
        stage(sim);
        let seen = origin(sim, AT, |_| Reply::Send(answer(200, "", b"")));
        let client = Client::new(ClientConfig { rest: 7 * SECOND, ..Default::default() });
        ask(sim, &client, vec![get("/").into()]);
        assert_eq!((client.counts().open, client.counts().resting), (1, 1));
        sim.run_for(6 * SECOND);
        assert_eq!(client.counts().resting, 1);
        sim.run_for(2 * SECOND);
        assert_eq!((client.counts().open, client.counts().resting), (0, 0));
        assert_eq!(seen.borrow().over, 1);
    });
}
