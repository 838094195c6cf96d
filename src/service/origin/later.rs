//! What takes its time: [`Delay`], one answer later; [`Ticker`], an event every now and then.

use std::time::Duration;

use crate::handler::{Never, Result, Timer};
use crate::service::http::{
    Exchange, ExchangeContext, Params, Response, ServerEvent, event_stream_head,
};
use crate::wire::http::{BodyLength, RequestHead, StatusCode};

const TIMER: Timer = Timer::new(0);

/// Answers after a while.
pub(super) struct Delay {
    after: Option<Duration>,
}

impl Delay {
    const MAX: Duration = Duration::from_secs(60);

    pub(super) fn new(head: &RequestHead, params: &Params) -> Self {
        let after = params.number(head.path(), "ms").map(Duration::from_millis);
        Self { after: after.filter(|after| *after <= Self::MAX) }
    }
}

impl Exchange for Delay {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        match self.after {
            Some(after) => {
                cx.set_deadline(Some(2 * Self::MAX));
                cx.arm(TIMER, after);
            }
            None => {
                let what = "milliseconds, 60000 at most";
                let response = Response::error(StatusCode::BAD_REQUEST, what);
                cx.answer(response.head(), response.body());
            }
        }
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut ExchangeContext<'_, Never>) -> Result {
        let after = self.after.unwrap_or_default();
        let response = Response::text(format!("waited {} ms\n", after.as_millis()));
        cx.answer(response.head(), response.body());
        Ok(())
    }
}

/// A stream of numbered events. Who comes back gets those that follow the last one it saw.
pub(super) struct Ticker {
    next: u64,
    /// The number behind the last one.
    end: u64,
    every: Duration,
}

impl Ticker {
    pub(super) fn new(head: &RequestHead, _: &Params) -> Self {
        let last = head.headers.get_str("last-event-id").and_then(|id| id.parse::<u64>().ok());
        let asked = |name: &str| {
            let pairs = head.query().unwrap_or_default().split('&');
            let mut values = pairs.filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            values.next().and_then(|value| value.parse::<u64>().ok())
        };
        Self {
            next: last.map_or(1, |last| last.saturating_add(1)),
            end: asked("count").map_or(u64::MAX, |count| count.saturating_add(1)),
            every: Duration::from_millis(asked("every").unwrap_or(1000).max(1)),
        }
    }

    fn tick(&mut self, cx: &mut ExchangeContext<'_, Never>) {
        if self.next >= self.end {
            return cx.finish();
        }
        // Who does not keep up misses nothing: the next event waits.
        if !cx.is_congested() {
            let (id, data) = (self.next.to_string(), format!("tick {}", self.next));
            cx.send(&ServerEvent { id: Some(&id), ..ServerEvent::data(&data) }.encode());
            self.next += 1;
        }
    }
}

impl Exchange for Ticker {
    type Message = Never;

    fn on_head(&mut self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        cx.respond(&event_stream_head(), BodyLength::Unknown);
        cx.arm_every(TIMER, self.every);
        self.tick(cx);
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.tick(cx);
        Ok(())
    }
}
