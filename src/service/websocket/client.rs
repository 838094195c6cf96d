//! [`WebSocketRequest`]: where a WebSocket is to be opened, and how; and [`WebSocketClient`], the
//! handler of a connection that opens it (RFC 6455, section 4.1).

use std::io;
use std::mem;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::closed::{Closed, Side};
use super::config::WebSocketConfig;
use super::handler::{WebSocket, WebSocketHandler};
use crate::handler::{Close, Context, Dial, Handler, Outgoing, Result};
use crate::wire::http::{
    BodyLength, HttpLimits, Method, RequestHead, ResponseHead, StatusCode, is_authority,
};
use crate::wire::http1::{RequestEncoder, ResponseDecoder, ResponseEvent};
use crate::wire::websocket::{CloseCode, Role, Terms, accept_key, request_key};

/// Where a WebSocket is to be opened, and how.
///
/// ```
/// use overt::service::Reconnect;
/// use overt::service::websocket::{
///     Closed, WebSocketContext, WebSocketHandler, WebSocketRequest,
/// };
/// use overt::{Never, Outgoing, Result};
///
/// struct Listener {
///     request: WebSocketRequest,
///     reconnect: Reconnect,
/// }
///
/// impl WebSocketHandler for Listener {
///     type Message = Never;
///
///     fn on_open(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
///         self.reconnect.opened(cx.now());
///         cx.text("news, please");
///         Ok(())
///     }
///
///     fn on_text(&mut self, text: &str, _: &mut WebSocketContext<'_, Self>) -> Result {
///         println!("{text}");
///         Ok(())
///     }
///
///     fn on_close(mut self, closed: Closed, outgoing: &mut Outgoing<'_>) {
///         self.reconnect.not_before(closed.retry_after());
///         if let Some(dial) = self.reconnect.again(&closed.why, outgoing) {
///             let request = self.request.clone();
///             outgoing.connect(dial, request.open(self));
///         }
///     }
/// }
///
/// # use overt::{Config, Engine};
/// # let mut engine = Engine::new(Config { loops: 1, ..Config::default() })?;
/// let request: WebSocketRequest = "ws://127.0.0.1:8080/news?all".parse()?;
/// let reconnect = Reconnect::new(request.dial());
/// engine.connect(request.dial(), request.clone().open(Listener { request, reconnect }));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WebSocketRequest {
    head: RequestHead,
    host: String,
    port: u16,
    config: Arc<WebSocketConfig>,
}

/// `ws://HOST[:PORT][/PATH][?QUERY]`. The port is 80 unless given.
impl FromStr for WebSocketRequest {
    type Err = io::Error;

    fn from_str(url: &str) -> io::Result<Self> {
        let wrong = |what: &str| {
            let what = format!("cannot open a WebSocket at `{url}`: {what}");
            io::Error::new(io::ErrorKind::InvalidInput, what)
        };
        let (scheme, rest) = url.split_once("://").ok_or(wrong("write ws://HOST:PORT/PATH"))?;
        let usual = match scheme {
            "ws" => 80,
            _ => return Err(wrong("write ws://HOST:PORT/PATH")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let port = match authority.rsplit_once(':') {
            Some((_, port)) if !port.contains(']') => {
                port.parse().map_err(|_| wrong("no such port"))?
            }
            _ => usual,
        };
        let host = authority.strip_suffix(&format!(":{port}")).unwrap_or(authority);
        if host.is_empty() || !is_authority(authority) {
            return Err(wrong("there is no such host"));
        }
        if target.contains('#') {
            return Err(wrong("a part of a page (#) has no meaning here"));
        }
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        let head = RequestHead::new(Method::GET, &target).map_err(|error| wrong(error.what))?;
        let head = head
            .header("host", authority)
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-version", "13");
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { head, host, port, config: Arc::default() })
    }
}

impl WebSocketRequest {
    /// Opens it, and keeps it, in this way.
    pub fn config(self, config: WebSocketConfig) -> Self {
        Self { config: Arc::new(config), ..self }
    }

    /// One field more in the request, such as `authorization` or `origin`.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        Self { head: self.head.header(name, value), ..self }
    }

    /// Where to connect to.
    pub fn dial(&self) -> Dial {
        match self.host.parse::<std::net::IpAddr>() {
            Ok(ip) => Dial::to(std::net::SocketAddr::new(ip, self.port)),
            Err(_) => Dial::host(&*self.host, self.port),
        }
    }

    /// The handler of a connection that opens it: for [`Engine::connect`](crate::Engine::connect)
    /// and [`Outgoing::connect`].
    pub fn open<H: WebSocketHandler>(self, handler: H) -> WebSocketClient<H> {
        WebSocketClient {
            request: self,
            key: String::new(),
            decoder: ResponseDecoder::new(HttpLimits { body_max: 0, ..HttpLimits::default() }),
            refused: None,
            handler: Some(handler),
        }
    }

    /// The request with all that is said in it.
    fn head(&self, key: &str) -> RequestHead {
        let mut head = self.head.clone().header("sec-websocket-key", key);
        if !self.config.protocols.is_empty() {
            head = head.header("sec-websocket-protocol", self.config.protocols.join(", "));
        }
        match &self.config.deflate {
            Some(deflate) => head.header("sec-websocket-extensions", deflate.offer()),
            None => head,
        }
    }
}

/// The handler of a connection that opens a WebSocket, and then hands it to the [`WebSocket`]. If
/// it can't be opened, the handler above is told by its
/// [`on_close`](WebSocketHandler::on_close).
pub struct WebSocketClient<H> {
    request: WebSocketRequest,
    key: String,
    decoder: ResponseDecoder,
    /// What the server answered instead.
    refused: Option<(StatusCode, Option<Duration>)>,
    /// `None` once it has moved on.
    handler: Option<H>,
}

/// The answer must have come after so long.
const ANSWER_TIME: Duration = Duration::from_secs(10);

impl<H: WebSocketHandler> Handler for WebSocketClient<H> {
    type Message = crate::handler::Never;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.key = request_key(cx.effects.secret());
        let head = self.request.head(&self.key);
        let sent = RequestEncoder::default().head(&head, BodyLength::Empty, cx.output);
        sent.map_err(|error| Close::Protocol(error.what))?;
        self.decoder.expect(&head);
        cx.effects.set_read_deadline(Some(cx.effects.now() + ANSWER_TIME));
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let answer = loop {
            match self.decoder.decode(cx.input) {
                Ok(Some(ResponseEvent::Head(answer))) => break answer,
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(Close::Protocol(error.what)),
            }
        };
        if !answer.switches() {
            self.refused = Some((answer.status(), retry_after(answer)));
            return Err(Close::Protocol("the server opens no WebSocket"));
        }
        let config = &self.request.config;
        let (terms, protocol) = check(answer, config, &self.key).map_err(Close::Protocol)?;
        let Some(handler) = mem::take(&mut self.handler) else { return Ok(()) };
        cx.effects.set_read_deadline(None);
        let config = config.clone();
        let socket =
            WebSocket::new(Role::Client, config, terms.as_ref(), protocol.as_deref(), handler);
        cx.effects.upgrade(socket);
        Ok(())
    }

    fn on_close(self, why: Close, outgoing: &mut Outgoing<'_>) {
        let (code, reason, by) = (CloseCode::ABNORMAL, "".into(), Side::Neither);
        let closed = Closed { code, reason, by, is_clean: false, refused: self.refused, why };
        if let Some(handler) = self.handler {
            handler.on_close(closed, outgoing);
        }
    }
}

/// What a server must answer. Gives what was agreed on.
fn check(
    answer: &ResponseHead,
    config: &WebSocketConfig,
    key: &str,
) -> Result<(Option<Terms>, Option<String>), &'static str> {
    let headers = &answer.headers;
    if !headers.has_token("upgrade", "websocket") || !headers.has_token("connection", "upgrade") {
        return Err("the server goes on in another protocol");
    }
    let expected = accept_key(key.as_bytes());
    if headers.get_str("sec-websocket-accept") != expected.as_deref() {
        return Err("the server did not read our key");
    }
    let mut protocols = headers.get_all("sec-websocket-protocol");
    let protocol = match (protocols.next(), protocols.next()) {
        (None, _) => None,
        (Some(chosen), None) => {
            let ours = config.protocols.iter().find(|ours| ours.as_bytes() == chosen);
            Some(ours.ok_or("the server chose a subprotocol that was not offered")?.clone())
        }
        _ => return Err("the server chose several subprotocols"),
    };
    let mut extensions = headers.get_all("sec-websocket-extensions").peekable();
    let terms = match &config.deflate {
        Some(deflate) => deflate.agree(extensions)?,
        None if extensions.peek().is_some() => return Err("the server uses an extension"),
        None => None,
    };
    Ok((terms, protocol))
}

/// After how many seconds a server that refuses asks to come back (RFC 9110, section 10.2.3). A
/// date is not read: the clocks may differ.
fn retry_after(answer: &ResponseHead) -> Option<Duration> {
    const MAX: u64 = 3600;
    let seconds = answer.headers.get_str("retry-after")?.parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds.min(MAX)))
}
