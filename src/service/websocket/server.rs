//! [`WebSocketServer`]: the handler of a connection that is to speak WebSocket and nothing else.

use std::sync::Arc;
use std::time::Duration;

use super::accept::{Refusal, accept};
use super::config::WebSocketConfig;
use super::handler::WebSocketHandler;
use crate::handler::{Context, Handler, Never, Result};
use crate::wire::http::{BodyLength, HttpDate, HttpError, HttpLimits, RequestHead, ResponseHead};
use crate::wire::http1::{RequestDecoder, RequestEvent, ResponseEncoder};

/// The handler of a connection that is to speak WebSocket and nothing else: any other request is
/// refused, and the connection closed. What serves pages as well does so by
/// [`accept`](super::accept) where a page asks for a WebSocket.
///
/// ```
/// use overt::service::websocket::{
///     Refusal, WebSocketConfig, WebSocketContext, WebSocketHandler, WebSocketServer,
/// };
/// use overt::wire::http::{RequestHead, StatusCode};
/// use overt::{Config, Engine, Never, Result};
///
/// struct Echo;
///
/// impl WebSocketHandler for Echo {
///     type Message = Never;
///
///     fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
///         cx.text(text);
///         Ok(())
///     }
/// }
///
/// let open = |request: &RequestHead| match request.path() {
///     "/echo" => Ok(Echo),
///     _ => Err(Refusal::new(StatusCode::NOT_FOUND, "no such place")),
/// };
/// let server = WebSocketServer::new(WebSocketConfig::default(), open);
/// let mut engine = Engine::new(Config { loops: 1, ..Config::default() })?;
/// engine.listen("127.0.0.1:0", move || server.clone())?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct WebSocketServer<F> {
    config: Arc<WebSocketConfig>,
    open: F,
    decoder: RequestDecoder,
}

/// A request must have come after so long. A browser sends it at once.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// A request to open a WebSocket has no body.
const LIMITS: fn() -> HttpLimits = || HttpLimits { body_max: 0, ..HttpLimits::default() };

impl<F> WebSocketServer<F> {
    /// `open` makes the handler of each WebSocket, or refuses it, by what the request says.
    pub fn new<H>(config: WebSocketConfig, open: F) -> Self
    where
        H: WebSocketHandler,
        F: FnMut(&RequestHead) -> Result<H, Refusal> + Clone + Send + 'static,
    {
        Self { config: Arc::new(config), open, decoder: RequestDecoder::new(LIMITS()) }
    }
}

impl<F: Clone> Clone for WebSocketServer<F> {
    fn clone(&self) -> Self {
        let (config, open) = (self.config.clone(), self.open.clone());
        Self { config, open, decoder: RequestDecoder::new(LIMITS()) }
    }
}

impl<H, F> Handler for WebSocketServer<F>
where
    H: WebSocketHandler,
    F: FnMut(&RequestHead) -> Result<H, Refusal> + Clone + Send + 'static,
{
    type Message = Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.effects.set_read_deadline(Some(cx.effects.now() + REQUEST_TIME));
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let mut encoder = ResponseEncoder::default();
        let (answer, socket) = match self.decoder.decode(cx.input) {
            Ok(Some(RequestEvent::Head(request))) => {
                encoder.begin(request);
                let opened = (self.open)(request);
                match opened.and_then(|handler| accept(request, &self.config, handler)) {
                    Ok((answer, socket)) => (answer, Some(socket)),
                    Err(refusal) => (refusal.head, None),
                }
            }
            Ok(_) => return Ok(()),
            Err(HttpError { status, .. }) => (ResponseHead::new(status), None),
        };
        let date = HttpDate::at(cx.effects.wall().as_secs());
        if socket.is_none() {
            encoder.close();
        }
        let sent = encoder.head(&answer, BodyLength::Empty, Some(&date), cx.output);
        match (sent, socket) {
            (Ok(()), Some(socket)) => {
                cx.effects.set_read_deadline(None);
                cx.effects.upgrade(socket);
            }
            _ => cx.effects.close(),
        }
        Ok(())
    }
}
