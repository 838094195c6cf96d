//! Percent-encoding (RFC 3986, 2.1), and the pairs that queries and forms are made of.

use std::borrow::Cow;

/// The bytes that a text stands for: `%41` is `A`. Nothing is copied if nothing is encoded. `None`
/// if a `%` is not followed by two hexadecimal digits: what it means is anybody's guess.
///
/// ```
/// use overt::wire::http::percent_decode;
///
/// assert_eq!(percent_decode("a%20b").as_deref(), Some(&b"a b"[..]));
/// assert_eq!(percent_decode("50%"), None);
/// ```
pub fn percent_decode(text: &str) -> Option<Cow<'_, [u8]>> {
    let mut bytes = text.as_bytes();
    if !bytes.contains(&b'%') {
        return Some(Cow::Borrowed(bytes));
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    loop {
        match bytes {
            [b'%', high, low, rest @ ..] => {
                decoded.push(hex(*high)? << 4 | hex(*low)?);
                bytes = rest;
            }
            [b'%', ..] => return None,
            [byte, rest @ ..] => {
                decoded.push(*byte);
                bytes = rest;
            }
            [] => return Some(Cow::Owned(decoded)),
        }
    }
}

/// A text that stands for `bytes` within a path, a query or a form: all but letters, digits and
/// `-._~` are encoded, and `/` as well.
pub fn percent_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(*byte));
            }
            _ => {
                let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
                text.push('%');
                text.push(digit(byte >> 4).to_ascii_uppercase());
                text.push(digit(byte & 15).to_ascii_uppercase());
            }
        }
    }
    text
}

/// The pairs of a query, or of a body of the type `application/x-www-form-urlencoded`, as the URL
/// Standard of WHATWG reads them: `a=b&c=d+e`. A name without a `=` has an empty value, empty pairs
/// are passed over; what is not properly encoded stands for itself, and what is not UTF-8 then is
/// replaced.
///
/// ```
/// use overt::wire::http::form_pairs;
///
/// let pairs: Vec<_> = form_pairs("q=a+b%21&page=2").collect();
/// assert_eq!(pairs, [("q".into(), "a b!".into()), ("page".into(), "2".into())]);
/// ```
pub fn form_pairs(text: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (form_decode(name), form_decode(value))
    })
}

fn form_decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    loop {
        bytes = match bytes {
            [b'+', rest @ ..] => {
                decoded.push(b' ');
                rest
            }
            [b'%', high, low, rest @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                decoded.push(hex(*high).unwrap_or_default() << 4 | hex(*low).unwrap_or_default());
                rest
            }
            [byte, rest @ ..] => {
                decoded.push(*byte);
                rest
            }
            [] => break,
        }
    }
    match String::from_utf8(decoded) {
        Ok(text) => Cow::Owned(text),
        Err(error) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(percent_decode(&percent_encode(&all)).as_deref(), Some(&all[..]));
        assert_eq!(percent_encode("a/ä b~".as_bytes()), "a%2F%C3%A4%20b~");
        assert!(matches!(percent_decode("a+b"), Some(Cow::Borrowed(b"a+b"))));
        assert_eq!(percent_decode("%2e%2E%2f").as_deref(), Some(&b"../"[..]));
    }

    #[test]
    fn what_is_half_encoded_is_refused() {
        for text in ["%", "%4", "a%4", "%zz", "%+1", "%4g", "%%41", "% 41"] {
            assert_eq!(percent_decode(text), None, "{text}");
        }
    }

    #[test]
    fn pairs_are_read_as_browsers_write_them() {
        let pairs = |text| {
            let pairs = form_pairs(text).map(|(name, value)| format!("{name}→{value}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(pairs("a=b&c=d"), "a→b c→d");
        assert_eq!(pairs("a"), "a→");
        assert_eq!(pairs("&&a=&=b&"), "a→ →b");
        assert_eq!(pairs("a=b=c"), "a→b=c");
        assert_eq!(pairs("a+b=%C3%A4%2b+"), "a b→ä+ ");
        assert_eq!(pairs("a=%&b=%zz&c=%4"), "a→% b→%zz c→%4");
        assert_eq!(pairs("a=%ff"), "a→\u{fffd}");
        assert_eq!(pairs(""), "");
    }
}
