//! WebSockets and rooms: a chat in the browser.
//!
//! ```text
//! cargo run --release --features websocket --example 11_websocket_chat
//! http://127.0.0.1:8080/                         in two windows or more
//! ```
//!
//! Chapter 07 kept a list of its own of who is there. Rooms do that, and more: they number what is
//! said, keep the latest of it for those who come late, and go on with slow readers where those
//! are. A handler owns a `Member` and passes on three things to it: mail, a timer, and that its
//! output has room again. What the member has to tell comes to a `Sink`.
//!
//! With names, many rooms, coming back and acknowledgements, as JSON, this becomes
//! `overt::service::RoomsByWebSocket`, and the page `overt::service::room_page`.

use std::sync::Arc;
use std::time::Duration;

use overt::service::http::{HttpServer, Params, Request, Responder, Response, Router};
use overt::service::rooms::{
    Claim, Draft, Event, Form, Mail, Member, RoomLimits, Rooms, Since, Sink,
};
use overt::service::websocket::{
    Refusal, WebSocketConfig, WebSocketContext, WebSocketHandler, WebSocketSite,
};
use overt::wire::http::RequestHead;
use overt::wire::websocket::{CloseCode, Prepared};
use overt::{Config, Engine, Result, Timer};

const ROOM: &str = "lobby";
const TICK: Timer = Timer::new(0);
const LINE: Form = Form::new(3);
const PAGE: &str = "<!doctype html><meta name=viewport content='width=device-width'>
<title>chat</title><form><input autofocus placeholder='Say something'></form><div></div><script>
const [form, log] = [document.querySelector('form'), document.querySelector('div')];
const socket = new WebSocket(location.href.replace('http', 'ws') + 'chat');
const show = (textContent) =>
  log.prepend(Object.assign(document.createElement('p'), { textContent }));
socket.onmessage = ({ data }) => show(data);
socket.onclose = ({ reason }) => show(`the end: ${reason}`);
form.onsubmit = (event) => {
  event.preventDefault();
  socket.send(form[0].value);
  form.reset();
};
</script>";

struct Guest {
    rooms: Arc<Rooms>,
    member: Option<Member>,
}

impl WebSocketHandler for Guest {
    type Message = Mail;

    fn on_open(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
        let (address, life) = (cx.address(), cx.random());
        let entered = Member::enter(&self.rooms, address, Claim::default(), life);
        let joined = entered.and_then(|(mut member, _)| {
            let since = Since { bookmark: None, latest: 20 };
            member.join(ROOM, since, life, &mut Lines(cx)).map(|()| member)
        });
        match joined {
            Ok(member) => self.member = Some(member),
            Err(why) => cx.close(CloseCode::TRY_AGAIN_LATER, &why.to_string()),
        }
        cx.arm_every(TICK, Duration::from_secs(5));
        Ok(())
    }

    fn on_text(&mut self, text: &str, cx: &mut WebSocketContext<'_, Self>) -> Result {
        let Some(member) = &self.member else { return Ok(()) };
        if let Err(why) = member.publish(ROOM, Draft::new(text.as_bytes()), cx.now()) {
            cx.text(&format!("* {why}"));
        }
        Ok(())
    }

    fn on_message(&mut self, mail: Mail, cx: &mut WebSocketContext<'_, Self>) -> Result {
        self.member.as_mut().map_or(Ok(()), |member| member.mail(mail, &mut Lines(cx)))
    }

    fn on_timer(&mut self, _: Timer, cx: &mut WebSocketContext<'_, Self>) -> Result {
        let now = cx.now();
        self.member.iter_mut().for_each(|member| member.tick(now, &mut Lines(cx)));
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut WebSocketContext<'_, Self>) -> Result {
        self.member.iter_mut().for_each(|member| member.go_on(&mut Lines(cx)));
        Ok(())
    }
}

/// What a member has to tell, as lines.
struct Lines<'l, 'c>(&'l mut WebSocketContext<'c, Guest>);

impl Sink for Lines<'_, '_> {
    fn is_full(&self) -> bool {
        self.0.is_congested()
    }

    fn put(&mut self, event: Event<'_>) {
        let line = match event {
            // Encoded, and compressed, once for all who hear it.
            Event::Post(post) => {
                let line = post.encoded(LINE, |post| {
                    let text = String::from_utf8_lossy(&post.body);
                    Prepared::text(&format!("<{}> {text}", post.from))
                });
                return self.0.prepared(&line);
            }
            Event::Gap(gap) => format!("* {} messages are missing", gap.last - gap.first + 1),
            Event::Change(change) if change.came => format!("* {} came", change.user),
            Event::Change(change) => format!("* {} went", change.user),
            Event::Joined(joined) => format!("* {} here", joined.presence.names.join(", ")),
            Event::Present(_, presence) => format!("* {} people here", presence.users),
            Event::Kicked { why, .. } => format!("* you were removed: {why}"),
        };
        self.0.text(&line);
    }
}

fn main() -> std::io::Result<()> {
    let mut engine = Engine::new(Config::default())?;
    let rooms = Rooms::new(RoomLimits::default());
    let guest = move |_: &RequestHead, _: &Params| {
        Ok::<_, Refusal>(Guest { rooms: rooms.clone(), member: None })
    };
    let router = Router::new()
        .get("/", |_: &Request<'_>, responder: Responder<'_, '_>| {
            responder.send(Response::html(PAGE));
        })
        .site("/chat", WebSocketSite::new(WebSocketConfig::default(), guest));
    let http = HttpServer::new(router);
    let at = std::env::args().nth(1);
    let at = at.as_deref().unwrap_or("127.0.0.1:8080");
    let at = engine.listen(at, move || http.connection())?;
    println!("a chat on {at}");
    engine.run()?;
    Ok(())
}
