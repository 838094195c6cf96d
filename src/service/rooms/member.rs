//! [`Member`]: what a connection is, and where it is: a user, in some rooms.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::event::{Event, Joined, Sink};
use super::mail::{Mail, Word};
use super::place::{Arrival, Bookmark, Since};
use super::post::{Draft, Post};
use super::refused::Refused;
use super::registry::Rooms;
use super::room::{Admitted, Published, Publisher, Room};
use super::seat::Seat;
use crate::handler::{Address, Result};

/// A connection that takes part: owned by its handler, whose `Message` is [`Mail`].
///
/// The handler calls [`mail`](Self::mail) in `on_message`, [`go_on`](Self::go_on) in `on_writable`,
/// and [`tick`](Self::tick) every few seconds by a timer. When this is dropped, it leaves
/// everything.
pub struct Member {
    rooms: Arc<Rooms>,
    name: Arc<str>,
    address: Address<Mail>,
    /// The user's own room comes first, if they have one.
    seats: Vec<Seat>,
    /// Where to go on looking, so that no room holds up the others.
    next: u32,
    is_guest: bool,
}

/// Who wants to come in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim<'a> {
    /// As a user of this name, which is then taken, and has a room of its own; or else as a guest,
    /// who is given a name and has none.
    pub name: Option<&'a str>,
    /// What other connections of the same user must show, and whoever comes back to the name.
    /// Without it the name is this connection's alone, and free when it goes.
    pub key: Option<u128>,
    /// Where to begin in the user's own room.
    pub since: Since,
}

impl Member {
    /// Comes in. `life` is a random number: see [`Epoch`](super::Epoch). Tells whether it goes on
    /// where it was in its own room; what it missed there, [`go_on`](Self::go_on) tells.
    ///
    /// # Errors
    /// Somebody else has that name, or it is none, or there are too many.
    pub fn enter(
        rooms: &Arc<Rooms>,
        address: Address<Mail>,
        claim: Claim<'_>,
        life: u64,
    ) -> Result<(Self, Arrival), Refused> {
        let is_guest = claim.name.is_none();
        let name = claim.name.map_or_else(|| rooms.name_a_guest(), Into::into);
        let (rooms, seats) = (rooms.clone(), Vec::with_capacity(1));
        let mut member = Self { rooms, name, address, seats, next: 0, is_guest };
        let mut arrival = Arrival::New;
        if !is_guest {
            let (address, since) = (member.address.clone(), (claim.since, life));
            let taken = member.rooms.take_name(&member.name, claim.key, address, since)?;
            arrival = taken.1.arrival;
            member.seats.push(Seat::new(taken.0, member.address.id(), &taken.1));
        }
        Ok((member, arrival))
    }

    /// The user's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The rooms that it is in, first the user's own, if it is no guest.
    pub fn rooms(&self) -> impl Iterator<Item = &Arc<Room>> {
        self.seats.iter().map(|seat| &seat.room)
    }

    /// The room of this name, if it is in it.
    pub fn room(&self, name: &str) -> Option<&Arc<Room>> {
        self.rooms().find(|room| &**room.name() == name)
    }

    /// Whether it may stay. If it was removed from the user's own room, it is to be closed.
    pub fn is_welcome(&self) -> bool {
        self.is_guest || self.rooms().next().is_some_and(|room| room.is_of_a_user())
    }

    /// How far it has come in this room, if it is in it.
    pub fn bookmark(&self, name: &str) -> Option<Bookmark> {
        self.seat_in(name).map(Seat::bookmark)
    }

    /// Comes into a room, which is made if it does not exist, and is told what was said `since`.
    /// `life` is a random number.
    ///
    /// # Errors
    /// There is no room for it, or the name is none.
    pub fn join(
        &mut self,
        name: &str,
        since: Since,
        life: u64,
        sink: &mut impl Sink,
    ) -> Result<(), Refused> {
        if let Some(at) = self.seats.iter().position(|seat| &**seat.room.name() == name) {
            if self.seats.get(at).is_some_and(Seat::is_taken) {
                return Err(Refused::Already);
            }
            // It was removed, and is about to hear of it.
            self.seats.remove(at);
        }
        let rooms = self.rooms().filter(|room| !room.is_of_a_user()).count();
        if rooms >= self.rooms.limits().rooms_per_member {
            return Err(Refused::RoomsPerMember);
        }
        let (address, since) = (self.address.clone(), (since, life));
        let (room, admitted) = self.rooms.join(name, &self.name, address, since)?;
        let mut seat = Seat::new(room, self.address.id(), &admitted);
        let Admitted { offset, arrival, ref presence, .. } = admitted;
        let room = &seat.room;
        sink.put(Event::Joined(Joined { room, offset, arrival, presence }));
        seat.look(sink);
        self.seats.push(seat);
        Ok(())
    }

    /// Leaves a room.
    ///
    /// # Errors
    /// It is not in it, or it is the user's own: that is left by going away.
    pub fn leave(&mut self, name: &str) -> Result<(), Refused> {
        let is_it = |seat: &Seat| &**seat.room.name() == name && !seat.room.is_of_a_user();
        let at = self.seats.iter().position(is_it).ok_or(Refused::NotThere)?;
        let seat = self.seats.remove(at);
        self.rooms.leave(&seat.room, seat.slot(), self.address.id());
        Ok(())
    }

    /// Posts something in a room that it is in, or to all connections of a user (`@` and the name).
    ///
    /// # Errors
    /// It is not in that room, there is no such user, or the post is too large.
    pub fn publish(&self, room: &str, draft: Draft, now: Duration) -> Result<Published, Refused> {
        let me = self.address.id();
        self.rooms.set_now(now);
        match self.seat_in(room) {
            Some(seat) => seat.room.post(Publisher::Member(seat.slot(), me), draft, now),
            None if room.starts_with('@') => {
                let room = self.rooms.find(room).ok_or(Refused::NotThere)?;
                room.post(Publisher::Other(&self.name, Some(me)), draft, now)
            }
            None => Err(Refused::NotThere),
        }
    }

    /// Posts of a room that it is in, oldest first: those after this offset that are kept, at most
    /// `max`.
    ///
    /// # Errors
    /// It is not in that room.
    pub fn history(&self, room: &str, after: u64, max: usize) -> Result<Vec<Arc<Post>>, Refused> {
        let seat = self.seat_in(room).filter(|seat| seat.is_taken()).ok_or(Refused::NotThere)?;
        Ok(seat.room.history(after, max))
    }

    /// Mail came.
    ///
    /// # Errors
    /// The connection is too slow for a room that has no patience: it is to be closed.
    pub fn mail(&mut self, Mail(word): Mail, sink: &mut impl Sink) -> Result {
        match word {
            Word::Post(post) => match self.seat(&post.room) {
                Some(seat) => seat.hear(&post, sink),
                None => Ok(()),
            },
            Word::Change(change) => {
                if let Some(seat) = self.seat(&change.room) {
                    seat.notice(&change, sink);
                }
                Ok(())
            }
            Word::Kicked { room, why } => {
                let is_gone =
                    |seat: &Seat| Arc::ptr_eq(seat.room.name(), &room) && !seat.is_taken();
                if let Some(at) = self.seats.iter().position(is_gone) {
                    self.seats.remove(at);
                    sink.put(Event::Kicked { room: &room, why: &why });
                }
                Ok(())
            }
        }
    }

    /// The peer takes more: tells whatever was not told, for as long as there is room.
    pub fn go_on(&mut self, sink: &mut impl Sink) {
        for _ in 0..self.seats.len() {
            self.next = (self.next + 1) % self.seats.len() as u32;
            if let Some(seat) = self.seats.get_mut(self.next as usize) {
                seat.look(sink);
            }
        }
    }

    /// Looks whether there is anything that no mail told of: there was no room for mail to this
    /// loop, or more users come and go than can be told one by one.
    pub fn tick(&mut self, now: Duration, sink: &mut impl Sink) {
        self.rooms.sweep(now);
        self.seats.retain(|seat| {
            let is_taken = seat.is_taken();
            if !is_taken {
                sink.put(Event::Kicked { room: seat.room.name(), why: "" });
            }
            is_taken
        });
        self.go_on(sink);
    }

    /// Where mail from this room is for. A room that was left, or was another of the same name, has
    /// another allocation of it.
    fn seat(&mut self, room: &Arc<str>) -> Option<&mut Seat> {
        self.seats.iter_mut().find(|seat| Arc::ptr_eq(seat.room.name(), room))
    }

    fn seat_in(&self, room: &str) -> Option<&Seat> {
        self.seats.iter().find(|seat| &**seat.room.name() == room)
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rooms: Vec<_> = self.rooms().map(|room| room.name()).collect();
        f.debug_struct("Member").field("name", &self.name).field("rooms", &rooms).finish()
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // The name comes first: whoever hears that this is gone may take it at once.
        for seat in self.seats.drain(..) {
            self.rooms.leave(&seat.room, seat.slot(), self.address.id());
        }
    }
}
