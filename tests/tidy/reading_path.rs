//! The reading path in the docs of `lib.rs`: its files exist, and its first steps are an evening.
//!
//! It is the numbered list below the heading "Reading path", each step naming its files in
//! backquotes, from `src/` or from the root of the repository:
//!
//! ```text
//! //! # Reading path
//! //!
//! //! 1. `base/buffer.rs`: the two buffers that everything stands on.
//! ```

use crate::source::{Source, Violation};

const STEPS: usize = 6;
/// Of all files that the first steps name: blank lines and comments included, unit tests not.
const LINES_MAX: usize = 2_000;

pub(crate) fn violations(sources: &[Source]) -> Vec<Violation> {
    let lib = sources.iter().find(|source| source.path == "src/lib.rs");
    let lib = lib.expect("the sources hold lib.rs");
    let steps = steps(&lib.text);
    let first = steps.first().map_or(1, |step| step.line);
    let mut found = Vec::new();
    let mut total = 0;
    for step in &steps {
        if step.files.is_empty() {
            let cure = "name it in backquotes, as `base/buffer.rs`";
            found.push(lib.violation(step.line, "a step of the reading path without a file", cure));
        }
        for file in &step.files {
            match lines(sources, file) {
                Some(lines) if step.number <= STEPS => total += lines,
                Some(_) => {}
                None => {
                    let rule = format!("the reading path names {file}, which doesn't exist");
                    found.push(lib.violation(step.line, rule, "name the file that took its place"));
                }
            }
        }
    }
    if steps.len() < STEPS {
        let rule = format!("the reading path has {} steps of at least {STEPS}", steps.len());
        let cure = "write them into the docs of lib.rs, as a numbered list under `# Reading path`";
        found.push(lib.violation(first, rule, cure));
    }
    if total >= LINES_MAX {
        let rule = format!("the first {STEPS} steps have {total} lines, not below {LINES_MAX}");
        let cure = "shorten those files, or move what the idea doesn't need to other ones";
        found.push(lib.violation(first, rule, cure));
    }
    found
}

struct Step {
    number: usize,
    line: usize,
    files: Vec<String>,
}

fn steps(lib: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let docs =
        lib.lines().enumerate().map_while(|(at, line)| Some((at, line.strip_prefix("//!")?)));
    let heading = |line: &str| line.trim_start().starts_with('#');
    let is_ours = |line: &str| line.trim_matches([' ', '#']) == "Reading path";
    let below = docs.skip_while(|(_, line)| !(heading(line) && is_ours(line))).skip(1);
    for (at, line) in below.take_while(|(_, line)| !heading(line)) {
        let number = line.trim_start().split_once(". ").and_then(|(number, _)| number.parse().ok());
        if let Some(number) = number {
            steps.push(Step { number, line: at + 1, files: Vec::new() });
        }
        // Every other part stands between two backquotes.
        let names = line.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs"));
        if let Some(step) = steps.last_mut() {
            step.files.extend(names.map(str::to_owned));
        }
    }
    steps
}

/// How much of `file` is to be read.
fn lines(sources: &[Source], file: &str) -> Option<usize> {
    let known = |path: &str| sources.iter().find(|source| source.path == path);
    let source = known(&format!("src/{file}")).or_else(|| known(file))?;
    let tests: usize = source.tests.iter().map(|tests| tests.len()).sum();
    Some(source.text.lines().count().saturating_sub(tests))
}

mod on_snippets {
    use super::violations;
    use crate::source::snippets;

    /// What is said about this list, where each of its files has so many lines.
    fn found(list: &str, lines: usize) -> Vec<String> {
        let code = "\n".repeat(lines);
        let tests = "#[cfg(test)]\nmod tests {\n\n\n}";
        let long = format!("{code}{tests}");
        let lib = format!("//! A crate.\n//!\n{list}\n//! # Features\n//! 9. `gone.rs`\nmod a;\n");
        let sources =
            snippets(&[("src/lib.rs", &lib), ("src/base/a.rs", &long), ("examples/b.rs", &code)]);
        violations(&sources).iter().map(|found| format!("{} {}", found.line, found.rule)).collect()
    }

    fn list(steps: usize) -> String {
        let step = |number| format!("//! {number}. [`base/a.rs`] is `a`,\n//!    then b.\n");
        format!("//! # Reading path\n//!\n{}", (1..=steps).map(step).collect::<String>())
    }

    #[test]
    fn a_short_path_passes() {
        assert_eq!(found(&list(6), 333), [""; 0]);
        assert_eq!(found(&list(9), 333), [""; 0]);
    }

    #[test]
    fn a_long_path_is_found() {
        assert_eq!(found(&list(6), 334), ["5 the first 6 steps have 2004 lines, not below 2000"]);
    }

    #[test]
    fn a_path_that_is_missing_or_leads_nowhere_is_found() {
        assert_eq!(found("//! Doc.", 1), ["1 the reading path has 0 steps of at least 6"]);
        let short = list(5);
        assert_eq!(found(&short, 1), ["5 the reading path has 5 steps of at least 6"]);
        let more = format!("{short}//! 6. The rest.\n//! 7. `examples/b.rs`, `base/c.rs`");
        let wrong = [
            "15 a step of the reading path without a file",
            "16 the reading path names base/c.rs, which doesn't exist",
        ];
        assert_eq!(found(&more, 1), wrong);
    }
}
