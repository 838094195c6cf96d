//! What a proxy makes of the heads that pass through it: [`Rewriting`].
//!
//! A head is never passed on as it came: it is written anew from what the decoder understood, so
//! what the backend reads is what the proxy read. Of the fields,
//!
//! - those that are about one connection alone are left out, with those that `Connection` names
//!   (RFC 9110, 7.6.1), and `Connection` and `Upgrade` are written for the next one. HTTP/2 in the
//!   clear is nothing to upgrade to: its requests would pass unseen;
//! - `Content-Length` and `Transfer-Encoding` are made by the encoder of the length that counted;
//! - `Via` tells who it came through (7.6.3), and counts how far a request has come in a circle;
//! - `Forwarded` (RFC 7239) and the older `X-Forwarded-*` tell who asked, unless what the asker
//!   said of itself is to be believed;
//! - `Host` stays, or becomes the backend's.

use std::net::IpAddr;

use crate::net::Peer;
use crate::wire::http::{
    Digits, Headers, HttpError, RequestHead, ResponseHead, StatusCode, Version,
};

/// What a backend is told of the host that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostRule {
    /// What the client wrote. Unless set, as backends build links of it.
    #[default]
    Keep,
    /// The name of the backend itself.
    Backend,
    /// Always this.
    Set(String),
}

/// What a backend is told of the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarding {
    /// The address of the peer and how it came, in place of what the client said of itself: anybody
    /// can write such a field, also with `_` for `-`, as some backends read it. Unless set.
    #[default]
    Replace,
    /// The same, behind what was there: for a proxy that only other proxies can reach.
    Append,
    /// Nothing, and what was there is left as it is.
    Keep,
}

/// How heads are rewritten.
#[derive(Clone, Debug)]
pub struct Rewriting {
    /// `Host`.
    pub host: HostRule,
    /// `Forwarded`, `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    pub forwarding: Forwarding,
    /// The name of this proxy in `Via`; empty for none. `overt`.
    pub via: String,
    /// Proxies that a request may have come through: beyond, it runs in a circle, and is answered
    /// with 508. 16.
    pub hops_max: usize,
}

impl Default for Rewriting {
    fn default() -> Self {
        Self {
            host: HostRule::Keep,
            forwarding: Forwarding::Replace,
            via: "overt".into(),
            hops_max: 16,
        }
    }
}

/// Where a request came from, and where it goes.
pub(super) struct Passage<'a> {
    pub(super) peer: Peer,
    /// Whether the client came by TLS.
    pub(super) secure: bool,
    /// The host that was asked for; empty if none was.
    pub(super) asked: &'a str,
    /// The name of the backend, as it stands in `Host`.
    pub(super) backend: &'a str,
}

impl Rewriting {
    /// The head for the backend; or what the client is answered in its place.
    pub(super) fn request(
        &self,
        head: &RequestHead,
        passage: &Passage<'_>,
    ) -> Result<RequestHead, HttpError> {
        if hops(&head.headers) >= self.hops_max {
            return Err(HttpError::new(StatusCode::LOOP_DETECTED, "the request runs in a circle"));
        }
        let mut next = head.in_origin_form();
        let host = self.host(passage.asked).unwrap_or(passage.backend);
        next.headers.reserve(head.headers.as_bytes().len() + OURS, head.headers.len() + 8);
        add(&mut next.headers, "Host", &[host.as_bytes()])?;
        let named = Named::of(&head.headers);
        let passed = next.headers.append_some(&head.headers, |name| {
            let is_claim = match self.forwarding {
                Forwarding::Replace => is(name, &FORWARDED) || is_disguised(name),
                Forwarding::Append => is_disguised(name),
                Forwarding::Keep => false,
            };
            !is_claim && !named.stops(name) && !is(name, &["host", "content-length"])
        });
        passed.map_err(|_| unsendable())?;
        if head.headers.has_token("te", "trailers") {
            add(&mut next.headers, "TE", &[b"trailers"])?;
            add(&mut next.headers, "Connection", &[b"TE"])?;
        }
        if head.wants_upgrade() && !head.headers.has_token("upgrade", "h2c") {
            for protocol in head.headers.get_all("upgrade") {
                add(&mut next.headers, "Upgrade", &[protocol])?;
            }
            add(&mut next.headers, "Connection", &[b"Upgrade"])?;
        }
        self.add_via(&mut next.headers, head.version())?;
        self.tell_of_client(passage, &mut next.headers)?;
        Ok(next)
    }

    /// What backends are told in `Host` if a client asked for `asked`; `None` if each is told its
    /// own name.
    pub(super) fn host<'h>(&'h self, asked: &'h str) -> Option<&'h str> {
        match &self.host {
            HostRule::Keep => Some(asked).filter(|host| !host.is_empty()),
            HostRule::Backend => None,
            HostRule::Set(host) => Some(host),
        }
    }

    /// The head for the client. `upgraded` if both sides agreed on another protocol.
    pub(super) fn response(
        &self,
        mut head: ResponseHead,
        upgraded: bool,
    ) -> Result<ResponseHead, HttpError> {
        let named = Named::of(&head.headers);
        head.headers.keep_some(|name, _| {
            let goes_on = !named.stops(name) && !is(name, &["content-length"]);
            goes_on || upgraded && is(name, &["upgrade"])
        });
        if upgraded {
            add(&mut head.headers, "Connection", &[b"Upgrade"])?;
        }
        let version = head.version();
        self.add_via(&mut head.headers, version)?;
        Ok(head)
    }

    /// Trailers. The decoder has refused those that say how a message is framed, or for whom; of
    /// others, those stop that would decide about it (RFC 9110, 6.5.1), as some recipients take
    /// them for fields of the head.
    pub(super) fn trailers(&self, trailers: &Headers) -> Headers {
        let mut next = trailers.clone();
        next.keep_some(|name, _| {
            !is(name, &HOP_BY_HOP) && !belongs_before(name) && !is_disguised(name)
        });
        next
    }

    fn add_via(&self, headers: &mut Headers, version: Version) -> Result<(), HttpError> {
        if self.via.is_empty() {
            return Ok(());
        }
        let version: &[u8] = match version {
            Version::HTTP_10 => b"1.0 ",
            Version::HTTP_2 => b"2 ",
            _ => b"1.1 ",
        };
        add(headers, "Via", &[version, self.via.as_bytes()])
    }

    fn tell_of_client(
        &self,
        passage: &Passage<'_>,
        headers: &mut Headers,
    ) -> Result<(), HttpError> {
        if self.forwarding == Forwarding::Keep {
            return Ok(());
        }
        let host = passage.asked.as_bytes();
        let proto: &[u8] = if passage.secure { b"https" } else { b"http" };
        let (v4, v6);
        let [open, node, close]: [&[u8]; 3] = match passage.peer.ip() {
            Some(IpAddr::V4(ip)) => {
                v4 = Digits::dotted(ip.octets());
                [b"", v4.as_bytes(), b""]
            }
            Some(IpAddr::V6(ip)) => {
                v6 = ip.to_string();
                [b"\"[", v6.as_bytes(), b"]\""]
            }
            None => [b"", b"unknown", b""],
        };
        let [before_host, behind_host]: [&[u8]; 2] = match host {
            b"" => [b"", b""],
            _ => [b";host=\"", b"\""],
        };
        let element: &[&[u8]] =
            &[b"for=", open, node, close, before_host, host, behind_host, b";proto=", proto];
        let add_behind = match self.forwarding {
            Forwarding::Append => add_behind,
            Forwarding::Replace | Forwarding::Keep => add,
        };
        add_behind(headers, "Forwarded", element)?;
        if passage.peer.ip().is_some() {
            add_behind(headers, "X-Forwarded-For", &[node])?;
        }
        // What is here is to be believed.
        if !headers.contains("x-forwarded-proto") {
            add(headers, "X-Forwarded-Proto", &[proto])?;
        }
        if !headers.contains("x-forwarded-host") && !host.is_empty() {
            add(headers, "X-Forwarded-Host", &[host])?;
        }
        Ok(())
    }
}

/// Bytes of the fields that a request gets from here; with long names of hosts they are more.
const OURS: usize = 256;

/// Fields about one connection. `Proxy-Authorization` is meant for a proxy that asked for it, and
/// this one never does.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Fields that tell of the client.
const FORWARDED: [&str; 4] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// Fields that decide what becomes of a message, or who sent it.
const BEFORE_BODIES: [&str; 11] = [
    "authorization",
    "content-encoding",
    "content-range",
    "content-type",
    "cookie",
    "expect",
    "max-forwards",
    "range",
    "set-cookie",
    "via",
    "www-authenticate",
];

/// What stops here: fields of one connection, and those that `Connection` names.
struct Named(Vec<Vec<u8>>);

impl Named {
    fn of(headers: &Headers) -> Self {
        // Mostly there is none, or one that names nothing; then nothing is allocated.
        let named = headers.get_all("connection").flat_map(members);
        let names = named.filter(|name| !is(name, &["close", "keep-alive", "upgrade", "te"]));
        Self(names.map(<[u8]>::to_vec).collect())
    }

    fn stops(&self, name: &[u8]) -> bool {
        is(name, &HOP_BY_HOP) || self.0.iter().any(|other| name.eq_ignore_ascii_case(other))
    }
}

/// Whether a backend that takes `_` for `-`, as CGI and its heirs do, would take this field for one
/// that the proxy writes.
fn is_disguised(name: &[u8]) -> bool {
    let undisguised = || name.iter().map(|byte| if *byte == b'_' { b'-' } else { *byte });
    name.contains(&b'_') && is(&undisguised().collect::<Vec<u8>>(), &FORWARDED)
}

/// Whether a field must not come behind a body.
fn belongs_before(name: &[u8]) -> bool {
    let is_condition = name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"if-"));
    is_condition || is(name, &FORWARDED) || is(name, &BEFORE_BODIES)
}

/// Whether this is one of these names.
fn is(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}

/// How many proxies a request has come through.
fn hops(headers: &Headers) -> usize {
    headers.get_all("via").flat_map(members).count()
}

/// Adds a member to the list that stands in this field, if there is one.
fn add_behind(headers: &mut Headers, name: &str, member: &[&[u8]]) -> Result<(), HttpError> {
    let before: Vec<&[u8]> = headers.get_all(name).filter(|value| !value.is_empty()).collect();
    if before.is_empty() {
        headers.remove(name);
        return add(headers, name, member);
    }
    let list = [before.join(&b", "[..]), b", ".to_vec(), member.concat()].concat();
    headers.set(name, list).map_err(|_| unsendable())
}

fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let trimmed = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    trimmed.filter(|member| !member.is_empty())
}

fn add(headers: &mut Headers, name: &str, parts: &[&[u8]]) -> Result<(), HttpError> {
    headers.append_parts(name, parts).map_err(|_| unsendable())
}

/// Only what was configured can be: what came through a decoder can be sent.
fn unsendable() -> HttpError {
    HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, "a field that can't be sent")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::http::Method;
    use std::net::SocketAddr;

    fn rewritten(rewriting: &Rewriting, from: &str, fields: &[(&str, &str)]) -> RequestHead {
        let peer = from.parse::<SocketAddr>().map_or(Peer::UNIX, Peer::from);
        let head = RequestHead::new(Method::GET, "/").unwrap();
        let head = fields.iter().fold(head, |head, (name, value)| head.header(name, value));
        let asked = head.authority().unwrap_or_default();
        let passage = Passage { peer, secure: true, asked, backend: "backend:81" };
        rewriting.request(&head, &passage).unwrap()
    }

    fn field<'h>(head: &'h RequestHead, name: &str) -> Vec<&'h str> {
        head.headers.get_all(name).map(|value| std::str::from_utf8(value).unwrap()).collect()
    }

    const CLAIMS: &[(&str, &str)] = &[
        ("Host", "a"),
        ("X-Forwarded-For", "1.1.1.1"),
        ("X-Forwarded-For", "2.2.2.2"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "b"),
        ("Forwarded", "for=1.1.1.1"),
    ];

    #[test]
    fn what_a_client_says_of_itself_is_believed_if_that_was_asked_for() {
        for (forwarding, addresses, proto, host, forwarded) in [
            (Forwarding::Replace, "9.9.9.9", "https", "a", "for=9.9.9.9;host=\"a\";proto=https"),
            (
                Forwarding::Append,
                "1.1.1.1, 2.2.2.2, 9.9.9.9",
                "http",
                "b",
                "for=1.1.1.1, for=9.9.9.9;host=\"a\";proto=https",
            ),
        ] {
            let rewriting = Rewriting { forwarding, ..Rewriting::default() };
            let next = rewritten(&rewriting, "9.9.9.9:1", CLAIMS);
            assert_eq!(field(&next, "x-forwarded-for"), [addresses]);
            assert_eq!(field(&next, "x-forwarded-proto"), [proto]);
            assert_eq!(field(&next, "x-forwarded-host"), [host]);
            assert_eq!(field(&next, "forwarded"), [forwarded]);
        }
        let keeps = Rewriting { forwarding: Forwarding::Keep, ..Rewriting::default() };
        let next = rewritten(&keeps, "9.9.9.9:1", CLAIMS);
        assert_eq!(field(&next, "x-forwarded-for"), ["1.1.1.1", "2.2.2.2"]);
        let next = rewritten(&Rewriting::default(), "[2001:db8::1]:1", &[("Host", "a")]);
        assert_eq!(field(&next, "x-forwarded-for"), ["2001:db8::1"]);
        let expected = "for=\"[2001:db8::1]\";host=\"a\";proto=https";
        assert_eq!(field(&next, "forwarded"), [expected]);
    }

    #[test]
    fn what_the_proxy_does_not_know_is_not_believed_either() {
        let next = rewritten(&Rewriting::default(), "a Unix socket", CLAIMS);
        assert!(field(&next, "x-forwarded-for").is_empty());
        assert_eq!(field(&next, "forwarded"), ["for=unknown;host=\"a\";proto=https"]);
        let claims = [("X-Forwarded-Host", "b")];
        let next = rewritten(&Rewriting::default(), "9.9.9.9:1", &claims);
        assert!(field(&next, "x-forwarded-host").is_empty());
    }

    #[test]
    fn an_upgrade_passes_but_not_one_to_another_http() {
        for (protocols, passes) in [("websocket", true), ("h2c", false), ("websocket, H2C", false)]
        {
            let fields = [("Host", "a"), ("Connection", "Upgrade"), ("Upgrade", protocols)];
            let next = rewritten(&Rewriting::default(), "9.9.9.9:1", &fields);
            assert_eq!(next.wants_upgrade(), passes, "{protocols}");
            assert_eq!(field(&next, "upgrade").is_empty(), !passes, "{protocols}");
        }
    }

    #[test]
    fn a_host_is_told_by_the_rule() {
        for (rule, asked, told) in [
            (HostRule::Keep, "a:8080", "a:8080"),
            (HostRule::Keep, "", "backend:81"),
            (HostRule::Backend, "a", "backend:81"),
            (HostRule::Set("c".into()), "a", "c"),
        ] {
            let rewriting = Rewriting { host: rule, ..Rewriting::default() };
            let fields: &[_] = if asked.is_empty() { &[] } else { &[("Host", asked)] };
            assert_eq!(field(&rewritten(&rewriting, "9.9.9.9:1", fields), "host"), [told]);
        }
    }

    #[test]
    fn a_field_can_be_named_away_but_not_one_that_the_proxy_writes() {
        let fields = [
            ("Host", "a"),
            ("Connection", "close, X-A , Host, X-Forwarded-For, Via"),
            ("X-A", "1"),
            ("X-B", "2"),
        ];
        let next = rewritten(&Rewriting::default(), "9.9.9.9:1", &fields);
        assert!(field(&next, "x-a").is_empty() && field(&next, "connection").is_empty());
        assert_eq!(field(&next, "x-b"), ["2"]);
        assert_eq!(field(&next, "host"), ["a"]);
        assert_eq!(field(&next, "x-forwarded-for"), ["9.9.9.9"]);
        assert_eq!(field(&next, "via"), ["1.1 overt"]);
    }

    #[test]
    fn a_field_that_a_backend_could_take_for_the_proxys_own_stops() {
        let fields = [
            ("Host", "a"),
            ("X_Forwarded_For", "6.6.6.6"),
            ("x-forwarded_proto", "ftp"),
            ("X_Else", "1"),
        ];
        for forwarding in [Forwarding::Replace, Forwarding::Append] {
            let rewriting = Rewriting { forwarding, ..Rewriting::default() };
            let next = rewritten(&rewriting, "9.9.9.9:1", &fields);
            assert!(field(&next, "X_Forwarded_For").is_empty());
            assert!(field(&next, "X-Forwarded_Proto").is_empty());
            assert_eq!(field(&next, "X_Else"), ["1"]);
            assert_eq!(field(&next, "X-Forwarded-For"), ["9.9.9.9"]);
        }
    }

    #[test]
    fn what_decides_about_a_request_passes_before_its_body_only() {
        let mut trailers = Headers::default();
        for name in ["X-Sum", "X-Forwarded-For", "x_forwarded_host", "Forwarded", "Authorization"] {
            trailers.append(name, "a").unwrap();
        }
        for name in ["Cookie", "Set-Cookie", "Content-Type", "TE", "If-Match", "Range", "ETag"] {
            trailers.append(name, "a").unwrap();
        }
        let passed = Rewriting::default().trailers(&trailers);
        let names: Vec<&str> = passed.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["X-Sum", "ETag"]);
    }
}
