//! A line chat with rooms: [`Chat`], one connection of it.

mod lines;
mod member;
mod said;

pub use member::{Chat, ChatLimits};
