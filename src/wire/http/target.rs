//! [`Target`]: what a request is about (RFC 9112, 3.2), and whether a host is one.

use std::net::Ipv6Addr;
use std::ops::Range;

use ::http::Method;

use super::text::{host_len, is_target, number, path_len};

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
    #[inline]
    pub(crate) fn set(&mut self, method: &Method, text: &str) -> Result<(), &'static str> {
        self.text.clear();
        self.authority = 0..0;
        if text.starts_with('/') && *method != Method::CONNECT {
            self.path = 0..path_end(text, 0)?;
        } else {
            self.set_other(method, text)?;
        }
        self.text.push_str(text);
        Ok(())
    }

    /// How much memory its text takes, in bytes.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        self.text.capacity()
    }

    /// All that is not a path.
    #[cold]
    fn set_other(&mut self, method: &Method, text: &str) -> Result<(), &'static str> {
        let len = text.len() as u32;
        if *method == Method::CONNECT {
            let is_numbered = split_port(text).is_some_and(|(_, port)| port.is_some_and(|p| p > 0));
            if !is_numbered || !is_authority(text) {
                return Err("CONNECT to something else than host and port");
            }
            (self.authority, self.path) = (0..len, len..len);
            return Ok(());
        }
        if text == "*" {
            self.path = 0..1;
            return match *method {
                Method::OPTIONS => Ok(()),
                _ => Err("an asterisk for another method than OPTIONS"),
            };
        }
        let wrong = "a target that is neither a path nor a URL of http";
        let (scheme, rest) = text.split_once("://").ok_or(wrong)?;
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(wrong);
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if !is_authority(authority) {
            return Err("a URL without a proper host");
        }
        let start = len - rest.len() as u32;
        let end = start + authority.len() as u32;
        (self.authority, self.path) = (start..end, end..path_end(text, end)?);
        Ok(())
    }

    /// Its path and query alone.
    pub(crate) fn in_origin_form(&self, method: &Method) -> Self {
        if self.authority.is_empty() {
            return self.clone();
        }
        let names_none = self.path.is_empty() && self.query().is_none();
        let path = if names_none && *method == Method::OPTIONS { "*" } else { self.path() };
        let query = self.query().map_or_else(String::new, |query| format!("?{query}"));
        let text = [path, &query].concat();
        Self { path: 0..path.len() as u32, text, authority: 0..0 }
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

/// Where the path that begins at `start` ends. The query behind it is looked at, too.
#[inline]
fn path_end(text: &str, start: u32) -> Result<u32, &'static str> {
    let path = text.as_bytes().get(start as usize..).unwrap_or_default();
    let len = path_len(path);
    match path.get(len..).unwrap_or_default() {
        [] => Ok(start + len as u32),
        [b'?', query @ ..] if is_target(query) => Ok(start + len as u32),
        _ => Err("a target with bytes that have no place in it"),
    }
}

/// Whether this is a host, and maybe a port: `uri-host` of RFC 9110, 4.1, a name, an IPv4 address,
/// or an IPv6 address in brackets. No user, no path, no list.
#[inline]
pub(crate) fn is_authority(authority: impl AsRef<[u8]>) -> bool {
    let authority = authority.as_ref();
    match authority.split_at_checked(host_len(authority)) {
        Some((b"", [b'[', rest @ ..])) => is_bracketed(rest),
        Some((b"", _)) | None => false,
        Some((_, port)) => is_port(port),
    }
}

/// An IPv6 address, the closing bracket, and maybe a port.
#[cold]
fn is_bracketed(rest: &[u8]) -> bool {
    let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
    let (address, port) = rest.split_at_checked(end).unwrap_or_default();
    let address = std::str::from_utf8(address).ok();
    address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
        && is_port(port.get(1..).unwrap_or_default())
}

/// Nothing, or a colon and maybe a port.
#[inline]
fn is_port(text: &[u8]) -> bool {
    match text {
        [] | [b':'] => true,
        [b':', digits @ ..] => number(digits).is_some_and(|port| port <= u16::MAX.into()),
        _ => false,
    }
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
