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

/// Interim statuses answer nothing.
fn status(request: &Request<'_>, responder: Responder<'_, '_>) {
    let status =
        request.param("status").and_then(|text| StatusCode::from_bytes(text.as_bytes()).ok());
    match status.filter(|status| !status.is_informational()) {
        Some(status @ (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)) => {
            responder.send(Response::new(status));
        }
        Some(status) => responder.status(status),
        None => responder.send(Response::error(StatusCode::BAD_REQUEST, "a status is 200 to 999")),
    }
}
