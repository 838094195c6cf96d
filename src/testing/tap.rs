//! [`Tap`]: stands between the engine and a handler, and notes what the test wants to know.

use std::any::Any;

use crate::handler::stage::{AnyHandler, Asked, Event, Facts, Stage};
use crate::handler::{Close, Result, Timer};

/// A handler, and what it was told. Passes everything on; a successor gets it in its turn.
pub(super) struct Tap {
    pub(super) handler: Box<dyn AnyHandler>,
    /// The timers that fired, in order.
    pub(super) fired: Vec<Timer>,
}

impl Tap {
    pub(super) fn new(handler: Box<dyn AnyHandler>) -> Box<Self> {
        Box::new(Self { handler, fired: Vec::new() })
    }

    /// The tap of a connection of the bench: its handler is always one.
    pub(super) fn of(handler: &dyn AnyHandler) -> Option<&Self> {
        (handler as &dyn Any).downcast_ref()
    }

    pub(super) fn of_mut(handler: &mut dyn AnyHandler) -> Option<&mut Self> {
        (handler as &mut dyn Any).downcast_mut()
    }

    fn pass_on(&mut self, stage: &mut Stage) {
        if let Some(successor) = stage.asked.successor.take() {
            let fired = std::mem::take(&mut self.fired);
            stage.asked.successor = Some(Box::new(Self { handler: successor, fired }));
        }
    }
}

impl AnyHandler for Tap {
    fn data(&mut self, stage: &mut Stage, facts: &mut Facts) -> Result {
        let done = self.handler.data(stage, facts);
        self.pass_on(stage);
        done
    }

    fn handle(&mut self, event: Event<'_>, stage: &mut Stage, facts: &mut Facts) -> Result {
        if let Event::Timer(number) = event {
            self.fired.push(Timer::new(number));
        }
        let done = self.handler.handle(event, stage, facts);
        self.pass_on(stage);
        done
    }

    fn close(self: Box<Self>, why: Close, asked: &mut Asked) {
        self.handler.close(why, asked);
    }

    fn name(&self) -> &'static str {
        self.handler.name()
    }
}
