//! [`accept`]: a server's part of the handshake (RFC 6455, section 4.2).

use std::fmt;
use std::sync::Arc;

use super::config::{Origins, WebSocketConfig};
use super::handler::{WebSocket, WebSocketHandler};
use crate::wire::http::{Method, RequestHead, ResponseHead, StatusCode};
use crate::wire::websocket::{Role, Terms, accept_key};

/// The version of RFC 6455, and the only one.
const VERSION: &str = "13";

/// Why a request does not become a WebSocket, and what to answer. The connection may be used for
/// other requests.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What to answer, with no body.
    pub head: ResponseHead,
    /// Why, for logs.
    pub what: &'static str,
}

impl Refusal {
    /// Answers with this status.
    pub fn new(status: StatusCode, what: &'static str) -> Self {
        Self { head: ResponseHead::new(status), what }
    }

    fn bad(what: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, what)
    }

    fn header(self, name: &str, value: &str) -> Self {
        Self { head: self.head.header(name, value), ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.head.status().as_str())
    }
}

impl std::error::Error for Refusal {}

/// Accepts a request to open a WebSocket: gives the answer (`101 Switching Protocols`, without a
/// body), and the handler that the connection is to be [upgraded](crate::Effects::upgrade) to once
/// the answer is in its output.
///
/// # Errors
/// The request is not one to open a WebSocket of version 13 (400, 405, 426), or comes from a page
/// that may not (403).
pub fn accept<H: WebSocketHandler>(
    request: &RequestHead,
    config: &Arc<WebSocketConfig>,
    handler: H,
) -> Result<(ResponseHead, WebSocket<H>), Refusal> {
    let key = check(request)?;
    if !is_welcome(request, &config.origins) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "a page that may not connect"));
    }
    let protocol = choose_protocol(request, config)?;
    let (terms, extensions) = match agree(request, config)? {
        Some((terms, answer)) => (Some(terms), Some(answer)),
        None => (None, None),
    };
    let mut head = ResponseHead::new(StatusCode::SWITCHING_PROTOCOLS)
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-accept", key);
    if let Some(protocol) = protocol {
        head = head.header("sec-websocket-protocol", protocol);
    }
    if let Some(extensions) = extensions {
        head = head.header("sec-websocket-extensions", extensions);
    }
    let config = config.clone();
    Ok((head, WebSocket::new(Role::Server, config, terms.as_ref(), protocol, handler)))
}

/// What the protocol asks of a request. Gives the answer to its key.
fn check(request: &RequestHead) -> Result<String, Refusal> {
    if *request.method() != Method::GET {
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "a WebSocket begins with GET");
        return Err(refusal.header("allow", "GET"));
    }
    if !request.wants_upgrade() || !request.headers.has_token("upgrade", "websocket") {
        let refusal = Refusal::new(StatusCode::UPGRADE_REQUIRED, "no request to open a WebSocket");
        return Err(refusal.header("upgrade", "websocket").header("connection", "upgrade"));
    }
    if only(request, "sec-websocket-version") != Some(VERSION.as_bytes()) {
        let refusal = Refusal::new(StatusCode::UPGRADE_REQUIRED, "another version of WebSocket");
        let refusal = refusal.header("upgrade", "websocket").header("connection", "upgrade");
        return Err(refusal.header("sec-websocket-version", VERSION));
    }
    if !request.body_length().is_empty() {
        return Err(Refusal::bad("a request for a WebSocket with a body"));
    }
    let key = only(request, "sec-websocket-key").and_then(accept_key);
    key.ok_or(Refusal::bad("a Sec-WebSocket-Key that is none"))
}

/// The value of a field that may come once.
fn only<'a>(request: &'a RequestHead, name: &str) -> Option<&'a [u8]> {
    let mut values = request.headers.get_all(name);
    values.next().filter(|_| values.next().is_none())
}

fn is_welcome(request: &RequestHead, origins: &Origins) -> bool {
    if *origins == Origins::Any || !request.headers.contains("origin") {
        return true;
    }
    let origin = only(request, "origin").and_then(|origin| std::str::from_utf8(origin).ok());
    let Some(origin) = origin else { return false };
    match origins {
        Origins::Any => true,
        Origins::These(known) => known.iter().any(|known| known.eq_ignore_ascii_case(origin)),
        Origins::SameHost => request.authority().is_some_and(|host| is_of_host(origin, host)),
    }
}

/// Whether a page of this origin was served by this host. Ports are compared, too; the usual one
/// may be left out.
fn is_of_host(origin: &str, authority: &str) -> bool {
    let (host, usual) = match origin.split_once("://") {
        Some(("http", host)) => (host, ":80"),
        Some(("https", host)) => (host, ":443"),
        _ => return false,
    };
    let short = |host: &str| host.strip_suffix(usual).unwrap_or(host).to_ascii_lowercase();
    short(host) == short(authority)
}

/// The first protocol of ours that the client speaks, too.
fn choose_protocol<'c>(
    request: &RequestHead,
    config: &'c WebSocketConfig,
) -> Result<Option<&'c str>, Refusal> {
    let mut offered = Vec::new();
    for header in request.headers.get_all("sec-websocket-protocol") {
        let header = std::str::from_utf8(header);
        let header = header.map_err(|_| Refusal::bad("a Sec-WebSocket-Protocol that is none"))?;
        offered.extend(header.split(',').map(str::trim));
    }
    let is_offered = |protocol: &&String| offered.contains(&protocol.as_str());
    Ok(config.protocols.iter().find(is_offered).map(String::as_str))
}

fn agree(
    request: &RequestHead,
    config: &WebSocketConfig,
) -> Result<Option<(Terms, String)>, Refusal> {
    match &config.deflate {
        Some(deflate) => {
            let offers = request.headers.get_all("sec-websocket-extensions");
            deflate.accept(offers).map_err(Refusal::bad)
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Silent;

    impl WebSocketHandler for Silent {
        type Message = crate::handler::Never;
    }

    fn request() -> RequestHead {
        RequestHead::new(Method::GET, "/chat")
            .unwrap()
            .header("host", "example.org:8080")
            .header("upgrade", "WebSocket")
            .header("connection", "keep-alive, Upgrade")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("sec-websocket-version", "13")
    }

    fn answer(request: &RequestHead, config: WebSocketConfig) -> Result<ResponseHead, Refusal> {
        accept(request, &Arc::new(config), Silent).map(|(head, _)| head)
    }

    fn status(request: &RequestHead) -> u16 {
        match answer(request, WebSocketConfig::default()) {
            Ok(head) => head.status().as_u16(),
            Err(refusal) => refusal.head.status().as_u16(),
        }
    }

    #[test]
    fn a_request_is_answered_with_the_key_the_protocol_and_the_terms() {
        let request = request()
            .header("sec-websocket-protocol", "soap, chat.v2")
            .header("sec-websocket-protocol", "chat.v1")
            .header("sec-websocket-extensions", "permessage-deflate; client_max_window_bits");
        let protocols = vec!["chat.v1".to_owned(), "chat.v2".to_owned()];
        let config = WebSocketConfig { protocols, ..WebSocketConfig::default() };
        let head = answer(&request, config).unwrap();
        assert_eq!(head.status(), StatusCode::SWITCHING_PROTOCOLS);
        let field = |name| head.headers.get_str(name).unwrap_or_default();
        assert_eq!(field("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(field("sec-websocket-protocol"), "chat.v1");
        assert!(field("sec-websocket-extensions").starts_with("permessage-deflate; server_no"));
        let config = WebSocketConfig { deflate: None, ..WebSocketConfig::default() };
        let head = answer(&request, config).unwrap();
        assert!(!head.headers.contains("sec-websocket-extensions"));
        assert!(!head.headers.contains("sec-websocket-protocol"));
    }

    #[test]
    fn what_is_no_such_request_is_refused_with_the_status_that_says_why() {
        let without = |name: &str| {
            let mut request = request();
            request.headers.remove(name);
            request
        };
        let with = |name: &str, value: &str| without(name).header(name, value);
        assert_eq!(status(&request()), 101);
        assert_eq!(status(&without("upgrade")), 426);
        assert_eq!(status(&with("upgrade", "h2c")), 426);
        assert_eq!(status(&with("connection", "close")), 426);
        assert_eq!(status(&with("sec-websocket-version", "8")), 426);
        assert_eq!(status(&without("sec-websocket-key")), 400);
        assert_eq!(status(&with("sec-websocket-key", "short")), 400);
        let twice = request().header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(status(&twice), 400);
        assert_eq!(status(&with("sec-websocket-extensions", "a b")), 400);
        let mut post = RequestHead::new(Method::POST, "/").unwrap();
        post.headers = request().headers;
        assert_eq!(status(&post), 405);
        let refusal = answer(&with("sec-websocket-version", "8"), WebSocketConfig::default());
        let head = refusal.unwrap_err().head;
        assert_eq!(head.headers.get_str("sec-websocket-version"), Some("13"));
    }

    #[test]
    fn other_peoples_pages_are_not_let_in() {
        let from = |origin: &str, origins: Origins| {
            let request = request().header("origin", origin);
            answer(&request, WebSocketConfig { origins, ..WebSocketConfig::default() }).is_ok()
        };
        assert!(from("http://Example.org:8080", Origins::SameHost));
        for other in ["http://example.org", "https://evil.org:8080", "null", "example.org:8080"] {
            assert!(!from(other, Origins::SameHost), "{other}");
            assert!(from(other, Origins::Any));
            assert!(from(other, Origins::These(vec!["a".into(), other.into()])));
        }
        assert!(is_of_host("https://a", "A:443") && is_of_host("http://a:80", "a"));
        assert!(!is_of_host("http://a", "a:443"));
        let twice = request()
            .header("origin", "http://example.org:8080")
            .header("origin", "http://evil.org");
        assert_eq!(status(&twice), 403);
    }
}
