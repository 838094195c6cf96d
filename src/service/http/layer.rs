//! [`Layer`]: what stands between the connection and an exchange, such as a log or a limit; and
//! [`Layered`], a site behind one. Layers are put around each other like the skins of an onion, and
//! their types say in which order: nothing is looked up, or chosen, while a request is served.

use std::any::Any;
use std::sync::Arc;

use super::done::Done;
use super::exchange::{Exchange, ExchangeContext};
use super::params::Params;
use super::response::Response;
use super::site::Site;
use crate::handler::{Close, Never, Result, Timer};
use crate::wire::http::{Headers, RequestHead, StatusCode};

/// Sees each request before its exchange does, and learns how it ended.
///
/// ```
/// use overt::service::http::{Entry, ExchangeContext, Layer, Onion, Response, Router};
/// use overt::wire::http::{RequestHead, StatusCode};
/// use overt::Never;
///
/// /// Lets only those pass who have shown a certificate.
/// struct Certified;
///
/// impl Layer for Certified {
///     type State = ();
///
///     fn enter(&self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Entry<()> {
///         match cx.tls() {
///             Some(facts) if !facts.peer_certificates.is_empty() => Entry::Pass(()),
///             _ => Entry::Answer(Response::status_only(StatusCode::FORBIDDEN)),
///         }
///     }
/// }
///
/// let admin = Router::new().behind(Certified);
/// ```
pub trait Layer: Send + Sync + 'static {
    /// What is kept for a request until it ends.
    type State: Send + 'static;

    /// A request came. The layer lets it pass, or answers it itself: then the exchange never learns
    /// of it. It may [add fields](ExchangeContext::add_header) to the answer, whoever gives it.
    fn enter(&self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Entry<Self::State>;

    /// The request that was let pass has ended.
    fn leave(&self, _state: Self::State, _done: &Done) {}
}

/// What a layer does with a request.
#[derive(Debug)]
pub enum Entry<S> {
    /// It lets it pass, and keeps this until it ends.
    Pass(S),
    /// It answers so.
    Answer(Response),
}

/// Puts layers around a site: `router.behind(compression).behind(log)`; the last one is the
/// outermost.
pub trait Onion: Site + Sized {
    /// This site, behind `layer`.
    fn behind<L: Layer>(self, layer: L) -> Layered<L, Self> {
        Layered { layer: Arc::new(layer), site: self }
    }
}

impl<S: Site> Onion for S {}

/// A site behind a layer.
#[derive(Debug)]
pub struct Layered<L, S> {
    layer: Arc<L>,
    site: S,
}

impl<L: Layer, S: Site> Site for Layered<L, S> {
    type Exchange = LayeredExchange<L, S::Exchange>;
    /// It keeps its share in the layer, and what the site behind it keeps.
    const RENEWS: bool = true;

    fn exchange(&self, head: &RequestHead, params: &Params) -> LayeredExchange<L, S::Exchange> {
        let inner = Some(self.site.exchange(head, params));
        LayeredExchange { layer: self.layer.clone(), state: None, inner, keeps: S::RENEWS }
    }

    fn renew(
        &self,
        exchange: &mut LayeredExchange<L, S::Exchange>,
        head: &RequestHead,
        params: &Params,
    ) {
        match &mut exchange.inner {
            Some(inner) => self.site.renew(inner, head, params),
            slot => *slot = Some(self.site.exchange(head, params)),
        }
    }
}

/// An exchange behind a layer.
pub struct LayeredExchange<L: Layer, E> {
    layer: Arc<L>,
    /// Of a request that was let pass.
    state: Option<L::State>,
    inner: Option<E>,
    /// Whether the inner exchange is kept for the next request.
    keeps: bool,
}

impl<L: Layer, E: Exchange> LayeredExchange<L, E> {
    /// The inner exchange, of a request that was let pass.
    fn passed(&mut self) -> Option<&mut E> {
        self.inner.as_mut().filter(|_| self.state.is_some())
    }
}

impl<L: Layer, E: Exchange> Exchange for LayeredExchange<L, E> {
    type Message = E::Message;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, E::Message>) -> Result {
        match self.layer.enter(head, &mut cx.lend()) {
            Entry::Pass(state) => self.state = Some(state),
            Entry::Answer(response) => cx.answer_shared(&response.head, response.body),
        }
        self.passed().map_or(Ok(()), |inner| inner.on_head(head, cx))
    }

    fn on_body(&mut self, piece: &[u8], cx: &mut ExchangeContext<'_, E::Message>) -> Result {
        self.passed().map_or(Ok(()), |inner| inner.on_body(piece, cx))
    }

    fn on_end(&mut self, trailers: &Headers, cx: &mut ExchangeContext<'_, E::Message>) -> Result {
        self.passed().map_or(Ok(()), |inner| inner.on_end(trailers, cx))
    }

    fn on_mail(&mut self, mail: &mut dyn Any, cx: &mut ExchangeContext<'_, E::Message>) -> Result {
        self.passed().map_or(Ok(()), |inner| inner.on_mail(mail, cx))
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut ExchangeContext<'_, E::Message>) -> Result {
        self.passed().map_or(Ok(()), |inner| inner.on_timer(timer, cx))
    }

    fn on_writable(&mut self, cx: &mut ExchangeContext<'_, E::Message>) -> Result {
        self.passed().map_or(Ok(()), |inner| inner.on_writable(cx))
    }

    fn on_half_closed(&mut self, cx: &mut ExchangeContext<'_, E::Message>) -> Result {
        self.passed().map_or(Ok(()), |inner| inner.on_half_closed(cx))
    }

    fn on_reset(&mut self, why: &Close) {
        if let Some(inner) = self.passed() {
            inner.on_reset(why);
        }
    }

    fn on_done(&mut self, done: &Done) {
        if let Some(inner) = self.passed() {
            inner.on_done(done);
        }
        if let Some(state) = self.state.take() {
            self.layer.leave(state, done);
        }
        if !self.keeps {
            self.inner = None;
        }
    }
}

/// A panic or a connection that is lost with its loop: what was counted is given back all the same.
impl<L: Layer, E> Drop for LayeredExchange<L, E> {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            let status = Some(StatusCode::INTERNAL_SERVER_ERROR);
            self.layer.leave(state, &Done { status, reset: true, ..Done::default() });
        }
    }
}
