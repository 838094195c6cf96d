//! Floor 1: bytes ↔ frames, sans-IO. Usable without the engine.
//!
//! A [`Codec`] finds frames in an [`Input`](crate::Input) and appends them to an
//! [`Output`](crate::Output). TCP keeps no message edges: one read may give half a frame, or three
//! and a half. Every codec gives the same frames, and the same error, however the bytes are cut.
//!
//! | a frame | codec |
//! | --- | --- |
//! | has four bytes of length before it | [`LengthPrefixed`], the fastest |
//! | has a length somewhere in its header | [`LengthField`] |
//! | has a type and a length before it | [`Tlv`] |
//! | always has one size | [`FixedLength`] |
//! | is a line | [`Lines`] |
//! | ends with given bytes | [`Delimited`] |
//! | is a value as JSON | `Json`, with the feature `json` |
//! | is a Protobuf message | `Protobuf`, with the feature `protobuf` |
//! | is a message of a WebSocket | `websocket`, with the feature `websocket` |
//!
//! A message of HTTP is no one frame but a head, a body in pieces, and an end. With the feature
//! `http`, `http` has what all its versions share, and `http1` the machines of HTTP/1.1.

mod codec;
mod delimited;
mod error;
mod field;
mod fixed;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "http")]
pub mod http1;
#[cfg(feature = "json")]
mod json;
mod length;
mod length_field;
mod lines;
#[cfg(feature = "protobuf")]
mod protobuf;
mod tlv;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use codec::Codec;
pub use delimited::Delimited;
pub use error::{WireCause, WireError};
pub use field::{Endian, Width};
pub use fixed::FixedLength;
#[cfg(feature = "json")]
pub use json::Json;
pub use length::LengthPrefixed;
pub use length_field::LengthField;
pub use lines::Lines;
#[cfg(feature = "protobuf")]
pub use protobuf::Protobuf;
pub use tlv::{Tlv, TlvFrame};
