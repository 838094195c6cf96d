//! [`follow`]: what a redirect makes of a request (RFC 9110 15.4).
//!
//! - 303 is answered by `GET` (or `HEAD`, if it was that); 301 and 302 turn `POST` into `GET`, as
//!   all browsers do, and leave other methods alone; 307 and 308 change nothing.
//! - What becomes a `GET` loses its body, and the headers that described it.
//! - Another origin gets no credentials: `Authorization`, `Cookie` and `Proxy-Authorization` stay
//!   behind, for another scheme or port as well as for another host.
//! - From `https` to `http` nobody is led.

use super::failure::Failure;
use super::url::Url;
use crate::wire::http::{Method, RequestHead, StatusCode};

/// Headers that describe a body, and go with it.
const OF_BODIES: &[&str] = &[
    "content-encoding",
    "content-language",
    "content-length",
    "content-location",
    "content-type",
    "digest",
    "expect",
    "last-modified",
    "trailer",
    "transfer-encoding",
];

/// Headers that are meant for one origin alone.
const OF_ORIGINS: &[&str] = &["authorization", "cookie", "cookie2", "proxy-authorization"];

/// Whether this status asks for another request, to the place that `Location` names.
pub(super) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where the request goes next, what it is then, and whether its body goes with it.
pub(super) fn follow(
    from: &Url,
    status: StatusCode,
    location: &[u8],
    head: &RequestHead,
) -> Result<(Url, RequestHead, bool), Failure> {
    let location = std::str::from_utf8(location).map_err(|_| Failure::Redirect("not UTF-8"))?;
    let to = from.join(location).map_err(|error| Failure::Redirect(error.what()))?;
    if from.origin().is_secure() && !to.origin().is_secure() {
        return Err(Failure::Redirect("from https to http"));
    }
    let becomes_get = match status.as_u16() {
        303 => !matches!(*head.method(), Method::GET | Method::HEAD),
        301 | 302 => *head.method() == Method::POST,
        _ => false,
    };
    let method = if becomes_get { Method::GET } else { head.method().clone() };
    let mut next = RequestHead::new(method, to.target())
        .map_err(|_| Failure::Redirect("to what is no target"))?;
    let same = to.origin() == from.origin();
    let stays = |name: &str, list: &[&str]| list.iter().any(|it| name.eq_ignore_ascii_case(it));
    next.headers = head.headers.clone();
    next.headers.retain(|name, _| {
        !(becomes_get && stays(name, OF_BODIES)) && (same || !stays(name, OF_ORIGINS))
    });
    // The name of a host is made of what can stand in a header.
    let _ = next.headers.set("Host", to.origin().authority());
    Ok((to, next, !becomes_get))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    fn asked(method: Method) -> RequestHead {
        RequestHead::new(method, "/a")
            .unwrap()
            .header("Host", "a.example")
            .header("Authorization", "Bearer secret")
            .header("Cookie", "a=b")
            .header("Proxy-Authorization", "Basic secret")
            .header("Content-Type", "text/plain")
            .header("Accept", "*/*")
    }

    fn followed(status: u16, method: Method, to: &str) -> (Url, RequestHead, bool) {
        let status = StatusCode::from_u16(status).unwrap();
        follow(&url("http://a.example/a"), status, to.as_bytes(), &asked(method)).unwrap()
    }

    #[test]
    fn methods_change_as_the_rfc_says() {
        let (get, post, put, head) = (Method::GET, Method::POST, Method::PUT, Method::HEAD);
        for (status, from, to) in [
            (301, &post, &get),
            (302, &post, &get),
            (303, &post, &get),
            (307, &post, &post),
            (308, &post, &post),
            (301, &put, &put),
            (303, &put, &get),
            (303, &head, &head),
            (302, &get, &get),
        ] {
            let (_, next, keeps_body) = followed(status, from.clone(), "/b");
            assert_eq!(next.method(), to, "{status} {from}");
            let lost = from != to;
            assert_eq!(keeps_body, !lost);
            assert_eq!(next.headers.contains("content-type"), !lost);
            assert_eq!(next.target(), "/b");
        }
    }

    #[test]
    fn credentials_stay_with_the_origin_that_they_are_for() {
        for (to, keeps) in [
            ("/b", true),
            ("http://a.example/b", true),
            ("http://A.example:80/b", true),
            ("http://a.example:81/b", false),
            ("https://a.example/b", false),
            ("http://b.example/", false),
            ("//b.example/", false),
        ] {
            let (_, next, _) = followed(302, Method::GET, to);
            for name in ["authorization", "cookie", "proxy-authorization"] {
                assert_eq!(next.headers.contains(name), keeps, "{to}");
            }
            assert!(next.headers.contains("accept"));
        }
        let (_, next, _) = followed(302, Method::GET, "http://b.example:81/c?d#e");
        assert_eq!(next.headers.get("host"), Some(&b"b.example:81"[..]));
        assert_eq!(next.target(), "/c?d");
    }

    #[test]
    fn nobody_is_led_to_where_it_is_not_safe() {
        let found = StatusCode::FOUND;
        let head = asked(Method::GET);
        let from = url("https://a.example/a");
        for to in [&b"http://a.example/"[..], b"ftp://a.example/", b"http://u@b/", b"\xff"] {
            assert!(follow(&from, found, to, &head).is_err());
        }
    }
}
