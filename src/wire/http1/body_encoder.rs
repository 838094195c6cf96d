//! [`BodyEncoder`]: the body of a message that is sent, and its end.

use bytes::Bytes;

use crate::base::Output;
use crate::wire::http::{BodyLength, Digits, Headers, HttpError, known};

/// How the body of the message that is being sent is delimited, and how much of it is to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BodyEncoder {
    /// No head has been sent, or the message has come to its end.
    #[default]
    Ended,
    /// So many bytes are to come; zero for a message without a body.
    Length(u64),
    Chunked,
    /// Until the connection ends.
    Close,
    /// There is one, but it is not sent: the answer to a `HEAD`.
    Silent,
}

impl BodyEncoder {
    /// Appends some of the body.
    #[inline]
    pub(super) fn body(&mut self, bytes: &[u8], output: &mut Output) -> Result<(), HttpError> {
        self.around(bytes.len(), output, |output| output.put(bytes))
    }

    /// As [`body`](Self::body), without a copy.
    pub(super) fn share(&mut self, bytes: Bytes, output: &mut Output) -> Result<(), HttpError> {
        self.around(bytes.len(), output, |output| output.share(bytes))
    }

    /// Counts bytes that `put` appends, and puts around them what delimits them.
    #[inline]
    fn around(
        &mut self,
        len: usize,
        output: &mut Output,
        put: impl FnOnce(&mut Output),
    ) -> Result<(), HttpError> {
        if len == 0 {
            return Ok(()); // An empty chunk would be the last one.
        }
        match self {
            Self::Length(left) => match left.checked_sub(len as u64) {
                Some(rest) => *left = rest,
                None => return Err(HttpError::misuse("a body longer than its head said")),
            },
            Self::Chunked => {
                output.put(Digits::hex(len as u64).as_bytes());
                output.put(b"\r\n");
                put(output);
                output.put(b"\r\n");
                return Ok(());
            }
            Self::Close => {}
            Self::Silent => return Ok(()),
            Self::Ended => return Err(HttpError::misuse("a body without a head")),
        }
        put(output);
        Ok(())
    }

    /// Ends the message. Fields behind a body that is not chunked are left out: there is no place
    /// for them.
    #[inline]
    pub(super) fn end(
        &mut self,
        trailers: Option<&Headers>,
        output: &mut Output,
    ) -> Result<(), HttpError> {
        match *self {
            Self::Length(0) | Self::Close | Self::Silent => {}
            Self::Length(_) => return Err(HttpError::misuse("a body shorter than its head said")),
            Self::Chunked => end_chunks(trailers, output)?,
            Self::Ended => return Err(HttpError::misuse("an end without a head")),
        }
        *self = Self::Ended;
        Ok(())
    }
}

fn end_chunks(trailers: Option<&Headers>, output: &mut Output) -> Result<(), HttpError> {
    let Some(trailers) = trailers.filter(|trailers| !trailers.is_empty()) else {
        output.put(b"0\r\n\r\n");
        return Ok(());
    };
    let before = known::CONTENT_LENGTH | known::TRANSFER_ENCODING | known::HOST | known::CONNECTION;
    if trailers.has(before) || trailers.is_spoiled() {
        return Err(HttpError::misuse("a field behind a body that can't be sent there"));
    }
    output.put(b"0\r\n");
    output.put(trailers.as_bytes());
    output.put(b"\r\n");
    Ok(())
}

/// Appends fields, but for those that say where the body ends: whoever calls this says so itself.
#[inline]
pub(super) fn put_fields(headers: &Headers, output: &mut Output) {
    const FRAMING: u16 = known::CONTENT_LENGTH | known::TRANSFER_ENCODING;
    if !headers.has(FRAMING) {
        return output.put(headers.as_bytes());
    }
    for (name, line) in headers.each_line() {
        if known::bit(name) & FRAMING == 0 {
            output.put(line);
        }
    }
}

/// Appends the field that delimits a body, and the empty line behind a head.
#[inline]
pub(super) fn put_length(length: BodyLength, output: &mut Output) {
    match length {
        BodyLength::Empty => output.put(b"content-length: 0\r\n\r\n"),
        BodyLength::Known(length) => {
            output.put(b"content-length: ");
            output.put(Digits::decimal(length).as_bytes());
            output.put(b"\r\n\r\n");
        }
        BodyLength::Unknown => output.put(b"transfer-encoding: chunked\r\n\r\n"),
    }
}
