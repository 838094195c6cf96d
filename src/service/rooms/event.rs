//! What members are told: [`Event`]s, which a protocol encodes into its [`Sink`].

use std::sync::Arc;

use super::mail::{Change, Presence};
use super::place::Arrival;
use super::post::Post;
use super::room::Room;
use super::snapshot::Missed;

/// Where the events of a member go: the encoder of a protocol, with the output of a connection.
pub trait Sink {
    /// Whether so much waits for the peer already that posts had better wait, too: as a rule, that
    /// the output is congested. [`Member::go_on`](super::Member::go_on) is to be called when it no
    /// longer is.
    fn is_full(&self) -> bool;

    /// Encodes an event. Taken even if this is full: it is not the peer that decides how many
    /// events come then.
    fn put(&mut self, event: Event<'_>);
}

/// What a member is told.
///
/// Of each room, it is told every offset after the one that it began with exactly once, in order:
/// with the post, or within a gap.
#[derive(Debug)]
pub enum Event<'a> {
    /// It is in a room now.
    Joined(Joined<'a>),
    /// Something was posted.
    Post(&'a Arc<Post>),
    /// Some posts won't come.
    Gap(Gap<'a>),
    /// A user came to a room, or left it.
    Change(&'a Arc<Change>),
    /// Who is in a room: after a change that was not told.
    Present(&'a Arc<str>, &'a Presence),
    /// It was removed from a room.
    Kicked {
        /// The room.
        room: &'a Arc<str>,
        /// What whoever did it said.
        why: &'a str,
    },
}

/// A member came into a room.
#[derive(Debug)]
pub struct Joined<'a> {
    /// The room.
    pub room: &'a Arc<Room>,
    /// Posts and gaps begin after this offset.
    pub offset: u64,
    /// Whether it goes on where it was.
    pub arrival: Arrival,
    /// Who is there, itself included.
    pub presence: &'a Presence,
}

/// Posts that a member is not told: `first..=last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap<'a> {
    /// The room.
    pub room: &'a Arc<str>,
    /// The first that is missing.
    pub first: u64,
    /// The last that is missing.
    pub last: u64,
    /// Why.
    pub why: Missed,
}
