//! [`Lines`]: what somebody in a chat is told, as lines for a terminal.

use std::fmt::Arguments;
use std::sync::Arc;

use bytes::Bytes;

use super::said::clean;
use crate::base::Output;
use crate::handler::ConnectionId;
use crate::service::rooms::{Change, Event, Form, Gap, Post, Presence, Sink};

const LINE: Form = Form::new(1);

/// An output, as somebody's terminal.
pub(super) struct Lines<'a> {
    pub(super) output: &'a mut Output,
    /// Whose: they know what they said themselves.
    pub(super) me: ConnectionId,
}

impl Lines<'_> {
    /// Something that the server itself has to say.
    pub(super) fn notice(&mut self, what: Arguments<'_>) {
        self.output.put(format!("* {what}\n").as_bytes());
    }

    fn share(&mut self, line: &Bytes) {
        self.output.share(line.clone());
    }

    /// Who is in a room.
    pub(super) fn present(&mut self, room: &str, presence: &Presence) {
        let names = listed(&presence.names, presence.users);
        self.notice(format_args!("in {room}: {names}"));
    }
}

impl Sink for Lines<'_> {
    fn is_full(&self) -> bool {
        self.output.is_congested()
    }

    fn put(&mut self, event: Event<'_>) {
        match event {
            Event::Joined(_) => {}
            Event::Post(post) if post.by == Some(self.me) => {}
            Event::Post(post) => self.share(&post.encoded(LINE, post_as_line)),
            Event::Gap(Gap { room, first, last, .. }) => {
                self.notice(format_args!("{} lines of {room} are missing", last - first + 1));
            }
            Event::Change(change) => self.share(&change.encoded(LINE, change_as_line)),
            Event::Present(room, presence) => self.present(room, presence),
            Event::Kicked { room, why } => {
                self.notice(format_args!(
                    "you were removed from {room}: {}",
                    clean(why.as_bytes())
                ));
            }
        }
    }
}

fn post_as_line(post: &Post) -> Bytes {
    format!("<{}> {}\n", post.from, clean(&post.body)).into()
}

fn change_as_line(Change { user, came, .. }: &Change) -> Bytes {
    format!("* {user} {}\n", if *came { "joined" } else { "left" }).into()
}

/// Names, and how many there are beyond them.
pub(super) fn listed(names: &[Arc<str>], count: usize) -> String {
    let more = count.saturating_sub(names.len());
    match (names.join(", "), more) {
        (names, 0) => names,
        (names, more) if names.is_empty() => format!("{more} people"),
        (names, more) => format!("{names}, and {more} more"),
    }
}
