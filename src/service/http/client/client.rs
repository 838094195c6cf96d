//! [`Client`]: HTTP requests, made from handlers, exchanges and threads, on connections that are
//! used again.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::call::Call;
use super::caller::Caller;
use super::config::ClientConfig;
use super::failure::Failure;
use super::pipe::{Body, Question};
use super::request::Request;
use super::route::Route;
use super::switchboard::Switchboard;
use super::url::Url;
use crate::wire::http::{BodyLength, RequestHead};

/// Makes requests. To be cloned: clones share their connections.
///
/// ```
/// use overt::service::http::client::{Call, Client, Part, Ready, Request};
/// use overt::{Context, Handler, Result};
///
/// /// Answers each line with what a server says to it.
/// struct Asker {
///     client: Client,
///     call: Option<Call>,
/// }
///
/// impl Handler for Asker {
///     type Message = Ready;
///
///     fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
///         cx.input.clear();
///         let request = Request::get("http://127.0.0.1:8080/hello").unwrap();
///         self.call = Some(self.client.call(request, &mut cx.effects));
///         Ok(())
///     }
///
///     fn on_message(&mut self, _: Ready, cx: &mut Context<'_, Self>) -> Result {
///         let Some(call) = &mut self.call else { return Ok(()) };
///         while let Some(part) = call.next(&mut cx.effects) {
///             match part {
///                 Part::Body(bytes) => cx.output.share(bytes),
///                 Part::Failed(why) => cx.output.put(format!("{why}\n").as_bytes()),
///                 Part::Interim(_) | Part::Head(_) | Part::End(_) => {}
///             }
///         }
///         Ok(())
///     }
/// }
/// # let _ = Asker { client: Client::default(), call: None };
/// ```
#[derive(Clone)]
pub struct Client {
    board: Arc<Switchboard>,
}

/// How many connections a client has, and what lies in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientCounts {
    /// Connections, those included that are being opened.
    pub open: usize,
    /// Those of them that rest.
    pub resting: usize,
    /// Bytes of bodies that are between connections and those who use them.
    pub held: usize,
    /// The most that those ever were.
    pub held_most: usize,
}

impl Client {
    /// A client that has no connection yet.
    pub fn new(config: ClientConfig) -> Self {
        Self { board: Switchboard::new(config) }
    }

    /// Makes a request. The caller is told by [`Ready`](super::Ready) when there is something to
    /// look at; what goes wrong, at once or later, is a [`Part::Failed`](super::Part::Failed).
    pub fn call(&self, request: Request, caller: &mut impl Caller) -> Call {
        let Request { url, head, body, redirects, total, first_byte } = request;
        let mut times = self.board.times();
        times.total = total.unwrap_or(times.total);
        times.first_byte = first_byte.unwrap_or(times.first_byte);
        let question = Question { head, body, times, window: self.board.config.window };
        let route = self.board.route(url.origin());
        let redirects = (redirects > 0).then_some((url, redirects));
        self.ask(question, route, redirects, caller)
    }

    /// Sends `head` as it is to the server that `route` leads to, with a body of this length, which
    /// is then sent piece by piece. For proxies: no redirect is followed.
    pub fn call_at(
        &self,
        route: &Route,
        head: RequestHead,
        length: BodyLength,
        caller: &mut impl Caller,
    ) -> Call {
        let body = match length {
            BodyLength::Empty => Body::Empty,
            BodyLength::Known(0) => Body::Whole(Bytes::new()),
            length => Body::Stream(length),
        };
        let (times, window) = (self.board.times(), self.board.config.window);
        self.ask(Question { head, body, times, window }, Ok(route.clone()), None, caller)
    }

    /// How it was set up.
    pub fn config(&self) -> &ClientConfig {
        &self.board.config
    }

    /// How much it has of what, on all loops.
    pub fn counts(&self) -> ClientCounts {
        let (open, resting) = self.board.pool.count();
        let (held, held_most) = self.board.gauge.read();
        ClientCounts { open, resting, held, held_most }
    }

    fn ask(
        &self,
        question: Question,
        route: Result<Route, Failure>,
        redirects: Option<(Url, u8)>,
        caller: &mut impl Caller,
    ) -> Call {
        let (board, id) = (self.board.clone(), self.board.next_id());
        match route {
            Ok(route) => {
                let near = board.ask(question, Ok(&route), id, caller);
                Call::new(board, id, near, Some(route), redirects)
            }
            Err(failure) => {
                let near = board.ask(question, Err(failure), id, caller);
                Call::new(board, id, near, None, None)
            }
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new(ClientConfig::default())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts().fmt(f)
    }
}
