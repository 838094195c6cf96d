//! [`Rooms`]: all rooms of a server, by name.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::limits::{RoomLimits, RoomSettings};
use super::mail::Mail;
use super::place::{Epoch, Since};
use super::post::Draft;
use super::refused::Refused;
use super::room::{Admitted, Common, Owner, Published, Room};
use super::shelf::Shelf;
use super::snapshot::RoomSnapshot;
use crate::handler::{Address, ConnectionId};

/// All rooms of a server, for all its loops.
///
/// Rooms come into being when somebody joins them. Users have one each, whose name is theirs with
/// an `@` before it: what is posted there comes to all connections of the user.
pub struct Rooms {
    common: Arc<Common>,
    table: Mutex<Table>,
    /// How many were given a name.
    guests: AtomicU64,
}

/// Guarded by a lock that is held to find a room, and to let somebody in; never while a room is
/// told something by its members.
#[derive(Default)]
struct Table {
    rooms: Shelf,
    users: Shelf,
}

/// Names of those who gave none begin so, and no others do.
const GUEST: &str = "guest-";

/// Letters that nobody sees (Hangul fillers): with one, a name looks like another's, or like none.
const UNSEEN: [char; 4] = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'];

/// A room, and what somebody is to know who was let in.
pub(super) type Place = (Arc<Room>, Admitted);

impl Rooms {
    /// No room yet.
    pub fn new(limits: RoomLimits) -> Arc<Self> {
        let (table, guests) = Default::default();
        Arc::new(Self { common: Arc::new(Common::new(limits)), table, guests })
    }

    /// What they allow.
    pub fn limits(&self) -> &RoomLimits {
        &self.common.limits
    }

    /// Makes a room that stays, even if it is empty. If it exists already it stays as it is. `life`
    /// is a random number: see [`Epoch`].
    ///
    /// # Errors
    /// It has no proper name, or there are too many rooms.
    pub fn open(
        &self,
        name: &str,
        settings: RoomSettings,
        life: u64,
    ) -> Result<Arc<Room>, Refused> {
        self.check_name(name)?;
        let make =
            |name| Room::new(name, Epoch(life), settings, Owner::Nobody, self.common.clone());
        let table = &mut *self.table();
        let room = table.rooms.find_or_make(name, self.limits().rooms, make);
        let room = room.ok_or(Refused::Rooms)?;
        room.keep();
        Ok(room.clone())
    }

    /// The room of this name, if it exists.
    pub fn find(&self, name: &str) -> Option<Arc<Room>> {
        self.table().shelf(name).find(name).cloned()
    }

    /// Posts something in a room, in the name of `from`, who is no member. To tell all connections
    /// of a user: `@` and the name.
    ///
    /// # Errors
    /// There is no such room, or the post is too large.
    pub fn publish(
        &self,
        room: &str,
        from: &Arc<str>,
        draft: Draft,
        now: Duration,
    ) -> Result<Published, Refused> {
        self.find(room).ok_or(Refused::NotThere)?.publish(from, draft, now)
    }

    /// Removes all connections of a user from a room, and tells them why. Removed from their own
    /// room (`@` and the name) they are to be closed. Tells how many there were.
    pub fn kick(&self, room: &str, user: &str, why: &str) -> usize {
        let Some(room) = self.find(room) else { return 0 };
        let count = room.kick(user, &why.into());
        self.left(&room);
        count
    }

    /// The first `max` rooms that somebody is in, each with how many users that are, and how many
    /// such rooms there are.
    pub fn list(&self, max: usize) -> (Vec<(Arc<str>, usize)>, usize) {
        let table = self.table();
        let rooms = table.rooms.all().map(|room| (room.name().clone(), room.who(0).users));
        let mut inhabited: Vec<_> = rooms.filter(|(_, users)| *users > 0).collect();
        let count = inhabited.len();
        inhabited.truncate(max);
        (inhabited, count)
    }

    /// How the first `max` rooms are, in the order of their names; those of users last.
    pub fn snapshot(&self, max: usize) -> Vec<RoomSnapshot> {
        let table = self.table();
        let all = table.rooms.all().chain(table.users.all());
        all.take(max).map(|room| room.snapshot()).collect()
    }

    /// How many rooms there are, how many names of users are taken, and how many bytes all
    /// histories hold.
    pub fn counts(&self) -> (usize, usize, usize) {
        let table = self.table();
        let bytes = self.common.history_bytes.load(Relaxed);
        (table.rooms.len(), table.users.len(), bytes)
    }

    /// Drops what was empty for long enough. Members do so whenever they look for themselves; only
    /// where nobody is left, nobody does.
    pub fn sweep(&self, now: Duration) {
        self.common.set_now(now);
        let (table, linger) = (&mut *self.table(), self.limits().linger);
        table.rooms.sweep(now, linger);
        table.users.sweep(now, linger);
    }

    /// A name that nobody else has or can take.
    pub(super) fn name_a_guest(&self) -> Arc<str> {
        format!("{GUEST}{}", self.guests.fetch_add(1, Relaxed) + 1).into()
    }

    /// Takes the name of a user, or comes to it as another connection of theirs.
    pub(super) fn take_name(
        &self,
        name: &Arc<str>,
        key: Option<u128>,
        address: Address<Mail>,
        (since, life): (Since, u64),
    ) -> Result<Place, Refused> {
        self.check_name(name)?;
        let (limits, owner) = (self.limits(), Owner::new(key));
        let make = |name| {
            let settings = limits.user.clone();
            Room::new(name, Epoch(life), settings, owner, self.common.clone())
        };
        let (users, room) = (&mut self.table().users, format!("@{name}"));
        let is_taken = users.find(&room).is_some_and(|room| !room.belongs_to(owner));
        if is_taken || name.starts_with(GUEST) {
            return Err(Refused::NameTaken);
        }
        let room = users.find_or_make(&room, limits.users, make).ok_or(Refused::Users)?;
        let admitted = room.admit(address, name, since)?;
        Ok((room.clone(), admitted))
    }

    /// Comes into a room, which is made if it does not exist.
    pub(super) fn join(
        &self,
        name: &str,
        user: &Arc<str>,
        address: Address<Mail>,
        (since, life): (Since, u64),
    ) -> Result<Place, Refused> {
        self.check_name(name)?;
        let make = |name| {
            let settings = self.limits().room.clone();
            Room::new(name, Epoch(life), settings, Owner::Nobody, self.common.clone())
        };
        let rooms = &mut self.table().rooms;
        let room = rooms.find_or_make(name, self.limits().rooms, make).ok_or(Refused::Rooms)?;
        let admitted = room.admit(address, user, since)?;
        Ok((room.clone(), admitted))
    }

    /// A member leaves a room.
    pub(super) fn leave(&self, room: &Arc<Room>, slot: u32, id: ConnectionId) {
        room.dismiss(slot, id);
        self.left(room);
    }

    /// If nobody is left in a room, its time runs.
    fn left(&self, room: &Arc<Room>) {
        if room.is_vacant_since().is_none() {
            return;
        }
        let linger = match room.is_to_linger() {
            true => self.limits().linger,
            false => Duration::ZERO,
        };
        self.table().shelf(room.name()).left(room, self.common.now(), linger);
    }

    pub(super) fn set_now(&self, now: Duration) {
        self.common.set_now(now);
    }

    fn check_name(&self, name: &str) -> Result<(), Refused> {
        let is_letter = |letter: char| letter.is_alphanumeric() && !UNSEEN.contains(&letter);
        let fits = |letter| is_letter(letter) || letter == '-' || letter == '_';
        let count = name.chars().count();
        match (1..=self.limits().name_max).contains(&count) && name.chars().all(fits) {
            true => Ok(()),
            false => Err(Refused::Name),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rooms, users, history_bytes) = self.counts();
        write!(f, "Rooms {{ rooms: {rooms}, users: {users}, history_bytes: {history_bytes} }}")
    }
}

impl Table {
    fn shelf(&mut self, room: &str) -> &mut Shelf {
        match room.starts_with('@') {
            true => &mut self.users,
            false => &mut self.rooms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_nothing_in_it_that_cannot_be_seen() {
        let rooms = Rooms::new(RoomLimits::default());
        for name in ["ann", "Jürgen_2", "안-나", "अना", &"x".repeat(32)] {
            assert_eq!(rooms.check_name(name), Ok(()), "{name}");
        }
        let controls =
            ["ann\u{202e}", "ann\u{200b}", "an\u{ad}n", "ann\n", "an\u{0}n", "ann\u{feff}"];
        let blanks =
            ["", " ann", "a n", "ann\u{a0}", "\u{2800}", "\u{3164}", "ann\u{3164}", "ann\u{ffa0}"];
        let signs = ["@ann", "ann:", "a/b", "<b>", "\u{301}", "😀", &"x".repeat(33)];
        for name in controls.into_iter().chain(blanks).chain(signs) {
            assert_eq!(rooms.check_name(name), Err(Refused::Name), "{name:?}");
        }
    }
}
