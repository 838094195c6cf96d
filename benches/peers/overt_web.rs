//! The web servers that are measured, on overt: the handlers that a user would write, with the
//! deadlines and the heartbeat that are there by default.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use overt::net::{Endpoint, Listen};
use overt::service::http::proxy::{Backend, ReverseProxy};
use overt::service::http::{HttpServer, Request, Responder, Response, Serve};
use overt::service::rooms::{
    Claim, Event, Mail, Member as RoomMember, RoomLimits, Rooms, Since, Sink,
};
use overt::service::websocket::{
    Refusal, WebSocketConfig, WebSocketContext, WebSocketHandler, WebSocketServer,
};
use overt::tls::TlsServer;
use overt::wire::http::RequestHead;
use overt::wire::websocket::Prepared;
use overt::{Address, Close, Engine, Group, Handler, Never, Result, Timer};

use crate::message::Message;
use crate::server;
use crate::wire::Certificate;

const AT: &str = "127.0.0.1:0";

pub(crate) fn hello(engine: &mut Engine) -> io::Result<Endpoint> {
    let hello = |_: &Request<'_>, responder: Responder<'_, '_>| responder.text("hello");
    let http = HttpServer::new(Serve::new(hello));
    engine.listen(AT, move || http.connection())
}

/// By TLS, with the certificate of this run.
pub(crate) fn sealed<H: Handler>(
    engine: &mut Engine,
    handler: impl Fn() -> H + Send + Sync + 'static,
) -> io::Result<Endpoint> {
    let (certificate, key) = Certificate::files()?;
    let tls = TlsServer::from_files(certificate, key)?;
    engine.listen(Listen::at(AT.parse::<Endpoint>()?).tls(&tls), handler)
}

pub(crate) fn sealed_hello(engine: &mut Engine) -> io::Result<Endpoint> {
    let hello = |_: &Request<'_>, responder: Responder<'_, '_>| responder.text("hello");
    let http = HttpServer::new(Serve::new(hello));
    sealed(engine, move || http.connection())
}

/// What all proxies stand before: `/` is hello, and `/N` so many bytes.
pub(crate) fn origin(engine: &mut Engine) -> io::Result<Endpoint> {
    let page = Bytes::from(Message::Page(64 * 1024).answer());
    let answer = move |request: &Request<'_>, responder: Responder<'_, '_>| {
        let size: Option<usize> = request.path().get(1..).and_then(|size| size.parse().ok());
        match size.filter(|size| *size <= page.len()) {
            Some(size) => responder.send(Response::bytes("text/plain", page.slice(..size))),
            None => responder.text("hello"),
        }
    };
    let http = HttpServer::new(Serve::new(answer));
    engine.listen(AT, move || http.connection())
}

pub(crate) fn proxy(engine: &mut Engine) -> io::Result<Endpoint> {
    let origin: SocketAddr = server::origin()?.parse().map_err(io::Error::other)?;
    let http = HttpServer::new(ReverseProxy::to([Backend::at(origin, "origin")]));
    engine.listen(AT, move || http.connection())
}

pub(crate) fn echo(engine: &mut Engine) -> io::Result<Endpoint> {
    let open = |_: &RequestHead| Ok::<_, Refusal>(Echo);
    let server = WebSocketServer::new(WebSocketConfig::default(), open);
    engine.listen(AT, move || server.clone())
}

pub(crate) fn broadcast(engine: &mut Engine) -> io::Result<Endpoint> {
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

/// In rooms of fifty.
pub(crate) fn member(engine: &mut Engine) -> io::Result<Endpoint> {
    let (rooms, count) = (Rooms::new(RoomLimits::default()), Arc::new(AtomicUsize::new(0)));
    let open = move |_: &RequestHead| {
        let room = format!("room-{}", count.fetch_add(1, Relaxed) / 50);
        Ok::<_, Refusal>(Guest { rooms: rooms.clone(), room, member: None })
    };
    let server = WebSocketServer::new(WebSocketConfig::default(), open);
    engine.listen(AT, move || server.clone())
}

struct Guest {
    rooms: Arc<Rooms>,
    room: String,
    member: Option<RoomMember>,
}

const TICK: Timer = Timer::new(0);

impl WebSocketHandler for Guest {
    type Message = Mail;

    fn on_open(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
        let (address, life) = (cx.address(), cx.random());
        let entered = RoomMember::enter(&self.rooms, address, Claim::default(), life);
        let room = std::mem::take(&mut self.room);
        let joined = entered.and_then(|(mut member, _)| {
            member.join(&room, Since::default(), life, &mut Silent).map(|()| member)
        });
        self.member = Some(joined.map_err(|_| Close::Protocol("no room"))?);
        cx.arm_every(TICK, Duration::from_secs(5));
        Ok(())
    }

    fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
        cx.text(text);
        Ok(())
    }

    fn on_message(&mut self, mail: Mail, _: &mut WebSocketContext<'_, Self>) -> Result {
        self.member.as_mut().map_or(Ok(()), |member| member.mail(mail, &mut Silent))
    }
}

/// Tells nothing: what is weighed is silent.
struct Silent;

impl Sink for Silent {
    fn is_full(&self) -> bool {
        false
    }

    fn put(&mut self, _: Event<'_>) {}
}
