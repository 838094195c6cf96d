//! What all versions of HTTP have in common (RFC 9110): the heads of messages, and what can be read
//! from them. The bytes of HTTP/1.1 are in [`http1`](super::http1).
//!
//! Methods, status codes and versions are those of the crate `http`. Fields are not: [`Headers`]
//! holds them in one buffer, is filled again and again, and allocates nothing for each.

mod accept;
mod body;
mod conditional;
mod cookie;
mod date;
mod error;
mod headers;
mod limits;
mod media_type;
mod percent;
mod range;
mod request;
mod response;
mod target;
mod text;

pub use ::http::{Method, StatusCode, Version};
pub use accept::{choose_encoding, choose_type};
pub use body::BodyLength;
pub use conditional::{Precondition, Validators, if_range_matches};
pub use cookie::cookies;
pub use date::HttpDate;
pub use error::HttpError;
pub use headers::Headers;
pub use limits::HttpLimits;
pub use media_type::MediaType;
pub use percent::{form_pairs, percent_decode, percent_encode};
pub use range::{Ranges, content_range, unsatisfied};
pub use request::RequestHead;
pub use response::ResponseHead;

pub(crate) use headers::known;
pub(crate) use target::is_authority;
pub(crate) use text::{Digits, is_token_byte, number, trim};
