//! [`ProxyExchange`]: one request on its way to a backend, and the answer on its way back.
//!
//! Both stream at the same time and each is bounded by a window: a backend that takes slowly
//! pauses the client's body, and a client that reads slowly pauses the backend's answer. Whatever
//! arrives has been decoded strictly, and leaves encoded anew.

use std::sync::Arc;
use std::time::Duration;

use super::backend::Backends;
use super::config::ProxyConfig;
use super::rewrite::Passage;
use super::splice::{Splice, cut};
use crate::handler::{Bound, Close, Result, Timer};
use crate::service::http::client::{Call, Client, Failure, Part, Ready};
use crate::service::http::{Done, Exchange, ExchangeContext};
use crate::wire::http::{
    BodyLength, Headers, HttpError, Method, RequestHead, ResponseHead, StatusCode,
};

/// What all exchanges of a proxy have in common.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) backends: Backends,
    pub(super) config: ProxyConfig,
}

/// One request on its way through a proxy.
pub struct ProxyExchange {
    proxy: Arc<Shared>,
    call: Option<Call>,
    /// The number of the backend that was asked last, and a bit for each that was asked.
    backend: usize,
    tried: u64,
    tries: usize,
    is_idempotent: bool,
    is_head: bool,
    has_body: bool,
    /// Whether each backend is told its own name.
    names_backend: bool,
    /// Why the client's body is held back.
    held: Held,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    No,
    /// The backend has not yet said that it wants the body.
    Expecting,
    /// The backend takes slowly.
    Full,
}

/// After so long a backend that said nothing about a body that was announced gets it all the same:
/// it may not know how to say it (RFC 9110, 10.1.1).
const GO_AHEAD: Duration = Duration::from_secs(1);
const GOING_AHEAD: Timer = Timer::new(0);

type Cx<'a> = ExchangeContext<'a, Ready>;

impl ProxyExchange {
    pub(super) fn new(proxy: Arc<Shared>) -> Self {
        let (call, held) = (None, Held::No);
        let (backend, tried, tries) = (0, 0, 0);
        let (is_idempotent, is_head, has_body, names_backend) = (false, false, false, false);
        Self {
            proxy,
            call,
            backend,
            tried,
            tries,
            is_idempotent,
            is_head,
            has_body,
            names_backend,
            held,
        }
    }

    fn ask(&mut self, head: &RequestHead, cx: &mut Cx<'_>) -> Result<(), HttpError> {
        let proxy = self.proxy.clone();
        refuse(head)?;
        let Some(backend) = self.pick(cx).and_then(|number| proxy.backends.get(number)) else {
            return Err(HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "there is no backend"));
        };
        let (peer, secure) = (cx.peer(), cx.tls().is_some());
        let asked = head.authority().unwrap_or_default();
        let passage = Passage { peer, secure, asked, backend: &backend.authority };
        let mut next = proxy.config.rewriting.request(head, &passage)?;
        forward_fewer(head, &mut next)?;
        self.is_head = *head.method() == Method::HEAD;
        self.is_idempotent = is_idempotent(head.method());
        self.has_body = !head.body_length().is_empty();
        self.names_backend = proxy.config.rewriting.host(asked).is_none();
        let call = proxy.client.call_at(&backend.route, next, head.body_length(), cx);
        self.call = Some(call);
        Ok(())
    }

    /// The next backend to ask.
    fn pick(&mut self, cx: &Cx<'_>) -> Option<usize> {
        self.backend = self.proxy.backends.pick(cx.wall(), self.tried)?;
        self.tried |= 1u64.checked_shl(self.backend as u32).unwrap_or(0);
        self.tries += 1;
        Some(self.backend)
    }

    /// Takes what has come of the answer, for as long as the client takes it.
    fn look(&mut self, cx: &mut Cx<'_>) -> Result {
        self.take_more(cx);
        while !cx.is_congested() {
            let Some(part) = self.call.as_mut().and_then(|call| call.next(cx)) else { break };
            match part {
                Part::Interim(head) => self.inform(head, cx),
                Part::Head(head) => self.begin(head, cx),
                Part::Body(bytes) => cx.share(bytes),
                Part::End(trailers) => {
                    self.call = None;
                    match trailers.is_empty() {
                        true => cx.finish(),
                        false => cx.finish_with(&self.proxy.config.rewriting.trailers(&trailers)),
                    }
                }
                Part::Failed(failure) => self.failed(failure, cx)?,
            }
        }
        Ok(())
    }

    fn take_more(&mut self, cx: &mut Cx<'_>) {
        let has_room = self.call.as_ref().is_none_or(|call| call.room() > 0);
        if self.held == Held::Full && has_room {
            self.held = Held::No;
            cx.resume();
        }
    }

    fn inform(&mut self, head: ResponseHead, cx: &mut Cx<'_>) {
        if head.status() == StatusCode::CONTINUE {
            self.go_ahead(cx);
        } else if let Ok(head) = self.proxy.config.rewriting.response(head, false) {
            cx.inform(&head);
        }
    }

    /// The backend wants the body, or at least did not say that it does not.
    fn go_ahead(&mut self, cx: &mut Cx<'_>) {
        if self.held == Held::Expecting {
            self.held = Held::No;
            cx.resume();
        }
    }

    fn begin(&mut self, head: ResponseHead, cx: &mut Cx<'_>) {
        self.proxy.backends.succeeded(self.backend);
        let (length, switches) = (head.body_length(), head.switches());
        match self.proxy.config.rewriting.response(head, switches) {
            Ok(head) if switches => {
                if let Some(call) = self.call.take() {
                    cx.upgrade(&head, Splice::new(call));
                }
            }
            // How long a body would be that nobody wants was not said.
            Ok(head) if self.is_head && length.is_empty() => {
                cx.respond(&head, BodyLength::Unknown);
            }
            Ok(head) => cx.respond(&head, length),
            Err(error) => {
                self.call = None;
                refused(error, cx);
            }
        }
    }

    fn failed(&mut self, failure: Failure, cx: &mut Cx<'_>) -> Result {
        let is_late = matches!(failure, Failure::Late(_));
        let is_ours = failure.is_ours();
        let left_out = !is_ours && self.proxy.backends.failed(self.backend, cx.wall());
        let name = self.proxy.backends.get(self.backend).map_or("", |it| &*it.authority);
        match left_out {
            true => log::warn!("backend {name} is left out for a while: {failure}"),
            false => log::debug!("backend {name}: {failure}"),
        }
        if cx.is_answered() {
            self.call = None;
            return Err(cut(failure));
        }
        let unseen = failure.is_before_connection();
        let may_repeat = unseen || self.is_idempotent && matches!(failure, Failure::Reset(_));
        if may_repeat && self.ask_another(cx) {
            return Ok(());
        }
        self.call = None;
        let (status, what) = match failure {
            _ if is_ours => (StatusCode::SERVICE_UNAVAILABLE, "no connection to the backend"),
            _ if is_late => (StatusCode::GATEWAY_TIMEOUT, "the backend did not answer in time"),
            _ if unseen => (StatusCode::BAD_GATEWAY, "the backend can't be reached"),
            _ => (StatusCode::BAD_GATEWAY, "the backend gave no proper answer"),
        };
        refused(HttpError::new(status, what), cx);
        Ok(())
    }

    /// Asks another backend the same; tells whether that can be done.
    fn ask_another(&mut self, cx: &mut Cx<'_>) -> bool {
        let can = self.call.as_ref().is_some_and(Call::can_ask_elsewhere);
        let count = self.proxy.backends.len().min(self.proxy.config.tries_max);
        if !can || self.tries >= count {
            return false;
        }
        let Some(number) = self.pick(cx) else { return false };
        match (&mut self.call, self.proxy.backends.get(number)) {
            (Some(call), Some(backend)) => {
                let host = self.names_backend.then_some(&*backend.authority);
                call.ask_elsewhere(backend.route.clone(), host, cx)
            }
            _ => false,
        }
    }
}

impl Exchange for ProxyExchange {
    type Message = Ready;

    fn on_head(&mut self, head: &RequestHead, cx: &mut Cx<'_>) -> Result {
        // The times of the client bound all that can take time.
        cx.set_deadline(None);
        if let Err(error) = self.ask(head, cx) {
            refused(error, cx);
        } else if head.expects_continue() {
            self.held = Held::Expecting;
            cx.pause();
            cx.arm(GOING_AHEAD, GO_AHEAD);
        }
        Ok(())
    }

    fn on_body(&mut self, piece: &[u8], cx: &mut Cx<'_>) -> Result {
        let Some(call) = &self.call else { return Ok(()) };
        if call.send(piece) && call.room() == 0 {
            if cx.effects.memory_left() == 0 {
                return Err(Close::Over(Bound::Memory));
            }
            self.held = Held::Full;
            cx.pause();
        }
        Ok(())
    }

    fn on_end(&mut self, trailers: &Headers, _: &mut Cx<'_>) -> Result {
        // Without a body the request has ended with its head, and this would end what may follow it
        // in another protocol.
        if let Some(call) = self.call.as_ref().filter(|_| self.has_body) {
            call.finish(self.proxy.config.rewriting.trailers(trailers));
        }
        Ok(())
    }

    fn on_message(&mut self, _: Ready, cx: &mut Cx<'_>) -> Result {
        self.look(cx)
    }

    fn on_timer(&mut self, _: Timer, cx: &mut Cx<'_>) -> Result {
        self.go_ahead(cx);
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut Cx<'_>) -> Result {
        self.look(cx)
    }

    /// As most proxies do: who waits for an answer keeps its connection open.
    fn on_half_closed(&mut self, _: &mut Cx<'_>) -> Result {
        if self.proxy.config.half_closed { Ok(()) } else { Err(Close::ByPeer) }
    }

    /// The backend is told by the end of its connection that nobody listens any more.
    fn on_reset(&mut self, _: &Close) {
        self.call = None;
    }

    fn on_done(&mut self, _: &Done) {
        self.call = None;
    }
}

/// What this proxy passes to nobody: a way to wherever the client likes, and an echo of what the
/// client does not know of its own request.
fn refuse(head: &RequestHead) -> Result<(), HttpError> {
    match *head.method() {
        Method::CONNECT | Method::TRACE => {
            Err(HttpError::new(StatusCode::METHOD_NOT_ALLOWED, "not through this proxy"))
        }
        _ => Ok(()),
    }
}

/// `OPTIONS` says how far it may go (RFC 9110, 7.6.2).
fn forward_fewer(head: &RequestHead, next: &mut RequestHead) -> Result<(), HttpError> {
    if *head.method() != Method::OPTIONS {
        return Ok(());
    }
    let left = head.headers.get_str("max-forwards").and_then(|left| left.parse::<u32>().ok());
    match left {
        None => Ok(()),
        Some(0) => Err(HttpError::new(StatusCode::NO_CONTENT, "")),
        Some(left) => {
            let set = next.headers.set("Max-Forwards", (left - 1).to_string());
            set.map_err(|_| HttpError::new(StatusCode::BAD_REQUEST, "a number that is none"))
        }
    }
}

fn refused(error: HttpError, cx: &mut Cx<'_>) {
    let head = ResponseHead::new(error.status);
    let head = match error.status {
        StatusCode::NO_CONTENT => return cx.answer(&head, b""),
        StatusCode::METHOD_NOT_ALLOWED => {
            head.header("Allow", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT")
        }
        StatusCode::SERVICE_UNAVAILABLE => head.header("Retry-After", "1"),
        _ => head,
    };
    let text = format!("{}\n", error.what);
    cx.answer(&head.header("Content-Type", "text/plain; charset=utf-8"), text.as_bytes());
}

fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS].contains(method)
}
