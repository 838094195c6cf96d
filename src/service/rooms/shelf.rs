//! [`Shelf`]: rooms by name, and those that are empty, until it is time for them to go.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::room::Room;

/// Rooms by name.
#[derive(Default)]
pub(super) struct Shelf {
    rooms: BTreeMap<Arc<str>, Arc<Room>>,
    /// Those that became empty, each once, with the time when that was noted. Some may have members
    /// again.
    empty: VecDeque<(Duration, Arc<Room>)>,
}

impl Shelf {
    pub(super) fn find(&self, name: &str) -> Option<&Arc<Room>> {
        self.rooms.get(name)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Room>> {
        self.rooms.values()
    }

    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    /// The room of this name, which is made if it does not exist. `None` if there are `max`, and
    /// none of them is empty.
    pub(super) fn find_or_make(
        &mut self,
        name: &str,
        max: usize,
        make: impl FnOnce(Arc<str>) -> Room,
    ) -> Option<&Arc<Room>> {
        if !self.rooms.contains_key(name) {
            while self.rooms.len() >= max {
                self.drop_the_emptiest()?;
            }
            let name: Arc<str> = name.into();
            self.rooms.insert(name.clone(), Arc::new(make(name)));
        }
        self.rooms.get(name)
    }

    /// Nobody is left in this room: it goes when it was empty for `linger`, or a little longer.
    pub(super) fn left(&mut self, room: &Arc<Room>, now: Duration, linger: Duration) {
        match linger.is_zero() && room.is_vacant_since().is_some() {
            true => self.take_away(room),
            false => self.list(room.clone(), now),
        }
    }

    /// Rooms that were empty for `linger` go.
    pub(super) fn sweep(&mut self, now: Duration, linger: Duration) {
        while let Some((listed, room)) = self.empty.pop_front() {
            if listed + linger > now {
                return self.empty.push_front((listed, room));
            }
            room.unlist();
            match room.is_vacant_since() {
                // It was in use meanwhile.
                Some(since) if since + linger > now => self.list(room, now),
                Some(_) => self.take_away(&room),
                None => {}
            }
        }
    }

    /// The room that was empty for longest goes before its time. `None` if none is empty.
    fn drop_the_emptiest(&mut self) -> Option<()> {
        loop {
            let (_, room) = self.empty.pop_front()?;
            room.unlist();
            if room.is_vacant_since().is_some() {
                self.take_away(&room);
                return Some(());
            }
        }
    }

    fn list(&mut self, room: Arc<Room>, now: Duration) {
        if room.list() {
            self.empty.push_back((now, room));
        }
    }

    /// Unless it is gone already, and another one has its name.
    fn take_away(&mut self, room: &Arc<Room>) {
        if self.rooms.get(room.name()).is_some_and(|known| Arc::ptr_eq(known, room)) {
            self.rooms.remove(room.name());
        }
    }
}
