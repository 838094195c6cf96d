//! [`Post`]: what was said in a room, shared by its history and by all members; and [`Draft`],
//! what it is made of.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;

use crate::handler::ConnectionId;

/// Something said in a room. It never changes, and exists once, whatever the number of members.
#[derive(Debug)]
pub struct Post {
    /// The room.
    pub room: Arc<str>,
    /// Its place in the room: the first post has 1, and each one more than the one before.
    pub offset: u64,
    /// Who said it: a user, or whatever name the server gave.
    pub from: Arc<str>,
    /// The connection that said it, if it was one.
    pub by: Option<ConnectionId>,
    /// What its publisher called it.
    pub id: Option<PostId>,
    /// What it is about, in rooms that [keep the latest](super::Slow::KeepLatest).
    pub key: Option<Arc<str>>,
    /// What was said.
    pub body: Bytes,
    /// When, as the loop of the publisher counts: since the server began.
    pub at: Duration,
    pub(super) encodings: Encodings,
}

impl Post {
    /// This post as a protocol tells it: encoded when it is told for the first time, then shared.
    pub fn encoded<T: Encoding>(&self, form: Form, encode: impl Fn(&Self) -> T) -> Cow<'_, T> {
        self.encodings.get(form, || encode(self))
    }

    /// What it counts for in a history: itself, its body, and the encodings of that.
    pub(super) fn cost(&self) -> usize {
        size_of::<Self>() + self.key.as_ref().map_or(0, |key| key.len()) + 4 * self.body.len()
    }
}

/// What is to be posted.
#[derive(Clone, Debug)]
pub struct Draft {
    /// By which it is known if it is sent again. With `None`, every time is a new post.
    pub id: Option<PostId>,
    /// What it is about.
    pub key: Option<Arc<str>>,
    /// Kept as it is in the history: a piece of a large block would keep all of that.
    pub body: Bytes,
}

impl Draft {
    /// A post of a copy of `body`, without an id and a key.
    pub fn new(body: &[u8]) -> Self {
        Self { id: None, key: None, body: Bytes::copy_from_slice(body) }
    }
}

/// What a publisher calls a post: within one room, a publisher's sequence numbers rise. One that
/// is not above those it has used already is known to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PostId {
    /// Who publishes: not a user, but one run of a client, which counts for itself. Drawn by chance
    /// and known to nobody else: whoever knows it can use up its sequence.
    pub publisher: u128,
    /// From 1.
    pub sequence: u64,
}

impl PostId {
    /// What others may know of the publisher: enough to tell posts apart, too little to pretend.
    pub fn tag(self) -> u32 {
        (self.publisher >> 96) as u32
    }
}

/// Names one of the encodings of a post; protocols declare theirs as constants. Taken in this
/// crate: 0 by length-prefixed frames, 1 by lines, 2 by WebSocket.
#[derive(Clone, Copy, Debug)]
pub struct Form(u8);

const FORMS: usize = 4;

impl Form {
    /// Encoding `number`, from 0 to 3.
    ///
    /// # Panics
    /// If there is no such encoding; in a constant, that is an error of compilation.
    pub const fn new(number: u8) -> Self {
        assert!((number as usize) < FORMS, "a post has four encodings, 0 to 3");
        Self(number)
    }
}

/// What a protocol encodes a post to: as a rule `Bytes`, of which a clone is a share.
pub trait Encoding: Clone + Send + Sync + 'static {}

impl<T: Clone + Send + Sync + 'static> Encoding for T {}

/// The encodings of something that is told to many.
#[derive(Default)]
pub(super) struct Encodings([OnceLock<Box<dyn Any + Send + Sync>>; FORMS]);

impl Encodings {
    /// If two loops come first at once, one encodes and the other waits that moment. A form that
    /// somebody uses for another type is encoded each time.
    pub(super) fn get<T: Encoding>(&self, form: Form, encode: impl Fn() -> T) -> Cow<'_, T> {
        let kept = self.0.get(usize::from(form.0));
        let kept = kept.map(|kept| kept.get_or_init(|| Box::new(encode())));
        let kept = kept.and_then(|kept| kept.downcast_ref());
        kept.map_or_else(|| Cow::Owned(encode()), Cow::Borrowed)
    }
}

impl fmt::Debug for Encodings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = |form: &OnceLock<_>| form.get().is_some();
        f.debug_list().entries(self.0.iter().map(made)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_is_told_to_many_is_encoded_once_in_each_form() {
        let (encodings, count) = (Encodings::default(), Cell::new(0));
        for _ in 0..3 {
            for number in 0..4 {
                let encoded = encodings.get(Form::new(number), || {
                    count.set(count.get() + 1);
                    Bytes::from(vec![number])
                });
                assert_eq!(**encoded, [number]);
            }
        }
        assert_eq!(count.get(), 4);
        // Not shared, but right.
        assert_eq!(*encodings.get(Form::new(0), || "another type"), "another type");
    }
}
