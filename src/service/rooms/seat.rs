//! [`Seat`]: one member in one room, and how far it has come.
//!
//! The history is the truth, and mail a hint that it has grown. A post that comes by mail is told
//! at once if it is the next; otherwise what is missing is read from the history first. So it does
//! not matter whether mail was lost for want of room, or came in another order, or again.

use std::sync::Arc;

use super::event::{Event, Gap, Sink};
use super::limits::Slow;
use super::mail::Change;
use super::place::Bookmark;
use super::post::Post;
use super::room::{Admitted, Room};
use super::snapshot::Missed;
use crate::handler::{Bound, Close, ConnectionId, Result};

/// So many posts are read from a history at once: its lock is held for that long.
const BATCH: usize = 32;

pub(super) struct Seat {
    pub(super) room: Arc<Room>,
    /// Which of the room's members it is, and whose.
    slot: u32,
    me: ConnectionId,
    /// What was told up to here, as a post or in a gap.
    cursor: u64,
    /// The change of users that was told last, and whether all their names are known since then.
    present: u64,
    named: bool,
    /// Posts up to here were dropped as new to somebody slow, and that is still to be told; 0 if
    /// none were.
    dropped: u64,
    /// Whether it is reading the history, and waits until the peer takes more.
    reading: bool,
}

impl Seat {
    pub(super) fn new(room: Arc<Room>, me: ConnectionId, admitted: &Admitted) -> Self {
        let Admitted { slot, offset: cursor, presence, .. } = admitted;
        let (slot, cursor, present) = (*slot, *cursor, presence.version);
        let named = presence.is_named();
        Self { room, slot, me, cursor, present, named, dropped: 0, reading: false }
    }

    pub(super) fn slot(&self) -> u32 {
        self.slot
    }

    /// Whether it is still the member's: it was not removed.
    pub(super) fn is_taken(&self) -> bool {
        self.room.has(self.slot, self.me)
    }

    /// How far it has come.
    pub(super) fn bookmark(&self) -> Bookmark {
        Bookmark { epoch: self.room.epoch(), offset: self.cursor }
    }

    /// A post came by mail.
    pub(super) fn hear(&mut self, post: &Arc<Post>, sink: &mut impl Sink) -> Result {
        if post.offset <= self.cursor {
            return Ok(());
        }
        if sink.is_full() {
            return self.fall_behind(post.offset);
        }
        if post.offset == self.cursor + 1 && self.dropped == 0 {
            (self.cursor, self.reading) = (post.offset, false);
            sink.put(Event::Post(post));
            return Ok(());
        }
        self.catch_up(sink);
        Ok(())
    }

    /// The peer does not take what waits for it.
    fn fall_behind(&mut self, offset: u64) -> Result {
        match self.room.settings().slow {
            // Whoever reads the history is not slow: it has not heard what is new yet.
            _ if self.reading => {}
            Slow::DropNewest => self.dropped = self.dropped.max(offset),
            Slow::DropOldest | Slow::KeepLatest => self.reading = true,
            Slow::Close => {
                self.room.counters.closed();
                return Err(Close::Over(Bound::Output));
            }
        }
        Ok(())
    }

    /// Tells all that was not told, for as long as there is room.
    pub(super) fn catch_up(&mut self, sink: &mut impl Sink) {
        let dropped = std::mem::take(&mut self.dropped);
        self.skip(dropped, Missed::Slow, sink);
        self.reading = true;
        while self.reading && !sink.is_full() {
            let Some((posts, head)) = self.room.read(self.slot, self.me, self.cursor, BATCH) else {
                // It was removed: what was said since then it does not hear.
                self.reading = false;
                return;
            };
            for post in &posts {
                if sink.is_full() {
                    return;
                }
                self.skip(post.offset - 1, self.why(), sink);
                self.cursor = post.offset;
                sink.put(Event::Post(post));
            }
            if posts.len() < BATCH {
                self.skip(head, Missed::Gone, sink);
            }
            self.reading = self.cursor < head;
        }
    }

    /// Why posts are not in the history.
    fn why(&self) -> Missed {
        match self.room.settings().slow {
            Slow::KeepLatest => Missed::Superseded,
            _ => Missed::Gone,
        }
    }

    /// Tells that what lies between the cursor and `last` won't come, if anything does.
    fn skip(&mut self, last: u64, why: Missed, sink: &mut impl Sink) {
        if last <= self.cursor {
            return;
        }
        let first = self.cursor + 1;
        self.room.counters.missed(why, last - self.cursor);
        self.cursor = last;
        sink.put(Event::Gap(Gap { room: self.room.name(), first, last, why }));
    }

    /// A change of users came by mail.
    pub(super) fn notice(&mut self, change: &Arc<Change>, sink: &mut impl Sink) {
        if change.version == self.present + 1 && self.named && !sink.is_full() {
            self.present = change.version;
            sink.put(Event::Change(change));
        } else {
            self.look_around(sink);
        }
    }

    /// Tells who is there, if that is not known.
    pub(super) fn look_around(&mut self, sink: &mut impl Sink) {
        if self.room.changes() > self.present && !sink.is_full() && self.is_taken() {
            let presence = self.room.present();
            (self.present, self.named) = (presence.version, presence.is_named());
            sink.put(Event::Present(self.room.name(), &presence));
        }
    }

    /// Tells whatever was not told, by mail or otherwise.
    pub(super) fn look(&mut self, sink: &mut impl Sink) {
        if self.room.head() > self.cursor && !sink.is_full() {
            self.catch_up(sink);
        }
        self.look_around(sink);
    }
}
