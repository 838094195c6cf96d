//! Floor 1: bytes ↔ frames, sans-IO. Usable without the engine.
//!
//! A [`Codec`] finds frames in an [`Input`](crate::Input) and appends them to an
//! [`Output`](crate::Output). TCP keeps no message edges: one read may give half a frame, or three
//! and a half. Every codec gives the same frames however the bytes are cut.

mod codec;
mod error;
mod length;
mod lines;

pub use codec::Codec;
pub use error::{WireCause, WireError};
pub use length::LengthPrefixed;
pub use lines::Lines;
