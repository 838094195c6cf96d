//! [`Request`]: what a client is to ask, built step by step.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::pipe::Body;
use super::url::{Url, UrlError};
use crate::wire::http::{BodyLength, Headers, HttpError, Method, RequestHead};

/// A request.
///
/// ```
/// use overt::service::http::client::Request;
///
/// let request = Request::post("http://example.org/form")?
///     .header("Content-Type", "text/plain")
///     .body("hello")
///     .redirects(5);
/// # let _ = request;
/// # Ok::<(), overt::service::http::client::RequestError>(())
/// ```
#[derive(Clone)]
pub struct Request {
    pub(super) url: Url,
    pub(super) head: RequestHead,
    pub(super) body: Body,
    pub(super) redirects: u8,
    pub(super) total: Option<Duration>,
    pub(super) first_byte: Option<Duration>,
}

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// Its URL.
    Url(UrlError),
    /// Its method and target don't go together, or a field can't be sent.
    Head(HttpError),
}

impl Request {
    /// A request without a body.
    pub fn new(method: Method, url: &str) -> Result<Self, RequestError> {
        let url: Url = url.parse().map_err(RequestError::Url)?;
        let mut head = RequestHead::new(method, url.target()).map_err(RequestError::Head)?;
        // First, as RFC 9110, 7.2 would have it. The name of a host can stand in a field.
        let _ = head.headers.append("Host", url.origin().authority());
        let body = Body::Empty;
        Ok(Self { url, head, body, redirects: 0, total: None, first_byte: None })
    }

    /// `GET`.
    pub fn get(url: &str) -> Result<Self, RequestError> {
        Self::new(Method::GET, url)
    }

    /// `POST`, with an empty body unless it is given one.
    pub fn post(url: &str) -> Result<Self, RequestError> {
        Self::new(Method::POST, url)
    }

    /// Adds a field. One that can't be sent fails the request; `Content-Length`,
    /// `Transfer-Encoding` and `Connection` are made by the client.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        Self { head: self.head.header(name, value), ..self }
    }

    /// With this body, which can be sent again if need be.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: Body::Whole(body.into()), ..self }
    }

    /// With a body that comes piece by piece, by [`Call::send`](super::Call::send) and
    /// [`Call::finish`](super::Call::finish). It can't be sent again: neither to where a redirect
    /// leads, nor on another connection.
    pub fn stream(self, length: BodyLength) -> Self {
        Self { body: Body::Stream(length), ..self }
    }

    /// Follows so many redirects; one more is a [`Failure::Redirect`](super::Failure::Redirect).
    /// Unless set, none is followed, and a redirect is an answer like any other.
    pub fn redirects(self, max: u8) -> Self {
        Self { redirects: max, ..self }
    }

    /// For all of the answer, in place of `ClientConfig::total`.
    pub fn total(self, total: Duration) -> Self {
        Self { total: Some(total), ..self }
    }

    /// For the first byte of the answer, in place of `ClientConfig::first_byte`.
    pub fn first_byte(self, wait: Duration) -> Self {
        Self { first_byte: Some(wait), ..self }
    }

    /// Where it goes.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its fields, to be changed.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.head.headers
    }
}

impl fmt::Debug for Request {
    /// Without fields, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.head.method(), self.url)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => fmt::Display::fmt(error, f),
            Self::Head(error) => f.write_str(error.what),
        }
    }
}

impl std::error::Error for RequestError {}
