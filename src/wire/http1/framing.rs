//! [`Framing`]: where a body ends (RFC 9112, 6). This is where requests are smuggled, so a head
//! that says it twice, or in a way that only some understand, is refused.

use ::http::{StatusCode, Version};

use crate::wire::http::{BodyLength, Headers, HttpError};
use crate::wire::http::{known, number, trim};

/// Where a body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    #[default]
    Empty,
    /// After so many bytes.
    Length(u64),
    /// After its last chunk.
    Chunked,
    /// When the connection does.
    Close,
}

/// What a head says about its body; nothing, if it has neither field.
pub(super) enum Said {
    Nothing,
    Length(u64),
    Chunked,
}

impl Framing {
    pub(super) fn body_length(self) -> BodyLength {
        match self {
            Self::Empty => BodyLength::Empty,
            Self::Length(length) => BodyLength::Known(length),
            Self::Chunked | Self::Close => BodyLength::Unknown,
        }
    }
}

/// Reads `content-length` and `transfer-encoding`.
pub(super) fn said(headers: &Headers, version: Version) -> Result<Said, HttpError> {
    if headers.has(known::TRANSFER_ENCODING) {
        transfer_encoding(headers, version)
    } else if headers.has(known::CONTENT_LENGTH) {
        let mut lengths = headers.get_all("content-length");
        match (lengths.next().map(number), lengths.next()) {
            (Some(Some(length)), None) => Ok(Said::Length(length)),
            (Some(None), None) => Err(HttpError::bad("a content-length that is no number")),
            _ => Err(HttpError::bad("more than one content-length")),
        }
    } else {
        Ok(Said::Nothing)
    }
}

/// Only `chunked`, once. Other codings might be known to whoever is behind us.
fn transfer_encoding(headers: &Headers, version: Version) -> Result<Said, HttpError> {
    if version < Version::HTTP_11 {
        return Err(HttpError::bad("a transfer-encoding in HTTP/1.0"));
    }
    if headers.has(known::CONTENT_LENGTH) {
        return Err(HttpError::bad("both a transfer-encoding and a content-length"));
    }
    let mut codings = headers
        .get_all("transfer-encoding")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(trim);
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    let (Some(first), last) = (codings.next(), codings.last()) else {
        return Err(HttpError::bad("an empty transfer-encoding"));
    };
    match last {
        None if is_chunked(first) => Ok(Said::Chunked),
        Some(last) if is_chunked(last) && !is_chunked(first) => {
            Err(HttpError::new(StatusCode::NOT_IMPLEMENTED, "a transfer-encoding beside chunked"))
        }
        _ => Err(HttpError::bad("a transfer-encoding that is not just chunked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(fields: &[(&str, &str)], version: Version) -> Result<Said, u16> {
        let mut headers = Headers::default();
        fields.iter().for_each(|(name, value)| headers.append(name, value).unwrap());
        said(&headers, version).map_err(|error| error.status.as_u16())
    }

    #[test]
    fn what_can_be_read_in_one_way_only_is_read() {
        let new = Version::HTTP_11;
        let length = ("Content-Length", "18446744073709551615");
        assert!(matches!(status(&[length], new), Ok(Said::Length(u64::MAX))));
        assert!(matches!(status(&[("content-length", "007")], new), Ok(Said::Length(7))));
        for value in ["chunked", "Chunked", "\tCHUNKED "] {
            assert!(matches!(status(&[("Transfer-Encoding", value)], new), Ok(Said::Chunked)));
        }
        assert!(matches!(status(&[("a", "b")], new), Ok(Said::Nothing)));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let (length, coding) = ("content-length", "transfer-encoding");
        for (fields, expected) in [
            (&[(length, "5"), (coding, "chunked")][..], 400),
            (&[(length, "5"), (length, "5")], 400),
            (&[(length, "5"), (length, "6")], 400),
            (&[(length, "5, 5")], 400),
            (&[(length, "")], 400),
            (&[(length, "+5")], 400),
            (&[(length, "-1")], 400),
            (&[(length, "0x5")], 400),
            (&[(length, "5 ;")], 400),
            (&[(length, "18446744073709551616")], 400),
            (&[(coding, "")], 400),
            (&[(coding, "identity")], 400),
            (&[(coding, "gzip")], 400),
            (&[(coding, "xchunked")], 400),
            (&[(coding, "chunked, chunked")], 400),
            (&[(coding, "chunked"), (coding, "chunked")], 400),
            (&[(coding, "chunked, gzip")], 400),
            (&[(coding, "chunked,")], 400),
            (&[(coding, ",chunked")], 501),
            (&[(coding, "chunked;a=b")], 400),
            (&[(coding, "\"chunked\"")], 400),
            (&[(coding, "gzip, chunked")], 501),
            (&[(coding, "gzip"), (coding, "chunked")], 501),
            (&[(coding, "chunked, gzip, chunked")], 400),
        ] {
            assert_eq!(status(fields, Version::HTTP_11).err(), Some(expected), "{fields:?}");
        }
        assert_eq!(status(&[(coding, "chunked")], Version::HTTP_10).err(), Some(400));
    }
}
