//! [`Member`]: what a connection is, and where it is: a user, in some rooms.

use std::sync::Arc;
use std::time::Duration;

use super::event::{Event, Joined, Sink};
use super::mail::{Mail, Word};
use super::place::{Bookmark, Since};
use super::post::{Draft, Post};
use super::refused::Refused;
use super::registry::{Place, Rooms};
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
    /// The user's own room comes first.
    seats: Vec<Seat>,
    /// Where to go on looking, so that no room holds up the others.
    next: usize,
}

/// Who wants to come in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim<'a> {
    /// The name, unless any will do.
    pub name: Option<&'a str>,
    /// What other connections of the same user must show, and whoever comes back to the name.
    /// Without it the name is this connection's alone, and free when it goes.
    pub key: Option<u128>,
    /// Where to begin in the user's own room.
    pub since: Since,
}

impl Member {
    /// Comes in, as the user that is claimed to be. `life` is a random number: see
    /// [`Epoch`](super::Epoch).
    ///
    /// # Errors
    /// Somebody else has that name, or it is none, or there are too many.
    pub fn enter(
        rooms: &Arc<Rooms>,
        address: Address<Mail>,
        claim: Claim<'_>,
        life: u64,
        sink: &mut impl Sink,
    ) -> Result<Self, Refused> {
        let since = (claim.since, life);
        let (name, taken) = rooms.take_name(claim.name, claim.key, address.clone(), since)?;
        let rooms = rooms.clone();
        let mut member = Self { rooms, name, address, seats: Vec::with_capacity(2), next: 0 };
        member.sit_down(taken, sink);
        Ok(member)
    }

    /// The user's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The rooms that it is in, the user's own first.
    pub fn rooms(&self) -> impl Iterator<Item = &Arc<Room>> {
        self.seats.iter().map(|seat| &seat.room)
    }

    /// The room of this name, if it is in it.
    pub fn room(&self, name: &str) -> Option<&Arc<Room>> {
        self.rooms().find(|room| &**room.name() == name)
    }

    /// Whether it is a user still: not once it was removed from the user's own room, and is to be
    /// closed.
    pub fn is_user(&self) -> bool {
        self.rooms().next().is_some_and(|room| room.is_of_a_user())
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
            if self.seats.get(at).is_some_and(Seat::is_mine) {
                return Err(Refused::Already);
            }
            // It was removed, and is about to hear of it.
            self.seats.remove(at);
        }
        if self.seats.len() > self.rooms.limits().rooms_per_member {
            return Err(Refused::RoomsPerMember);
        }
        let joined = self.rooms.join(name, &self.name, self.address.clone(), (since, life))?;
        self.sit_down(joined, sink);
        Ok(())
    }

    fn sit_down(&mut self, (room, admitted): Place, sink: &mut impl Sink) {
        let mut seat = Seat::new(room, self.address.id(), &admitted);
        let Admitted { offset, arrival, presence, .. } = &admitted;
        sink.put(Event::Joined(Joined {
            room: &seat.room,
            offset: *offset,
            arrival: *arrival,
            presence,
        }));
        seat.look(sink);
        self.seats.push(seat);
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
        let seat = self.seat_in(room).filter(|seat| seat.is_mine()).ok_or(Refused::NotThere)?;
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
                let is_gone = |seat: &Seat| Arc::ptr_eq(seat.room.name(), &room) && !seat.is_mine();
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
            self.next = (self.next + 1) % self.seats.len();
            if let Some(seat) = self.seats.get_mut(self.next) {
                seat.look(sink);
            }
        }
    }

    /// Looks whether there is anything that no mail told of: there was no room for mail to this
    /// loop, or more users come and go than can be told one by one.
    pub fn tick(&mut self, now: Duration, sink: &mut impl Sink) {
        self.rooms.sweep(now);
        self.seats.retain(|seat| {
            let is_mine = seat.is_mine();
            if !is_mine {
                sink.put(Event::Kicked { room: seat.room.name(), why: "" });
            }
            is_mine
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

impl Drop for Member {
    fn drop(&mut self) {
        // The name comes first: whoever hears that this is gone may take it at once.
        for seat in self.seats.drain(..) {
            self.rooms.leave(&seat.room, seat.slot(), self.address.id());
        }
    }
}
