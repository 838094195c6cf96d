//! [`Rooms`]: who is in which room, for all loops.
//!
//! One lock guards it all, and is held for as long as it takes to look something up, or to post one
//! envelope to each loop: nothing waits under it. As lines are posted under the lock, all members
//! of a room hear them in the same order, whichever loops they live on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::handler::{Address, ConnectionId, Group};

/// What a chat allows.
#[derive(Clone, Debug)]
pub struct ChatLimits {
    /// Bytes of a line; who sends more is told so, and disconnected. 512.
    pub line_max: u32,
    /// Characters of the name of a person or room. 24.
    pub name_max: usize,
    /// Rooms that exist at the same time. 1,000.
    pub rooms: usize,
    /// People in one room: each line costs as many deliveries. 1,000.
    pub members_per_room: usize,
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
            name_max: 24,
            rooms: 1000,
            members_per_room: 1000,
            lines_at_once: 20,
            line_every: Duration::from_millis(100),
            ping_every: Duration::from_secs(20),
            pings_max: 30,
        }
    }
}

/// A line on its way to the members of a room.
#[derive(Clone, Debug)]
pub struct Line {
    pub(super) room: Arc<str>,
    pub(super) from: ConnectionId,
    /// One encoding for all.
    pub(super) text: Bytes,
}

/// The rooms of one chat.
pub struct Rooms {
    pub(super) limits: ChatLimits,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    rooms: BTreeMap<Arc<str>, Room>,
    /// Names of people, which are unique.
    names: BTreeSet<Arc<str>>,
    guests: u64,
}

#[derive(Default)]
struct Room {
    members: BTreeMap<ConnectionId, (Arc<str>, Address<Line>)>,
    /// Made of the members when it is needed; none after they changed.
    group: Option<Group<Line>>,
}

impl Rooms {
    /// No room yet: rooms come into being when somebody joins them, and end with their last member.
    pub fn new(limits: ChatLimits) -> Arc<Self> {
        Arc::new(Self { limits, table: Mutex::default() })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A name for somebody new.
    pub(super) fn name_a_guest(&self) -> Arc<str> {
        let table = &mut *self.table();
        loop {
            table.guests += 1;
            let name: Arc<str> = format!("guest-{}", table.guests).into();
            if table.names.insert(name.clone()) {
                return name;
            }
        }
    }

    pub(super) fn free_name(&self, name: &str) {
        self.table().names.remove(name);
    }

    /// Gives `me`, who is in `room` or in none, another name, and tells the room.
    pub(super) fn rename(
        &self,
        me: ConnectionId,
        room: Option<&Arc<str>>,
        (old, new): (&str, &str),
    ) -> Result<Arc<str>, &'static str> {
        self.check_name(new)?;
        let (new, table): (Arc<str>, _) = (new.into(), &mut *self.table());
        if !table.names.insert(new.clone()) {
            return Err("that name is taken");
        }
        table.names.remove(old);
        if let Some((name, room)) = room.and_then(|name| Some((name, table.rooms.get_mut(name)?))) {
            if let Some((known, _)) = room.members.get_mut(&me) {
                *known = new.clone();
            }
            room.tell(name, me, format!("* {old} is now {new}\n"));
        }
        Ok(new)
    }

    /// Who is in `room` now is told; then `me` is in it too. Tells its name.
    pub(super) fn join(
        &self,
        room: &str,
        name: &Arc<str>,
        address: Address<Line>,
    ) -> Result<Arc<str>, &'static str> {
        self.check_name(room)?;
        let (room, table): (Arc<str>, _) = (room.into(), &mut *self.table());
        if !table.rooms.contains_key(&room) && table.rooms.len() >= self.limits.rooms {
            return Err("there are too many rooms already");
        }
        let known = table.rooms.entry(room.clone()).or_default();
        if known.members.len() >= self.limits.members_per_room.max(1) {
            return Err("that room is full");
        }
        known.tell(&room, address.id(), format!("* {name} joined\n"));
        known.members.insert(address.id(), (name.clone(), address));
        known.group = None;
        Ok(room)
    }

    /// `me` is no longer in `room`, and whoever stays is told.
    pub(super) fn leave(&self, room: &Arc<str>, me: ConnectionId, name: &str) {
        let table = &mut *self.table();
        let Some(known) = table.rooms.get_mut(room) else { return };
        known.members.remove(&me);
        known.group = None;
        if known.members.is_empty() {
            table.rooms.remove(room);
        } else {
            known.tell(room, me, format!("* {name} left\n"));
        }
    }

    /// Says something to all others in `room`. Tells how many of them are too busy to hear it.
    pub(super) fn say(&self, room: &Arc<str>, me: ConnectionId, text: String) -> usize {
        match self.table().rooms.get_mut(room) {
            Some(known) => known.tell(room, me, text),
            None => 0,
        }
    }

    /// The first `max` names of people in `room`, and how many there are in all.
    pub(super) fn who(&self, room: &str, max: usize) -> (Vec<Arc<str>>, usize) {
        let table = self.table();
        let Some(room) = table.rooms.get(room) else { return (Vec::new(), 0) };
        let mut names: Vec<_> = room.members.values().map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names.truncate(max);
        (names, room.members.len())
    }

    /// The first `max` rooms with how many people are in them, and how many rooms there are in all.
    pub(super) fn list(&self, max: usize) -> (Vec<String>, usize) {
        let table = self.table();
        let rooms = table.rooms.iter().take(max);
        let each = rooms.map(|(name, room)| format!("{name} ({})", room.members.len()));
        (each.collect(), table.rooms.len())
    }

    fn check_name(&self, name: &str) -> Result<(), &'static str> {
        let fits = |letter: char| letter.is_alphanumeric() || letter == '-' || letter == '_';
        let count = name.chars().count();
        match (1..=self.limits.name_max).contains(&count) && name.chars().all(fits) {
            true => Ok(()),
            false => Err("a name is a few letters, digits, - or _"),
        }
    }
}

impl Room {
    /// Posts a line to every member; tells how many could not be told.
    fn tell(&mut self, name: &Arc<str>, from: ConnectionId, text: String) -> usize {
        let members = &self.members;
        let group = self
            .group
            .get_or_insert_with(|| Group::of(members.values().map(|(_, address)| address)));
        group.send(Line { room: name.clone(), from, text: text.into() })
    }
}
