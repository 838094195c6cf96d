//! [`Chat`]: one person's connection to a chat.

use std::fmt::Arguments;
use std::sync::Arc;
use std::time::Duration;

use super::lines::{Lines, listed};
use super::said::{Said, clean};
use crate::handler::{Context, Handler, Result, Timer};
use crate::service::pace::Pace;
use crate::service::rooms::{Claim, Draft, Mail, Member, Room, Rooms, Since};
use crate::wire::{self, Codec};

/// Fires again and again: is anybody there?
const HEARTBEAT: Timer = Timer::new(0);
/// Whoever spoke too fast may go on.
const BREATH: Timer = Timer::new(1);

/// Where everybody begins.
const LOBBY: &str = "lobby";
/// How many names an answer holds at most.
const NAMES_MAX: usize = 100;
const HELP: &str = "\
* anything           say it to everybody in your room
* /nick NAME         be called NAME
* /join ROOM         go to another room; it is made if it does not exist
* /leave             be in no room
* /who  /rooms       who is here, and which rooms there are
* /quit              good bye
";

/// What a chat allows.
#[derive(Clone, Debug)]
pub struct ChatLimits {
    /// Bytes of a line; who sends more is told so, and disconnected. 512.
    pub line_max: u32,
    /// Lines that somebody may say at once; then, one every `line_every`. Whoever talks faster is
    /// not read from until it is time, and loses nothing. 20.
    pub lines_at_once: u32,
    /// 100 ms.
    pub line_every: Duration,
    /// Whoever was silent for so long, or up to twice as long, is sent a ping. 20 s.
    pub ping_every: Duration,
    /// After so many pings without a word, the connection is closed. 30.
    pub pings_max: u32,
}

impl Default for ChatLimits {
    fn default() -> Self {
        Self {
            line_max: 512,
            lines_at_once: 20,
            line_every: Duration::from_millis(100),
            ping_every: Duration::from_secs(20),
            pings_max: 30,
        }
    }
}

/// One person's connection to a chat: lines of UTF-8, of which those that begin with `/` are
/// commands (`/help` lists them), and those that the server itself has to say begin with `* `.
///
/// ```
/// use overt::service::rooms::{RoomLimits, Rooms};
/// use overt::service::{Chat, ChatLimits};
/// use overt::{Config, Engine};
///
/// let mut engine = Engine::new(Config { loops: 2, ..Config::default() })?;
/// let (rooms, limits) = (Rooms::new(RoomLimits::default()), ChatLimits::default());
/// engine.listen("127.0.0.1:0", move || Chat::new(rooms.clone(), limits.clone()))?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// - It is in one of the [`Rooms`] at a time, which others may reach by other protocols. Everybody
///   in a room hears the same lines in the same order, apart from their own.
/// - Nobody waits for those who don't read. What becomes of them is the room's to say
///   ([`Slow`](super::super::rooms::Slow)); if they miss lines, they are told how many.
/// - Whoever is silent is pinged, and dropped if that goes on ([`ChatLimits`]).
pub struct Chat {
    rooms: Arc<Rooms>,
    limits: ChatLimits,
    lines: wire::Lines,
    /// Who this is, once the connection is open.
    member: Option<Member>,
    /// Heartbeats since something was heard.
    silent: u32,
    pace: Pace,
}

impl Chat {
    /// Somebody who has just come.
    pub fn new(rooms: Arc<Rooms>, limits: ChatLimits) -> Self {
        Self {
            rooms,
            lines: wire::Lines::new(limits.line_max),
            member: None,
            silent: 0,
            pace: Pace::default(),
            limits,
        }
    }

    fn heard(&mut self, line: &str, cx: &mut Context<'_, Self>) {
        match Said::read(line) {
            Said::Text(text) => self.say(text, cx),
            Said::Join(room) => self.join(room, cx),
            Said::Leave => match self.leave() {
                Some(room) => notice(cx, format_args!("you left {}", room.name())),
                None => notice(cx, format_args!("you are in no room")),
            },
            Said::Who => self.who(cx),
            Said::Rooms => self.list(cx),
            Said::Nick(name) => self.rename(name, cx),
            Said::Help => cx.output.put(HELP.as_bytes()),
            Said::Quit => {
                notice(cx, format_args!("good bye"));
                cx.effects.close();
            }
            Said::Nothing => {}
            Said::Unknown(command) => {
                notice(cx, format_args!("{command} is no command; /help lists them"));
            }
        }
    }

    /// The room that it is in.
    fn room(&self) -> Option<Arc<Room>> {
        self.member.as_ref()?.rooms().find(|room| !room.is_of_a_user()).cloned()
    }

    fn say(&self, text: &str, cx: &mut Context<'_, Self>) {
        let (Some(member), Some(room)) = (&self.member, self.room()) else {
            return notice(cx, format_args!("you are in no room: /join one"));
        };
        let draft = Draft::new(text.as_bytes());
        if let Err(why) = member.publish(room.name(), draft, cx.effects.now()) {
            notice(cx, format_args!("{why}"));
        }
    }

    fn join(&mut self, room: &str, cx: &mut Context<'_, Self>) {
        let before = self.room();
        let Some(member) = &mut self.member else { return };
        let life = cx.effects.random();
        // First the new room, so that whoever is not let in there stays here.
        if let Err(why) = member.join(room, Since::default(), life, &mut terminal(cx)) {
            return notice(cx, format_args!("{why}"));
        }
        if let Some(before) = before {
            let _ = member.leave(before.name()); // Just now, it was in it.
        }
        self.who(cx);
    }

    fn leave(&mut self) -> Option<Arc<Room>> {
        let room = self.room()?;
        self.member.as_mut()?.leave(room.name()).ok()?;
        Some(room)
    }

    fn who(&self, cx: &mut Context<'_, Self>) {
        match self.room() {
            Some(room) => terminal(cx).present(room.name(), &room.who(NAMES_MAX)),
            None => notice(cx, format_args!("you are in no room")),
        }
    }

    fn list(&self, cx: &mut Context<'_, Self>) {
        let (rooms, count) = self.rooms.list(NAMES_MAX);
        let each = rooms.iter().map(|(name, users)| format!("{name} ({users})").into());
        notice(cx, format_args!("rooms: {}", listed(&each.collect::<Vec<_>>(), count)));
    }

    /// Goes, and comes back under another name.
    fn rename(&mut self, name: &str, cx: &mut Context<'_, Self>) {
        let (address, life) = (cx.effects.address(), cx.effects.random());
        let claim = Claim { name: Some(name), ..Claim::default() };
        let mut renamed = match Member::enter(&self.rooms, address, claim, life) {
            Ok((renamed, _)) => renamed,
            Err(why) => return notice(cx, format_args!("{why}")),
        };
        notice(cx, format_args!("you are now {}", renamed.name()));
        if let (Some(room), Some(member)) = (self.room(), &mut self.member) {
            let since = Since { bookmark: member.bookmark(room.name()), latest: 0 };
            let _ = member.leave(room.name()); // Just now, it was in it.
            if let Err(why) = renamed.join(room.name(), since, life, &mut terminal(cx)) {
                notice(cx, format_args!("{why}"));
            }
        }
        self.member = Some(renamed);
    }
}

impl Handler for Chat {
    type Message = Mail;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        let (address, life) = (cx.effects.address(), cx.effects.random());
        cx.effects.arm_every(HEARTBEAT, self.limits.ping_every);
        match Member::enter(&self.rooms, address, Claim::default(), life) {
            Ok((member, _)) => {
                let name = member.name();
                notice(cx, format_args!("welcome! you are {name}; /help says what you can do"));
                self.member = Some(member);
                self.join(LOBBY, cx);
            }
            Err(why) => {
                notice(cx, format_args!("{why}"));
                cx.effects.close();
            }
        }
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.silent = 0;
        loop {
            let line = match self.lines.decode(cx.input) {
                Ok(Some(line)) => clean(line),
                Ok(None) => return Ok(()),
                Err(_) => {
                    let max = self.limits.line_max;
                    notice(cx, format_args!("a line is at most {max} bytes: good bye"));
                    cx.effects.close();
                    return Ok(());
                }
            };
            self.heard(&line, cx);
            let ChatLimits { line_every, lines_at_once, .. } = self.limits;
            if let Some(wait) = self.pace.count(cx.effects.now(), line_every, lines_at_once) {
                cx.effects.pause();
                cx.effects.arm(BREATH, wait);
                return Ok(());
            }
        }
    }

    fn on_message(&mut self, mail: Mail, cx: &mut Context<'_, Self>) -> Result {
        let Some(member) = &mut self.member else { return Ok(()) };
        member.mail(mail, &mut terminal(cx))?;
        if !member.is_welcome() {
            cx.effects.close();
        }
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Context<'_, Self>) -> Result {
        if timer == BREATH {
            cx.effects.resume();
            return Ok(());
        }
        if let Some(member) = &mut self.member {
            member.tick(cx.effects.now(), &mut terminal(cx));
            if !member.is_welcome() {
                cx.effects.close();
            }
        }
        // The first heartbeat may come right after a word.
        self.silent += 1;
        if self.silent > self.limits.pings_max + 1 {
            notice(cx, format_args!("nobody is there: good bye"));
            cx.effects.close();
        } else if self.silent > 1 {
            notice(cx, format_args!("ping"));
        }
        Ok(())
    }

    fn on_writable(&mut self, cx: &mut Context<'_, Self>) -> Result {
        if let Some(member) = &mut self.member {
            member.go_on(&mut terminal(cx));
        }
        Ok(())
    }

    fn on_drain(&mut self, cx: &mut Context<'_, Self>) -> Result {
        notice(cx, format_args!("the server goes down: good bye"));
        cx.effects.close();
        Ok(())
    }
}

fn terminal<'a>(cx: &'a mut Context<'_, Chat>) -> Lines<'a> {
    Lines { me: cx.effects.id(), output: cx.output }
}

fn notice(cx: &mut Context<'_, Chat>, what: Arguments<'_>) {
    terminal(cx).notice(what);
}
