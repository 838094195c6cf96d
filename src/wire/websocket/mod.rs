//! WebSocket (RFC 6455), sans-IO: bytes ↔ messages, in both roles, with permessage-deflate
//! (RFC 7692).
//!
//! A [`Decoder`] finds messages and control frames in an [`Input`](crate::Input). One that has come
//! whole is given where it lies, unmasked in place; one that comes in fragments, or in several
//! reads, is gathered as it arrives, up to a limit. [`Frame`] is what is sent, and [`Prepared`]
//! what is sent to many.

mod close;
mod code;
mod decoder;
mod deflate;
mod encoder;
mod error;
mod extension;
mod frame;
mod header;
mod key;
mod mask;
mod negotiation;
mod scratch;
mod text;

pub use close::{reason_with_retry, retry_after};
pub use code::CloseCode;
pub use decoder::{Decoder, Event, MessageLimits, Role};
pub use deflate::Deflater;
pub use encoder::{Encoder, Kind, Prepared};
pub use error::WebSocketError;
pub use frame::{Frame, encode_close};
pub use header::Opcode;
pub use key::{accept_key, request_key};
pub use mask::Mask;
pub use negotiation::{Deflate, Terms};
pub use scratch::Scratch;
