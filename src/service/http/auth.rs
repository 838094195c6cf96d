//! [`Auth`]: a layer that lets nobody pass without credentials (RFC 7617, RFC 6750).

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::exchange::ExchangeContext;
use super::layer::{Entry, Layer};
use super::response::Response;
use crate::handler::Never;
use crate::wire::http::{RequestHead, StatusCode};

/// Asks for credentials. Over a connection that is not encrypted, whoever listens learns them.
pub struct Auth {
    kind: Kind,
    /// What a client is asked for.
    challenge: String,
}

enum Kind {
    Basic(Box<KnowsUser>),
    Bearer(Box<KnowsToken>),
}

/// Whether to trust a user and a password.
type KnowsUser = dyn Fn(&str, &str) -> bool + Send + Sync;
/// Whether to trust a token.
type KnowsToken = dyn Fn(&str) -> bool + Send + Sync;

impl Auth {
    /// A user and a password, which `knows` says whether to trust. It must not block, and should
    /// compare by [`same_secret`].
    pub fn basic(realm: &str, knows: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        let challenge = format!("Basic realm=\"{}\", charset=\"UTF-8\"", quoted(realm));
        Self { kind: Kind::Basic(Box::new(knows)), challenge }
    }

    /// A token, which `knows` says whether to trust. It must not block, and should compare by
    /// [`same_secret`].
    pub fn bearer(realm: &str, knows: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let challenge = format!("Bearer realm=\"{}\"", quoted(realm));
        Self { kind: Kind::Bearer(Box::new(knows)), challenge }
    }

    /// One user and one password.
    pub fn one_user(realm: &str, user: &str, password: &str) -> Self {
        let (user, password) = (user.to_owned(), password.to_owned());
        Self::basic(realm, move |given_user, given_password| {
            // Both are compared, whatever the first says.
            same_secret(given_user.as_bytes(), user.as_bytes())
                & same_secret(given_password.as_bytes(), password.as_bytes())
        })
    }

    /// One token.
    pub fn one_token(realm: &str, token: &str) -> Self {
        let token = token.to_owned();
        Self::bearer(realm, move |given| same_secret(given.as_bytes(), token.as_bytes()))
    }

    fn knows(&self, head: &RequestHead) -> bool {
        let mut given = head.headers.get_all("authorization");
        let (Some(given), None) = (given.next(), given.next()) else { return false };
        let Some((scheme, rest)) =
            std::str::from_utf8(given).ok().and_then(|it| it.split_once(' '))
        else {
            return false;
        };
        match &self.kind {
            Kind::Basic(knows) if scheme.eq_ignore_ascii_case("basic") => {
                let decoded = STANDARD.decode(rest.trim()).ok();
                let text = decoded.and_then(|decoded| String::from_utf8(decoded).ok());
                let pair = text.as_deref().and_then(|text| text.split_once(':'));
                pair.is_some_and(|(user, password)| knows(user, password))
            }
            Kind::Bearer(knows) if scheme.eq_ignore_ascii_case("bearer") => knows(rest.trim()),
            _ => false,
        }
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("challenge", &self.challenge).finish_non_exhaustive()
    }
}

impl Layer for Auth {
    type State = ();

    fn enter(&self, head: &RequestHead, _: &mut ExchangeContext<'_, Never>) -> Entry<()> {
        if self.knows(head) {
            return Entry::Pass(());
        }
        let response = Response::status_only(StatusCode::UNAUTHORIZED);
        Entry::Answer(response.header("www-authenticate", &self.challenge))
    }
}

/// Whether two secrets are the same. How long that takes says how long `given` is, and nothing of
/// where it differs.
pub fn same_secret(given: &[u8], secret: &[u8]) -> bool {
    let mut differs = u8::from(given.len() != secret.len());
    for (at, byte) in given.iter().enumerate() {
        // The secret again and again, if it is shorter.
        let other = secret.get(at % secret.len().max(1)).copied().unwrap_or_default();
        differs |= byte ^ other;
    }
    std::hint::black_box(differs) == 0
}

/// Without what would end the quotes.
fn quoted(text: &str) -> String {
    text.chars().filter(|it| !it.is_control() && *it != '"' && *it != '\\').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_the_same_or_not() {
        assert!(same_secret(b"abc", b"abc") && same_secret(b"", b""));
        for given in [&b""[..], b"ab", b"abcd", b"abcabc", b"abd", b"xbc"] {
            assert!(!same_secret(given, b"abc"), "{given:?}");
        }
        assert!(!same_secret(b"a", b""));
    }
}
