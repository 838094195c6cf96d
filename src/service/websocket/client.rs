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
#[cfg(feature = "tls")]
use crate::net::transport::TlsClient;
use crate::service::http::client::{Origin, Url, UrlError};
use crate::wire::http::{BodyLength, HttpLimits, Method, RequestHead, ResponseHead, StatusCode};
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
    origin: Origin,
    config: Arc<WebSocketConfig>,
    #[cfg(feature = "tls")]
    tls: Option<TlsClient>,
}

/// `ws://HOST[:PORT][/PATH][?QUERY]`, or, with the feature `tls`, `wss://…`. The port is 80 or 443
/// unless given.
impl FromStr for WebSocketRequest {
    type Err = io::Error;

    fn from_str(url: &str) -> io::Result<Self> {
        let wrong = |what: &str| {
            let what = format!("cannot open a WebSocket at `{url}`: {what}");
            io::Error::new(io::ErrorKind::InvalidInput, what)
        };
        let form = "write ws://HOST:PORT/PATH, or wss:// where TLS is built in";
        let (scheme, rest) = url.split_once("://").ok_or(wrong(form))?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("ws") => false,
            _ if scheme.eq_ignore_ascii_case("wss") && cfg!(feature = "tls") => true,
            _ => return Err(wrong(form)),
        };
        if rest.contains('#') {
            return Err(wrong("a part of a page (#) has no meaning here"));
        }
        // But for the schemes, they are URLs of HTTP (RFC 6455, section 3).
        let http = format!("http{}://{rest}", if secure { "s" } else { "" });
        let http: Url = http.parse().map_err(|error: UrlError| wrong(error.what()))?;
        let head = RequestHead::new(Method::GET, http.target()).map_err(|it| wrong(it.what))?;
        let head = head
            .header("host", http.origin().authority())
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-version", "13");
        Ok(Self {
            head,
            origin: http.origin().clone(),
            config: Arc::default(),
            #[cfg(feature = "tls")]
            tls: secure.then(TlsClient::new).transpose()?,
        })
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

    /// Speaks TLS in this way: `wss://` alone trusts whom the system trusts.
    #[cfg(feature = "tls")]
    pub fn tls(self, client: &TlsClient) -> Self {
        Self { tls: Some(client.clone()), ..self }
    }

    /// Where to connect to.
    pub fn dial(&self) -> Dial {
        let dial = self.origin.dial();
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return dial.tls(tls);
        }
        dial
    }

    /// The handler of a connection that opens it: for [`Engine::connect`](crate::Engine::connect)
    /// and [`Outgoing::connect`].
    pub fn open<H: WebSocketHandler>(self, handler: H) -> WebSocketClient<H> {
        WebSocketClient {
            request: self,
            key: String::new(),
            decoder: ResponseDecoder::new(HttpLimits::default()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::websocket::WebSocketContext;
    use crate::testing::Bench;
    use std::sync::mpsc::{Receiver, Sender, channel};

    struct Told(Sender<String>);

    impl WebSocketHandler for Told {
        type Message = crate::handler::Never;

        fn on_open(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
            self.0.send(format!("open, {:?}", cx.protocol())).unwrap();
            Ok(())
        }

        fn on_text(&mut self, text: &str, _: &mut WebSocketContext<'_, Self>) -> Result {
            self.0.send(text.to_owned()).unwrap();
            Ok(())
        }

        fn on_close(self, closed: Closed, _: &mut Outgoing<'_>) {
            self.0.send(format!("{closed}, {:?}", closed.retry_after())).unwrap();
        }
    }

    /// A client that has sent its request; tells its key.
    fn client() -> (Bench<WebSocketClient<Told>>, String, Receiver<String>) {
        let protocols = vec!["chat".to_owned(), "news".to_owned()];
        let config = WebSocketConfig { protocols, ..WebSocketConfig::default() };
        let request = "ws://example.org:8080/a?b".parse::<WebSocketRequest>().unwrap();
        let (to, told) = channel();
        let mut bench = Bench::new(request.config(config).open(Told(to)));
        let request = String::from_utf8(bench.take_output()).unwrap();
        assert!(request.starts_with("GET /a?b HTTP/1.1\r\nhost: example.org:8080\r\n"));
        assert!(request.contains("\r\nsec-websocket-protocol: chat, news\r\n"));
        let (_, key) = request.split_once("sec-websocket-key: ").unwrap();
        let key = key.split_once("\r\n").unwrap().0.to_owned();
        (bench, key, told)
    }

    fn answer(key: &str, more: &str) -> Vec<u8> {
        let accept = accept_key(key.as_bytes()).unwrap();
        let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n";
        let connection = "Connection: Upgrade\r\nSec-WebSocket-Accept: ";
        format!("{head}{connection}{accept}\r\n{more}\r\n").into_bytes()
    }

    #[test]
    fn what_comes_right_behind_the_answer_is_heard() {
        let (mut bench, key, told) = client();
        let answer = answer(&key, "Sec-WebSocket-Protocol: news\r\n");
        bench.data(&[&answer[..], b"\x81\x05hello"].concat());
        assert_eq!(told.try_recv().unwrap(), "open, Some(\"news\")");
        assert_eq!(told.try_recv().unwrap(), "hello");
    }

    #[test]
    fn an_answer_that_is_none_ends_the_attempt() {
        for more in [
            "Sec-WebSocket-Protocol: soap\r\n",
            "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: news\r\n",
            "Sec-WebSocket-Extensions: x-other\r\n",
            "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        ] {
            let (mut bench, key, told) = client();
            bench.data(&answer(&key, more));
            let end = told.try_recv().unwrap();
            assert!(end.starts_with("lost: protocol: the server "), "{end}");
        }
        let (mut bench, _, told) = client();
        bench.data(&answer("dGhlIHNhbXBsZSBub25jZQ==", ""));
        let end = told.try_recv().unwrap();
        assert_eq!(end, "lost: protocol: the server did not read our key, None");
        let (mut bench, _, told) = client();
        bench.advance(ANSWER_TIME);
        assert_eq!((bench.closed().is_some(), told.try_recv().is_ok()), (true, true));
    }

    #[test]
    fn who_is_refused_is_told_the_status_and_when_to_come_back() {
        let (mut bench, _, told) = client();
        let refusal = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy";
        bench.data(refusal.as_bytes());
        let end = told.try_recv().unwrap();
        assert_eq!(end, "refused with 503 Service Unavailable, Some(7s)");
        // But no server keeps a client away for longer than an hour.
        let (mut bench, _, told) = client();
        bench.data(b"HTTP/1.1 503 Busy\r\nRetry-After: 86400\r\nContent-Length: 0\r\n\r\n");
        let end = told.try_recv().unwrap();
        assert_eq!(end, "refused with 503 Service Unavailable, Some(3600s)");
    }

    #[test]
    fn a_url_says_where_and_a_wrong_one_is_one_line() {
        let dial = |url: &str| url.parse::<WebSocketRequest>().map(|it| format!("{:?}", it.dial()));
        assert!(dial("ws://127.0.0.1").unwrap().contains("127.0.0.1:80"));
        assert!(dial("ws://[::1]:81/").unwrap().contains("[::1]:81"));
        assert!(dial("WS://Example.org?x").unwrap().contains("Host(\"example.org\", 80)"));
        assert!(dial("ws://example.org:080/").unwrap().contains("Host(\"example.org\", 80)"));
        for wrong in [
            "http://a",
            "ws:/a",
            "ws://",
            "ws://:80",
            "ws://a:x",
            "ws://a:+80",
            "ws://a:0",
            "ws://a/#b",
            "ws://a b",
            "ws://ann:secret@a/",
        ] {
            let error = dial(wrong).unwrap_err().to_string();
            assert!(error.contains(wrong) && !error.contains('\n'), "{error}");
        }
    }
}
