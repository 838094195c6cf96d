//! [`Target`]: what a request is about (RFC 9112, 3.2), and whether a host is one.

use std::net::Ipv6Addr;
use std::ops::Range;

use ::http::Method;

use super::text::{is_host_name, is_target, number};

/// What a request is about, in one of four forms:
///
/// | form | looks like | comes with |
/// | --- | --- | --- |
/// | origin | `/path?query` | all but `CONNECT` |
/// | absolute | `http://host/path?query` | the same, mostly to proxies |
/// | authority | `host:port` | `CONNECT` |
/// | asterisk | `*` | `OPTIONS` |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Target {
    text: String,
    /// Where its authority is, if it has one.
    authority: Range<u32>,
    /// Where its path begins, and how long that is.
    path: Range<u32>,
}

impl Target {
    /// Takes over a target. It must not be longer than 4 GiB.
    ///
    /// # Errors
    /// It is none, or none that goes with this method: says what is wrong.
    pub(crate) fn set(&mut self, method: &Method, text: &str) -> Result<(), &'static str> {
        self.text.clear();
        self.authority = 0..0;
        if !is_target(text.as_bytes()) {
            return Err("a target with bytes that have no place in it");
        }
        let len = text.len() as u32;
        if method == Method::CONNECT {
            match split_port(text) {
                Some((host, Some(port))) if is_host(host) && port != 0 => {}
                _ => return Err("CONNECT to something else than host and port"),
            }
            (self.authority, self.path) = (0..len, len..len);
        } else if text.starts_with('/') {
            self.path = 0..path_end(text, 0);
        } else if text == "*" {
            if method != Method::OPTIONS {
                return Err("an asterisk for another method than OPTIONS");
            }
            self.path = 0..1;
        } else {
            self.set_absolute(text)?;
        }
        self.text.push_str(text);
        Ok(())
    }

    fn set_absolute(&mut self, text: &str) -> Result<(), &'static str> {
        let wrong = "a target that is neither a path nor a URL of http";
        let (scheme, rest) = text.split_once("://").ok_or(wrong)?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(wrong);
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if !is_authority(authority) {
            return Err("a URL without a proper host");
        }
        let start = (text.len() - rest.len()) as u32;
        let end = start + authority.len() as u32;
        (self.authority, self.path) = (start..end, end..path_end(text, end));
        Ok(())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// The path: `/` if there is none, empty for `CONNECT`.
    pub(crate) fn path(&self) -> &str {
        // Of the two forms without a path, only one has something before the authority.
        match self.part(&self.path) {
            "" if self.authority.start > 0 => "/",
            path => path,
        }
    }

    /// What follows the `?`.
    pub(crate) fn query(&self) -> Option<&str> {
        self.text.get(self.path.end as usize..)?.strip_prefix('?')
    }

    /// Host and port, if the target names them.
    pub(crate) fn authority(&self) -> Option<&str> {
        Some(self.part(&self.authority)).filter(|authority| !authority.is_empty())
    }

    fn part(&self, range: &Range<u32>) -> &str {
        self.text.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

fn path_end(text: &str, start: u32) -> u32 {
    let path = text.as_bytes().get(start as usize..).unwrap_or_default();
    let len = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
    start + len as u32
}

/// Whether `text` is a host, and maybe a port. No user, no path, no list.
pub(crate) fn is_authority(text: &str) -> bool {
    split_port(text).is_some_and(|(host, _)| is_host(host))
}

/// Host and port of an authority. `None` if what follows the last colon is no port; the port may be
/// empty, and then is none.
pub(crate) fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((host, "")) => Some((host, None)),
        Some((host, port)) if !port.contains(']') => {
            let port = number(port.as_bytes()).and_then(|port| u16::try_from(port).ok())?;
            Some((host, Some(port)))
        }
        _ => Some((text, None)),
    }
}

/// `uri-host` of RFC 9110, 4.1: a name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok()),
        None => is_host_name(host.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(method: &Method, text: &str) -> Result<Target, &'static str> {
        let mut target = Target::default();
        target.set(method, text).map(|()| target)
    }

    #[test]
    fn each_form_has_its_parts() {
        type Row = (Method, &'static str, &'static str, Option<&'static str>, Option<&'static str>);
        let table: [Row; 12] = [
            (Method::GET, "/", "/", None, None),
            (Method::GET, "/a/b?c=d?e", "/a/b", Some("c=d?e"), None),
            (Method::GET, "/?", "/", Some(""), None),
            (Method::GET, "//a/b", "//a/b", None, None),
            (Method::GET, "http://a", "/", None, Some("a")),
            (Method::GET, "HTTPS://a:1/b?c", "/b", Some("c"), Some("a:1")),
            (Method::GET, "http://a?b", "/", Some("b"), Some("a")),
            (Method::GET, "http://[::1]:80/", "/", None, Some("[::1]:80")),
            (Method::OPTIONS, "*", "*", None, None),
            (Method::OPTIONS, "/a", "/a", None, None),
            (Method::CONNECT, "a:443", "", None, Some("a:443")),
            (Method::CONNECT, "[::1]:443", "", None, Some("[::1]:443")),
        ];
        for (method, text, path, query, authority) in table {
            let target = target(&method, text).unwrap();
            let parts = (target.path(), target.query(), target.authority());
            assert_eq!(parts, (path, query, authority), "{text}");
            assert_eq!(target.as_str(), text);
        }
    }

    #[test]
    fn what_does_not_go_with_the_method_is_refused() {
        for (method, text) in [
            (Method::GET, ""),
            (Method::GET, "*"),
            (Method::GET, "a"),
            (Method::GET, "a:443"),
            (Method::GET, "?a"),
            (Method::GET, "/a#b"),
            (Method::GET, "/é"),
            (Method::GET, "/a b"),
            (Method::GET, "ftp://a/"),
            (Method::GET, "http:///a"),
            (Method::GET, "http://"),
            (Method::GET, "http://u@a/"),
            (Method::GET, "http://u:p@a/"),
            (Method::GET, "http://a,b/"),
            (Method::OPTIONS, "**"),
            (Method::CONNECT, "/"),
            (Method::CONNECT, "*"),
            (Method::CONNECT, "a"),
            (Method::CONNECT, "a:"),
            (Method::CONNECT, "a:0"),
            (Method::CONNECT, "a:65536"),
            (Method::CONNECT, "a:443/"),
            (Method::CONNECT, "u@a:443"),
            (Method::CONNECT, "http://a:443"),
        ] {
            assert!(target(&method, text).is_err(), "{method} {text}");
        }
    }

    #[test]
    fn hosts_are_told_from_what_only_looks_like_them() {
        for text in ["a", "a.b-c.d", "a:80", "a:", "1.2.3.4", "1.2.3.4:5", "[::1]", "[::1]:8"] {
            assert!(is_authority(text), "{text}");
        }
        assert!(is_authority("xn--bcher-kva.example") && is_authority("a_b"));
        for text in ["", ":80", "a b", "a,b", "a/b", "u@a", "a:b", "a:1:2", "[::1", "::1", "[a]"] {
            assert!(!is_authority(text), "{text}");
        }
        for text in ["a:65536", "a:+1", "a:-1", "[::1]a", "a\t", "ä", "[]", "a?b", "a#b", "a\\b"] {
            assert!(!is_authority(text), "{text}");
        }
    }
}
