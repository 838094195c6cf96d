//! [`Chat`]: one person's connection to a chat.

use std::sync::Arc;
use std::time::Duration;

use super::rooms::{Line, Rooms};
use super::said::{Said, clean};
use crate::handler::{Bound, Close, ConnectionId, Context, Handler, Outgoing, Result, Timer};
use crate::wire::{Codec, Lines};

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

/// One person's connection to a chat: lines of UTF-8, of which those that begin with `/` are
/// commands (`/help` lists them), and those that the server itself has to say begin with `* `.
///
/// ```
/// use overt::service::{Chat, ChatLimits, Rooms};
/// use overt::{Config, Engine};
///
/// let mut engine = Engine::new(Config { loops: 2, ..Config::default() })?;
/// let rooms = Rooms::new(ChatLimits::default());
/// engine.listen("127.0.0.1:0", move || Chat::new(rooms.clone()))?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// - Everybody in a room hears the same lines in the same order, apart from their own.
/// - Whoever does not read is dropped once `Limits::output_high` bytes wait for them; nobody else
///   notices.
/// - Whoever is silent is pinged, and dropped if that goes on ([`ChatLimits`](super::ChatLimits)).
pub struct Chat {
    rooms: Arc<Rooms>,
    lines: Lines,
    /// Which connection this is, once it is open.
    id: Option<ConnectionId>,
    name: Arc<str>,
    room: Option<Arc<str>>,
    /// Heartbeats since something was heard.
    silent: u32,
    /// When all that was said would have been said at the slowest pace that is no limit.
    paced: Duration,
}

impl Chat {
    /// Somebody who has just come.
    pub fn new(rooms: Arc<Rooms>) -> Self {
        Self {
            lines: Lines::new(rooms.limits.line_max),
            rooms,
            id: None,
            name: "".into(),
            room: None,
            silent: 0,
            paced: Duration::ZERO,
        }
    }

    fn heard(&mut self, line: &str, cx: &mut Context<'_, Self>) {
        match Said::read(line) {
            Said::Text(text) => self.say(text, cx),
            Said::Join(room) => self.join(room, cx),
            Said::Leave => match self.leave() {
                Some(room) => notice(cx, format_args!("you left {room}")),
                None => notice(cx, format_args!("you are in no room")),
            },
            Said::Who => self.who(cx),
            Said::Rooms => {
                let (rooms, count) = self.rooms.list(NAMES_MAX);
                notice(cx, format_args!("rooms: {}", listed(&rooms, count)));
            }
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

    fn say(&self, text: &str, cx: &mut Context<'_, Self>) {
        let Some(room) = &self.room else {
            return notice(cx, format_args!("you are in no room: /join one"));
        };
        let missed = self.rooms.say(room, cx.effects.id(), format!("<{}> {text}\n", self.name));
        if missed > 0 {
            notice(cx, format_args!("{missed} people were too busy to hear that"));
        }
    }

    fn join(&mut self, room: &str, cx: &mut Context<'_, Self>) {
        if self.room.as_deref() == Some(room) {
            return notice(cx, format_args!("you are in {room} already"));
        }
        // First the new room, so that whoever is not let in there stays here.
        match self.rooms.join(room, &self.name, cx.effects.address()) {
            Ok(room) => {
                self.leave();
                self.room = Some(room);
                self.who(cx);
            }
            Err(why) => notice(cx, format_args!("{why}")),
        }
    }

    fn leave(&mut self) -> Option<Arc<str>> {
        let room = self.room.take()?;
        self.rooms.leave(&room, self.id?, &self.name);
        Some(room)
    }

    fn who(&self, cx: &mut Context<'_, Self>) {
        let Some(room) = &self.room else {
            return notice(cx, format_args!("you are in no room"));
        };
        let (names, count) = self.rooms.who(room, NAMES_MAX);
        notice(cx, format_args!("in {room}: {}", listed(&names, count)));
    }

    fn rename(&mut self, name: &str, cx: &mut Context<'_, Self>) {
        let names = (&*self.name, name);
        match self.rooms.rename(cx.effects.id(), self.room.as_ref(), names) {
            Ok(name) => {
                notice(cx, format_args!("you are now {name}"));
                self.name = name;
            }
            Err(why) => notice(cx, format_args!("{why}")),
        }
    }

    /// Counts a line; tells how long the next must wait.
    fn pace(&mut self, now: Duration) -> Option<Duration> {
        let limits = &self.rooms.limits;
        self.paced = self.paced.max(now) + limits.line_every;
        let ahead = limits.line_every * limits.lines_at_once;
        self.paced.checked_sub(now + ahead).filter(|wait| !wait.is_zero())
    }
}

impl Handler for Chat {
    type Message = Line;

    fn on_open(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.id = Some(cx.effects.id());
        self.name = self.rooms.name_a_guest();
        cx.effects.arm_every(HEARTBEAT, self.rooms.limits.ping_every);
        notice(cx, format_args!("welcome! you are {}; /help says what you can do", self.name));
        self.join(LOBBY, cx);
        Ok(())
    }

    fn on_data(&mut self, cx: &mut Context<'_, Self>) -> Result {
        self.silent = 0;
        loop {
            let line = match self.lines.decode(cx.input) {
                Ok(Some(line)) => clean(line),
                Ok(None) => return Ok(()),
                Err(_) => {
                    let max = self.rooms.limits.line_max;
                    notice(cx, format_args!("a line is at most {max} bytes: good bye"));
                    cx.effects.close();
                    return Ok(());
                }
            };
            self.heard(&line, cx);
            if let Some(wait) = self.pace(cx.effects.now()) {
                cx.effects.pause();
                cx.effects.arm(BREATH, wait);
                return Ok(());
            }
        }
    }

    fn on_message(&mut self, line: Line, cx: &mut Context<'_, Self>) -> Result {
        // A line may come from a room that was left while it was on its way.
        let is_for_me = self.room.as_ref() == Some(&line.room) && line.from != cx.effects.id();
        if is_for_me && cx.output.is_congested() {
            return Err(Close::Over(Bound::Output));
        }
        if is_for_me {
            cx.output.share(line.text);
        }
        Ok(())
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Context<'_, Self>) -> Result {
        if timer == BREATH {
            cx.effects.resume();
            return Ok(());
        }
        // The first heartbeat may come right after a word.
        self.silent += 1;
        if self.silent > self.rooms.limits.pings_max + 1 {
            notice(cx, format_args!("nobody is there: good bye"));
            cx.effects.close();
        } else if self.silent > 1 {
            notice(cx, format_args!("ping"));
        }
        Ok(())
    }

    fn on_drain(&mut self, cx: &mut Context<'_, Self>) -> Result {
        notice(cx, format_args!("the server goes down: good bye"));
        cx.effects.close();
        Ok(())
    }

    fn on_close(mut self, _: Close, _: &mut Outgoing<'_>) {
        // First the name: whoever hears of this may take it at once.
        self.rooms.free_name(&self.name);
        self.leave();
    }
}

/// Something that the server itself has to say.
fn notice(cx: &mut Context<'_, Chat>, what: std::fmt::Arguments<'_>) {
    cx.output.put(format!("* {what}\n").as_bytes());
}

fn listed(names: &[impl AsRef<str>], count: usize) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match count.saturating_sub(names.len()) {
        0 => names.join(", "),
        more => format!("{}, and {more} more", names.join(", ")),
    }
}
