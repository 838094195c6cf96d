//! A line chat with rooms: [`Chat`], one connection of it; and [`Rooms`], what all have in common.

mod member;
mod rooms;
mod said;

pub use member::Chat;
pub use rooms::{ChatLimits, Line, Rooms};
