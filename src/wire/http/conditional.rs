//! Conditional requests (RFC 9110, 13): [`Validators`] of a representation, and what a request
//! makes depend on them.

use ::http::Method;

use super::date::HttpDate;
use super::headers::Headers;
use super::media_type::parts;
use super::request::RequestHead;

/// What tells one state of a representation from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Validators<'a> {
    /// Its entity tag, as it stands in the field `etag`: `"abc"` or `W/"abc"`.
    pub etag: Option<&'a str>,
    /// When it last changed, in seconds since 1970.
    pub modified: Option<u64>,
}

/// What becomes of a conditional request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// It is done as if there were no condition.
    Holds,
    /// The client has this state already: answer 304.
    NotModified,
    /// It is another state than the client thinks: answer 412.
    Failed,
}

impl Precondition {
    /// What becomes of `request`, if the representation that it is about is in this state; `None`
    /// if there is no representation. In the order of RFC 9110, 13.2.2.
    ///
    /// ```
    /// use overt::wire::http::{Method, Precondition, RequestHead, Validators};
    ///
    /// let now = Validators { etag: Some("\"b\""), modified: None };
    /// let request = RequestHead::new(Method::GET, "/")?.header("if-none-match", "\"a\", \"b\"");
    /// assert_eq!(Precondition::of(&request, Some(&now)), Precondition::NotModified);
    /// # Ok::<(), overt::wire::http::HttpError>(())
    /// ```
    pub fn of(request: &RequestHead, now: Option<&Validators<'_>>) -> Self {
        let headers = &request.headers;
        let etag = now.and_then(|now| now.etag);
        let modified = now.and_then(|now| now.modified);
        let is_reading = [Method::GET, Method::HEAD].contains(request.method());
        let is_another = if headers.contains("if-match") {
            !lists(headers, "if-match", now.is_some(), etag, is_same_strongly)
        } else {
            let since = date(headers, "if-unmodified-since");
            since.zip(modified).is_some_and(|(since, modified)| modified > since)
        };
        if is_another {
            return Self::Failed;
        }
        if headers.contains("if-none-match") {
            let has_it = lists(headers, "if-none-match", now.is_some(), etag, is_same_weakly);
            return match (has_it, is_reading) {
                (false, _) => Self::Holds,
                (true, true) => Self::NotModified,
                (true, false) => Self::Failed,
            };
        }
        match date(headers, "if-modified-since").zip(modified) {
            Some((since, modified)) if is_reading && modified <= since => Self::NotModified,
            _ => Self::Holds,
        }
    }
}

/// Whether parts of the representation may be given, where a request says `if-range`: only if it is
/// in the state that the client has parts of already (RFC 9110, 13.1.5). True if it doesn't say so.
pub fn if_range_matches(headers: &Headers, now: &Validators<'_>) -> bool {
    let Some(value) = headers.get("if-range") else { return true };
    if value.ends_with(b"\"") {
        return now.etag.is_some_and(|etag| is_same_strongly(value, etag.as_bytes()));
    }
    now.modified.is_some() && HttpDate::read(value) == now.modified
}

/// Whether a list of tags names this one; `*` names any, if there is a representation.
fn lists(
    headers: &Headers,
    field: &str,
    exists: bool,
    etag: Option<&str>,
    is_same: fn(&[u8], &[u8]) -> bool,
) -> bool {
    let mut tags = headers.get_all(field).flat_map(|value| parts(value, b','));
    tags.any(|tag| match tag {
        b"*" => exists,
        tag => etag.is_some_and(|etag| is_same(tag, etag.as_bytes())),
    })
}

/// RFC 9110, 8.8.3.2: equal, and neither of them weak.
fn is_same_strongly(one: &[u8], other: &[u8]) -> bool {
    one == other && !one.starts_with(b"W/")
}

fn is_same_weakly(one: &[u8], other: &[u8]) -> bool {
    let opaque = |tag| <[u8]>::strip_prefix(tag, b"W/").unwrap_or(tag);
    opaque(one) == opaque(other)
}

/// A date; a field that is none, or comes twice, is passed over.
fn date(headers: &Headers, field: &str) -> Option<u64> {
    let mut values = headers.get_all(field);
    let value = values.next().filter(|_| values.next().is_none())?;
    HttpDate::read(value)
}

#[cfg(test)]
mod tests {
    use super::Precondition::{Failed, Holds, NotModified};
    use super::*;

    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const EXACTLY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const NOW: Validators<'static> =
        Validators { etag: Some("\"b\""), modified: Some(784_111_777) };

    fn outcome(
        method: Method,
        fields: &[(&str, &str)],
        now: Option<&Validators<'_>>,
    ) -> Precondition {
        let request = RequestHead::new(method, "/").unwrap();
        let request = fields.iter().fold(request, |head, (name, value)| head.header(name, value));
        Precondition::of(&request, now)
    }

    #[test]
    fn the_conditions_are_looked_at_in_their_order() {
        type Row<'a> = (&'a [(&'a str, &'a str)], Precondition, Precondition);
        let table: &[Row<'_>] = &[
            (&[], Holds, Holds),
            (&[("if-match", "\"a\", \"b\"")], Holds, Holds),
            (&[("if-match", "\"a\"")], Failed, Failed),
            (&[("if-match", "W/\"b\"")], Failed, Failed),
            (&[("if-match", "*")], Holds, Holds),
            (&[("if-match", "")], Failed, Failed),
            (&[("if-match", "\"a\""), ("if-match", "\"b\"")], Holds, Holds),
            (&[("if-unmodified-since", BEFORE)], Failed, Failed),
            (&[("if-unmodified-since", EXACTLY)], Holds, Holds),
            (&[("if-unmodified-since", "yesterday")], Holds, Holds),
            (&[("if-match", "\"b\""), ("if-unmodified-since", BEFORE)], Holds, Holds),
            (&[("if-none-match", "\"a\"")], Holds, Holds),
            (&[("if-none-match", "\"b\"")], NotModified, Failed),
            (&[("if-none-match", "\"a,\", W/\"b\"")], NotModified, Failed),
            (&[("if-none-match", "*")], NotModified, Failed),
            (&[("if-none-match", "b")], Holds, Holds),
            (&[("if-modified-since", BEFORE)], Holds, Holds),
            (&[("if-modified-since", EXACTLY)], NotModified, Holds),
            (&[("if-modified-since", AFTER)], NotModified, Holds),
            (&[("if-modified-since", "0")], Holds, Holds),
            (&[("if-none-match", "\"a\""), ("if-modified-since", AFTER)], Holds, Holds),
            (&[("if-match", "\"b\""), ("if-none-match", "\"b\"")], NotModified, Failed),
        ];
        for (fields, reading, writing) in table {
            assert_eq!(outcome(Method::GET, fields, Some(&NOW)), *reading, "{fields:?}");
            assert_eq!(outcome(Method::HEAD, fields, Some(&NOW)), *reading, "{fields:?}");
            assert_eq!(outcome(Method::PUT, fields, Some(&NOW)), *writing, "{fields:?}");
        }
    }

    #[test]
    fn a_weak_tag_is_the_same_for_reading_only() {
        let now = Validators { etag: Some("W/\"b\""), modified: None };
        for (field, expected) in [("if-match", Failed), ("if-none-match", NotModified)] {
            assert_eq!(outcome(Method::GET, &[(field, "W/\"b\"")], Some(&now)), expected);
        }
    }

    #[test]
    fn what_does_not_exist_has_no_state() {
        for (name, value, expected) in [
            ("if-match", "*", Failed),
            ("if-match", "\"a\"", Failed),
            ("if-none-match", "*", Holds),
            ("if-none-match", "\"a\"", Holds),
            ("if-modified-since", AFTER, Holds),
            ("if-unmodified-since", BEFORE, Holds),
        ] {
            assert_eq!(outcome(Method::PUT, &[(name, value)], None), expected, "{name}: {value}");
        }
    }

    #[test]
    fn parts_are_given_of_the_same_state_only() {
        for (value, expected) in [
            ("\"b\"", true),
            ("\"a\"", false),
            ("W/\"b\"", false),
            (EXACTLY, true),
            (BEFORE, false),
            (AFTER, false),
            ("nonsense", false),
        ] {
            let mut headers = Headers::default();
            headers.append("If-Range", value).unwrap();
            assert_eq!(if_range_matches(&headers, &NOW), expected, "{value}");
            assert!(!if_range_matches(&headers, &Validators::default()), "{value}");
        }
        assert!(if_range_matches(&Headers::default(), &NOW));
    }
}
