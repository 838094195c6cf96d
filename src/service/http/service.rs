//! [`Service`]: a function from a whole request to an answer, for all that need not stream; and
//! [`Responder`], which gives the answer now, from a worker, or later from anywhere.

use std::borrow::Borrow;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::done::Done;
use super::exchange::{Exchange, ExchangeAddress, ExchangeContext};
use super::params::Params;
use super::request::Request;
use super::response::Response;
use super::site::Site;
use crate::handler::{Result, SendError};
use crate::net::{Peer, TlsFacts};
use crate::wire::http::{BodyLength, Headers, RequestHead, ResponseHead, StatusCode};

/// Answers requests that have come as a whole. One service answers for all connections of all
/// loops, so it runs on several threads at once; it must not block: what takes long goes to a
/// worker ([`Responder::offload`]), or is answered later ([`Responder::later`]).
///
/// A function of a request and a responder is a service, too. [`Serve`] makes a [`Site`] of one.
pub trait Service: Send + Sync + 'static {
    /// Answers `request`. If `responder` is dropped unused, it answers 500.
    fn call(&self, request: &Request<'_>, responder: Responder<'_, '_>);
}

impl<F> Service for F
where
    F: Fn(&Request<'_>, Responder<'_, '_>) + Send + Sync + 'static,
{
    fn call(&self, request: &Request<'_>, responder: Responder<'_, '_>) {
        self(request, responder);
    }
}

/// Gives the answer to one request.
pub struct Responder<'c, 'a> {
    cx: &'c mut ExchangeContext<'a, Answer>,
    is_deferred: &'c mut bool,
}

/// The answer of a [`Deferred`], on its way; none if that was dropped.
#[derive(Debug)]
pub struct Answer(Option<Response>);

impl Responder<'_, '_> {
    /// Answers now.
    pub fn send(self, response: impl Borrow<Response>) {
        answer(self.cx, response.borrow());
    }

    /// Answers 200 with this text. Nothing is allocated.
    pub fn text(self, text: &str) {
        static HEAD: LazyLock<ResponseHead> = LazyLock::new(|| Response::text("").head);
        self.cx.answer(&HEAD, text.as_bytes());
    }

    /// Answers with this status, and what it is called.
    pub fn status(self, status: StatusCode) {
        self.send(Response::status_only(status));
    }

    /// Lets a worker make the answer. Without workers (`Config::workers` of 0) it is made here and
    /// now, and holds up the loop.
    pub fn offload(self, work: impl FnOnce() -> Response + Send + 'static) {
        if self.cx.workers() == 0 {
            return answer(self.cx, &work());
        }
        // There are workers, so it is taken.
        *self.is_deferred = self.cx.offload(move || Answer(Some(work()))).is_ok();
    }

    /// Leaves the answer to somebody else: another thread, another connection, a timer. The peer
    /// waits until then, or until `HttpDeadlines::answer`.
    pub fn later(self) -> Deferred {
        *self.is_deferred = true;
        Deferred { address: Some(self.cx.address()) }
    }

    /// Adds a field to the answer, whichever it will be.
    pub fn add_header(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.cx.add_header(name, value.as_ref());
    }

    /// How long the answer may take, counted from now, in place of `HttpDeadlines::answer`.
    pub fn set_deadline(&mut self, after: Option<Duration>) {
        self.cx.set_deadline(after);
    }

    /// The time of this turn of the loop, since the loop began.
    pub fn now(&self) -> Duration {
        self.cx.now()
    }

    /// Time since 1970-01-01 00:00 UTC, for telling people and other programs the time.
    pub fn wall(&self) -> Duration {
        self.cx.wall()
    }

    /// Who is at the other end of the connection.
    pub fn peer(&self) -> Peer {
        self.cx.peer()
    }

    /// What was agreed on by TLS; `None` if the connection is not encrypted.
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.cx.tls()
    }
}

/// An answer that is still to be given, by anybody. If it is dropped unsent, 500 is answered.
#[derive(Debug)]
pub struct Deferred {
    /// None once it is sent.
    address: Option<ExchangeAddress<Answer>>,
}

impl Deferred {
    /// Answers. If the peer is gone by now, nobody notices; a second answer is dropped.
    ///
    /// # Errors
    /// The mailbox of the connection's loop is full, or the loop has ended: the response is given
    /// back, and may be sent again.
    #[allow(clippy::result_large_err, reason = "it is rare, and gives back what it could not send")]
    pub fn send(&mut self, response: Response) -> Result<(), SendError<Response>> {
        let Some(address) = &self.address else { return Ok(()) };
        match address.send(Answer(Some(response))) {
            Err(SendError::Full(Answer(Some(back)))) => return Err(SendError::Full(back)),
            Err(SendError::Gone(Answer(Some(back)))) => return Err(SendError::Gone(back)),
            _ => self.address = None,
        }
        Ok(())
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        if let Some(address) = self.address.take() {
            // If the mailbox is full, the peer learns it from the deadline.
            let _ = address.send(Answer(None));
        }
    }
}

fn answer(cx: &mut ExchangeContext<'_, Answer>, response: &Response) {
    cx.answer_shared(&response.head, response.body.clone());
}

/// A [`Site`] of a [`Service`].
#[derive(Debug)]
pub struct Serve<S> {
    service: Arc<S>,
}

impl<S: Service> Serve<S> {
    /// Answers every request by `service`.
    pub fn new(service: S) -> Self {
        Self { service: Arc::new(service) }
    }
}

impl<S: Service> Site for Serve<S> {
    type Exchange = ServiceExchange<S>;
    /// It keeps its share in the service, so that loops don't fight over the count of its owners.
    const RENEWS: bool = true;

    fn exchange(&self, _: &RequestHead, params: &Params) -> ServiceExchange<S> {
        ServiceExchange::new(self.service.clone(), params.clone())
    }

    fn renew(&self, exchange: &mut ServiceExchange<S>, _: &RequestHead, params: &Params) {
        exchange.renew(&self.service, params.clone());
    }
}

/// Gathers a request for a [`Service`], and waits for its answer.
pub struct ServiceExchange<S: ?Sized> {
    service: Arc<S>,
    params: Params,
    /// Kept while the body comes.
    head: Option<Box<RequestHead>>,
    body: Vec<u8>,
    is_deferred: bool,
}

/// So much memory for a body is kept for the next one.
const KEPT_MAX: usize = 4096;

impl<S: Service + ?Sized> ServiceExchange<S> {
    pub(super) fn new(service: Arc<S>, params: Params) -> Self {
        Self { service, params, head: None, body: Vec::new(), is_deferred: false }
    }

    pub(super) fn renew(&mut self, service: &Arc<S>, params: Params) {
        if !Arc::ptr_eq(&self.service, service) {
            self.service = service.clone();
        }
        self.params = params;
        self.is_deferred = false;
    }

    /// Sees to it that `more` bytes fit behind those that have come, and counts the memory that
    /// this takes before it takes it. `false` if that would be too much.
    fn make_room(&mut self, more: usize, cx: &mut ExchangeContext<'_, Answer>) -> bool {
        let (len, room) = (self.body.len(), self.body.capacity());
        // What was kept from the request before is counted with the first piece.
        let counted = if len == 0 { 0 } else { room };
        let needed = len + more;
        if needed <= counted {
            return true;
        }
        let most = match self.head.as_ref().map(|head| head.body_length()) {
            Some(BodyLength::Known(length)) => length as usize,
            _ => cx.whole_max(),
        };
        // Doubled, so that each byte is moved once or twice, but to no more than can come.
        let wanted = (2 * len).min(most).max(needed).max(room);
        if !cx.gather(wanted - counted) {
            return false;
        }
        self.body.reserve_exact(wanted - len);
        true
    }

    fn call(
        &mut self,
        head: &RequestHead,
        trailers: Option<&Headers>,
        cx: &mut ExchangeContext<'_, Answer>,
    ) {
        let (body, params, peer) = (&self.body[..], &self.params, cx.peer());
        let request = Request { head, body, trailers, params, peer };
        let is_deferred = &mut self.is_deferred;
        self.service.call(&request, Responder { cx, is_deferred });
        if !cx.is_answered() && !self.is_deferred {
            answer(cx, &StatusCode::INTERNAL_SERVER_ERROR.into());
        }
    }
}

fn refuse(cx: &mut ExchangeContext<'_, Answer>, status: StatusCode) {
    answer(cx, &status.into());
}

impl<S: Service + ?Sized> Exchange for ServiceExchange<S> {
    type Message = Answer;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, Answer>) -> Result {
        match head.body_length() {
            length if length.is_empty() => self.call(head, None, cx),
            BodyLength::Known(count) if count > cx.whole_max() as u64 => {
                refuse(cx, StatusCode::PAYLOAD_TOO_LARGE);
            }
            _ => {
                cx.lane.keep_head(head.held());
                self.head = Some(Box::new(head.clone()));
            }
        }
        Ok(())
    }

    fn on_body(&mut self, piece: &[u8], cx: &mut ExchangeContext<'_, Answer>) -> Result {
        if self.body.len() + piece.len() > cx.whole_max() {
            refuse(cx, StatusCode::PAYLOAD_TOO_LARGE);
        } else if !self.make_room(piece.len(), cx) {
            refuse(cx, StatusCode::SERVICE_UNAVAILABLE);
        } else {
            self.body.extend_from_slice(piece);
        }
        Ok(())
    }

    fn on_end(&mut self, trailers: &Headers, cx: &mut ExchangeContext<'_, Answer>) -> Result {
        if let Some(head) = self.head.take() {
            self.call(&head, Some(trailers).filter(|it| !it.is_empty()), cx);
        }
        Ok(())
    }

    fn on_message(
        &mut self,
        Answer(response): Answer,
        cx: &mut ExchangeContext<'_, Answer>,
    ) -> Result {
        let failed = || StatusCode::INTERNAL_SERVER_ERROR.into();
        answer(cx, &response.unwrap_or_else(failed));
        Ok(())
    }

    fn on_done(&mut self, _: &Done) {
        self.head = None;
        self.body.clear();
        self.body.shrink_to(KEPT_MAX);
    }
}
