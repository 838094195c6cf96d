//! [`RequestEncoder`]: requests, as a client sends them.

use ::http::{Method, Version};
use bytes::Bytes;

use super::body_encoder::{BodyEncoder, put_fields, put_length};
use crate::base::Output;
use crate::wire::http::{BodyLength, Headers, HttpError, RequestHead};

/// Requests, as a client sends them: one [`head`](Self::head), the body in pieces, and
/// [`end`](Self::end).
///
/// Whatever is refused leaves nothing behind in the output.
#[derive(Debug, Default)]
pub struct RequestEncoder {
    body: BodyEncoder,
}

impl RequestEncoder {
    /// Appends a head. A body of unknown length goes out in chunks. Fields of the head that speak
    /// of the body's length are left out.
    ///
    /// # Errors
    /// There is no target, no `host` or a second one, a field can't be sent, the length of a body
    /// is unknown and the request one of HTTP/1.0, or the request before this one has not come to
    /// its end.
    pub fn head(
        &mut self,
        head: &RequestHead,
        length: BodyLength,
        output: &mut Output,
    ) -> Result<(), HttpError> {
        if self.is_open() {
            return Err(HttpError::misuse("a head within a request"));
        }
        if head.headers.is_spoiled() {
            return Err(HttpError::misuse("a field that can't be sent"));
        }
        if head.target().is_empty() {
            return Err(HttpError::misuse("a request without a target"));
        }
        let version: &[u8] = match head.version() {
            Version::HTTP_10 => b" HTTP/1.0\r\n",
            _ if head.headers.get_all("host").count() != 1 => {
                return Err(HttpError::misuse("a request without a host, or with two"));
            }
            _ => b" HTTP/1.1\r\n",
        };
        self.body = match length {
            BodyLength::Empty => BodyEncoder::Length(0),
            BodyLength::Known(length) => BodyEncoder::Length(length),
            BodyLength::Unknown if head.version() == Version::HTTP_10 => {
                return Err(HttpError::misuse("a body of unknown length in HTTP/1.0"));
            }
            BodyLength::Unknown => BodyEncoder::Chunked,
        };
        output.put(head.method().as_str().as_bytes());
        output.put(b" ");
        output.put(head.target().as_bytes());
        output.put(version);
        put_fields(&head.headers, output);
        match length {
            BodyLength::Empty if !expects_body(head.method()) => output.put(b"\r\n"),
            length => put_length(length, output),
        }
        Ok(())
    }

    /// Appends some of the body.
    ///
    /// # Errors
    /// It is longer than the head said.
    pub fn body(&mut self, bytes: &[u8], output: &mut Output) -> Result<(), HttpError> {
        self.body.body(bytes, output)
    }

    /// As [`body`](Self::body), without a copy.
    ///
    /// # Errors
    /// As for [`body`](Self::body).
    pub fn share(&mut self, bytes: Bytes, output: &mut Output) -> Result<(), HttpError> {
        self.body.share(bytes, output)
    }

    /// Ends the request. Fields behind the body are sent only if it went out in chunks.
    ///
    /// # Errors
    /// The body was shorter than the head said, or a field can't be sent there.
    pub fn end(
        &mut self,
        trailers: Option<&Headers>,
        output: &mut Output,
    ) -> Result<(), HttpError> {
        self.body.end(trailers, output)
    }

    /// Whether a head was sent, and the request has not come to its end.
    pub fn is_open(&self) -> bool {
        self.body != BodyEncoder::Ended
    }
}

/// Whether a request of this method is expected to come with a body, and so says that there is none
/// (RFC 9110, 8.6).
fn expects_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}
