//! [`Url`]: where a request goes, as text names it; [`Origin`]: the part of it that connections are
//! shared by.
//!
//! Only what HTTP clients need of RFC 3986: the schemes `http` and `https`, hosts in ASCII, and
//! references that a `Location` may hold. Credentials in a URL are refused: they end up in logs.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::handler::Dial;

/// A URL of HTTP, taken apart. The fragment is dropped: it is none of the server's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    origin: Origin,
    /// Path and query: begins with a slash, and holds nothing that must not stand in a request
    /// line.
    target: String,
}

/// Scheme, host and port (RFC 6454).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    secure: bool,
    /// In small letters; an IPv6 address without its brackets.
    host: String,
    port: u16,
}

/// What is wrong with a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It does not begin with `http://` or `https://`.
    Scheme,
    /// It has a user or a password in it.
    Credentials,
    /// The host is missing, too long, no IPv6 address in its brackets, or not written in letters,
    /// digits, `-`, `_` and `.`.
    Host,
    /// The port is no number from 1 to 65,535.
    Port,
    /// There are control characters in it.
    Control,
    /// It is longer than [`Url::LENGTH_MAX`].
    Long,
}

impl Url {
    /// Bytes. What servers accept is less, mostly 8 KiB.
    pub const LENGTH_MAX: usize = 16 * 1024;

    /// Scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Path and query, as they stand in a request line.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What `reference` means to somebody who reads it at this URL (RFC 3986 5.2).
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        check(reference)?;
        let reference = reference.split('#').next().unwrap_or_default();
        if has_scheme(reference) {
            return reference.parse();
        }
        if reference.starts_with("//") {
            return format!("{}:{reference}", self.origin.scheme()).parse();
        }
        let path = split_query(&self.target).0;
        let target = match split_query(reference) {
            ("", None) => self.target.clone(),
            ("", Some(query)) => format!("{path}?{query}"),
            (relative, query) => {
                let merged = match relative.starts_with('/') {
                    true => relative.to_owned(),
                    false => format!("{}{relative}", &path[..=path.rfind('/').unwrap_or(0)]),
                };
                let path = without_dots(&merged);
                query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"))
            }
        };
        Ok(Self { origin: self.origin.clone(), target: encoded(&target) })
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        check(text)?;
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ => return Err(UrlError::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let target = rest.split('#').next().unwrap_or_default();
        let slash = if target.starts_with('/') { "" } else { "/" };
        let origin = Origin::read(secure, authority)?;
        Ok(Self { origin, target: encoded(&format!("{slash}{target}")) })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.target)
    }
}

impl Origin {
    /// A host (a name, or an IP address, in IPv6 with brackets or without) and its port.
    ///
    /// # Errors
    /// The host is not one.
    pub fn new(secure: bool, host: &str, port: u16) -> Result<Self, UrlError> {
        let is_v6 = host.parse::<Ipv6Addr>().is_ok();
        let authority = if is_v6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        Self::read(secure, &authority)
    }

    fn read(secure: bool, authority: &str) -> Result<Self, UrlError> {
        if authority.contains('@') {
            return Err(UrlError::Credentials);
        }
        let end = match authority.starts_with('[') {
            true => authority.find(']').map(|end| end + 1).ok_or(UrlError::Host)?,
            false => authority.find(':').unwrap_or(authority.len()),
        };
        let (host, port) = authority.split_at(end);
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => default_port(secure),
            Some("") => default_port(secure),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port > 0).ok_or(UrlError::Port)?
            }
            _ => return Err(UrlError::Port),
        };
        Ok(Self { secure, host: host_of(host)?, port })
    }

    /// Whether it is spoken to by TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// A name in small letters, or an IP address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Never 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// As it stands in `Host`: the port only if it is not the usual one of the scheme.
    pub fn authority(&self) -> String {
        match self.port == default_port(self.secure) {
            true => self.bracketed(),
            false => self.authority_with_port(),
        }
    }

    /// As it stands in the request line of `CONNECT`.
    pub fn authority_with_port(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port)
    }

    /// How it is reached, TLS apart.
    pub fn dial(&self) -> Dial {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => Dial::to(SocketAddr::from((ip, self.port))),
            Err(_) => Dial::host(self.host.clone(), self.port),
        }
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

impl UrlError {
    /// What is wrong, as a sentence.
    pub fn what(self) -> &'static str {
        match self {
            Self::Scheme => "a URL begins with http:// or https://",
            Self::Credentials => "a URL with a user or password in it is refused",
            Self::Host => "the URL has no host that can be named",
            Self::Port => "the port of the URL is no number from 1 to 65535",
            Self::Control => "there are control characters in the URL",
            Self::Long => "the URL is longer than 16 KiB",
        }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what())
    }
}

impl std::error::Error for UrlError {}

/// What no part of a URL may be.
fn check(text: &str) -> Result<(), UrlError> {
    if text.len() > Url::LENGTH_MAX {
        return Err(UrlError::Long);
    }
    match text.bytes().any(|byte| byte.is_ascii_control()) {
        true => Err(UrlError::Control),
        false => Ok(()),
    }
}

fn has_scheme(reference: &str) -> bool {
    let scheme = reference.split([':', '/', '?']).next().unwrap_or_default();
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    reference[scheme.len()..].starts_with(':')
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(letters)
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// The host in small letters. Long names are left to the resolver, up to what a name can have.
fn host_of(text: &str) -> Result<String, UrlError> {
    const NAME_MAX: usize = 253;
    if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        let ip: Ipv6Addr = inner.parse().map_err(|_| UrlError::Host)?;
        return Ok(ip.to_string());
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(fits) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(UrlError::Host),
    }
}

fn split_query(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// RFC 3986 5.2.4, for a path that begins with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// With `%XX` for what must not stand in a request line. What is encoded already stays so.
fn encoded(target: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(target.len());
    for byte in target.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | b' ' | 0x7f.. => {
                text.push('%');
                text.push(char::from(HEX[usize::from(byte >> 4)]));
                text.push(char::from(HEX[usize::from(byte & 15)]));
            }
            _ => text.push(char::from(byte)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_url_is_taken_apart() {
        for (text, host, port, authority, target) in [
            ("http://example.org", "example.org", 80, "example.org", "/"),
            ("HTTPS://Example.ORG/", "example.org", 443, "example.org", "/"),
            ("http://example.org:8080/a?b#c", "example.org", 8080, "example.org:8080", "/a?b"),
            ("https://example.org:443?q=1", "example.org", 443, "example.org", "/?q=1"),
            ("http://127.0.0.1:/x", "127.0.0.1", 80, "127.0.0.1", "/x"),
            ("http://[::1]:81/", "::1", 81, "[::1]:81", "/"),
            ("http://a/ü b", "a", 80, "a", "/%C3%BC%20b"),
        ] {
            let url = url(text);
            let origin = url.origin();
            let found = (origin.host(), origin.port(), &*origin.authority(), url.target());
            assert_eq!(found, (host, port, authority, target), "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for (text, error) in [
            ("example.org", UrlError::Scheme),
            ("ftp://example.org", UrlError::Scheme),
            ("http://", UrlError::Host),
            ("http:///path", UrlError::Host),
            ("http://user:word@example.org/", UrlError::Credentials),
            ("http://exa mple/", UrlError::Host),
            ("http://bücher.example/", UrlError::Host),
            ("http://[::1/", UrlError::Host),
            ("http://[zz]/", UrlError::Host),
            ("http://a:0/", UrlError::Port),
            ("http://a:65536/", UrlError::Port),
            ("http://a:+1/", UrlError::Port),
            ("http://a/\r\nb", UrlError::Control),
        ] {
            assert_eq!(text.parse::<Url>(), Err(error), "{text}");
        }
        let long = format!("http://a/{}", "b".repeat(Url::LENGTH_MAX));
        assert_eq!(long.parse::<Url>(), Err(UrlError::Long));
    }

    /// The table of RFC 3986 5.4, as far as it is about paths and queries.
    #[test]
    fn references_mean_what_the_table_of_the_rfc_says() {
        let base = url("http://a/b/c/d;p?q");
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./g/.", "http://a/b/c/g/"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("g?y/./x", "http://a/b/c/g?y/./x"),
            ("https://b:81/c", "https://b:81/c"),
        ] {
            assert_eq!(base.join(reference).unwrap().to_string(), expected, "{reference}");
        }
        for wrong in ["mailto:a", "javascript:alert(1)", "//", "http:g", "g\r\nh"] {
            assert!(base.join(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn whatever_is_written_what_comes_of_it_is_a_url_again() {
        const PARTS: [&str; 18] = [
            "http://", "https:", "//", "/", ".", "..", "?", "#", ":", "@", "[", "]", "%", "a", "é",
            " ", "{}", "80",
        ];
        let (base, mut random) = (url("http://a/b/c?d"), 1u64);
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..8 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(PARTS[(random >> 33) as usize % PARTS.len()]);
            }
            for found in [text.parse::<Url>(), base.join(&text)].into_iter().flatten() {
                assert_eq!(url(&found.to_string()), found, "{text}");
                assert!(found.target().bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
                let head = crate::wire::http::RequestHead::new(Default::default(), found.target());
                assert!(head.is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn an_origin_is_dialled_by_name_or_by_address() {
        let dial = |text: &str| url(text).origin().dial();
        assert_eq!(dial("http://[::1]:81/"), "[::1]:81".parse().unwrap());
        assert_eq!(dial("https://example.org"), "example.org:443".parse().unwrap());
        assert_eq!(Origin::new(false, "::1", 81).unwrap().authority(), "[::1]:81");
        assert!(Origin::new(false, "a/b", 81).is_err());
    }
}
