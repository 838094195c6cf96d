//! What the papers beside the code say that can be checked: the first program of the README is the
//! one that the reference compiles, and every file that a paper names is there.

use std::fs;
use std::path::Path;

const PAPERS: [&str; 5] =
    ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/netpoller.md", "docs/rooms.md"];
/// Files are named from the root, or from here.
const FOLDERS: [&str; 2] = ["src", "tests"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The lines of the first block of code that begins with `fence`.
fn first_code<'a>(lines: impl Iterator<Item = &'a str>, fence: &str) -> Vec<&'a str> {
    lines.skip_while(|line| *line != fence).skip(1).take_while(|line| *line != "```").collect()
}

#[test]
fn the_first_program_of_the_readme_is_the_one_that_is_compiled() {
    let (readme, lib) = (read("README.md"), read("src/lib.rs"));
    let ours = first_code(readme.lines(), "```rust");
    let docs = lib.lines().map_while(|line| line.strip_prefix("//!"));
    let docs = docs.map(|line| line.strip_prefix(' ').unwrap_or(line));
    assert!(ours.len() > 10);
    assert_eq!(ours, first_code(docs, "```no_run"));
}

/// What a paper links to, and the files that it names in backquotes.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links = links.filter(|link| !link.contains("://") && !link.starts_with('#'));
    let quoted = text.split('`').skip(1).step_by(2);
    let is_file = |word: &&str| {
        let is_path = word.bytes().all(|it| it.is_ascii_alphanumeric() || b"_./-".contains(&it));
        is_path && (word.ends_with(".rs") || FOLDERS.iter().any(|it| word.starts_with(*it)))
    };
    links.chain(quoted.filter(is_file))
}

/// Whether a file of this name, or path, lies in this folder or below.
fn holds(folder: &Path, name: &str) -> bool {
    if folder.join(name).exists() {
        return true;
    }
    let inner = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    inner.filter(|path| path.is_dir()).any(|folder| holds(&folder, name))
}

#[test]
fn what_the_papers_name_is_there() {
    let mut count = 0;
    for paper in PAPERS {
        let text = read(paper);
        // A fence is three backquotes, and what lies between two of them is no name.
        let prose: String = text.split("```").step_by(2).collect();
        for name in named(&prose) {
            let places = ["src", "docs"].map(|folder| root().join(folder));
            let is_there = root().join(name).exists() || places.iter().any(|it| holds(it, name));
            assert!(is_there, "{paper} names {name}");
            count += 1;
        }
    }
    assert!(count > 100, "the papers name {count} files: they are not read as they are written");
}

#[test]
fn the_code_map_has_every_file_of_the_lower_floors() {
    let map = read("ARCHITECTURE.md");
    for folder in ["base", "wire", "net", "handler", "engine"] {
        for entry in fs::read_dir(root().join("src").join(folder)).unwrap() {
            let (path, name) = entry.map(|it| (it.path(), it.file_name())).unwrap();
            let name = name.to_string_lossy();
            let is_a_door = name == "mod.rs" || path.is_dir();
            assert!(is_a_door || map.contains(&format!("`{name}`")), "src/{folder}/{name}");
        }
    }
}
