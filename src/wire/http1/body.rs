//! [`Body`]: the pieces of a body, as they lie in the input.

use ::http::StatusCode;

use super::chunks::Chunks;
use super::framing::Framing;
use super::head::trailers_of;
use super::search::Search;
use crate::base::Input;
use crate::wire::http::{Headers, HttpError, HttpLimits};

/// The body of one message.
#[derive(Debug, Default)]
pub(super) struct Body {
    framing: Framing,
    chunks: Chunks,
    trailers: Search,
    /// How many bytes may still come if only the connection ends them.
    room: u64,
}

/// What of it comes next.
pub(super) enum Piece<'a> {
    Bytes(&'a [u8]),
    End,
}

impl Body {
    pub(super) fn new(framing: Framing, limits: &HttpLimits) -> Self {
        Self { framing, room: limits.body_max, ..Self::default() }
    }

    /// Whether it ends when the connection does.
    pub(super) fn ends_with_connection(&self) -> bool {
        self.framing == Framing::Close
    }

    /// The next piece, if it has come. `trailers` are filled at the end, if there are any.
    #[inline]
    pub(super) fn decode<'a>(
        &mut self,
        input: &'a mut Input,
        trailers: &mut Headers,
        limits: &HttpLimits,
    ) -> Result<Option<Piece<'a>>, HttpError> {
        let left = match self.framing {
            Framing::Empty | Framing::Length(0) => return Ok(Some(Piece::End)),
            Framing::Length(left) => left,
            Framing::Close if self.room == 0 && !input.is_empty() => {
                let status = StatusCode::PAYLOAD_TOO_LARGE;
                return Err(HttpError::new(status, "a body that is too large"));
            }
            Framing::Close => self.room,
            Framing::Chunked => {
                if self.read_lines(input, trailers, limits)? {
                    return Ok(Some(Piece::End));
                }
                self.chunks.data_left()
            }
        };
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        if count == 0 {
            return Ok(None);
        }
        let Some(bytes) = input.take(count) else { return Ok(None) };
        match &mut self.framing {
            Framing::Length(left) => *left -= count as u64,
            Framing::Chunked => self.chunks.data_came(count as u64),
            Framing::Close => self.room -= count as u64,
            Framing::Empty => {}
        }
        Ok(Some(Piece::Bytes(bytes)))
    }

    /// Reads up to the data of the next chunk; tells whether the body has ended.
    fn read_lines(
        &mut self,
        input: &mut Input,
        trailers: &mut Headers,
        limits: &HttpLimits,
    ) -> Result<bool, HttpError> {
        if self.chunks.data_left() == 0 && !self.chunks.is_last() {
            let read = self.chunks.read(input, limits)?;
            input.consume(read);
        }
        if !self.chunks.is_last() {
            return Ok(false);
        }
        if input.starts_with(b"\r\n") {
            input.consume(2);
            return Ok(true);
        }
        self.read_trailers(input, trailers, limits)
    }

    fn read_trailers(
        &mut self,
        input: &mut Input,
        trailers: &mut Headers,
        limits: &HttpLimits,
    ) -> Result<bool, HttpError> {
        let max = limits.trailers_max as usize;
        let window = input.get(..max).unwrap_or(input);
        match self.trailers.find(window) {
            Some(end) => {
                trailers_of(window.get(..end).unwrap_or_default(), trailers, limits)?;
                input.consume(end);
                Ok(true)
            }
            None if window.len() == max => {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                Err(HttpError::new(status, "fields behind a body that are too large"))
            }
            None => Ok(false),
        }
    }
}
