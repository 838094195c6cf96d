//! [`RoomsByWebSocket`]: the protocol of rooms over WebSocket.

use std::sync::Arc;

use super::config::RoomProtocol;
use super::session::{Session, Then, Turn};
use super::teller::{Wire, change_json, post_json};
use crate::handler::{Result, Timer};
use crate::service::rooms::{Change, Form, Mail, Post, Rooms};
use crate::service::websocket::{WebSocketContext, WebSocketHandler};
use crate::wire::websocket::{CloseCode, Prepared};

/// The handler of a WebSocket that speaks the protocol of rooms: a JSON message in each message of
/// text.
///
/// ```
/// use overt::service::http::{HttpServer, Params, Router};
/// use overt::service::rooms::{RoomLimits, Rooms};
/// use overt::service::websocket::{Refusal, WebSocketConfig, WebSocketSite};
/// use overt::service::{RoomProtocol, RoomsByWebSocket};
/// use overt::wire::http::RequestHead;
/// use overt::{Config, Engine};
/// use std::sync::Arc;
///
/// let rooms = Rooms::new(RoomLimits::default());
/// let protocol = Arc::new(RoomProtocol::default());
/// let guest = move |_: &RequestHead, _: &Params| {
///     Ok::<_, Refusal>(RoomsByWebSocket::new(rooms.clone(), protocol.clone()))
/// };
/// let site = WebSocketSite::new(WebSocketConfig::default(), guest);
/// let http = HttpServer::new(Router::new().site("/rooms", site));
///
/// let mut engine = Engine::new(Config { loops: 2, ..Config::default() })?;
/// engine.listen("127.0.0.1:0", move || http.connection())?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct RoomsByWebSocket {
    session: Session,
}

/// Looks for what no mail told of.
const TICK: Timer = Timer::new(0);
/// Whoever spoke too fast may go on.
const BREATH: Timer = Timer::new(1);
/// Whoever has not said who they are has had their time.
const HELLO: Timer = Timer::new(2);

/// The encoding of posts.
const PREPARED: Form = Form::new(2);

impl RoomsByWebSocket {
    /// Somebody who has just come.
    pub fn new(rooms: Arc<Rooms>, protocol: Arc<RoomProtocol>) -> Self {
        Self { session: Session::new(rooms, protocol) }
    }
}

fn go(then: Then, cx: &mut WebSocketContext<'_, RoomsByWebSocket>) {
    match then {
        Then::GoOn => {}
        Then::Pause(wait) => {
            cx.pause();
            cx.arm(BREATH, wait);
        }
        Then::Close => cx.close(CloseCode::POLICY, "as was said"),
    }
}

impl WebSocketHandler for RoomsByWebSocket {
    type Message = Mail;

    fn on_open(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.arm_every(TICK, self.session.protocol.tick);
        cx.arm(HELLO, self.session.protocol.hello);
        Ok(())
    }

    fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
        if text.len() > self.session.protocol.message_max as usize {
            cx.close(CloseCode::TOO_BIG, "no message of this protocol is so long");
            return Ok(());
        }
        let turn = Turn { now: cx.now(), address: cx.address(), life: cx.random() };
        let then = self.session.hear(text.as_bytes(), &turn, cx);
        go(then, cx);
        Ok(())
    }

    fn on_message(&mut self, mail: Mail, cx: &mut WebSocketContext<'_, Self>) -> Result {
        let then = self.session.mail(mail, cx.now(), cx)?;
        go(then, cx);
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut WebSocketContext<'_, Self>) -> Result {
        match timer {
            BREATH => cx.resume(),
            TICK => {
                let then = self.session.tick(cx.now(), cx);
                go(then, cx);
            }
            _ => {
                let then = self.session.hello_is_due(cx.now(), cx);
                go(then, cx);
            }
        }
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
        self.session.go_on(cx.now(), cx);
        Ok(())
    }
}

impl Wire for WebSocketContext<'_, RoomsByWebSocket> {
    fn is_full(&self) -> bool {
        self.is_congested()
    }

    fn send(&mut self, json: &str) {
        self.text(json);
    }

    fn post(&mut self, post: &Post) {
        self.prepared(&post.encoded(PREPARED, |post| Prepared::text(&post_json(post))));
    }

    fn change(&mut self, change: &Change) {
        self.prepared(&change.encoded(PREPARED, |change| Prepared::text(&change_json(change))));
    }
}
