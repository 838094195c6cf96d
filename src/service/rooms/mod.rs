//! Rooms: [`Rooms`], all of a server; [`Room`], one of them; [`Member`], a connection that takes
//! part; [`Event`], what it is told; [`Post`], what was said. They know no protocol.
//! `examples/11_websocket_chat.rs` gives them one.
//!
//! # A room is a log, and a member is a cursor
//!
//! A room gives each post an offset, one more than the last, and keeps the latest of them. A member
//! knows up to which offset it was told. Everything follows from these two:
//!
//! - *Order, and no gap.* A member is told the offset after its cursor, or what became of it. Each
//!   offset is told exactly once, with the post or within a gap ([`Event`]).
//! - *Coming back.* Whoever lost a connection brings its cursor along ([`Bookmark`]), and is told
//!   what it missed, as far as the history reaches. If the room has begun another life since then
//!   ([`Epoch`]), it is told that nobody knows ([`Arrival::Lost`]).
//! - *Slow members.* What a peer does not take is not queued for it: its cursor stays where it is,
//!   and it goes on from there when it can. What it then gets is the room's to choose ([`Slow`]).
//! - *Lost mail.* The mail to a loop has a bound. A post for which there was no room is noticed by
//!   the offset of the next one, or when the member looks for itself ([`Member::tick`]).
//!
//! # The home of a room is its lock
//!
//! Offsets need a single place that gives them out: a home. That could be a loop, which gets each
//! post as a message and passes it on. Here it is a lock ([`Room`]), held while a post gets its
//! offset, enters the history, and is posted to each loop that has members: one envelope a loop,
//! whatever their number. Nothing waits under the lock, and it is a room's own. Compared to a loop
//! as home, a post crosses one queue instead of two, the publisher learns the offset in the same
//! visit, and no room depends on how busy one loop is. As mail is sent under the lock, all loops
//! get it in the order of the offsets; but as members go by their cursors, they would not even
//! notice if they didn't.
//!
//! # Sending again
//!
//! A publisher that got no acknowledgement sends the post again, with the same [`PostId`]; the room
//! knows it, for as long as it remembers the publisher (`RoomLimits::publishers`), and acknowledges
//! it without telling anybody twice.

mod event;
mod limits;
mod log;
mod mail;
mod member;
mod place;
mod post;
mod refused;
mod registry;
mod room;
mod seat;
mod shelf;
mod snapshot;

pub use event::{Event, Gap, Joined, Sink};
pub use limits::{RoomLimits, RoomSettings, Slow};
pub use mail::{Change, Mail, Presence};
pub use member::{Claim, Member};
pub use place::{Arrival, Bookmark, Epoch, Since};
pub use post::{Draft, Encoding, Form, Post, PostId};
pub use refused::Refused;
pub use registry::Rooms;
pub use room::{Published, Room};
pub use snapshot::{Missed, MissedCounts, RoomSnapshot};
