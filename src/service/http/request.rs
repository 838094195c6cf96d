//! [`Request`]: a request as a whole, lent to a [`Service`](super::Service).

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::params::Params;
use crate::net::Peer;
use crate::wire::http::{Headers, Method, RequestHead};

/// A request as a whole, lent for one call. What is to outlive the call is copied.
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

    /// Who is at the other end of the connection.
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// The part of the path that its route calls `name`, decoded; `None` if there is no such part,
    /// or it is not UTF-8.
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        percent_decode_str(self.params.get(self.head.path(), name)?).decode_utf8().ok()
    }

    /// The first value of `name` in the query, decoded as forms encode; `None` if there is none.
    pub fn query(&self, name: &str) -> Option<Cow<'a, str>> {
        self.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Names and values of the query, decoded as forms encode: a plus is a blank.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        pairs(self.head.query().unwrap_or_default())
    }
}

/// Names and values of `application/x-www-form-urlencoded`. What is not UTF-8 is replaced.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8_lossy();
    }
    let text = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&text).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_taken_apart_as_forms_are() {
        let found: Vec<_> = pairs("a=1&b=%C3%BC+x&&c&=d&e=f=g%").collect();
        let expected = [("a", "1"), ("b", "ü x"), ("c", ""), ("", "d"), ("e", "f=g%")];
        let expected = expected.map(|(name, value)| (Cow::from(name), Cow::from(value)));
        assert_eq!(found, expected);
    }
}
