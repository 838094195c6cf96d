//! The servers that are measured, on overt: the handlers that a user would write.
//!
//! One loop on the main thread, everything else as it is by default: all deadlines armed, the
//! ledger on.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use overt::net::Remote;
use overt::wire::{Codec, LengthPrefixed};
use overt::{
    Address, Config, Context, Datagrams, Engine, Group, Handler, Never, Result, SocketContext,
};

use crate::overt_web as web;
use crate::server::announce;

const AT: &str = "127.0.0.1:0";

/// Serves until it is killed. `kind` is one of those that [`crate::cases`] names.
pub(crate) fn serve(kind: &str) -> io::Result<()> {
    let mut config = Config { loops: 1, ..Config::default() };
    match kind {
        "workers" => config.workers = 1,
        "spin" => config.spin = Duration::from_micros(200),
        _ => {}
    }
    let mut engine = Engine::new(config)?;
    let at = match kind {
        "raw" | "spin" => engine.listen(AT, || Raw)?,
        "framed" => engine.listen(AT, || Framed(LengthPrefixed::MIB))?,
        "udp" => engine.bind(AT, || Udp)?,
        "workers" => engine.listen(AT, || Workers(LengthPrefixed::MIB))?,
        "broadcast" => {
            let room = Arc::new(Mutex::new(Room::default()));
            engine.listen(AT, move || Member(room.clone()))?
        }
        "http" => web::hello(&mut engine)?,
        "https" => web::sealed_hello(&mut engine)?,
        "origin" => web::origin(&mut engine)?,
        "proxy" => web::proxy(&mut engine)?,
        "tls" => web::sealed(&mut engine, || Raw)?,
        "ws" => web::echo(&mut engine)?,
        "ws-member" => web::member(&mut engine)?,
        "ws-broadcast" => web::broadcast(&mut engine)?,
        _ => return Err(io::Error::other(format!("overt has no server `{kind}`"))),
    };
    announce(at.socket_addr().map_or(0, |at| at.port()));
    engine.run().map(drop)
}

struct Raw;

impl Handler for Raw {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        cx.output.append(cx.input);
        Ok(())
    }
}

struct Framed(LengthPrefixed);

impl Handler for Framed {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(frame) = self.0.decode(cx.input)? {
            self.0.encode(frame, cx.output)?;
        }
        Ok(())
    }
}

/// Answers to datagrams that came together leave together: the engine sees to that.
struct Udp;

impl Datagrams for Udp {
    type Message = Never;

    fn on_datagram(
        &mut self,
        datagram: &[u8],
        from: &Remote,
        cx: &mut SocketContext<'_, Never>,
    ) -> Result {
        cx.send_to(from, datagram)
    }
}

struct Workers(LengthPrefixed);

impl Handler for Workers {
    type Message = Never;

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        while let Some(frame) = self.0.decode(cx.input)? {
            cx.effects.answer(frame, |frame, output| {
                let mut codec = LengthPrefixed::MIB;
                // It was a frame when it came, so it is not too large for one now.
                let _ = codec.encode(frame, output);
            })?;
        }
        Ok(())
    }
}

/// Who is there, and the group that they are, until somebody comes.
#[derive(Default)]
struct Room {
    members: Vec<Address<Bytes>>,
    group: Option<Group<Bytes>>,
}

struct Member(Arc<Mutex<Room>>);

impl Handler for Member {
    type Message = Bytes;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let mut room = self.0.lock().unwrap();
        room.members.push(cx.effects.address());
        room.group = None;
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let line = cx.input.take_all();
        let Room { members, group } = &mut *self.0.lock().unwrap();
        group.get_or_insert_with(|| Group::of(&*members)).send(line);
        Ok(())
    }

    fn on_message(&mut self, line: Bytes, cx: &mut Context<'_, Self>) -> Result {
        cx.output.share(line);
        Ok(())
    }
}
