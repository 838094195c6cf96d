//! [`room_page`]: a page on which people in several browsers talk in rooms, built into the program.
//!
//! It needs nothing from elsewhere: a few files beside this one, and the protocol of rooms over
//! WebSocket. `connection.js` keeps the connection, `room.js` knows what was said, `page.js` shows
//! it, as text and never as HTML.

use std::sync::Arc;

use crate::handler::Never;
use crate::service::http::{Asset, Embedded, Entry, ExchangeContext, Layer, Onion, Params, Router};
use crate::service::rooms::Rooms;
use crate::service::websocket::{Refusal, WebSocketConfig, WebSocketSite};
use crate::service::{RoomProtocol, RoomsByWebSocket};
use crate::wire::http::RequestHead;

/// The files of the page.
const FILES: [(&str, &str); 6] = [
    ("/", include_str!("index.html")),
    ("/page.css", include_str!("page.css")),
    ("/page.js", include_str!("page.js")),
    ("/connection.js", include_str!("connection.js")),
    ("/room.js", include_str!("room.js")),
    ("/icon.svg", include_str!("icon.svg")),
];

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
    let guest = move |_: &RequestHead, _: &Params| {
        Ok::<_, Refusal>(RoomsByWebSocket::new(rooms.clone(), protocol.clone()))
    };
    // Asked for again each time, and sent if they are not the same: a new server has a new page.
    let asset = |(path, text): (_, &'static str)| Asset::new(path, text).cache_control("no-cache");
    let files = Embedded::new(FILES.into_iter().map(asset)).behind(Guard);
    Router::new().site("/rooms", WebSocketSite::new(config, guest)).fallback_site(files)
}

/// Tells browsers what the page may not do.
struct Guard;

impl Layer for Guard {
    type State = ();

    fn enter(&self, _: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Entry<()> {
        cx.add_header("content-security-policy", POLICY.as_bytes());
        cx.add_header("referrer-policy", b"no-referrer");
        Entry::Pass(())
    }
}
