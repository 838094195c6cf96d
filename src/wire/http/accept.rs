//! What a client would rather have: `accept`, `accept-encoding` and their like (RFC 9110, 12.5).

use super::headers::Headers;
use super::media_type::{parameters, parts};

/// How much a client wants something, in thousandths: 0 is not at all.
type Quality = u16;

const FULL: Quality = 1000;

/// Which of the content codings that the server has `on_offer`, best first, the client is to get;
/// `None` is the plain body. As `accept-encoding` says (RFC 9110, 12.5.3); without it, plain: the
/// client may not know what to do with another.
///
/// ```
/// use overt::wire::http::{Headers, choose_encoding};
///
/// let mut headers = Headers::default();
/// headers.append("accept-encoding", "gzip, br;q=0.5, *;q=0")?;
/// assert_eq!(choose_encoding(&headers, &["br", "gzip"]), Some("gzip"));
/// # Ok::<(), overt::wire::WireError>(())
/// ```
pub fn choose_encoding<'o>(headers: &Headers, on_offer: &[&'o str]) -> Option<&'o str> {
    let named = |range: &[u8], coding: &str| range.eq_ignore_ascii_case(coding.as_bytes());
    let of = |coding: &str| {
        quality(headers, "accept-encoding", |range| match range {
            b"*" => Some(0),
            _ => named(range, coding).then_some(1),
        })
    };
    let (coding, wanted) = best(on_offer, |coding| of(coding).unwrap_or(0))?;
    // Plain is the last choice, unless it is named.
    let close = |range: &[u8]| named(range, "identity").then_some(0);
    let plain = quality(headers, "accept-encoding", close).unwrap_or(0);
    (plain <= wanted).then_some(coding)
}

/// Which of the media types that the server has `on_offer`, best first, the client is to get, as
/// `accept` says (RFC 9110, 12.5.1); without it, the first. `None`: it wants none of them, and may
/// be told so by 406, or get one anyway.
///
/// ```
/// use overt::wire::http::{Headers, choose_type};
///
/// let mut headers = Headers::default();
/// headers.append("accept", "text/*;q=0.5, application/json")?;
/// assert_eq!(choose_type(&headers, &["text/html", "application/json"]), Some("application/json"));
/// # Ok::<(), overt::wire::WireError>(())
/// ```
pub fn choose_type<'o>(headers: &Headers, on_offer: &[&'o str]) -> Option<&'o str> {
    if !headers.contains("accept") {
        return on_offer.first().copied();
    }
    let of = |name: &str| {
        quality(headers, "accept", |range| {
            let range = std::str::from_utf8(range).ok()?;
            match range.split_once('/')? {
                ("*", "*") => Some(0),
                (kind, "*") => {
                    let is_same = name.split_once('/')?.0.eq_ignore_ascii_case(kind);
                    is_same.then_some(1)
                }
                _ => range.eq_ignore_ascii_case(name).then_some(2),
            }
        })
    };
    best(on_offer, |name| of(name).unwrap_or(0)).map(|(name, _)| name)
}

/// The most wanted one, and how much it is; of those that are wanted as much, the first. `None` if
/// none is wanted at all.
fn best<'o>(on_offer: &[&'o str], of: impl Fn(&str) -> Quality) -> Option<(&'o str, Quality)> {
    let mut best = None;
    for offer in on_offer {
        let quality = of(offer);
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((*offer, quality));
        }
    }
    best
}

/// The quality that the closest of the ranges in a field gives; `None` if none applies. `closeness`
/// tells how close a range is, if it applies.
fn quality(
    headers: &Headers,
    field: &str,
    closeness: impl Fn(&[u8]) -> Option<u8>,
) -> Option<Quality> {
    let members = headers.get_all(field).flat_map(|value| parts(value, b','));
    let mut closest = None;
    for member in members {
        let mut pieces = parts(member, b';');
        let range = pieces.next().unwrap_or_default();
        let Some(close) = closeness(range) else { continue };
        if closest.is_none_or(|(before, _)| close > before) {
            let rest = member.get(range.len()..).unwrap_or_default();
            let weight = parameters(rest).find(|(name, _)| name.eq_ignore_ascii_case(b"q"));
            closest = Some((close, weight.map_or(FULL, |(_, value)| thousandths(value))));
        }
    }
    closest.map(|(_, quality)| quality)
}

/// `qvalue` (RFC 9110, 12.4.2): `0.5` is 500. What is none is nothing.
fn thousandths(value: &[u8]) -> Quality {
    let (whole, digits) = match value {
        [whole @ (b'0' | b'1'), digits @ ..] if digits.is_empty() => (*whole, digits),
        [whole @ (b'0' | b'1'), b'.', digits @ ..] if digits.len() <= 3 => (*whole, digits),
        _ => return 0,
    };
    let mut sum = Quality::from(whole - b'0') * FULL;
    for (digit, weight) in digits.iter().zip([100, 10, 1]) {
        match digit.is_ascii_digit() {
            true => sum += Quality::from(digit - b'0') * weight,
            false => return 0,
        }
    }
    if sum > FULL { 0 } else { sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str, values: &[&str]) -> Headers {
        let mut headers = Headers::default();
        values.iter().for_each(|value| headers.append(name, value).unwrap());
        headers
    }

    #[test]
    fn an_encoding_is_chosen_as_the_client_would() {
        for (values, expected) in [
            (&[][..], None),
            (&[""], None),
            (&["gzip, deflate, br"], Some("br")),
            (&["gzip;q=1.0, br;q=0.5"], Some("gzip")),
            (&["GZIP"], Some("gzip")),
            (&["gzip", "br"], Some("br")),
            (&["br;q=0, *"], Some("gzip")),
            (&["*;q=0"], None),
            (&["*;q=0, gzip"], Some("gzip")),
            (&["identity"], None),
            (&["identity, gzip;q=0.5"], None),
            (&["identity;q=0.5, gzip;q=0.5"], Some("gzip")),
            (&["gzip ; Q=0.001"], Some("gzip")),
            (&["gzip;q=0.000"], None),
            (&["gzip;q=1.001"], None),
            (&["gzip;q=yes"], None),
            (&["zstd"], None),
        ] {
            let headers = headers("Accept-Encoding", values);
            assert_eq!(choose_encoding(&headers, &["br", "gzip"]), expected, "{values:?}");
        }
    }

    #[test]
    fn a_type_is_chosen_by_the_closest_range() {
        for (values, expected) in [
            (&[][..], Some("text/html")),
            (&["*/*"], Some("text/html")),
            (&["application/json"], Some("application/json")),
            (&["text/*, application/json;q=0.9"], Some("text/html")),
            (&["text/*;q=0.3, application/json;q=0.5"], Some("application/json")),
            (&["*/*;q=0.1, text/html;q=0"], Some("application/json")),
            (&["text/html;level=\"1,2\";q=0.2, */*;q=0.3"], Some("application/json")),
            (&["image/png"], None),
            (&["text/html;q=0, application/json;q=0"], None),
            (&["nonsense"], None),
        ] {
            let headers = headers("accept", values);
            let on_offer = ["text/html", "application/json"];
            assert_eq!(choose_type(&headers, &on_offer), expected, "{values:?}");
        }
    }
}
