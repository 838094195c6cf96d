//! The web servers that are measured, on overt: the handlers that a user would write, with the
//! deadlines and the heartbeat that are there by default.

use std::sync::{Arc, Mutex};

use overt::net::Endpoint;
use overt::service::http::{HttpServer, Request, Responder, Serve};
use overt::service::websocket::{
    Refusal, WebSocketConfig, WebSocketContext, WebSocketHandler, WebSocketServer,
};
use overt::wire::http::RequestHead;
use overt::wire::websocket::Prepared;
use overt::{Address, Engine, Group, Never, Result};

const AT: &str = "127.0.0.1:0";

pub(crate) fn hello(engine: &mut Engine) -> std::io::Result<Endpoint> {
    let hello = |_: &Request<'_>, responder: Responder<'_, '_>| responder.text("hello");
    let http = HttpServer::new(Serve::new(hello));
    engine.listen(AT, move || http.connection())
}

pub(crate) fn echo(engine: &mut Engine) -> std::io::Result<Endpoint> {
    let open = |_: &RequestHead| Ok::<_, Refusal>(Echo);
    let server = WebSocketServer::new(WebSocketConfig::default(), open);
    engine.listen(AT, move || server.clone())
}

pub(crate) fn broadcast(engine: &mut Engine) -> std::io::Result<Endpoint> {
    let room = Arc::new(Mutex::new(Room::default()));
    let open = move |_: &RequestHead| Ok::<_, Refusal>(Member(room.clone()));
    let server = WebSocketServer::new(WebSocketConfig::default(), open);
    engine.listen(AT, move || server.clone())
}

struct Echo;

impl WebSocketHandler for Echo {
    type Message = Never;

    fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.text(text);
        Ok(())
    }
}

/// Who is there, and the group that they are, until somebody comes.
#[derive(Default)]
struct Room {
    members: Vec<Address<Prepared>>,
    group: Option<Group<Prepared>>,
}

struct Member(Arc<Mutex<Room>>);

impl WebSocketHandler for Member {
    type Message = Prepared;

    fn on_open(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
        let mut room = self.0.lock().unwrap();
        room.members.push(cx.address());
        room.group = None;
        Ok(())
    }

    fn on_text(&mut self, text: &str, _: &mut WebSocketContext<'_, Self>) -> Result {
        let line = Prepared::text(text);
        let Room { members, group } = &mut *self.0.lock().unwrap();
        group.get_or_insert_with(|| Group::of(&*members)).send(line);
        Ok(())
    }

    fn on_message(&mut self, line: Prepared, cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.prepared(&line);
        Ok(())
    }
}
