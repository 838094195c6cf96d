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
/// use overt::service::http::{HttpServer, Params, Request, Responder, Router};
/// use overt::service::websocket::{
///     Refusal, WebSocketConfig, WebSocketContext, WebSocketHandler, WebSocketSite,
/// };
/// use overt::wire::http::{RequestHead, StatusCode};
/// use overt::{Never, Result};
///
/// struct Echo(String);
///
/// impl WebSocketHandler for Echo {
///     type Message = Never;
///
///     fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
///         cx.text(&format!("{}: {text}", self.0));
///         Ok(())
///     }
/// }
///
/// let echo = |head: &RequestHead, params: &Params| match params.get(head.path(), "name") {
///     Some(name) => Ok(Echo(name.to_owned())),
///     None => Err(Refusal::new(StatusCode::NOT_FOUND, "no such echo")),
/// };
/// let router = Router::new()
///     .get("/", |_: &Request<'_>, responder: Responder<'_, '_>| responder.text("hello\n"))
///     .site("/echo/{name}", WebSocketSite::new(WebSocketConfig::default(), echo));
/// let http = HttpServer::new(router);
/// ```
pub struct WebSocketSite<F> {
    config: Arc<WebSocketConfig>,
    open: Arc<F>,
}

impl<H, F> WebSocketSite<F>
where
    H: WebSocketHandler,
    F: Fn(&RequestHead, &Params) -> Result<H, Refusal> + Send + Sync + 'static,
{
    /// `open` makes the handler of each WebSocket, or refuses it, by what the request says and its
    /// route left open.
    pub fn new(config: WebSocketConfig, open: F) -> Self {
        Self { config: Arc::new(config), open: Arc::new(open) }
    }
}

impl<H, F> Site for WebSocketSite<F>
where
    H: WebSocketHandler,
    F: Fn(&RequestHead, &Params) -> Result<H, Refusal> + Send + Sync + 'static,
{
    type Exchange = WebSocketOpening<F>;

    fn exchange(&self, _: &RequestHead, params: &Params) -> WebSocketOpening<F> {
        let (config, open) = (self.config.clone(), self.open.clone());
        WebSocketOpening { config, open, params: params.clone() }
    }
}

/// A request that is to become a WebSocket.
pub struct WebSocketOpening<F> {
    config: Arc<WebSocketConfig>,
    open: Arc<F>,
    params: Params,
}

impl<H, F> Exchange for WebSocketOpening<F>
where
    H: WebSocketHandler,
    F: Fn(&RequestHead, &Params) -> Result<H, Refusal> + Send + Sync + 'static,
{
    type Message = Never;

    fn on_head(&mut self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Result {
        let opened = (self.open)(head, &self.params);
        match opened.and_then(|handler| accept(head, &self.config, handler)) {
            Ok((answer, socket)) => cx.upgrade(&answer, socket),
            Err(refusal) => cx.answer(&refusal.head, b""),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::http::{HttpServer, Router};
    use crate::service::websocket::WebSocketContext;
    use crate::testing::Bench;

    struct Greeting(String);

    impl WebSocketHandler for Greeting {
        type Message = Never;

        fn on_open(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
            cx.text(&self.0);
            Ok(())
        }
    }

    #[test]
    fn a_websocket_knows_what_its_route_left_open() {
        let greet = |head: &RequestHead, params: &Params| {
            let room = params.get(head.path(), "room").unwrap_or_default();
            Ok::<_, Refusal>(Greeting(format!("in {room}")))
        };
        let site = WebSocketSite::new(WebSocketConfig::default(), greet);
        let http = HttpServer::new(Router::new().site("/rooms/{room}", site));
        let mut bench = Bench::new(http.connection());
        bench.data(
            b"GET /rooms/lobby HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\
            Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        );
        assert!(bench.take_output().ends_with(b"\r\n\r\n\x81\x08in lobby"));
    }
}
