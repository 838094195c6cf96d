//! [`RequestHead`]: all of a request but its body.

use ::http::{Method, Version};

use super::body::BodyLength;
use super::error::HttpError;
use super::headers::{Headers, known};
use super::target::Target;

/// All of a request but its body: method, target and fields.
///
/// ```
/// use overt::wire::http::{Method, RequestHead};
///
/// let head = RequestHead::new(Method::GET, "/a?b=c")?.header("host", "example.org");
/// assert_eq!((head.path(), head.query()), ("/a", Some("b=c")));
/// assert_eq!(head.authority(), Some("example.org"));
/// # Ok::<(), overt::wire::http::HttpError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    method: Method,
    target: Target,
    version: Version,
    body: BodyLength,
    /// The fields.
    pub headers: Headers,
}

impl RequestHead {
    /// A request of HTTP/1.1 without fields. See [`Target`](Self::target) for what a target is.
    ///
    /// # Errors
    /// The target is none, or doesn't go with the method.
    pub fn new(method: Method, target: &str) -> Result<Self, HttpError> {
        let mut head = Self::default();
        head.set(method, target, Version::HTTP_11)?;
        Ok(head)
    }

    /// As this, with one field more. One that can't be sent is left out, and then encoding this is
    /// an error; use [`Headers::append`] to learn of it at once.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.build(name, value);
        self
    }

    /// What is to be done.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// With what: a path with its query, nearly always; a whole URL in a request to a proxy;
    /// `host:port` for `CONNECT`; `*` for `OPTIONS` of the whole server (RFC 9112, 3.2). Always
    /// visible ASCII.
    pub fn target(&self) -> &str {
        self.target.as_str()
    }

    /// The path of the target, still percent-encoded. `/` if a URL has none, empty for `CONNECT`.
    pub fn path(&self) -> &str {
        self.target.path()
    }

    /// The query of the target, what follows the `?`, still percent-encoded.
    pub fn query(&self) -> Option<&str> {
        self.target.query()
    }

    /// Which host is asked, and maybe at which port: from the target if that says so, else from the
    /// field `host`.
    pub fn authority(&self) -> Option<&str> {
        self.target.authority().or_else(|| self.headers.get_str("host"))
    }

    /// The host of the [`authority`](Self::authority), without the port.
    pub fn host(&self) -> Option<&str> {
        let authority = self.authority()?;
        super::target::split_port(authority).map(|(host, _)| host)
    }

    /// In which version of HTTP it came.
    pub fn version(&self) -> Version {
        self.version
    }

    /// How long the body will be.
    pub fn body_length(&self) -> BodyLength {
        self.body
    }

    /// Whether another request may come on this connection (RFC 9112, 9.3), if we agree.
    pub fn keeps_alive(&self) -> bool {
        keeps_alive(self.version, &self.headers)
    }

    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1).
    pub fn expects_continue(&self) -> bool {
        self.headers.has(known::EXPECT)
            && self.version >= Version::HTTP_11
            && !self.body.is_empty()
            && self.headers.has_token("expect", "100-continue")
    }

    /// Whether the client would like to go on in another protocol (RFC 9110, 7.8). What it would
    /// like is in the field `upgrade`.
    pub fn wants_upgrade(&self) -> bool {
        self.headers.has(known::UPGRADE)
            && self.version >= Version::HTTP_11
            && self.headers.has_token("connection", "upgrade")
    }

    /// Changes the target, and leaves the rest.
    ///
    /// # Errors
    /// It is no target, or doesn't go with the method; the head is then of no more use.
    pub fn set_target(&mut self, target: &str) -> Result<(), HttpError> {
        self.target.set(&self.method, target).map_err(HttpError::bad)
    }

    /// A request of HTTP/1.1 for the same, without fields. Its target is a path, whatever form it
    /// has here (RFC 9112, 3.2.1), or an asterisk, if `OPTIONS` came with a URL that names no path
    /// (3.2.4). Not for `CONNECT`.
    pub(crate) fn in_origin_form(&self) -> Self {
        let (method, target) = (self.method.clone(), self.target.in_origin_form(&self.method));
        Self { method, target, ..Self::default() }
    }

    /// Begins anew, with the memory that it has.
    pub(crate) fn set(
        &mut self,
        method: Method,
        target: &str,
        version: Version,
    ) -> Result<(), HttpError> {
        self.target.set(&method, target).map_err(HttpError::bad)?;
        (self.method, self.version, self.body) = (method, version, BodyLength::Empty);
        Ok(())
    }

    /// How much memory it takes besides its own size, in bytes.
    #[inline]
    pub(crate) fn held(&self) -> usize {
        self.target.held() + self.headers.held()
    }

    pub(crate) fn set_body_length(&mut self, body: BodyLength) {
        self.body = body;
    }
}

/// Whether a connection goes on behind a message with this head, as far as that head says.
pub(crate) fn keeps_alive(version: Version, headers: &Headers) -> bool {
    if !headers.has(known::CONNECTION) {
        return version >= Version::HTTP_11;
    }
    !headers.has_token("connection", "close")
        && (version >= Version::HTTP_11 || headers.has_token("connection", "keep-alive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(version: Version, connection: &[&str]) -> RequestHead {
        let mut head = RequestHead::new(Method::GET, "/").unwrap();
        head.version = version;
        connection.iter().fold(head, |head, value| head.header("Connection", value))
    }

    #[test]
    fn the_last_word_on_keeping_alive_is_close() {
        let (old, new) = (Version::HTTP_10, Version::HTTP_11);
        for (version, connection, expected) in [
            (new, &[][..], true),
            (new, &["keep-alive"], true),
            (new, &["upgrade, Close"], false),
            (new, &["keep-alive", "close"], false),
            (old, &[], false),
            (old, &["Keep-Alive"], true),
            (old, &["keep-alive, close"], false),
        ] {
            assert_eq!(head(version, connection).keeps_alive(), expected, "{connection:?}");
        }
    }

    #[test]
    fn who_waits_for_a_go_ahead_has_a_body_to_send() {
        let mut head = head(Version::HTTP_11, &[]).header("Expect", "100-Continue");
        assert!(!head.expects_continue());
        head.set_body_length(BodyLength::Unknown);
        assert!(head.expects_continue());
        head.version = Version::HTTP_10;
        assert!(!head.expects_continue());
    }

    #[test]
    fn an_upgrade_is_asked_for_in_two_fields() {
        let head = head(Version::HTTP_11, &["keep-alive, Upgrade"]);
        assert!(!head.wants_upgrade());
        let mut head = head.header("upgrade", "websocket");
        assert!(head.wants_upgrade());
        // Nobody who speaks the old version means it (RFC 9110, 7.8).
        head.version = Version::HTTP_10;
        assert!(!head.wants_upgrade());
    }

    #[test]
    fn a_server_is_asked_as_a_whole_if_a_url_names_no_path() {
        for (method, target, asked) in [
            (Method::OPTIONS, "http://a", "*"),
            (Method::OPTIONS, "http://a/", "/"),
            (Method::OPTIONS, "http://a?b", "/?b"),
            (Method::OPTIONS, "*", "*"),
            (Method::GET, "http://a", "/"),
            (Method::GET, "https://a:1/b/c?d", "/b/c?d"),
            (Method::GET, "/b?d", "/b?d"),
        ] {
            let next = RequestHead::new(method, target).unwrap().in_origin_form();
            assert_eq!((next.target(), next.authority()), (asked, None), "{target}");
            assert!(asked.starts_with(next.path()), "{target}");
        }
    }

    #[test]
    fn the_host_in_the_target_counts_more_than_the_field() {
        let head = RequestHead::new(Method::GET, "http://a:1/").unwrap().header("host", "b:2");
        assert_eq!((head.authority(), head.host()), (Some("a:1"), Some("a")));
        let head = RequestHead::new(Method::GET, "/").unwrap().header("host", "[::1]:2");
        assert_eq!((head.authority(), head.host()), (Some("[::1]:2"), Some("[::1]")));
    }
}
