//! [`room_page`]: a page on which people in several browsers talk in rooms, built into the program.
//!
//! It needs nothing from elsewhere: a few files beside this one, and the protocol of rooms over
//! WebSocket. `connection.js` keeps the connection, `room.js` knows what was said, `page.js` shows
//! it, as text and never as HTML.

use std::sync::Arc;

use crate::service::http::{Request, Responder, Response, Router};
use crate::service::rooms::Rooms;
use crate::service::websocket::{Refusal, WebSocketConfig, WebSocketSite};
use crate::service::{RoomProtocol, RoomsByWebSocket};
use crate::wire::http::RequestHead;

/// The files of the page: its path, its media type, and what is in it.
const FILES: [(&str, &str, &str); 6] = [
    ("/", "text/html; charset=utf-8", include_str!("index.html")),
    ("/page.css", "text/css; charset=utf-8", include_str!("page.css")),
    ("/page.js", SCRIPT, include_str!("page.js")),
    ("/connection.js", SCRIPT, include_str!("connection.js")),
    ("/room.js", SCRIPT, include_str!("room.js")),
    ("/icon.svg", "image/svg+xml", include_str!("icon.svg")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Nothing but what this server gives may run, be shown, or be connected to; and nobody may frame
/// the page, or send forms from it elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// A page for people to talk in these rooms, at `/`, and the WebSocket that it speaks to, at
/// `/rooms`.
///
/// ```
/// use overt::service::http::HttpServer;
/// use overt::service::rooms::{RoomLimits, Rooms};
/// use overt::service::websocket::WebSocketConfig;
/// use overt::service::{RoomProtocol, room_page};
/// use overt::{Config, Engine};
/// use std::sync::Arc;
///
/// let rooms = Rooms::new(RoomLimits::default());
/// let protocol = Arc::new(RoomProtocol::default());
/// let http = HttpServer::new(room_page(&rooms, &protocol, WebSocketConfig::default()));
///
/// let mut engine = Engine::new(Config { loops: 2, ..Config::default() })?;
/// engine.listen("127.0.0.1:0", move || http.connection())?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn room_page(
    rooms: &Arc<Rooms>,
    protocol: &Arc<RoomProtocol>,
    config: WebSocketConfig,
) -> Router {
    let (rooms, protocol) = (rooms.clone(), protocol.clone());
    let guest = move |_: &RequestHead| {
        Ok::<_, Refusal>(RoomsByWebSocket::new(rooms.clone(), protocol.clone()))
    };
    let router = Router::new().site("/rooms", WebSocketSite::new(config, guest));
    FILES.into_iter().fold(router, |router, (path, media_type, text)| {
        let response = file(media_type, text);
        router.get(path, move |_: &Request<'_>, responder: Responder<'_, '_>| {
            responder.send(&response);
        })
    })
}

fn file(media_type: &str, text: &'static str) -> Response {
    Response::bytes(media_type, text)
        .header("content-security-policy", POLICY)
        .header("x-content-type-options", "nosniff")
        .header("referrer-policy", "no-referrer")
        .header("cache-control", "no-cache")
}
