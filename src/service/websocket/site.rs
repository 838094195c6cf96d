//! [`WebSocketSite`]: WebSockets on a server that serves other things, too.

use std::sync::Arc;

use super::accept::{Refusal, accept};
use super::config::WebSocketConfig;
use super::handler::WebSocketHandler;
use crate::handler::{Never, Result};
use crate::service::http::{Exchange, ExchangeContext, Params, Site};
use crate::wire::http::RequestHead;

/// A [`Site`] whose requests become WebSockets, to be routed to among others. What is no such
/// request is refused, and the connection goes on.
///
/// ```
/// use overt::service::http::{HttpServer, Request, Responder, Router};
/// use overt::service::websocket::{
///     Refusal, WebSocketConfig, WebSocketContext, WebSocketHandler, WebSocketSite,
/// };
/// use overt::wire::http::RequestHead;
/// use overt::{Never, Result};
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
/// let echo = |_: &RequestHead| Ok::<_, Refusal>(Echo);
/// let router = Router::new()
///     .get("/", |_: &Request<'_>, responder: Responder<'_, '_>| responder.text("hello\n"))
///     .site("/ws", WebSocketSite::new(WebSocketConfig::default(), echo));
/// let http = HttpServer::new(router);
/// ```
pub struct WebSocketSite<F> {
    config: Arc<WebSocketConfig>,
    open: Arc<F>,
}

impl<H, F> WebSocketSite<F>
where
    H: WebSocketHandler,
    F: Fn(&RequestHead) -> Result<H, Refusal> + Send + Sync + 'static,
{
    /// `open` makes the handler of each WebSocket, or refuses it, by what the request says.
    pub fn new(config: WebSocketConfig, open: F) -> Self {
        Self { config: Arc::new(config), open: Arc::new(open) }
    }
}

impl<H, F> Site for WebSocketSite<F>
where
    H: WebSocketHandler,
    F: Fn(&RequestHead) -> Result<H, Refusal> + Send + Sync + 'static,
{
    type Exchange = WebSocketOpening<F>;

    fn exchange(&self, _: &RequestHead, _: &Params) -> WebSocketOpening<F> {
        WebSocketOpening { config: self.config.clone(), open: self.open.clone() }
    }
}

/// A request that is to become a WebSocket.
pub struct WebSocketOpening<F> {
    config: Arc<WebSocketConfig>,
    open: Arc<F>,
}

impl<H, F> Exchange for WebSocketOpening<F>
where
    H: WebSocketHandler,
    F: Fn(&RequestHead) -> Result<H, Refusal> + Send + Sync + 'static,
{
    type Message = Never;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        let opened = (self.open)(head);
        match opened.and_then(|handler| accept(head, &self.config, handler)) {
            Ok((answer, socket)) => cx.upgrade(&answer, socket),
            Err(refusal) => cx.answer(&refusal.head, b""),
        }
        Ok(())
    }
}
