//! [`Cors`]: a layer that says which pages of other origins may read what is answered (WHATWG
//! Fetch, 3.2).

use std::time::Duration;

use super::exchange::ExchangeContext;
use super::layer::{Entry, Layer};
use super::response::Response;
use crate::handler::Never;
use crate::wire::http::{Method, RequestHead, StatusCode};

/// Which pages of other origins may read what is answered, and what they may send.
///
/// ```
/// use overt::service::http::Cors;
///
/// let cors = Cors::origins(["https://example.org"]).methods("GET, PUT").headers("content-type");
/// ```
#[derive(Clone, Debug)]
pub struct Cors {
    /// None: all.
    origins: Option<Vec<String>>,
    methods: String,
    headers: String,
    exposed: String,
    credentials: bool,
    max_age: Duration,
}

impl Cors {
    /// Pages of every origin. They can't send credentials along.
    pub fn any_origin() -> Self {
        Self {
            origins: None,
            methods: "GET, HEAD, POST".into(),
            headers: String::new(),
            exposed: String::new(),
            credentials: false,
            max_age: Duration::from_secs(600),
        }
    }

    /// Pages of these origins, as browsers write them: `https://example.org`, in small letters and
    /// without a slash or the usual port.
    ///
    /// # Panics
    /// One is not written so, and would match no page.
    #[track_caller]
    pub fn origins(origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let origins: Vec<String> = origins.into_iter().map(Into::into).collect();
        if let Some(wrong) = origins.iter().find(|origin| !is_origin(origin)) {
            panic!("`{wrong}` is no origin: write it as https://example.org");
        }
        Self { origins: Some(origins), ..Self::any_origin() }
    }

    /// The methods that they may use. `GET, HEAD, POST` unless set.
    pub fn methods(self, methods: &str) -> Self {
        Self { methods: methods.into(), ..self }
    }

    /// The fields that they may send, besides those that any page may.
    pub fn headers(self, headers: &str) -> Self {
        Self { headers: headers.into(), ..self }
    }

    /// The fields of answers that they may read, besides those that any page may.
    pub fn expose(self, headers: &str) -> Self {
        Self { exposed: headers.into(), ..self }
    }

    /// They may send cookies and the like along. Only with a list of origins.
    pub fn with_credentials(self) -> Self {
        Self { credentials: self.origins.is_some(), ..self }
    }

    /// For how long a browser may remember this. 10 min unless set.
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }

    /// What to say to a page of `origin`; `None` if it may not read anything.
    fn allowed<'o>(&self, origin: &'o [u8]) -> Option<&'o [u8]> {
        match &self.origins {
            None => Some(b"*"),
            Some(known) => known.iter().any(|known| known.as_bytes() == origin).then_some(origin),
        }
    }

    /// The fields of every answer to a page.
    fn fields<'s>(&'s self, origin: &'s [u8]) -> Vec<(&'static str, &'s [u8])> {
        let mut fields: Vec<(&'static str, &[u8])> = Vec::new();
        if self.origins.is_some() {
            fields.push(("vary", b"origin"));
        }
        let Some(allowed) = self.allowed(origin) else { return fields };
        fields.push(("access-control-allow-origin", allowed));
        if self.credentials {
            fields.push(("access-control-allow-credentials", b"true"));
        }
        fields
    }

    /// A browser asks before it sends what a page has asked for.
    fn preflight(&self, origin: &[u8]) -> Response {
        let mut response = Response::new(StatusCode::NO_CONTENT);
        for (name, value) in self.fields(origin) {
            response = response.header(name, value);
        }
        if self.allowed(origin).is_none() {
            return response;
        }
        response = response.header("access-control-allow-methods", &self.methods);
        if !self.headers.is_empty() {
            response = response.header("access-control-allow-headers", &self.headers);
        }
        response.header("access-control-max-age", self.max_age.as_secs().to_string())
    }
}

impl Layer for Cors {
    type State = ();

    fn enter(&self, head: &RequestHead, cx: &mut ExchangeContext<'_, Never>) -> Entry<()> {
        let origin = head.headers.get("origin");
        let asks = *head.method() == Method::OPTIONS
            && head.headers.contains("access-control-request-method");
        if let (Some(origin), true) = (origin, asks) {
            return Entry::Answer(self.preflight(origin));
        }
        for (name, value) in self.fields(origin.unwrap_or_default()) {
            if origin.is_some() || name == "vary" {
                cx.add_header(name, value);
            }
        }
        if origin.is_some() && !self.exposed.is_empty() {
            cx.add_header("access-control-expose-headers", self.exposed.as_bytes());
        }
        Entry::Pass(())
    }
}

/// Whether browsers write an origin so (RFC 6454, 6.2).
fn is_origin(text: &str) -> bool {
    let is_plain = |it: &str| !it.is_empty() && !it.contains(['/', '?', '#', '@', ' ']);
    let is_small = !text.bytes().any(|letter| letter.is_ascii_uppercase());
    let parts = text.split_once("://").filter(|(scheme, host)| is_plain(scheme) && is_plain(host));
    let has_usual_port = |(scheme, host): (&str, &str)| match scheme {
        "http" => host.ends_with(":80"),
        "https" => host.ends_with(":443"),
        _ => false,
    };
    text == "null" || is_small && parts.is_some_and(|parts| !has_usual_port(parts))
}
