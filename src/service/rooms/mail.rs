//! [`Mail`]: what concerns members, on its way to their loops; and who is in a room: [`Change`] and
//! [`Presence`].

use std::borrow::Cow;
use std::sync::Arc;

use super::post::{Encoding, Encodings, Form, Post};

/// What comes from rooms to the loops of their members: the `Message` of a handler that is a
/// member. To be given to [`Member::mail`](super::Member::mail).
#[derive(Clone, Debug)]
pub struct Mail(pub(super) Word);

#[derive(Clone, Debug)]
pub(super) enum Word {
    Post(Arc<Post>),
    Change(Arc<Change>),
    Kicked { room: Arc<str>, why: Arc<str> },
}

/// A user came to a room with their first connection, or left it with the last.
#[derive(Debug)]
pub struct Change {
    /// The room.
    pub room: Arc<str>,
    /// Who.
    pub user: Arc<str>,
    /// Came, or left.
    pub came: bool,
    /// How many users are there now.
    pub users: usize,
    pub(super) version: u64,
    pub(super) encodings: Encodings,
}

impl Change {
    /// As [`Post::encoded`].
    pub fn encoded<T: Encoding>(&self, form: Form, encode: impl Fn(&Self) -> T) -> Cow<'_, T> {
        self.encodings.get(form, || encode(self))
    }
}

/// Who is in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// How many users.
    pub users: usize,
    /// How many connections: a user may have several.
    pub members: usize,
    /// The users by name, as far as names are told.
    pub names: Vec<Arc<str>>,
    pub(super) version: u64,
}

impl Presence {
    /// Whether all users are told by name.
    pub fn is_named(&self) -> bool {
        self.names.len() == self.users
    }
}
