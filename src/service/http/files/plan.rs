//! [`Plan`]: how a request for a stored representation is answered, whether it lies in a file or in
//! memory: all of it, parts of it, or not at all, since the client has it already.

use std::ops::Range;

use crate::wire::http::{
    HttpDate, Precondition, Ranges, RequestHead, ResponseHead, StatusCode, Validators,
    content_range, if_range_matches, unsatisfied,
};

/// Something that is stored, and what is known of it.
pub(super) struct Representation<'a> {
    pub(super) media_type: &'a str,
    /// The content coding that it is stored in.
    pub(super) encoding: Option<&'a str>,
    /// Whether there are others of the same, in other codings.
    pub(super) varies: bool,
    pub(super) len: u64,
    pub(super) etag: &'a str,
    /// Seconds since 1970.
    pub(super) modified: Option<u64>,
    pub(super) cache_control: Option<&'a str>,
}

/// How a request is answered: this head, and then these pieces.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) head: ResponseHead,
    pub(super) pieces: Vec<Piece>,
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Of what is stored.
    Stored(Range<u64>),
    /// Between two parts.
    Text(Vec<u8>),
}

impl Plan {
    /// How `request` is answered. `random` makes what separates parts.
    pub(super) fn of(
        request: &RequestHead,
        stored: &Representation<'_>,
        random: impl FnOnce() -> u64,
    ) -> Self {
        let validators = Validators { etag: Some(stored.etag), modified: stored.modified };
        match Precondition::of(request, Some(&validators)) {
            Precondition::Holds => {}
            Precondition::NotModified => return Self::bare(StatusCode::NOT_MODIFIED, stored),
            Precondition::Failed => {
                return Self { head: failed(StatusCode::PRECONDITION_FAILED), pieces: Vec::new() };
            }
        }
        let ranges = match if_range_matches(&request.headers, &validators) {
            true => Ranges::of(request, stored.len),
            false => Ranges::Whole,
        };
        match ranges {
            Ranges::Whole => Self::whole(stored),
            Ranges::Unsatisfiable => {
                let head = failed(StatusCode::RANGE_NOT_SATISFIABLE);
                let head = head.header("content-range", unsatisfied(stored.len));
                Self { head, pieces: Vec::new() }
            }
            Ranges::Parts(parts) => match &parts[..] {
                [part] => Self::one_part(stored, part.clone()),
                _ => Self::parts(stored, &parts, random()),
            },
        }
    }

    /// Bytes of body, in all.
    pub(super) fn len(&self) -> u64 {
        let len = |piece: &Piece| match piece {
            Piece::Stored(part) => part.end - part.start,
            Piece::Text(text) => text.len() as u64,
        };
        self.pieces.iter().map(len).sum()
    }

    /// A head that tells of what is stored, and no body.
    fn bare(status: StatusCode, stored: &Representation<'_>) -> Self {
        let mut head = ResponseHead::new(status).header("etag", stored.etag);
        if let Some(modified) = stored.modified {
            head = head.header("last-modified", HttpDate::at(modified).as_str());
        }
        if let Some(cache_control) = stored.cache_control {
            head = head.header("cache-control", cache_control);
        }
        if stored.varies {
            head = head.header("vary", "accept-encoding");
        }
        Self { head, pieces: Vec::new() }
    }

    /// A head that also says what the body is.
    fn full(status: StatusCode, stored: &Representation<'_>) -> Self {
        let mut plan = Self::bare(status, stored);
        plan.head = plan.head.header("accept-ranges", "bytes");
        plan.head = plan.head.header("x-content-type-options", "nosniff");
        if let Some(encoding) = stored.encoding {
            plan.head = plan.head.header("content-encoding", encoding);
        }
        plan
    }

    fn whole(stored: &Representation<'_>) -> Self {
        let mut plan = Self::full(StatusCode::OK, stored);
        plan.head = plan.head.header("content-type", stored.media_type);
        plan.pieces.push(Piece::Stored(0..stored.len));
        plan
    }

    fn one_part(stored: &Representation<'_>, part: Range<u64>) -> Self {
        let mut plan = Self::full(StatusCode::PARTIAL_CONTENT, stored);
        plan.head = plan.head.header("content-type", stored.media_type);
        plan.head = plan.head.header("content-range", content_range(&part, stored.len));
        plan.pieces.push(Piece::Stored(part));
        plan
    }

    /// Several parts, as `multipart/byteranges` (RFC 9110, 14.6).
    fn parts(stored: &Representation<'_>, parts: &[Range<u64>], random: u64) -> Self {
        let mut plan = Self::full(StatusCode::PARTIAL_CONTENT, stored);
        let boundary = format!("overt{random:016x}");
        let kind = format!("multipart/byteranges; boundary={boundary}");
        plan.head = plan.head.header("content-type", kind);
        for part in parts {
            let text = format!(
                "\r\n--{boundary}\r\ncontent-type: {}\r\ncontent-range: {}\r\n\r\n",
                stored.media_type,
                content_range(part, stored.len)
            );
            plan.pieces.push(Piece::Text(text.into_bytes()));
            plan.pieces.push(Piece::Stored(part.clone()));
        }
        plan.pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n").into_bytes()));
        plan
    }
}

fn failed(status: StatusCode) -> ResponseHead {
    ResponseHead::new(status)
}
