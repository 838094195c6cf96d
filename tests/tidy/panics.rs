//! What a peer sends is an `Err`, never a panic: `wire/` has no call that could end in one.
//!
//! The check sees words and no types, so an index that can't be out of bounds is refused as well.
//! It has a form that shows why: `first_chunk`, `get`, `split_at_checked`, a slice pattern.

use crate::lexer::{Kind, Token};
use crate::source::{Source, Violation};

const METHODS: &[&str] =
    &["unwrap", "expect", "unwrap_err", "expect_err", "split_at", "split_at_mut"];
const MACROS: &[&str] = &["panic", "unreachable", "todo", "unimplemented"];

/// After these a `[` opens a pattern, a type or an array, and after any other word an index.
const KEYWORDS: &[&str] = &[
    "as", "break", "const", "dyn", "else", "for", "if", "impl", "in", "let", "match", "move",
    "mut", "ref", "return", "static", "where", "while", "yield",
];

pub(crate) fn violations(sources: &[Source]) -> Vec<Violation> {
    let wire = sources.iter().filter(|source| source.path.starts_with("src/wire/"));
    wire.filter(|source| !source.is_test()).flat_map(check).collect()
}

fn check(source: &Source) -> Vec<Violation> {
    let cure = "return a `WireError` with the offset; where it can't happen, find the form that \
                shows it (`get`, `first_chunk`, a slice pattern, `let … else`)";
    let mut found = Vec::new();
    for pair in source.code.windows(2) {
        let [before, token] = pair else { continue };
        let text = &token.text;
        let is_call = (before.is(".") || before.is("::")) && METHODS.contains(&text.as_str());
        let is_macro = token.is("!") && MACROS.contains(&before.text.as_str());
        if is_call {
            let rule = format!("`{text}` panics");
            found.push(source.violation(token.line, rule, cure));
        } else if is_macro {
            let rule = format!("`{}!` panics", before.text);
            found.push(source.violation(token.line, rule, cure));
        } else if token.is("[") && is_indexed(before) {
            let rule = format!("an index into `{}` panics if it is out of bounds", before.text);
            found.push(source.violation(token.line, rule, cure));
        }
    }
    found
}

/// Can what ends with this token be indexed?
fn is_indexed(token: &Token) -> bool {
    match token.kind {
        Kind::Word => !KEYWORDS.contains(&token.text.as_str()),
        Kind::Mark => [")", "]", "?"].contains(&token.text.as_str()),
        Kind::Literal => token.text.starts_with('"'),
        Kind::Lifetime => false,
    }
}

mod on_snippets {
    use super::violations;
    use crate::source::snippets;

    fn breaks(line: &str) -> bool {
        !violations(&snippets(&[("src/wire/lines.rs", line)])).is_empty()
    }

    #[test]
    fn what_panics_is_found() {
        for line in [
            "a.unwrap()",
            "a\n    .expect(\"never\")",
            "a.map(Option::unwrap)",
            "panic!(\"a\")",
            "_ => unreachable!(),",
            "todo!()",
            "a[0]",
            "self[..4]",
            "a.b[i]",
            "a()[i]",
            "a[0][1]",
            "a?[0]",
            "&mut frame[3..]",
            "\"abc\"[1..]",
            "if a[0] == 1 {}",
            "#[inline]\nfn f(a: &[u8]) -> u8 { a[0] }",
            "a.split_at(4)",
        ] {
            assert!(breaks(line), "{line}");
        }
    }

    #[test]
    fn what_looks_like_it_passes() {
        for line in [
            "a.unwrap_or(1).unwrap_or_default()",
            "fn f<'a>(a: &'a [u8], b: &mut [u8; 4], c: *const [u8]) -> [u8; 2] {}",
            "let [a, b] = c else { return [1, 2] };",
            "if let Some(&[a, ..]) = b {}",
            "for a in [1, 2] {}",
            "match a { [] => {} [a] => {} [a, ..] | [a] => {} }",
            "vec![0; 4]; matches!(a, [b'a', ..]);",
            "#[expect(clippy::unwrap_used, reason = \"a\")]\nfn f() {}",
            "#![allow(a)]",
            "impl Codec for [u8; 4] {}",
            "a as [u8; 2]",
            "// a.unwrap() and a[0]",
            "const A: &str = \"a[0].unwrap()\";",
            "const A: [u8; 2] = [b'[', b'\\''];",
            "#[cfg(test)]\nmod tests { fn f() { a[0].unwrap(); panic!() } }",
            "a.split_at_checked(4)",
        ] {
            assert!(!breaks(line), "{line}");
        }
    }

    #[test]
    fn only_the_wire_is_looked_at() {
        let sources = snippets(&[("src/base/a.rs", "a[0]"), ("src/wire/tests.rs", "a[0]")]);
        assert_eq!(violations(&sources), []);
    }
}
