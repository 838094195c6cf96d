//! Server-sent events (WHATWG HTML, 9.2): [`ServerEvent`], one of them; [`EventStream`], the site
//! of a stream; [`EventSink`], by which anybody adds events to it.
//!
//! A client that is cut off comes back by itself and says which event it saw last. So a stream
//! whose client does not keep up is ended, and nothing is left out in silence.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::done::Done;
use super::exchange::{Exchange, ExchangeAddress, ExchangeContext};
use super::params::Params;
use super::response::Response;
use super::site::Site;
use crate::handler::{Bound, Close, Result, SendError, Timer};
use crate::wire::http::{BodyLength, Method, RequestHead, ResponseHead, StatusCode};

/// One event, and how it is written.
///
/// ```
/// use overt::service::http::ServerEvent;
///
/// let event = ServerEvent { id: Some("7"), event: Some("said"), ..ServerEvent::data("a\nb") };
/// assert_eq!(&event.encode()[..], b"id: 7\nevent: said\ndata: a\ndata: b\n\n");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerEvent<'a> {
    /// What the client tells as `Last-Event-ID` when it comes back. No line end, and no NUL.
    pub id: Option<&'a str>,
    /// The type; `message` unless set. No line end.
    pub event: Option<&'a str>,
    /// How long the client waits before it comes back.
    pub retry: Option<Duration>,
    /// What it says: any text. Without any, clients note the other fields and tell nobody.
    pub data: Option<&'a str>,
}

impl<'a> ServerEvent<'a> {
    /// An event that says `data`.
    pub fn data(data: &'a str) -> Self {
        Self { data: Some(data), ..Self::default() }
    }

    /// As it is sent. To be made once for any number of streams. Of a name that can't be written,
    /// what stands before its first line end is.
    pub fn encode(&self) -> Bytes {
        let mut text = String::new();
        let mut field = |name: &str, value: &str| {
            text.extend([name, ": ", value, "\n"]);
        };
        for (name, value) in [("id", self.id), ("event", self.event)] {
            let value = value.and_then(|value| value.split(['\n', '\r', '\0']).next());
            value.into_iter().for_each(|value| field(name, value));
        }
        if let Some(retry) = self.retry {
            field("retry", &retry.as_millis().to_string());
        }
        for line in self.data.into_iter().flat_map(lines) {
            field("data", line);
        }
        text.push('\n');
        text.into()
    }
}

/// The lines of a text, ended in any of the three ways that a stream of events knows.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// A client's stream of events has begun.
#[derive(Debug)]
pub struct Subscriber<'a> {
    /// The request.
    pub head: &'a RequestHead,
    /// What the route left open.
    pub params: &'a Params,
    /// Adds events to the stream.
    pub sink: EventSink,
}

impl Subscriber<'_> {
    /// The last event that the client saw, if it comes back.
    pub fn last_event_id(&self) -> Option<&str> {
        self.head.headers.get_str("last-event-id")
    }
}

/// Adds events to a client's stream, from anywhere.
#[derive(Clone, Debug)]
pub struct EventSink(ExchangeAddress<Bytes>);

impl EventSink {
    /// Sends an event, as [`ServerEvent::encode`] wrote it. If the stream has ended by now, nobody
    /// notices.
    ///
    /// # Errors
    /// The mailbox of the connection's loop is full, or the loop has ended: the event is given
    /// back.
    pub fn send(&self, event: Bytes) -> Result<(), SendError<Bytes>> {
        self.0.send(event)
    }
}

/// The site of a stream of events. For each client that comes, a function is told; what it gives
/// back is kept, and dropped when the stream ends:
///
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::{Arc, Mutex};
///
/// use overt::service::http::{EventSink, EventStream, Router, ServerEvent, Subscriber};
///
/// type Sinks = Arc<Mutex<BTreeMap<u64, EventSink>>>;
///
/// /// Takes a sink off the list when its stream has ended.
/// struct Leaves(Sinks, u64);
///
/// impl Drop for Leaves {
///     fn drop(&mut self) {
///         self.0.lock().unwrap().remove(&self.1);
///     }
/// }
///
/// let sinks = Sinks::default();
/// let all = sinks.clone();
/// let events = EventStream::new(move |subscriber: Subscriber<'_>| {
///     let mut sinks = all.lock().unwrap();
///     let number = sinks.keys().last().map_or(0, |last| last + 1);
///     sinks.insert(number, subscriber.sink);
///     Leaves(all.clone(), number)
/// });
/// let router = Router::new().site("/events", events);
///
/// // At any time, from any thread: encoded once for all.
/// let news = ServerEvent::data("it rains").encode();
/// for sink in sinks.lock().unwrap().values() {
///     let _ = sink.send(news.clone());
/// }
/// ```
pub struct EventStream<F> {
    subscribe: Arc<F>,
    heartbeat: Duration,
}

impl<F, G> EventStream<F>
where
    F: Fn(Subscriber<'_>) -> G + Send + Sync + 'static,
    G: Send + 'static,
{
    /// Streams whose begin is told to `subscribe`. While nothing happens, an empty comment is sent
    /// every 15 s: whoever stands between the two then knows that the stream lives, and a client
    /// that is gone is noticed.
    pub fn new(subscribe: F) -> Self {
        Self { subscribe: Arc::new(subscribe), heartbeat: Duration::from_secs(15) }
    }

    /// Another time between comments.
    pub fn heartbeat(self, heartbeat: Duration) -> Self {
        Self { heartbeat, ..self }
    }
}

impl<F> fmt::Debug for EventStream<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("EventStream");
        told.field("heartbeat", &self.heartbeat).finish_non_exhaustive()
    }
}

impl<F, G> Site for EventStream<F>
where
    F: Fn(Subscriber<'_>) -> G + Send + Sync + 'static,
    G: Send + 'static,
{
    type Exchange = EventExchange<F, G>;

    fn exchange(&self, _: &RequestHead, params: &Params) -> EventExchange<F, G> {
        let (subscribe, params) = (self.subscribe.clone(), params.clone());
        EventExchange { subscribe, params, heartbeat: self.heartbeat, guard: None }
    }
}

/// One stream of events.
pub struct EventExchange<F, G> {
    subscribe: Arc<F>,
    params: Params,
    heartbeat: Duration,
    guard: Option<G>,
}

const HEARTBEAT: Timer = Timer::new(0);

/// The head of every stream.
pub fn event_stream_head() -> ResponseHead {
    ResponseHead::new(StatusCode::OK)
        .header("content-type", "text/event-stream")
        .header("cache-control", "no-store")
}

impl<F, G> Exchange for EventExchange<F, G>
where
    F: Fn(Subscriber<'_>) -> G + Send + Sync + 'static,
    G: Send + 'static,
{
    type Message = Bytes;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, Bytes>) -> Result {
        match *head.method() {
            Method::GET => {}
            Method::HEAD => {
                cx.answer(&event_stream_head(), b"");
                return Ok(());
            }
            _ => {
                let response = Response::status_only(StatusCode::METHOD_NOT_ALLOWED);
                let response = response.header("allow", "GET, HEAD");
                cx.answer_shared(&response.head, response.body);
                return Ok(());
            }
        }
        cx.respond(&event_stream_head(), BodyLength::Unknown);
        cx.set_deadline(None);
        cx.arm_every(HEARTBEAT, self.heartbeat);
        let sink = EventSink(cx.address());
        self.guard = Some((self.subscribe)(Subscriber { head, params: &self.params, sink }));
        Ok(())
    }

    fn on_message(&mut self, event: Bytes, cx: &mut ExchangeContext<'_, Bytes>) -> Result {
        // Cut off, it comes back and asks for what it has missed.
        if cx.is_congested() {
            return Err(Close::Over(Bound::Output));
        }
        cx.share(event);
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, cx: &mut ExchangeContext<'_, Bytes>) -> Result {
        cx.send(b":\n\n");
        Ok(())
    }

    /// A page that is closed, nearly always: nobody listens with half a connection.
    fn on_half_closed(&mut self, cx: &mut ExchangeContext<'_, Bytes>) -> Result {
        cx.finish();
        Ok(())
    }

    fn on_done(&mut self, _: &Done) {
        self.guard = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_can_say_any_text_and_no_name_ends_a_field() {
        let event = ServerEvent {
            id: Some("7\nevent: x"),
            event: Some("said\rdata: x"),
            retry: Some(Duration::from_millis(1500)),
            data: Some("one\r\ntwo\rthree\n\nfour"),
        };
        let expected = "id: 7\nevent: said\nretry: 1500\ndata: one\ndata: two\ndata: three\n\
                        data: \ndata: four\n\n";
        assert_eq!(event.encode(), expected.as_bytes());
        assert_eq!(ServerEvent::data("").encode(), &b"data: \n\n"[..]);
    }
}
