//! [`Ranges`]: which parts of a representation a request asks for (RFC 9110, 14).

use std::ops::Range;

use ::http::Method;

use super::headers::Headers;
use super::media_type::parts;
use super::request::RequestHead;
use super::text::number;

/// Which parts of a representation a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// All of it: answer 200.
    Whole,
    /// These parts, which do not touch, in their order: answer 206.
    Parts(Vec<Range<u64>>),
    /// None that it has: answer 416, with [`unsatisfied`].
    Unsatisfiable,
}

/// So many parts are given. Who asks for more gets the whole.
const PARTS_MAX: usize = 16;

impl Ranges {
    /// What `request` asks for, of a representation of so many bytes. Parts that touch become one:
    /// nobody gets a byte twice, and so nobody can ask for much with little.
    ///
    /// A request with `if-range` asks for parts only if that [matches](super::if_range_matches).
    ///
    /// ```
    /// use overt::wire::http::{Method, Ranges, RequestHead};
    ///
    /// let request = RequestHead::new(Method::GET, "/")?.header("range", "bytes=0-9,-10");
    /// assert_eq!(Ranges::of(&request, 100), Ranges::Parts(vec![0..10, 90..100]));
    /// # Ok::<(), overt::wire::http::HttpError>(())
    /// ```
    pub fn of(request: &RequestHead, len: u64) -> Self {
        match *request.method() {
            Method::GET => Self::read(&request.headers, len).unwrap_or(Self::Whole),
            _ => Self::Whole,
        }
    }

    /// `None` if there is no such field, or one that is to be passed over.
    fn read(headers: &Headers, len: u64) -> Option<Self> {
        let mut fields = headers.get_all("range");
        let value = fields.next().filter(|_| fields.next().is_none())?;
        let (unit, set) = value.split_at_checked(6)?;
        if !unit.eq_ignore_ascii_case(b"bytes=") {
            return None;
        }
        let (mut found, mut asked) = (Vec::new(), 0);
        for spec in parts(set, b',').filter(|spec| !spec.is_empty()) {
            asked += 1;
            let part = part(spec, len)?;
            if asked > PARTS_MAX {
                return None;
            }
            if !part.is_empty() {
                found.push(part);
            }
        }
        match (asked, found.is_empty()) {
            (0, _) => None,
            (_, true) => Some(Self::Unsatisfiable),
            _ => Some(Self::Parts(joined(found))),
        }
    }
}

/// `0-9`, `10-` or `-10`, of so many bytes; empty if there are none. `None` if it is none of them.
fn part(spec: &[u8], len: u64) -> Option<Range<u64>> {
    let at = spec.iter().position(|byte| *byte == b'-')?;
    let (first, last) = spec.split_at_checked(at)?;
    match (first, last.strip_prefix(b"-")?) {
        (b"", count) => Some(len.saturating_sub(large(count)?)..len),
        (first, b"") => Some(large(first)?.min(len)..len),
        (first, last) => {
            let (first, last) = (large(first)?, large(last)?);
            (first <= last).then(|| first.min(len)..last.saturating_add(1).min(len))
        }
    }
}

/// A number; one that is too large is as good as the largest.
fn large(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| number(digits).unwrap_or(u64::MAX))
}

/// Parts that overlap or touch are one.
fn joined(mut parts: Vec<Range<u64>>) -> Vec<Range<u64>> {
    parts.sort_by_key(|part| part.start);
    parts.dedup_by(|next, before| {
        let touches = next.start <= before.end;
        if touches {
            before.end = before.end.max(next.end);
        }
        touches
    });
    parts
}

/// The value of `content-range` that goes with this part: `bytes 0-9/100`.
pub fn content_range(part: &Range<u64>, len: u64) -> String {
    format!("bytes {}-{}/{len}", part.start, part.end.saturating_sub(1))
}

/// The value of `content-range` that goes with 416: `bytes */100`.
pub fn unsatisfied(len: u64) -> String {
    format!("bytes */{len}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(value: &str, len: u64) -> Ranges {
        let request = RequestHead::new(Method::GET, "/").unwrap().header("Range", value);
        Ranges::of(&request, len)
    }

    fn parts(parts: &[(u64, u64)]) -> Ranges {
        Ranges::Parts(parts.iter().map(|(start, end)| *start..*end).collect())
    }

    #[test]
    fn the_examples_of_the_specification_hold() {
        for (value, expected) in [
            ("bytes=0-499", &[(0, 500)][..]),
            ("bytes=500-999", &[(500, 1000)]),
            ("bytes=-500", &[(9500, 10000)]),
            ("bytes=9500-", &[(9500, 10000)]),
            ("bytes=0-0,-1", &[(0, 1), (9999, 10000)]),
            ("bytes= 0-999, 4500-5499, -1000", &[(0, 1000), (4500, 5500), (9000, 10000)]),
            ("bytes=500-600,601-999", &[(500, 1000)]),
            ("bytes=500-700,601-999", &[(500, 1000)]),
        ] {
            assert_eq!(ranges(value, 10000), parts(expected), "{value}");
        }
        assert_eq!(content_range(&(0..500), 1234), "bytes 0-499/1234");
        assert_eq!(unsatisfied(1234), "bytes */1234");
    }

    #[test]
    fn what_is_beyond_the_end_is_cut_off_or_refused() {
        for (value, expected) in [
            ("bytes=5-99", parts(&[(5, 10)])),
            ("bytes=-99", parts(&[(0, 10)])),
            ("bytes=0-18446744073709551615", parts(&[(0, 10)])),
            ("bytes=0-99999999999999999999999", parts(&[(0, 10)])),
            ("bytes=10-, 3-4", parts(&[(3, 5)])),
            ("bytes=10-", Ranges::Unsatisfiable),
            ("bytes=10-20,30-", Ranges::Unsatisfiable),
            ("bytes=-0", Ranges::Unsatisfiable),
        ] {
            assert_eq!(ranges(value, 10), expected, "{value}");
        }
        assert_eq!(ranges("bytes=0-", 0), Ranges::Unsatisfiable);
    }

    #[test]
    fn what_is_no_range_is_passed_over() {
        for value in ["", "bytes", "bytes=", "bytes=,", "lines=1-2", "bytes=a-b", "bytes=5-4"] {
            assert_eq!(ranges(value, 10), Ranges::Whole, "{value}");
        }
        for value in ["bytes=1", "bytes=-", "bytes=1-2-3", "bytes=--1", "bytes=+1-2", "bytes=1-2,x"]
        {
            assert_eq!(ranges(value, 10), Ranges::Whole, "{value}");
        }
        let many = format!("bytes={}", "0-0,".repeat(PARTS_MAX + 1));
        assert_eq!(ranges(&many, 10), Ranges::Whole);
        let twice = RequestHead::new(Method::GET, "/").unwrap().header("range", "bytes=0-0");
        let twice = twice.header("range", "bytes=1-1");
        assert_eq!(Ranges::of(&twice, 10), Ranges::Whole);
        let post = RequestHead::new(Method::POST, "/").unwrap().header("range", "bytes=0-0");
        assert_eq!(Ranges::of(&post, 10), Ranges::Whole);
    }
}
