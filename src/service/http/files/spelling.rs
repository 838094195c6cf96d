//! [`respelled`]: one spelling for each path. A router compares paths as they are spelled, and a
//! file is found by what its path means; so whoever spells a path in his own way, such as
//! `/%61dmin//x`, is led to the proper way, and there meets whatever guards it.

use crate::service::http::{ExchangeContext, Response};
use crate::wire::http::{RequestHead, StatusCode, percent_decode, percent_encode};

/// How `path` is spelled properly, if that is in another way: what can stand for itself does (RFC
/// 3986, 3.3), and there is one slash where there are several.
pub(super) fn respelled(path: &str) -> Option<String> {
    let is_plain = |byte: u8| byte == b'/' || stands_for_itself(byte);
    if !path.contains("//") && path.bytes().all(is_plain) {
        return None;
    }
    let mut proper = String::with_capacity(path.len());
    for byte in &*percent_decode(path)? {
        match byte {
            b'/' if proper.ends_with('/') => {}
            byte if is_plain(*byte) => proper.push(char::from(*byte)),
            byte => proper += &percent_encode(&[*byte]),
        }
    }
    (proper != path).then_some(proper)
}

/// `pchar`, unencoded.
fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}

/// Leads the client to another path of this server, which begins with one slash.
pub(super) fn lead_to<M: Send + 'static>(
    path: String,
    head: &RequestHead,
    cx: &mut ExchangeContext<'_, M>,
) {
    let location = match head.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let response = Response::redirect(StatusCode::MOVED_PERMANENTLY, &location);
    cx.answer(response.head(), response.body());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        for path in ["/", "/a/b.txt", "/a/", "/%C3%BC", "/a%20b", "/50%25", "/a@2x(1),b+c=d"] {
            assert_eq!(respelled(path), None, "{path}");
        }
        for (path, proper) in [
            ("//", "/"),
            ("//a", "/a"),
            ("/a//b///", "/a/b/"),
            ("/%61%2Fb", "/a/b"),
            ("/a%2f%2fb", "/a/b"),
            ("/%c3%bc", "/%C3%BC"),
            ("/%2561", "/%2561"),
            ("/a|b", "/a%7Cb"),
            ("/%28", "/("),
        ] {
            let found = respelled(path);
            assert_eq!(found.as_deref().unwrap_or(path), proper, "{path}");
            assert_eq!(respelled(proper), None, "{proper}");
        }
        assert_eq!(respelled("/%"), None);
    }
}
