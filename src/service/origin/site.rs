//! [`origin`]: the routes.

use super::echo::Echo;
use super::fountain::Fountain;
use super::later::{Delay, Ticker};
use crate::service::http::{Params, Request, Responder, Response, Router};
use crate::wire::http::{Method, RequestHead, StatusCode};

/// The routes of an origin to test against; see the [module](super).
pub fn origin() -> Router {
    let router = Router::new()
        .get("/", hello)
        .route(Method::OPTIONS, "/", hello)
        .route_site(Method::POST, "/", |_: &RequestHead, _: &Params| Echo)
        .any("/echo", fields)
        .any("/cookie", cookies)
        .any("/status/{status}", status)
        .route_site(Method::GET, "/bytes/{count}", Fountain::bytes)
        .route_site(Method::GET, "/stream/{count}", Fountain::lines)
        .site("/delay/{ms}", Delay::new)
        .route_site(Method::GET, "/sse", Ticker::new);
    #[cfg(feature = "websocket")]
    let router = router.site("/ws", super::socket::echo());
    router
}

fn hello(_: &Request<'_>, responder: Responder<'_, '_>) {
    responder.text("hello\n");
}

fn fields(request: &Request<'_>, responder: Responder<'_, '_>) {
    let mut text = Vec::new();
    for (name, value) in request.head().headers.iter() {
        text.extend_from_slice(&[name.as_bytes(), b": ", value, b"\n"].concat());
    }
    responder.send(Response::bytes("text/plain", text));
}

fn cookies(request: &Request<'_>, responder: Responder<'_, '_>) {
    let mut text = Vec::new();
    for cookies in request.head().headers.get_all("cookie") {
        for cookie in cookies.split(|byte| *byte == b';') {
            text.extend_from_slice(cookie.trim_ascii());
            text.push(b'\n');
        }
    }
    responder.send(Response::bytes("text/plain", text));
}

/// Interim statuses answer nothing, and some say that there is no body (RFC 9110, 15).
fn status(request: &Request<'_>, responder: Responder<'_, '_>) {
    let status =
        request.param("status").and_then(|text| StatusCode::from_bytes(text.as_bytes()).ok());
    match status.filter(|status| !status.is_informational()) {
        Some(
            status
            @ (StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED),
        ) => responder.send(Response::new(status)),
        Some(status) => responder.status(status),
        None => responder.send(Response::error(StatusCode::BAD_REQUEST, "a status is 200 to 999")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::http::HttpServer;
    use crate::testing::Bench;

    /// What is answered to a request, up to the end of the first write.
    fn asked(request: &str) -> String {
        let mut bench = Bench::new(HttpServer::new(origin()).connection());
        bench.data(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        String::from_utf8(bench.take_output()).unwrap()
    }

    #[test]
    fn what_asks_for_too_much_is_answered_all_the_same() {
        let last = "Host: a\r\nLast-Event-ID: 18446744073709551615\r\n\r\n";
        let mut bench = Bench::new(HttpServer::new(origin()).connection());
        bench.data(format!("GET /sse HTTP/1.1\r\n{last}").as_bytes());
        assert!(bench.take_output().starts_with(b"HTTP/1.1 200 "));
        assert_eq!(bench.closed(), None);
        for path in ["/bytes/+5", "/bytes/-1", "/bytes/99999999999999999999", "/delay/60001"] {
            assert!(asked(&format!("GET {path}")).starts_with("HTTP/1.1 400 "), "{path}");
        }
    }

    #[test]
    fn what_has_no_body_has_none() {
        for status in [204, 205, 304] {
            let answer = asked(&format!("GET /status/{status}"));
            assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        }
        assert!(asked("GET /status/101").starts_with("HTTP/1.1 400 "));
    }
}
