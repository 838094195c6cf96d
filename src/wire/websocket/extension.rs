//! [`extensions`]: the list in a `Sec-WebSocket-Extensions` header (RFC 6455, section 9.1).

/// What one element of the list says: a name, and parameters with or without a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Extension<'a> {
    pub(super) name: &'a str,
    pub(super) parameters: Vec<(&'a str, Option<&'a str>)>,
}

/// So many elements and parameters are read from a header; real ones have one or two. A header is
/// bounded already, but nobody has to go through hundreds of offers.
const MOST: usize = 32;

/// Reads one header. `None` if it is not such a list.
pub(super) fn extensions(header: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut rest = std::str::from_utf8(header).ok()?;
    let mut found = Vec::new();
    loop {
        // A list may have empty elements (RFC 9110, section 5.6.1).
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(found);
        }
        let (extension, behind) = extension(rest)?;
        rest = behind;
        if found.len() == MOST || !(rest.is_empty() || rest.starts_with(',')) {
            return None;
        }
        found.push(extension);
    }
}

fn extension(text: &str) -> Option<(Extension<'_>, &str)> {
    let (name, mut rest) = token(text)?;
    let mut parameters = Vec::new();
    while let Some(behind) = rest.strip_prefix(';') {
        let (name, behind) = token(behind)?;
        let (value, behind) = match behind.strip_prefix('=') {
            Some(behind) => value(behind).map(|(value, behind)| (Some(value), behind))?,
            None => (None, behind),
        };
        if parameters.len() == MOST {
            return None;
        }
        parameters.push((name, value));
        rest = behind;
    }
    Some((Extension { name, parameters }, rest))
}

/// A token (RFC 9110, section 5.6.2), without the blanks around it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
    let text = text.trim_start_matches([' ', '\t']);
    let end = text.find(|char| !is_token(char)).unwrap_or(text.len());
    let (token, rest) = text.split_at_checked(end)?;
    (!token.is_empty()).then(|| (token, rest.trim_start_matches([' ', '\t'])))
}

/// A token, or one in quotes: what is between them must be a token, too.
fn value(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start_matches([' ', '\t']);
    let Some(quoted) = text.strip_prefix('"') else { return token(text) };
    let (inside, rest) = quoted.split_once('"')?;
    match token(inside)? {
        (value, "") if value == inside => Some((value, rest.trim_start_matches([' ', '\t']))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_with_blanks_and_quotes() {
        let header = b"a, permessage-deflate ; x=10;\ty ; z=\"7\" ,, b";
        let found = extensions(header).unwrap();
        let names: Vec<_> = found.iter().map(|it| it.name).collect();
        assert_eq!(names, ["a", "permessage-deflate", "b"]);
        assert_eq!(found[1].parameters, [("x", Some("10")), ("y", None), ("z", Some("7"))]);
        assert_eq!(extensions(b" , "), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for header in
            ["a b", "a;", ";a", "a;=1", "a;b=", "a;b=\"", "a;b=\"1 2\"", "a;b=\"1\"2", "ä"]
        {
            assert_eq!(extensions(header.as_bytes()), None, "{header}");
        }
        let long = "a,".repeat(MOST);
        assert_eq!(extensions(long.as_bytes()).unwrap().len(), MOST);
        assert_eq!(extensions(format!("{long}a").as_bytes()), None);
    }
}
