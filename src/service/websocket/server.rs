//! [`WebSocketServer`]: the handler of a connection that is to speak WebSocket and nothing else.

use std::sync::Arc;
use std::time::Duration;

use super::accept::{Refusal, accept};
use super::config::WebSocketConfig;
use super::handler::WebSocketHandler;
use crate::handler::{Context, Handler, Never, Result};
use crate::wire::http::{BodyLength, HttpError, HttpLimits, RequestHead, ResponseHead};
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
        let date = cx.effects.http_date();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::Reason;
    use crate::service::websocket::{WebSocket, WebSocketContext};
    use crate::testing::Bench;
    use crate::wire::http::StatusCode;

    struct Echo;

    impl WebSocketHandler for Echo {
        type Message = Never;

        fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
            cx.text(text);
            Ok(())
        }
    }

    const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

    fn server() -> Bench<impl Handler<Message = Never>> {
        let open = |request: &RequestHead| match request.path() {
            "/echo" => Ok(Echo),
            _ => Err(Refusal::new(StatusCode::NOT_FOUND, "no such place")),
        };
        Bench::new(WebSocketServer::new(WebSocketConfig::default(), open))
    }

    #[test]
    fn what_comes_right_behind_the_request_is_heard() {
        let mut bench = server();
        let request = format!("GET /echo HTTP/1.1\r\nHost: a\r\n{UPGRADE}\r\n");
        bench.data(&[request.as_bytes(), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"].concat());
        let answer = bench.take_output();
        assert!(answer.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
        assert!(answer.ends_with(b"\r\n\r\n\x81\x05Hello"));
        let bench = bench.upgraded::<WebSocket<Echo>>();
        assert_eq!(bench.deadline(crate::handler::Deadline::Read), None);
    }

    #[test]
    fn all_else_is_refused_and_closed() {
        for (request, status) in [
            ("GET /echo HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "426 Upgrade Required"),
            (format!("GET /else HTTP/1.1\r\nHost: a\r\n{UPGRADE}\r\n"), "404 Not Found"),
            ("GET /echo HTTP/1.1\r\nHost : a\r\n\r\n".to_owned(), "400 Bad Request"),
        ] {
            let mut bench = server();
            bench.data(request.as_bytes());
            let answer = String::from_utf8(bench.take_output()).unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
            assert!(answer.contains("connection: close\r\n"), "{answer}");
            assert_eq!(bench.closed(), Some(Reason::ByUs));
        }
    }

    #[test]
    fn a_request_that_does_not_come_is_not_waited_for() {
        let mut bench = server();
        bench.data(b"GET /echo HTTP/1.1\r\n");
        bench.advance(REQUEST_TIME);
        assert_eq!(bench.closed(), Some(Reason::LateRead));
    }
}
