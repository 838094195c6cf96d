//! [`Teller`]: events of rooms as messages; and [`Wire`], what carries them.

use std::time::Duration;

use super::told::Told;
use crate::service::rooms::{Arrival, Change, Event, Gap, Joined, Member, Post, Sink};

/// The version of the protocol.
const PROTOCOL: u32 = 1;

/// What carries messages to a client: frames, or WebSocket.
pub(super) trait Wire {
    /// Whether so much waits already that posts had better wait, too.
    fn is_full(&self) -> bool;
    /// Sends a message.
    fn send(&mut self, json: &str);
    /// Sends a post, encoded once for all.
    fn post(&mut self, post: &Post);
    /// Tells that somebody came or went, encoded once for all.
    fn change(&mut self, change: &Change);
}

/// Tells a client of events.
pub(super) struct Teller<'a, W> {
    pub(super) wire: &'a mut W,
    pub(super) now: Duration,
    /// Bytes that a post may have.
    pub(super) text_max: usize,
}

impl<W: Wire> Teller<'_, W> {
    pub(super) fn tell(&mut self, told: &Told<'_>) {
        self.wire.send(&told.to_json());
    }

    /// Somebody has said who they are.
    pub(super) fn welcome(&mut self, member: &Member, arrival: Arrival) {
        let own = member.rooms().next().filter(|room| room.is_of_a_user());
        let bookmark = own.and_then(|room| member.bookmark(room.name()));
        self.tell(&Told::Welcome {
            protocol: PROTOCOL,
            name: member.name(),
            room: own.map(|room| &**room.name()),
            epoch: bookmark.map(|it| it.epoch),
            offset: bookmark.map(|it| it.offset),
            arrival: name_of(arrival),
            now: self.now.as_millis() as u64,
            text_max: self.text_max,
        });
    }

    fn joined(&mut self, joined: &Joined<'_>) {
        let Joined { room, offset, arrival, presence } = *joined;
        self.tell(&Told::Joined {
            room: room.name(),
            epoch: room.epoch(),
            offset,
            arrival: name_of(arrival),
            slow: room.settings().slow.name(),
            users: presence.users,
            members: presence.members,
            names: &presence.names,
        });
    }
}

fn name_of(arrival: Arrival) -> &'static str {
    match arrival {
        Arrival::New => "new",
        Arrival::Resumed => "resumed",
        Arrival::Lost => "lost",
    }
}

impl<W: Wire> Sink for Teller<'_, W> {
    fn is_full(&self) -> bool {
        self.wire.is_full()
    }

    fn put(&mut self, event: Event<'_>) {
        match event {
            Event::Joined(joined) => self.joined(&joined),
            Event::Post(post) => self.wire.post(post),
            Event::Gap(Gap { room, first, last, why }) => {
                self.tell(&Told::Gap { room, first, last, why: why.name() });
            }
            Event::Change(change) => self.wire.change(change),
            Event::Present(room, presence) => {
                let (users, members) = (presence.users, presence.members);
                self.tell(&Told::Present { room, users, members, names: &presence.names });
            }
            Event::Kicked { room, why } => self.tell(&Told::Kicked { room, why }),
        }
    }
}

/// A post, as JSON.
pub(super) fn post_json(post: &Post) -> String {
    Told::Post(post.into()).to_json()
}

/// A change of users, as JSON.
pub(super) fn change_json(Change { room, user, came, users, .. }: &Change) -> String {
    let users = *users;
    match came {
        true => Told::Came { room, user, users },
        false => Told::Went { room, user, users },
    }
    .to_json()
}
