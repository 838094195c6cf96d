//! What was meant to be done later, and tests that hope that a while is long enough.

use crate::paths::named;
use crate::source::{Source, Violation};

/// Words of comments. The issue tracker is where work waits.
const NOTES: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];
const MACROS: &[&str] = &["todo", "unimplemented"];

pub(crate) fn violations(sources: &[Source]) -> Vec<Violation> {
    sources.iter().flat_map(|source| [notes(source), code(source)].concat()).collect()
}

fn notes(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for comment in &source.comments {
        for (at, line) in comment.text.lines().enumerate() {
            let mut words = line.split(|letter: char| !letter.is_alphanumeric());
            if let Some(note) = words.find(|word| NOTES.contains(word)) {
                let rule = format!("a note for later: {note}");
                let cure = "do it, or say in the issue tracker what is missing";
                found.push(source.violation(comment.line + at, rule, cure));
            }
        }
    }
    found
}

fn code(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for run in source.tokens.windows(3) {
        let [first, second, third] = run else { continue };
        if second.is("!") && MACROS.contains(&first.text.as_str()) && third.is("(") {
            let rule = format!("`{}!` stands where code should", first.text);
            found.push(source.violation(first.line, rule, "write it, or return an error"));
        }
        if first.is("#") && second.is("[") && third.is("ignore") {
            // Those that need a program which is not ours are run by `.ci/run`, which installs it.
            let line = source.text.lines().nth(first.line - 1).unwrap_or_default();
            if line.contains("#[ignore = \"needs ") {
                continue;
            }
            let cure = "make it fast and sound enough to run always, or delete it";
            found.push(source.violation(first.line, "a test that never runs", cure));
        }
    }
    found
}

/// Nothing in `src/` may hold up a thread, and a test waits for a condition.
pub(crate) fn sleeps(sources: &[Source]) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in sources {
        for named in named(&source.tokens) {
            if named.contains(&["thread", "sleep"]) || named.contains(&["time", "sleep"]) {
                let cure = "wait for the condition itself: a read with a timeout, a channel, a \
                            thread's end; in `src/`, arm a timer";
                found.push(source.violation(named.line, "sleeping", cure));
            }
        }
    }
    found
}

mod on_snippets {
    use super::{sleeps, violations};
    use crate::source::snippets;

    fn found(line: &str) -> usize {
        violations(&snippets(&[("tests/a.rs", line)])).len()
    }

    #[test]
    fn leftovers_are_found() {
        for line in [
            "// FIXME: later",
            "/// Works.\n/// XXX not yet",
            "/* a\n todo: TODO(me) */",
            "fn f() { todo!() }",
            "fn f() { unimplemented!(\"a\") }",
            "#[test]\n#[ignore]\nfn f() {}",
            "#[ignore = \"slow\"]\nfn f() {}",
        ] {
            assert_eq!(found(line), 1, "{line}");
        }
    }

    #[test]
    fn words_of_the_same_sound_pass() {
        for line in [
            "// a todo list, PREFIXME",
            "const A: &str = \"FIXME todo!()\";",
            "ignore();",
            "#[ignore = \"needs python3\"]\nfn f() {}",
        ] {
            assert_eq!(found(line), 0, "{line}");
        }
    }

    #[test]
    fn sleeping_is_found_in_tests_too() {
        for line in [
            "#[cfg(test)]\nmod tests { use std::thread::sleep; }",
            "use std::{io, thread::{self, sleep as nap}};",
            "fn f() { thread::sleep(WHILE) }",
            "fn f() { std::thread::sleep(WHILE) }",
            "async fn f() { tokio::time::sleep(WHILE).await }",
        ] {
            assert_eq!(sleeps(&snippets(&[("tests/a.rs", line)])).len(), 1, "{line}");
        }
        let states = "fn f(state: State) { state.sleep(); State::sleep(); }";
        assert_eq!(sleeps(&snippets(&[("src/a.rs", states)])).len(), 0);
    }
}
