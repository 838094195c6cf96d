//! [`Response`]: an answer as a whole, head and body.

use bytes::Bytes;

use crate::wire::http::{ResponseHead, StatusCode};

/// An answer as a whole. It can be made once and sent again and again.
///
/// ```
/// use overt::service::http::Response;
///
/// let response = Response::text("hello\n").header("cache-control", "no-store");
/// assert_eq!(response.status().as_u16(), 200);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub(super) head: ResponseHead,
    pub(super) body: Bytes,
}

impl Response {
    /// An answer without a body.
    pub fn new(status: StatusCode) -> Self {
        Self { head: ResponseHead::new(status), body: Bytes::new() }
    }

    /// 200 with this text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes("text/plain; charset=utf-8", text.into())
    }

    /// 200 with this page.
    pub fn html(page: impl Into<String>) -> Self {
        Self::bytes("text/html; charset=utf-8", page.into())
    }

    /// 200 with these bytes, of this media type.
    pub fn bytes(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        let head = ResponseHead::new(StatusCode::OK).header("content-type", media_type);
        Self { head, body: bytes.into() }
    }

    /// An error, with a line of text that says what it is.
    pub fn error(status: StatusCode, what: &str) -> Self {
        Self::text(format!("{what}\n")).with_status(status)
    }

    /// This status, and what it is called as a line of text.
    pub fn status_only(status: StatusCode) -> Self {
        Self::error(status, status.canonical_reason().unwrap_or("unknown status"))
    }

    /// A redirect to `location`.
    pub fn redirect(status: StatusCode, location: &str) -> Self {
        Self::new(status).header("location", location)
    }

    /// As this, with another status.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.head.set_status(status);
        self
    }

    /// As this, with one field more. One that can't be sent makes it a 500: use
    /// `head_mut().headers.append` to learn of it at once.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.head = self.head.header(name, value);
        self
    }

    /// What it says.
    pub fn status(&self) -> StatusCode {
        self.head.status()
    }

    /// All of it but the body.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// All of it but the body, to be changed.
    pub fn head_mut(&mut self) -> &mut ResponseHead {
        &mut self.head
    }

    /// Its body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl From<StatusCode> for Response {
    fn from(status: StatusCode) -> Self {
        Self::status_only(status)
    }
}
