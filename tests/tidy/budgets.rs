//! Short files, short functions, short lines, and each file says what it is.

use std::collections::BTreeSet;

use crate::lexer::{Kind, Token};
use crate::source::{Source, Violation, group_len};

/// Neither blank, nor comment, nor under `#[cfg(test)]`.
const FILE_LINES_MAX: usize = 400;
/// Neither blank nor comment, from the `fn` to its last brace.
const FUNCTION_LINES_MAX: usize = 60;
/// Characters.
const LINE_COLUMNS_MAX: usize = 100;

pub(crate) fn violations(sources: &[Source]) -> Vec<Violation> {
    let checks = [file, functions, lines, opening, tests_at_the_bottom];
    sources.iter().flat_map(|source| checks.iter().flat_map(|check| check(source))).collect()
}

fn file(source: &Source) -> Vec<Violation> {
    let lines = code_lines(&source.code);
    let rule = format!("{lines} lines of code in one file; {FILE_LINES_MAX} are allowed");
    let cure = "find the second subject in it and give that a file of its own";
    let is_long = lines > FILE_LINES_MAX;
    is_long.then(|| source.violation(1, rule, cure)).into_iter().collect()
}

fn functions(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for (at, pair) in source.tokens.windows(2).enumerate() {
        let is_definition = pair[0].is("fn") && pair[1].kind == Kind::Word;
        let Some(lines) = is_definition.then(|| function_lines(&source.tokens[at..])) else {
            continue;
        };
        if lines > FUNCTION_LINES_MAX {
            let rule = format!(
                "{} has {lines} lines of code; {FUNCTION_LINES_MAX} are allowed",
                pair[1].text
            );
            let cure = "name its steps: each becomes a function below it";
            found.push(source.violation(pair[0].line, rule, cure));
        }
    }
    found
}

/// The lines of code of the function that `tokens` begins with, signature included.
fn function_lines(tokens: &[Token]) -> usize {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            ";" => break,
            "{" => return code_lines(&tokens[..at + group_len(&tokens[at..])]),
            "(" | "[" => at += group_len(&tokens[at..]),
            _ => at += 1,
        }
    }
    code_lines(&tokens[..at])
}

fn code_lines(tokens: &[Token]) -> usize {
    let lines: BTreeSet<usize> =
        tokens.iter().flat_map(|token| token.line..=token.last_line).collect();
    lines.len()
}

fn lines(source: &Source) -> Vec<Violation> {
    let columns = source.text.lines().map(|line| line.chars().count());
    let long = columns.enumerate().filter(|(_, columns)| *columns > LINE_COLUMNS_MAX);
    long.map(|(at, columns)| {
        let rule = format!("a line of {columns} columns; {LINE_COLUMNS_MAX} are allowed");
        source.violation(at + 1, rule, "break it, or give a part of it a name")
    })
    .collect()
}

fn opening(source: &Source) -> Vec<Violation> {
    let rule = "the file doesn't open with `//!`";
    let cure = "say at its top what it is, its principal types, and why it exists";
    let is_open = source.text.starts_with("//! ");
    (!is_open).then(|| source.violation(1, rule, cure)).into_iter().collect()
}

/// Who looks for the code finds it without passing the tests, and the budget of the file is honest.
fn tests_at_the_bottom(source: &Source) -> Vec<Violation> {
    const OPENING: [&str; 6] = ["cfg", "(", "test", ")", "]", "mod"];
    let opens = |part: &[Token]| part.iter().zip(OPENING).all(|(token, text)| token.is(text));
    let start = source.tokens.windows(OPENING.len()).position(opens);
    let after = start.and_then(|start| {
        // The name of the module and its brace follow; `mod tests;` may stand at the top.
        let body = &source.tokens[start + OPENING.len() + 1..];
        body[0].is("{").then(|| body.get(group_len(body)))?
    });
    let rule = "code stands below the unit tests";
    let cure = "move the `#[cfg(test)]` module to the bottom of the file";
    after.map(|token| source.violation(token.line, rule, cure)).into_iter().collect()
}

mod on_snippets {
    use super::violations;
    use crate::source::snippets;

    /// `line rule` of all violations in this file.
    fn found(text: &str) -> Vec<String> {
        let found = violations(&snippets(&[("src/base/wheel.rs", text)]));
        found.iter().map(|violation| format!("{} {}", violation.line, violation.rule)).collect()
    }

    #[test]
    fn a_short_file_passes() {
        assert_eq!(found("//! A wheel.\n\nfn turn() {}\n"), [""; 0]);
    }

    #[test]
    fn lines_of_code_are_counted_and_others_not() {
        let code = |lines| format!("//! A wheel.\n{}", "const A: u8 = 1; // one\n".repeat(lines));
        assert_eq!(found(&code(400)), [""; 0]);
        assert_eq!(found(&code(401)), ["1 401 lines of code in one file; 400 are allowed"]);
        let comments = format!("{}{}/*\n\n*/\n", code(400), "\n/// Doc.\n// Why.\n".repeat(99));
        assert_eq!(found(&comments), [""; 0]);
        let tests =
            format!("{}#[cfg(test)]\nmod tests {{\n{}}}", code(400), "mod a {}\n".repeat(9));
        assert_eq!(found(&tests), [""; 0]);
        let string = format!("{}const B: &str = \"\n\n\n\";", code(397));
        assert_eq!(found(&string), ["1 401 lines of code in one file; 400 are allowed"]);
    }

    #[test]
    fn functions_are_measured_wherever_they_stand() {
        let body = |lines| format!("[u8; 2]) -> u8\nwhere\n{{\n{}}}\n", "a();\n".repeat(lines));
        let free = |lines| format!("//! A wheel.\n#[inline]\nfn turn(_: {}", body(lines));
        assert_eq!(found(&free(56)), [""; 0]);
        assert_eq!(found(&free(57)), ["3 turn has 61 lines of code; 60 are allowed"]);
        let test = format!("//! A.\n#[cfg(test)]\nmod tests {{ fn long(_: {} }}", body(57));
        assert_eq!(found(&test), ["3 long has 61 lines of code; 60 are allowed"]);
        let declared = "//! A.\ntrait T { fn a(&self) -> u8; }\ntype F = fn(u8) -> u8;";
        assert_eq!(found(declared), [""; 0]);
    }

    #[test]
    fn lines_are_measured_in_characters() {
        assert_eq!(found(&format!("//! {}", "ä".repeat(96))), [""; 0]);
        let long = format!("//! {}", "ä".repeat(97));
        assert_eq!(found(&long), ["1 a line of 101 columns; 100 are allowed"]);
    }

    #[test]
    fn files_say_what_they_are() {
        for text in ["", "use std::io;\n//! Late.", "// A wheel.", "/// A wheel.\nfn f() {}"] {
            assert_eq!(found(text), ["1 the file doesn't open with `//!`"]);
        }
    }

    #[test]
    fn tests_stand_at_the_bottom() {
        let below = "//! A.\n#[cfg(test)]\nmod tests {\n fn f() {}\n}\nfn late() {}";
        assert_eq!(found(below), ["6 code stands below the unit tests"]);
        let declared = "//! A.\n#[cfg(test)]\nmod tests;\nfn late() {}";
        assert_eq!(found(declared), [""; 0]);
    }
}
