//! [`Request`]: a request as a whole, lent to a [`Service`](super::Service).

use std::borrow::Cow;

use super::params::Params;
use crate::net::Peer;
use crate::wire::http::{Headers, Method, RequestHead, form_pairs, percent_decode};

/// A request as a whole, lent for one call. What is to outlive the call is copied.
#[derive(Debug)]
pub struct Request<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) body: &'a [u8],
    pub(super) trailers: Option<&'a Headers>,
    pub(super) params: &'a Params,
    pub(super) peer: Peer,
}

impl<'a> Request<'a> {
    /// All of it but the body.
    pub fn head(&self) -> &'a RequestHead {
        self.head
    }

    /// What is to be done.
    pub fn method(&self) -> &'a Method {
        self.head.method()
    }

    /// The path, still percent-encoded.
    pub fn path(&self) -> &'a str {
        self.head.path()
    }

    /// The first field with this name, if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.head.headers.get_str(name)
    }

    /// The whole body.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The fields behind the body, if there are any.
    pub fn trailers(&self) -> Option<&'a Headers> {
        self.trailers
    }

    /// Who is at the other end of the connection. What was agreed on with them by TLS, such as
    /// their certificate, [`Responder::tls`](super::Responder::tls) tells.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The part of the path that its route calls `name`, decoded; `None` if there is no such part,
    /// or it is not UTF-8.
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        match percent_decode(self.params.get(self.head.path(), name)?)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }

    /// The first value of `name` in the query, decoded; `None` if there is none. For all of them,
    /// there is [`form_pairs`].
    pub fn query(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut pairs = form_pairs(self.head.query().unwrap_or_default());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value)
    }
}
