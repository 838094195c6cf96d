//! What a client accepts: the weights of `Accept-Encoding` (RFC 9110, 12.5.3).

use crate::wire::http::Headers;

/// How much a client would like a content coding, in thousandths; 0 for not at all. `identity` is
/// none: the bytes as they are.
pub(super) fn coding_weight(headers: &Headers, coding: &str) -> u32 {
    let mut any = None;
    for member in headers.get_all("accept-encoding").flat_map(|value| value.split(|it| *it == b','))
    {
        let mut parts = member.split(|it| *it == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(weight).unwrap_or(1000);
        if name.eq_ignore_ascii_case(coding.as_bytes()) {
            return weight;
        }
        if name == b"*" {
            any = Some(weight);
        }
    }
    // What is not spoken of is not accepted, apart from the bytes as they are.
    any.unwrap_or(if coding == "identity" { 1 } else { 0 })
}

/// `q=0.5`, as thousandths. What can't be read counts as nothing.
fn weight(parameter: &[u8]) -> Option<u32> {
    let [b'q' | b'Q', b'=', value @ ..] = parameter else { return None };
    let text = std::str::from_utf8(value).ok()?;
    let weight = text.parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight));
    Some(weight.map_or(0, |weight| (weight * 1000.0) as u32))
}

/// Whether `coding` is accepted, and liked no less than the bytes as they are.
pub(super) fn accepts(headers: &Headers, coding: &str) -> bool {
    let weight = coding_weight(headers, coding);
    weight > 0 && weight >= coding_weight(headers, "identity")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(value: &str, coding: &str) -> bool {
        let mut headers = Headers::default();
        headers.append("Accept-Encoding", value).unwrap();
        accepts(&headers, coding)
    }

    #[test]
    fn what_is_accepted_is_what_the_client_says() {
        assert!(takes("gzip", "gzip") && takes("deflate, GZIP;q=0.5", "gzip"));
        assert!(takes("*", "gzip") && takes("br;q=1.0, *;q=0.1", "gzip"));
        assert!(!takes("", "gzip") && !takes("br", "gzip") && !takes("gzip;q=0", "gzip"));
        assert!(!takes("gzip;q=0.000, *", "gzip") && !takes("*;q=0", "gzip"));
        assert!(!takes("gzip;q=0.5, identity;q=0.8", "gzip"));
        assert!(!takes("gzip;q=x", "gzip") && !takes("gzip;q=-1", "gzip"));
        assert!(!takes("identity", "gzip") && !takes("xgzip", "gzip"));
        assert!(!accepts(&Headers::default(), "gzip"));
    }
}
