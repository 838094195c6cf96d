//! The cookies of a request (RFC 6265, 5.4).

use super::headers::Headers;
use super::text::trim;

/// Names and values of the cookies that came, in their order. Quotes around a value belong to it,
/// as for browsers; what has no `=`, or is not UTF-8, is passed over.
///
/// ```
/// use overt::wire::http::{Headers, cookies};
///
/// let mut headers = Headers::default();
/// headers.append("cookie", "session=a1; theme=dark")?;
/// assert_eq!(cookies(&headers).collect::<Vec<_>>(), [("session", "a1"), ("theme", "dark")]);
/// # Ok::<(), overt::wire::WireError>(())
/// ```
pub fn cookies(headers: &Headers) -> impl Iterator<Item = (&str, &str)> {
    let pairs = headers.get_all("cookie").flat_map(|value| value.split(|byte| *byte == b';'));
    pairs.filter_map(|pair| {
        let (name, value) = std::str::from_utf8(trim(pair)).ok()?.split_once('=')?;
        Some((name.trim_end(), value.trim_start()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_come_in_their_order_and_what_is_none_is_passed_over() {
        let mut headers = Headers::default();
        headers.append("Cookie", "a=b;c = d=e ;; f; g=; \"h\"=\"i j\"; k=\u{e4}").unwrap();
        headers.append("cookie", &b"l=m; n=\xff"[..]).unwrap();
        let found: Vec<String> =
            cookies(&headers).map(|(name, value)| format!("{name}→{value}")).collect();
        assert_eq!(found, ["a→b", "c→d=e", "g→", "\"h\"→\"i j\"", "k→\u{e4}", "l→m"]);
    }
}
