//! [`MediaType`]: what a body is, and [`parameters`], which other fields have as well.

use super::text::{is_token, trim};

/// A media type with its parameters (RFC 9110, 8.3.1): `text/html; charset=utf-8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    kind: &'a str,
    subtype: &'a str,
    rest: &'a [u8],
}

impl<'a> MediaType<'a> {
    /// Reads the value of a field `content-type`; `None` if it is no media type.
    ///
    /// ```
    /// use overt::wire::http::MediaType;
    ///
    /// let kind = MediaType::read(b"Application/JSON; charset=\"UTF-8\"").unwrap();
    /// assert!(kind.is("application/json"));
    /// assert_eq!(kind.parameter("charset").as_deref(), Some("UTF-8"));
    /// ```
    pub fn read(value: &'a [u8]) -> Option<Self> {
        let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        let (name, rest) = value.split_at_checked(end)?;
        let (kind, subtype) = std::str::from_utf8(trim(name)).ok()?.split_once('/')?;
        let is_proper = is_token(kind.as_bytes()) && is_token(subtype.as_bytes());
        is_proper.then_some(Self { kind, subtype, rest })
    }

    /// What comes before the slash: `text`.
    pub fn kind(&self) -> &'a str {
        self.kind
    }

    /// What comes behind it: `html`.
    pub fn subtype(&self) -> &'a str {
        self.subtype
    }

    /// Whether this is `name`, such as `text/html`, whatever its parameters. Without regard to
    /// case.
    pub fn is(&self, name: &str) -> bool {
        name.split_once('/').is_some_and(|(kind, subtype)| {
            self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
        })
    }

    /// Whether this is JSON, or a format made of it (`application/problem+json`; RFC 6839, 3.1).
    pub fn is_json(&self) -> bool {
        let suffix = self.subtype.rsplit_once('+').map(|(_, suffix)| suffix);
        self.is("application/json")
            || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case("json"))
    }

    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameters(self.rest).find_map(|(other, value)| {
            other.eq_ignore_ascii_case(name.as_bytes()).then(|| unquote(value))
        })
    }
}

/// The parameters that follow a value, each as `name=value`, without the blanks around them; quotes
/// are left as they are (RFC 9110, 5.6.6).
pub(crate) fn parameters(rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    parts(rest, b';').filter(|part| !part.is_empty()).map(|part| {
        let at = part.iter().position(|byte| *byte == b'=').unwrap_or(part.len());
        let (name, value) = part.split_at_checked(at).unwrap_or_default();
        (name, value.strip_prefix(b"=").unwrap_or_default())
    })
}

/// What stands between these separators, but for those within quotes; without the blanks around.
pub(crate) fn parts(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let between = move |byte: &u8| {
        let (was_quoted, was_escaped) = (is_quoted, is_escaped);
        is_escaped = was_quoted && !was_escaped && *byte == b'\\';
        is_quoted = was_quoted ^ (*byte == b'"' && !was_escaped);
        !was_quoted && *byte == separator
    };
    text.split(between).map(trim)
}

/// A value without its quotes, if it has any.
pub(crate) fn unquote(value: &[u8]) -> String {
    let Some(inner) = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")) else {
        return String::from_utf8_lossy(value).into_owned();
    };
    let mut is_escaped = false;
    let keep = |byte: &&u8| {
        is_escaped = !is_escaped && **byte == b'\\';
        !is_escaped
    };
    let plain: Vec<u8> = inner.iter().filter(keep).copied().collect();
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_and_its_parameters_are_read() {
        let read = MediaType::read(b" text/HTML ;a=b; Charset=\"u\\\"t;f\" ;; c").unwrap();
        assert!(read.is("TEXT/html") && !read.is("text/plain") && !read.is("text"));
        assert_eq!((read.kind(), read.subtype()), ("text", "HTML"));
        assert_eq!(read.parameter("A").as_deref(), Some("b"));
        assert_eq!(read.parameter("charset").as_deref(), Some("u\"t;f"));
        assert_eq!(read.parameter("c").as_deref(), Some(""));
        assert_eq!(read.parameter("d"), None);
        for wrong in [&b""[..], b"text", b"/html", b"text/", b"te xt/html", b"text/html/a", b"\xff"]
        {
            assert_eq!(MediaType::read(wrong), None);
        }
    }

    #[test]
    fn json_is_known_by_its_suffix_too() {
        let is_json = |value: &[u8]| MediaType::read(value).unwrap().is_json();
        assert!(is_json(b"application/json") && is_json(b"application/problem+JSON; a=b"));
        assert!(!is_json(b"text/json5") && !is_json(b"application/jsonp"));
    }

    #[test]
    fn a_quote_that_does_not_end_hides_the_rest() {
        let found: Vec<&[u8]> = parts(b"a, \"b,c\\\",\" ,d,\"e,f", b',').collect();
        assert_eq!(found, [&b"a"[..], b"\"b,c\\\",\"", b"d", b"\"e,f"]);
    }
}
