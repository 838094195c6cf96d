//! [`Call`]: one request and its answer, in the hands of whoever asked.
//!
//! The second tries are here, because here is who can make them: a request that met a connection
//! which the server was just closing, and a redirect that is to be followed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::caller::{CallId, Caller};
use super::failure::Failure;
use super::pipe::{Body, Broken, Down, Near, Question};
use super::redirect::{follow, is_redirect};
use super::route::Route;
use super::switchboard::Switchboard;
use super::url::Url;
use crate::wire::http::{Headers, Method, ResponseHead};

/// A request that is under way, and its answer.
///
/// Dropping it ends it: the connection is closed, unless the answer is as good as complete.
pub struct Call {
    board: Arc<Switchboard>,
    id: CallId,
    near: Near,
    /// Where to; none if that could not be made out.
    route: Option<Route>,
    /// Where redirects are followed from, and how many more.
    redirects: Option<(Url, u8)>,
    state: State,
    /// Whether a second try was made already.
    tried: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The head of the answer is to come.
    Asked,
    /// The body is to come.
    Answering,
    Complete,
    /// With the head of the answer given, or without.
    Failed {
        answered: bool,
    },
}

/// A part of an answer.
#[derive(Debug)]
pub enum Part {
    /// An interim answer (1xx), of which there may be several before the head.
    Interim(ResponseHead),
    /// The head of the answer. Once.
    Head(ResponseHead),
    /// Some of its body, never empty.
    Body(Bytes),
    /// The body is complete; with the trailers that came behind it, which mostly are none. The
    /// last part.
    End(Headers),
    /// There is no answer, or no more of it. The last part.
    Failed(Failure),
}

impl Call {
    pub(super) fn new(
        board: Arc<Switchboard>,
        id: CallId,
        near: Near,
        route: Option<Route>,
        redirects: Option<(Url, u8)>,
    ) -> Self {
        Self { board, id, near, route, redirects, state: State::Asked, tried: false }
    }

    /// Which call this is: [`Ready`](super::Ready) names it.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// The next part of the answer. `None`: nothing yet, and the caller is told when there is; or
    /// nothing any more, behind the last part.
    ///
    /// What is not taken waits, and when a window full waits, the server is not read from: whoever
    /// can't use more now just doesn't ask, and asks again when it can.
    pub fn next(&mut self, caller: &mut impl Caller) -> Option<Part> {
        while !self.is_over() {
            match self.near.take()? {
                Down::Interim(head) => return Some(Part::Interim(head)),
                Down::Head(head) => {
                    let again = self.redirected(&head, caller);
                    match again {
                        Ok(true) => {}
                        Ok(false) => {
                            self.state = State::Answering;
                            return Some(Part::Head(head));
                        }
                        Err(failure) => return Some(self.failed(failure)),
                    }
                }
                Down::Body(bytes) => return Some(Part::Body(bytes)),
                Down::End(trailers) => {
                    self.state = State::Complete;
                    return Some(Part::End(trailers));
                }
                Down::Broken(broken) => {
                    if !self.try_again(&broken, caller) {
                        return Some(self.failed(broken.failure));
                    }
                }
            }
        }
        None
    }

    /// Sends a piece of a body that was announced as a stream. Tells whether anybody takes it: not
    /// after the end of the answer, which may come early.
    ///
    /// Any size is taken; whoever asks [`room`](Self::room) first holds no more than the window.
    pub fn send(&self, piece: &[u8]) -> bool {
        !self.has_failed() && self.near.put(piece)
    }

    /// As [`send`](Self::send), without a copy unless it is small.
    pub fn share(&self, piece: Bytes) -> bool {
        !self.has_failed() && self.near.share(piece)
    }

    /// How many bytes may be sent now. If none, the caller is told when there is room again.
    pub fn room(&self) -> usize {
        self.near.room()
    }

    /// The body that was announced as a stream is complete.
    pub fn finish(&self, trailers: Headers) {
        self.near.finish(trailers);
    }

    /// Whether the last part was given.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Complete | State::Failed { .. })
    }

    /// From now on `caller` is told. For a connection that changes hands.
    pub fn adopt(&self, caller: &impl Caller) {
        self.near.adopt(caller.wake(self.id));
    }

    /// Asks the same of somebody else, who is called `host` in the field of that name if it is not
    /// to stay as it is; tells whether that is possible: not if the answer has begun, or a part of
    /// the body has gone that can't be had again.
    pub fn ask_elsewhere(
        &mut self,
        route: Route,
        host: Option<&str>,
        caller: &mut impl Caller,
    ) -> bool {
        if !self.can_ask_elsewhere() {
            return false;
        }
        if let Some(host) = host {
            self.near.address_to(host);
        }
        let Some(far) = self.near.attempt() else { return false };
        self.board.carry(far, &route, false, caller);
        (self.route, self.state, self.tried) = (Some(route), State::Asked, false);
        true
    }

    /// Whether [`ask_elsewhere`](Self::ask_elsewhere) can be answered by yes.
    pub fn can_ask_elsewhere(&self) -> bool {
        let answered = !matches!(self.state, State::Asked | State::Failed { answered: false });
        !answered && self.near.can_try_again()
    }

    fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed { .. })
    }

    fn failed(&mut self, failure: Failure) -> Part {
        self.state = State::Failed { answered: self.state == State::Answering };
        Part::Failed(failure)
    }

    /// A connection that rests may be closed by its server in the moment in which it is used again.
    /// Then nobody has seen the request, or nobody has answered it, and if it may be repeated (RFC
    /// 9110, 9.2.2), it is: once, on a connection of its own.
    fn try_again(&mut self, broken: &Broken, caller: &mut impl Caller) -> bool {
        let head = &self.near.question().head;
        let may = broken.untouched || broken.stale && is_idempotent(head.method());
        if self.tried || self.state != State::Asked || !may || !broken.failure.is_cut() {
            return false;
        }
        let (Some(route), Some(far)) = (&self.route, self.near.attempt()) else { return false };
        self.tried = true;
        self.board.carry(far, route, true, caller);
        true
    }

    /// Follows a redirect if that was asked for; tells whether it did.
    fn redirected(
        &mut self,
        head: &ResponseHead,
        caller: &mut impl Caller,
    ) -> Result<bool, Failure> {
        let Some((from, left)) = &self.redirects else { return Ok(false) };
        let Some(location) = head.headers.get("location").filter(|_| is_redirect(head.status()))
        else {
            return Ok(false);
        };
        let Some(left) = left.checked_sub(1) else {
            return Err(Failure::Redirect("one too many"));
        };
        let question = self.near.question();
        let (to, next, keeps_body) = follow(from, head.status(), location, &question.head)?;
        let body = match (&question.body, keeps_body) {
            // A body that came piece by piece is gone: then the redirect is the answer.
            (Body::Stream(_), true) => return Ok(false),
            (Body::Whole(bytes), true) => Body::Whole(bytes.clone()),
            _ => Body::Empty,
        };
        let mut times = question.times;
        times.total = times.total.saturating_sub(self.near.spent());
        let question = Question { head: next, body, times, window: question.window };
        let route = self.board.route(to.origin())?;
        // What is left of the answer goes with the old pipe.
        self.near = self.board.ask(question, Ok(&route), self.id, caller);
        self.redirects = Some((to, left));
        (self.route, self.tried) = (Some(route), false);
        Ok(true)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Call");
        told.field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS, Method::TRACE]
        .contains(method)
}
