//! [`Routed`]: the exchange of a router, whatever its route leads to. Services are answered without
//! an allocation; other exchanges are boxed, one for each request.

use std::any::Any;
use std::sync::Arc;

use super::done::Done;
use super::exchange::{Exchange, ExchangeContext};
use super::params::Params;
use super::response::Response;
use super::service::{Service, ServiceExchange};
use super::site::Site;
use crate::handler::{Close, Never, Result, Timer};
use crate::wire::http::{Headers, RequestHead};

/// What a route leads to.
#[derive(Clone)]
pub(super) enum Target {
    Service(Arc<dyn Service>),
    Site(Arc<dyn AnySite>),
}

/// The exchange of a [`Router`](super::Router).
pub struct Routed(pub(super) Kind);

pub(super) enum Kind {
    Service(ServiceExchange<dyn Service>),
    Other(Box<dyn AnyExchange>),
    /// No route leads anywhere: the answer says so.
    Fixed(Response),
    /// What it led to is over, and gone with all that it held.
    Over,
}

/// A site with its type erased.
pub(super) trait AnySite: Send + Sync {
    fn exchange(&self, head: &RequestHead, params: &Params) -> Box<dyn AnyExchange>;
}

impl<S: Site> AnySite for S {
    fn exchange(&self, head: &RequestHead, params: &Params) -> Box<dyn AnyExchange> {
        Box::new(Site::exchange(self, head, params))
    }
}

/// What happens to an exchange.
pub(super) enum Event<'e> {
    Head(&'e RequestHead),
    Body(&'e [u8]),
    End(&'e Headers),
    Mail(&'e mut dyn Any),
    Timer(Timer),
    Writable,
    HalfClosed,
}

/// An exchange with its type erased.
pub(super) trait AnyExchange: Send {
    fn handle(&mut self, event: Event<'_>, cx: &mut ExchangeContext<'_, Never>) -> Result;
    fn reset(&mut self, why: &Close);
    fn done(&mut self, done: &Done);
}

impl<E: Exchange> AnyExchange for E {
    fn handle(&mut self, event: Event<'_>, cx: &mut ExchangeContext<'_, Never>) -> Result {
        let cx = &mut cx.lend();
        match event {
            Event::Head(head) => self.on_head(head, cx),
            Event::Body(piece) => self.on_body(piece, cx),
            Event::End(trailers) => self.on_end(trailers, cx),
            Event::Mail(mail) => self.on_mail(mail, cx),
            Event::Timer(timer) => self.on_timer(timer, cx),
            Event::Writable => self.on_writable(cx),
            Event::HalfClosed => self.on_half_closed(cx),
        }
    }

    fn reset(&mut self, why: &Close) {
        self.on_reset(why);
    }

    fn done(&mut self, done: &Done) {
        self.on_done(done);
    }
}

impl Routed {
    fn handle(&mut self, event: Event<'_>, cx: &mut ExchangeContext<'_, Never>) -> Result {
        match &mut self.0 {
            Kind::Service(service) => service.handle(event, cx),
            Kind::Other(other) => other.handle(event, cx),
            Kind::Fixed(response) => {
                if matches!(event, Event::Head(_)) {
                    cx.answer_shared(&response.head, response.body.clone());
                }
                Ok(())
            }
            Kind::Over => Ok(()),
        }
    }
}

impl Exchange for Routed {
    /// Mail is for what the route leads to, and goes there by [`on_mail`](Exchange::on_mail).
    type Message = Never;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.handle(Event::Head(head), cx)
    }

    fn on_body(&mut self, piece: &[u8], cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.handle(Event::Body(piece), cx)
    }

    fn on_end(&mut self, trailers: &Headers, cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.handle(Event::End(trailers), cx)
    }

    fn on_mail(&mut self, mail: &mut dyn Any, cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.handle(Event::Mail(mail), cx)
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.handle(Event::Timer(timer), cx)
    }

    fn on_writable(&mut self, cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.handle(Event::Writable, cx)
    }

    fn on_half_closed(&mut self, cx: &mut ExchangeContext<'_, Never>) -> Result {
        self.handle(Event::HalfClosed, cx)
    }

    fn on_reset(&mut self, why: &Close) {
        match &mut self.0 {
            Kind::Service(service) => service.on_reset(why),
            Kind::Other(other) => other.reset(why),
            Kind::Fixed(_) | Kind::Over => {}
        }
    }

    fn on_done(&mut self, done: &Done) {
        match &mut self.0 {
            // It is kept for the next request.
            Kind::Service(service) => return service.on_done(done),
            Kind::Other(other) => other.done(done),
            Kind::Fixed(_) | Kind::Over => {}
        }
        self.0 = Kind::Over;
    }
}
