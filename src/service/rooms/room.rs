//! [`Room`]: its members, its history, and the lock that is its home.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slab::Slab;

use super::limits::{RoomLimits, RoomSettings};
use super::log::Log;
use super::mail::{Change, Mail, Presence, Word};
use super::place::{Arrival, Epoch, Since};
use super::post::{Draft, Encodings, Post};
use super::refused::Refused;
use super::snapshot::{Counters, RoomSnapshot};
use crate::handler::{Address, ConnectionId, Group};

/// One room.
///
/// Whatever is done to it, is done under its lock, which is held for as long as it takes to look
/// something up, or to post one envelope to each loop.
#[derive(Debug)]
pub struct Room {
    name: Arc<str>,
    epoch: Epoch,
    settings: RoomSettings,
    owner: Owner,
    common: Arc<Common>,
    /// The offset of the latest post, and the latest change of users. Written under the lock; read
    /// by members without it, to learn whether there is anything that they were not told.
    head: AtomicU64,
    changes: AtomicU64,
    pub(super) counters: Counters,
    state: Mutex<State>,
}

/// What all rooms have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) limits: RoomLimits,
    /// Bytes of all histories.
    pub(super) history_bytes: AtomicUsize,
    clock_ms: AtomicU64,
}

impl Common {
    pub(super) fn new(limits: RoomLimits) -> Self {
        Self { limits, history_bytes: AtomicUsize::new(0), clock_ms: AtomicU64::new(0) }
    }

    /// The time as far as it is known here: loops bring theirs along, which differ by little.
    pub(super) fn now(&self) -> Duration {
        Duration::from_millis(self.clock_ms.load(Relaxed))
    }

    pub(super) fn set_now(&self, now: Duration) {
        self.clock_ms.fetch_max(now.as_millis() as u64, Relaxed);
    }
}

/// Who owns a user's room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody: it is a room for all.
    Nobody,
    /// The connection that it was made for, and no other.
    One,
    /// Whoever has this key. In halves, as it would otherwise lie at a multiple of 16.
    Key([u64; 2]),
}

impl Owner {
    pub(super) fn new(key: Option<u128>) -> Self {
        key.map_or(Self::One, |key| Self::Key([key as u64, (key >> 64) as u64]))
    }
}

#[derive(Default)]
struct State {
    members: Slab<Seated>,
    /// Users by name, each with the number of their connections.
    users: BTreeMap<Arc<str>, u32>,
    /// Made of the members when it is needed; none after they changed.
    group: Option<Group<Mail>>,
    /// None before the first post.
    log: Option<Box<Log>>,
    vacancy: Vacancy,
}

struct Seated {
    user: Arc<str>,
    address: Address<Mail>,
}

/// Whether a room is empty, and what becomes of it then.
#[derive(Clone, Copy, Default)]
struct Vacancy {
    /// Since when; `None` while it has members, and before it has had any.
    since: Option<Duration>,
    /// Whether it is in the list of those that may be.
    listed: bool,
    /// It stays, though it is empty.
    kept: bool,
}

/// What a new member is to know.
pub(super) struct Admitted {
    pub(super) slot: u32,
    pub(super) offset: u64,
    pub(super) arrival: Arrival,
    pub(super) presence: Presence,
}

/// Who publishes.
pub(super) enum Publisher<'a> {
    /// The member in this slot.
    Member(u32, ConnectionId),
    /// Somebody who is not in the room, under this name.
    Other(&'a Arc<str>, Option<ConnectionId>),
}

/// A post was accepted: it is in the history, and on its way to all members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Where it is; `None` if it was known already, and is no longer in the history.
    pub offset: Option<u64>,
    /// Whether it was known already: this time, nobody was told.
    pub again: bool,
}

impl Room {
    pub(super) fn new(
        name: Arc<str>,
        epoch: Epoch,
        settings: RoomSettings,
        owner: Owner,
        common: Arc<Common>,
    ) -> Self {
        let (head, changes, counters) = Default::default();
        // Most rooms of users have a single member.
        let members = Slab::with_capacity(1);
        let state = Mutex::new(State { members, ..State::default() });
        Self { name, epoch, settings, owner, common, head, changes, counters, state }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its life.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// How it is.
    pub fn settings(&self) -> &RoomSettings {
        &self.settings
    }

    /// Whether it is the room of a user, which holds what was sent to all their connections.
    pub fn is_of_a_user(&self) -> bool {
        self.owner != Owner::Nobody
    }

    /// The offset of the latest post; 0 before the first.
    pub fn head(&self) -> u64 {
        self.head.load(Relaxed)
    }

    /// Posts something, in the name of `from`, who is no member.
    ///
    /// # Errors
    /// The post is too large.
    pub fn publish(
        &self,
        from: &Arc<str>,
        draft: Draft,
        now: Duration,
    ) -> Result<Published, Refused> {
        self.post(Publisher::Other(from, None), draft, now)
    }

    /// Who is in it now: the first `max` names.
    pub fn who(&self, max: usize) -> Presence {
        self.presence(&self.state(), max)
    }

    /// The posts after this offset that are kept, oldest first, at most `max`.
    pub fn history(&self, after: u64, max: usize) -> Vec<Arc<Post>> {
        self.state().after(after, max)
    }

    /// How it is now.
    pub fn snapshot(&self) -> RoomSnapshot {
        let state = self.state();
        let (posts, bytes) = state.log.as_ref().map_or((0, 0), |log| log.size());
        RoomSnapshot {
            name: self.name.clone(),
            epoch: self.epoch,
            head: self.head(),
            users: self.users(&state),
            members: state.members.len(),
            posts,
            bytes,
            missed: self.counters.read(),
        }
    }

    pub(super) fn post(
        &self,
        publisher: Publisher<'_>,
        draft: Draft,
        now: Duration,
    ) -> Result<Published, Refused> {
        let Draft { id, key, body } = draft;
        let limits = &self.common.limits;
        let key_len = key.as_ref().map_or(0, |key| key.len());
        if body.len() > limits.body_max || key_len > limits.key_max {
            return Err(Refused::TooLarge);
        }
        let state = &mut *self.state();
        let (from, by) = match publisher {
            Publisher::Member(slot, id) => {
                let seated = state.seated(slot, id).ok_or(Refused::NotThere)?;
                (seated.user.clone(), Some(id))
            }
            Publisher::Other(name, by) => (name.clone(), by),
        };
        let log = state.log.get_or_insert_default();
        if let Some(id) = id.filter(|id| log.knows(*id)) {
            return Ok(Published { offset: log.find(id), again: true });
        }
        let offset = self.head() + 1;
        let (room, encodings) = (self.name.clone(), Encodings::default());
        let post = Arc::new(Post { room, offset, from, by, id, key, body, at: now, encodings });
        log.append(post.clone(), &self.settings, limits, &self.common.history_bytes);
        self.head.store(offset, Relaxed);
        state.tell(Word::Post(post));
        Ok(Published { offset: Some(offset), again: false })
    }

    /// Lets somebody in.
    pub(super) fn admit(
        &self,
        address: Address<Mail>,
        user: &Arc<str>,
        since: Since,
    ) -> Result<Admitted, Refused> {
        let limits = &self.common.limits;
        let state = &mut *self.state();
        let (max, full) = match self.is_of_a_user() {
            true => (limits.devices_per_user, Refused::Devices),
            false => (limits.members_per_room, Refused::RoomFull),
        };
        // Whoever makes a room finds a place in it.
        if state.members.len() >= max.max(1) {
            return Err(full);
        }
        self.count_in(state, user);
        let slot = state.members.insert(Seated { user: user.clone(), address }) as u32;
        state.group = None;
        state.vacancy.since = None;
        let head = self.head();
        let (offset, arrival) = match since.bookmark {
            Some(mark) if mark.epoch == self.epoch && mark.offset <= head => {
                (mark.offset, Arrival::Resumed)
            }
            bookmark => {
                let latest = state.log.as_ref().map(|log| log.before_latest(since.latest, head));
                let is_new = bookmark.is_none();
                let arrival = if is_new { Arrival::New } else { Arrival::Lost };
                (latest.unwrap_or(head), arrival)
            }
        };
        let presence = self.presence(state, limits.names_told);
        Ok(Admitted { slot, offset, arrival, presence })
    }

    /// A member leaves, unless it was removed before.
    pub(super) fn dismiss(&self, slot: u32, id: ConnectionId) {
        let state = &mut *self.state();
        if state.seated(slot, id).is_some() {
            self.remove(state, slot as usize);
        }
    }

    /// Removes all connections of a user, and tells them. Tells how many there were.
    pub(super) fn kick(&self, user: &str, why: &Arc<str>) -> usize {
        let state = &mut *self.state();
        let is_kicked = |(_, seated): &(usize, &Seated)| &*seated.user == user;
        let kicked: Vec<_> = state.members.iter().filter(is_kicked).map(|(slot, _)| slot).collect();
        for slot in &kicked {
            let address = self.remove(state, *slot);
            let word = Word::Kicked { room: self.name.clone(), why: why.clone() };
            // If that loop has too much mail, the member finds out when it looks for itself.
            let _ = address.send(Mail(word));
        }
        kicked.len()
    }

    fn remove(&self, state: &mut State, slot: usize) -> Address<Mail> {
        let Seated { user, address } = state.members.remove(slot);
        state.group = None;
        if state.members.is_empty() {
            state.vacancy.since = Some(self.common.now());
        }
        self.count_out(state, &user);
        address
    }

    /// One more connection of a user. In a room of their own they need not be counted by name.
    fn count_in(&self, state: &mut State, user: &Arc<str>) {
        if self.is_of_a_user() {
            return;
        }
        match state.users.get_mut(user) {
            Some(connections) => *connections += 1,
            None => {
                self.change(state, user, true);
                state.users.insert(user.clone(), 1);
            }
        }
    }

    fn count_out(&self, state: &mut State, user: &Arc<str>) {
        match state.users.get_mut(user) {
            Some(connections) if *connections > 1 => *connections -= 1,
            Some(_) => {
                state.users.remove(user);
                self.change(state, user, false);
            }
            None => {}
        }
    }

    /// Notes that a user came or left, and tells the members unless there are too many.
    fn change(&self, state: &mut State, user: &Arc<str>, came: bool) {
        let version = self.changes.load(Relaxed) + 1;
        self.changes.store(version, Relaxed);
        let users = state.users.len() + usize::from(came);
        if users <= self.common.limits.names_told {
            let (room, user, encodings) = (self.name.clone(), user.clone(), Encodings::default());
            let change = Change { room, user, came, users, version, encodings };
            state.tell(Word::Change(change.into()));
        }
    }

    /// Whether this connection is still in this slot.
    pub(super) fn has(&self, slot: u32, id: ConnectionId) -> bool {
        self.state().seated(slot, id).is_some()
    }

    /// The posts after this offset that are kept, at most `max`, and the offset of the latest.
    /// `None` if the connection is not in this slot any more.
    pub(super) fn read(
        &self,
        slot: u32,
        id: ConnectionId,
        after: u64,
        max: usize,
    ) -> Option<(Vec<Arc<Post>>, u64)> {
        let state = self.state();
        state.seated(slot, id)?;
        Some((state.after(after, max), self.head()))
    }

    /// The latest change of users.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Relaxed)
    }

    /// Who is there, by name if they are not too many.
    pub(super) fn present(&self) -> Presence {
        let state = self.state();
        let names = self.common.limits.names_told;
        self.presence(&state, if state.users.len() <= names { names } else { 0 })
    }

    fn users(&self, state: &State) -> usize {
        match self.is_of_a_user() {
            true => state.members.len().min(1),
            false => state.users.len(),
        }
    }

    fn presence(&self, state: &State, names_max: usize) -> Presence {
        Presence {
            users: self.users(state),
            members: state.members.len(),
            names: state.users.keys().take(names_max).cloned().collect(),
            version: self.changes(),
        }
    }

    /// Whether it belongs to whoever shows this. Nobody can share what has no key.
    pub(super) fn belongs_to(&self, owner: Owner) -> bool {
        matches!(owner, Owner::Key(_)) && self.owner == owner
    }

    /// Whether others can come to it when it is empty, and not just take its name.
    pub(super) fn is_to_linger(&self) -> bool {
        self.owner != Owner::One
    }

    /// It stays from now on, even if it is empty.
    pub(super) fn keep(&self) {
        self.state().vacancy.kept = true;
    }

    /// Since when it is empty, unless it is kept all the same.
    pub(super) fn is_vacant_since(&self) -> Option<Duration> {
        let vacancy = self.state().vacancy;
        vacancy.since.filter(|_| !vacancy.kept)
    }

    /// It is to be listed among the empty ones. Tells whether that is right, and new.
    pub(super) fn list(&self) -> bool {
        let vacancy = &mut self.state().vacancy;
        let is_vacant = vacancy.since.is_some() && !vacancy.kept;
        is_vacant && !std::mem::replace(&mut vacancy.listed, true)
    }

    pub(super) fn unlist(&self) {
        self.state().vacancy.listed = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = &mut state.log {
            log.clear(&self.common.history_bytes);
        }
    }
}

impl State {
    fn seated(&self, slot: u32, id: ConnectionId) -> Option<&Seated> {
        self.members.get(slot as usize).filter(|seated| seated.address.id() == id)
    }

    fn after(&self, offset: u64, max: usize) -> Vec<Arc<Post>> {
        self.log.as_ref().map(|log| log.after(offset, max)).unwrap_or_default()
    }

    /// Posts one envelope to each loop that has members. A loop that has too much mail already gets
    /// none: its members notice by the next offset, or when they look for themselves.
    fn tell(&mut self, word: Word) {
        let members = &self.members;
        let addresses = || members.iter().map(|(_, seated)| &seated.address);
        let group = self.group.get_or_insert_with(|| Group::of(addresses()));
        group.send(Mail(word));
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let users = self.users.keys();
        f.debug_struct("State").field("users", &users).finish_non_exhaustive()
    }
}
