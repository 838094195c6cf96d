//! [`ResponseHead`]: all of a response but its body.

use ::http::{StatusCode, Version};

use super::body::BodyLength;
use super::headers::{Headers, known};
use super::request::keeps_alive;

/// All of a response but its body: status and fields.
///
/// How long the body is, and what becomes of the connection, stands in no field of it: encoders are
/// told, and write the fields that say so.
///
/// ```
/// use overt::wire::http::{ResponseHead, StatusCode};
///
/// let head = ResponseHead::new(StatusCode::OK).header("content-type", "text/plain");
/// assert_eq!(head.headers.get("Content-Type"), Some(&b"text/plain"[..]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    status: StatusCode,
    version: Version,
    body: BodyLength,
    /// The fields.
    pub headers: Headers,
}

impl ResponseHead {
    /// A response without fields.
    pub fn new(status: StatusCode) -> Self {
        Self { status, ..Self::default() }
    }

    /// As this, with one field more. One that can't be sent is left out, and then encoding this is
    /// an error; use [`Headers::append`] to learn of it at once.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.build(name, value);
        self
    }

    /// What became of the request.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Says otherwise.
    pub fn set_status(&mut self, status: StatusCode) {
        self.status = status;
    }

    /// In which version of HTTP it came.
    pub fn version(&self) -> Version {
        self.version
    }

    /// How long the body will be, as it came. For the response to a `HEAD`, how long it would be.
    pub fn body_length(&self) -> BodyLength {
        self.body
    }

    /// Whether another response may come on this connection, as far as its fields say.
    pub fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.headers)
    }

    /// Whether the rest of the connection belongs to another protocol: `101 Switching Protocols`.
    pub fn switches(&self) -> bool {
        self.status == StatusCode::SWITCHING_PROTOCOLS && self.headers.has(known::UPGRADE)
    }

    /// The same, with the fields that are here, and no longer are then.
    pub(crate) fn take(&mut self) -> Self {
        Self { headers: std::mem::take(&mut self.headers), ..*self }
    }

    /// Begins anew, with the memory that it has.
    pub(crate) fn set(&mut self, status: StatusCode, version: Version) {
        (self.status, self.version, self.body) = (status, version, BodyLength::Empty);
    }

    pub(crate) fn set_body_length(&mut self, body: BodyLength) {
        self.body = body;
    }
}
