//! [`ResponseEncoder`]: responses, as a server sends them.

use ::http::{Method, StatusCode, Version};
use bytes::Bytes;

use super::body_encoder::{BodyEncoder, put_fields, put_length};
use super::status::put_status_line;
use crate::base::Output;
use crate::wire::http::{BodyLength, Headers, HttpDate, HttpError, known};
use crate::wire::http::{RequestHead, ResponseHead};

/// Responses, as a server sends them: for each request [`begin`](Self::begin), then one
/// [`head`](Self::head), the body in pieces, and [`end`](Self::end).
///
/// It writes the fields that delimit the body and that say what becomes of the connection; others
/// come from the head. Whatever is refused leaves nothing behind in the output.
#[derive(Debug, Default)]
pub struct ResponseEncoder {
    /// Of the request; HTTP/1.1 for one that was not understood.
    version: Version,
    is_head: bool,
    is_connect: bool,
    closes: bool,
    switched: bool,
    body: BodyEncoder,
}

impl ResponseEncoder {
    /// The next response is one to this request. To a request that was not understood, a response
    /// can be sent without this; [`close`](Self::close) then.
    pub fn begin(&mut self, request: &RequestHead) {
        *self = Self {
            version: request.version(),
            is_head: *request.method() == Method::HEAD,
            is_connect: *request.method() == Method::CONNECT,
            closes: !request.keeps_alive(),
            switched: false,
            body: BodyEncoder::Ended,
        };
    }

    /// The connection is to be closed behind this response, which says so to the peer. To be called
    /// before [`head`](Self::head).
    pub fn close(&mut self) {
        self.closes = true;
    }

    /// Whether another request may follow on this connection. Known once the head is sent.
    pub fn keeps_alive(&self) -> bool {
        !self.closes && !self.switched
    }

    /// Whether the connection is another protocol's from here on: behind a `101`, or a success of
    /// `CONNECT`.
    pub fn has_switched(&self) -> bool {
        self.switched
    }

    /// Appends an interim response (1xx), such as `100 Continue`. Not to clients of HTTP/1.0, which
    /// know no such thing (RFC 9110, 15.2): then nothing is appended.
    ///
    /// # Errors
    /// It is not an interim one, it comes behind the final head, or a field can't be sent.
    pub fn interim(&mut self, head: &ResponseHead, output: &mut Output) -> Result<(), HttpError> {
        let status = head.status();
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(HttpError::misuse("an interim response that is none"));
        }
        self.check(&head.headers)?;
        if self.version >= Version::HTTP_11 {
            put_status_line(status, output);
            put_fields(&head.headers, output);
            output.put(b"\r\n");
        }
        Ok(())
    }

    /// Appends a head. `date` is sent as the field of that name, which a server with a clock must
    /// send, unless the head has one.
    ///
    /// A body of unknown length goes out in chunks; to clients of HTTP/1.0, until the connection
    /// ends. Fields of the head that speak of the body's length are left out.
    ///
    /// # Errors
    /// A field can't be sent, the status is one that can't have this body, or the response before
    /// this one has not come to its end.
    #[inline]
    pub fn head(
        &mut self,
        head: &ResponseHead,
        length: BodyLength,
        date: Option<&HttpDate>,
        output: &mut Output,
    ) -> Result<(), HttpError> {
        let status = head.status();
        self.check(&head.headers)?;
        self.body = self.framing(status, length)?;
        put_status_line(status, output);
        if let Some(date) = date.filter(|_| !head.headers.has(known::DATE)) {
            output.put(date.line());
        }
        put_fields(&head.headers, output);
        self.put_connection(&head.headers, output);
        match self.delimits(status, length) {
            true => put_length(length, output),
            false => output.put(b"\r\n"),
        }
        Ok(())
    }

    /// Appends some of the body. To a `HEAD`, nothing is sent.
    ///
    /// # Errors
    /// It is longer than the head said.
    #[inline]
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

    /// Ends the response. Fields behind the body are sent only if it went out in chunks.
    ///
    /// # Errors
    /// The body was shorter than the head said: the peer can't be told but by closing. Or a field
    /// can't be sent there.
    #[inline]
    pub fn end(
        &mut self,
        trailers: Option<&Headers>,
        output: &mut Output,
    ) -> Result<(), HttpError> {
        self.body.end(trailers, output)
    }

    /// Whether a head was sent, and the response has not come to its end.
    pub fn is_open(&self) -> bool {
        self.body != BodyEncoder::Ended
    }

    /// Whether a head with these fields may be sent now.
    #[inline]
    fn check(&self, headers: &Headers) -> Result<(), HttpError> {
        match (self.is_open(), headers.is_spoiled()) {
            (false, false) => Ok(()),
            (true, _) => Err(HttpError::misuse("a head within a response")),
            (false, true) => Err(HttpError::misuse("a field that can't be sent")),
        }
    }

    /// How the body will be delimited.
    #[inline]
    fn framing(
        &mut self,
        status: StatusCode,
        length: BodyLength,
    ) -> Result<BodyEncoder, HttpError> {
        if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
            return Err(HttpError::misuse("a final response that is none"));
        }
        let switches = status.is_informational() || self.is_connect && status.is_success();
        if switches || !may_have_body(status) {
            if !length.is_empty() && !self.is_head {
                return Err(HttpError::misuse("a body that this status can't have"));
            }
            self.switched = switches;
            return Ok(if self.is_head { BodyEncoder::Silent } else { BodyEncoder::Length(0) });
        }
        Ok(match length {
            BodyLength::Unknown if self.version < Version::HTTP_11 => {
                self.closes = true;
                if self.is_head { BodyEncoder::Silent } else { BodyEncoder::Close }
            }
            _ if self.is_head => BodyEncoder::Silent,
            BodyLength::Empty => BodyEncoder::Length(0),
            BodyLength::Known(length) => BodyEncoder::Length(length),
            BodyLength::Unknown => BodyEncoder::Chunked,
        })
    }

    /// Says what becomes of the connection, where that is not what the peer takes for granted.
    #[inline]
    fn put_connection(&mut self, headers: &Headers, output: &mut Output) {
        let is_said = headers.has(known::CONNECTION) && headers.has_token("connection", "close");
        self.closes |= is_said;
        if is_said || self.switched {
            return;
        }
        if self.closes {
            output.put(b"connection: close\r\n");
        } else if self.version < Version::HTTP_11 {
            output.put(b"connection: keep-alive\r\n");
        }
    }

    /// Whether the head says where the body ends.
    fn delimits(&self, status: StatusCode, length: BodyLength) -> bool {
        let until_close = length == BodyLength::Unknown && self.version < Version::HTTP_11;
        may_have_body(status) && !self.switched && !until_close
    }
}

/// RFC 9110, 6.4.1.
fn may_have_body(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}
