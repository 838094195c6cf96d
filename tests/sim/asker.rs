//! Simulated users of a client: [`askers`] are handlers that ask one question after the other, and
//! keep what comes of each.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use overt::service::http::client::{Call, Client, Failure, Part, Ready, Request};
use overt::sim::Simulation;
use overt::wire::http::Headers;
use overt::{Config, Context, Deadlines, Dial, Handle, Handler, Limits, Result, Timer};

use crate::small_limits;

/// Where the asking handlers have their own connections to: it says nothing.
pub(crate) const STAGE: &str = "10.0.0.9:9";

/// What came of a request.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) status: Option<u16>,
    pub(crate) body: Vec<u8>,
    pub(crate) failure: Option<Failure>,
    pub(crate) over: bool,
}

impl Outcome {
    pub(crate) fn failed(&self) -> &Failure {
        self.failure.as_ref().expect("it failed")
    }
}

pub(crate) type Outcomes = Arc<Mutex<Vec<Outcome>>>;

/// A request, and a body for it that is sent piece by piece.
pub(crate) struct Question {
    pub(crate) request: Request,
    pub(crate) stream: Option<Vec<u8>>,
    /// Whether the answer is not waited for.
    pub(crate) dropped: bool,
}

impl From<Request> for Question {
    fn from(request: Request) -> Self {
        Self { request, stream: None, dropped: false }
    }
}

/// Asks one question after the other.
struct Asker {
    client: Client,
    questions: VecDeque<Question>,
    outcomes: Outcomes,
    call: Option<(Call, Option<Vec<u8>>)>,
    /// How long it waits before it takes the next piece of an answer.
    pace: Option<Duration>,
}

const NEXT: Timer = Timer::new(0);

impl Asker {
    fn ask(&mut self, cx: &mut Context<'_, Self>) {
        let Some(question) = self.questions.pop_front() else { return };
        let Question { request, stream, dropped } = question;
        self.outcomes.lock().unwrap().push(Outcome { over: dropped, ..Outcome::default() });
        let call = self.client.call(request, &mut cx.effects);
        if dropped {
            drop(call);
            return self.ask(cx);
        }
        self.call = Some((call, stream));
        self.send();
    }

    /// Sends as much as there is room for.
    fn send(&mut self) {
        let Some((call, stream)) = &mut self.call else { return };
        while let Some(rest) = stream {
            if rest.is_empty() {
                call.finish(Headers::default());
                *stream = None;
            } else {
                let count = call.room().min(rest.len()).min(1000);
                if count == 0 {
                    return;
                }
                if !call.send(&rest[..count]) {
                    *stream = None;
                    return;
                }
                rest.drain(..count);
            }
        }
    }

    fn look(&mut self, cx: &mut Context<'_, Self>) {
        self.send();
        loop {
            let Some((call, _)) = &mut self.call else { return };
            let Some(part) = call.next(&mut cx.effects) else { return };
            let mut outcomes = self.outcomes.lock().unwrap();
            let outcome = outcomes.last_mut().unwrap();
            match part {
                Part::Interim(_) => {}
                Part::Head(head) => outcome.status = Some(head.status().as_u16()),
                Part::Body(bytes) => outcome.body.extend(bytes),
                Part::End(_) => outcome.over = true,
                Part::Failed(failure) => {
                    (outcome.failure, outcome.over) = (Some(failure), true);
                }
            }
            let over = outcome.over;
            drop(outcomes);
            if over {
                self.call = None;
                self.ask(cx);
            }
            if let Some(pace) = self.pace {
                cx.effects.arm(NEXT, pace);
                return;
            }
        }
    }
}

impl Handler for Asker {
    type Message = Ready;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.ask(cx);
        Ok(())
    }

    fn on_data(&mut self, _: &mut Context<'_, Self>) -> Result {
        Ok(())
    }

    fn on_message(&mut self, _: Ready, cx: &mut Context<'_, Self>) -> Result {
        self.look(cx);
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Context<'_, Self>) -> Result {
        self.look(cx);
        Ok(())
    }
}

pub(crate) fn stage(sim: &mut Simulation) {
    sim.serve(STAGE, |_| {});
}

/// An engine with as many askers as lists of questions.
pub(crate) fn askers(
    sim: &mut Simulation,
    client: &Client,
    lists: Vec<Vec<Question>>,
    pace: Option<Duration>,
) -> (Vec<Outcomes>, Handle<impl overt::net::Net>) {
    let limits = Limits { mailbox: 1, ..small_limits(sim) };
    let deadlines = Deadlines { idle: HOUR, lifetime: HOUR, ..Default::default() };
    let engine = sim.engine(Config { limits, deadlines, ..Config::default() });
    let handle = engine.handle();
    let all = lists.into_iter().map(|questions| {
        let outcomes = Outcomes::default();
        let (client, questions) = (client.clone(), questions.into());
        let asker = Asker { client, questions, outcomes: outcomes.clone(), call: None, pace };
        handle.connect(Dial::to(STAGE.parse::<overt::net::Endpoint>().unwrap()), asker);
        outcomes
    });
    (all.collect(), handle)
}

const HOUR: Duration = Duration::from_secs(3600);

/// Asks these, and waits for all outcomes.
pub(crate) fn ask(sim: &mut Simulation, client: &Client, questions: Vec<Question>) -> Vec<Outcome> {
    let count = questions.len();
    let (outcomes, _) = askers(sim, client, vec![questions], None);
    sim.run_until(|| are_over(&outcomes, count));
    std::mem::take(&mut outcomes[0].lock().unwrap())
}

pub(crate) fn are_over(outcomes: &[Outcomes], count: usize) -> bool {
    outcomes.iter().all(|outcomes| {
        let outcomes = outcomes.lock().unwrap();
        outcomes.len() == count && outcomes.iter().all(|outcome| outcome.over)
    })
}
