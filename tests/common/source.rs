//! The repository's Rust files as the checks see them, and how a check complains.
//!
//! A [`Source`] is one file, lexed, with its unit tests set apart. A check takes a slice of them
//! and returns [`Violation`]s, so it can be fed snippets that are known to be bad: see the tests of
//! each check. [`read`] gets the real files, [`snippets`] makes up others, [`report`] fails.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;

use crate::lexer::{Comment, Token, lex};

/// A Rust file of the repository.
pub(crate) struct Source {
    /// From the root of the repository, with slashes: `src/base/wheel.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The file without comments and without what stands under `#[cfg(test)]`.
    pub(crate) code: Vec<Token>,
    /// The file without comments.
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
    /// The lines of each item that stands under `#[cfg(test)]`.
    pub(crate) tests: Vec<Range<usize>>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (tokens, comments) = lex(text);
        let mut code = Vec::new();
        let mut tests = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            match test_item(&tokens[at..]) {
                Some(len) => {
                    tests.push(tokens[at].line..tokens[at + len - 1].last_line + 1);
                    at += len;
                }
                None => {
                    code.push(tokens[at].clone());
                    at += 1;
                }
            }
        }
        Self { path: path.into(), text: text.into(), code, tokens, comments, tests }
    }

    /// Is it a file of unit tests and nothing else?
    pub(crate) fn is_test(&self) -> bool {
        self.path.starts_with("src/")
            && (self.path.ends_with("/tests.rs") || self.path.contains("/tests/"))
    }

    pub(crate) fn violation(&self, line: usize, rule: impl fmt::Display, cure: &str) -> Violation {
        let (file, rule, cure) = (self.path.clone(), rule.to_string(), cure.to_owned());
        Violation { file, line, rule, cure }
    }
}

/// Where which rule is broken, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) rule: String,
    pub(crate) cure: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, rule, cure } = self;
        write!(f, "{file}:{line}: {rule}\n    {cure}")
    }
}

/// Fails the test that calls it, naming every violation at once.
#[track_caller]
pub(crate) fn report(mut violations: Vec<Violation>) {
    violations.sort();
    violations.dedup();
    let lines: Vec<String> = violations.iter().map(Violation::to_string).collect();
    assert!(lines.is_empty(), "{} violations\n\n{}\n", lines.len(), lines.join("\n"));
}

/// Every Rust file below these folders of the repository, in order; a folder may be absent.
pub(crate) fn read(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in folders {
        read_folder(root, folder, &mut sources);
    }
    assert!(!sources.is_empty(), "no Rust file below {folders:?}: is the path still right?");
    sources
}

fn read_folder(root: &Path, folder: &str, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("the folder can be listed").file_name())
        .map(|name| name.into_string().expect("file names are UTF-8"))
        .collect();
    names.sort();
    for name in names {
        let path = format!("{folder}/{name}");
        if root.join(&path).is_dir() {
            if name != "target" {
                read_folder(root, &path, sources);
            }
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(root.join(&path)).expect("the file is UTF-8");
            sources.push(Source::new(&path, &text));
        }
    }
}

/// Made-up files, to show a check what it must find.
pub(crate) fn snippets(files: &[(&str, &str)]) -> Vec<Source> {
    files.iter().map(|(path, text)| Source::new(path, text)).collect()
}

/// How many tokens the item takes that `tokens` begins with, if it stands under `#[cfg(test)]`.
fn test_item(tokens: &[Token]) -> Option<usize> {
    let attribute = attribute_len(tokens)?;
    let words: Vec<&str> = tokens[..attribute].iter().map(|token| token.text.as_str()).collect();
    let is_test = matches!(words[..], ["#", "[", "cfg", "(", "test", ..])
        || matches!(words[..], ["#", "[", "cfg", "(", "all", "(", "test", ..]);
    is_test.then(|| attribute + item_len(&tokens[attribute..]))
}

/// How many tokens the attribute takes that `tokens` begins with.
pub(crate) fn attribute_len(tokens: &[Token]) -> Option<usize> {
    let open = 1 + usize::from(tokens.get(1)?.is("!"));
    (tokens[0].is("#") && tokens.get(open)?.is("[")).then(|| open + group_len(&tokens[open..]))
}

/// An item ends with a semicolon, or with the first braces after its name; a field, a variant or
/// an arm of a `match` ends with its comma.
fn item_len(tokens: &[Token]) -> usize {
    const ITEMS: [&str; 14] = [
        "pub",
        "mod",
        "use",
        "fn",
        "struct",
        "enum",
        "impl",
        "trait",
        "const",
        "static",
        "type",
        "let",
        "async",
        "macro_rules",
    ];
    let mut at = 0;
    while let Some(len) = attribute_len(&tokens[at..]) {
        at += len;
    }
    let (first, mut is_use) = (at, false);
    let is_item = tokens.get(first).is_some_and(|token| ITEMS.iter().any(|item| token.is(item)));
    while let Some(token) = tokens.get(at) {
        is_use |= token.is("use");
        match token.text.as_str() {
            ";" => return at + 1,
            "," if !is_item => return at + 1,
            "}" | ")" | "]" => return at,
            "{" if is_item && !is_use => return at + group_len(&tokens[at..]),
            "(" | "[" | "{" => at += group_len(&tokens[at..]),
            _ => at += 1,
        }
    }
    at
}

/// How many tokens lie from the bracket that `tokens` begins with to its partner, both included.
pub(crate) fn group_len(tokens: &[Token]) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}
