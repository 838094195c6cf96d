//! The rule of floors: a file imports only from floors below, and nothing runs in a circle.
//!
//! The house of `src/` has the floors of [`FLOORS`]. Folders on one floor don't import each other;
//! in one folder the files may, as long as no circle forms. `mod.rs` and `lib.rs` are only doors:
//! an import that goes through one is followed to the file that defines the thing. What stands
//! under `#[cfg(test)]` is free. Any file can thus be understood once those below it are, which is
//! what makes the reading path in `lib.rs` possible at all.

use std::collections::{BTreeMap, BTreeSet};

use modules::{CRATE, Modules};
use paths::Form;
use source::{Source, Violation, attribute_len, read, report};

#[path = "common/lexer.rs"]
#[allow(dead_code, reason = "shared with the other checks of the house, which use the rest")]
mod lexer;
#[path = "common/modules.rs"]
mod modules;
#[path = "common/paths.rs"]
#[allow(dead_code, reason = "shared with the other checks of the house, which use the rest")]
mod paths;
#[path = "common/source.rs"]
#[allow(dead_code, reason = "shared with the other checks of the house, which use the rest")]
mod source;

/// Each folder and the height of its floor. The longest match counts, so a folder within a folder
/// may have a floor of its own.
const FLOORS: &[(&str, u8)] = &[
    ("base", 0),
    ("wire", 10),
    ("net", 20),
    ("net/transport", 25),
    ("net/sim", 25),
    ("handler", 30),
    ("engine", 40),
    ("service", 50),
    ("testing", 50),
    ("sim", 50),
    ("gateway", 60),
    ("inspect", 60),
    ("load", 60),
    ("command", 70),
];

/// The folder that `path` belongs to and its floor; `main.rs` stands on the roof.
fn floor(path: &str) -> Option<(&str, u8)> {
    let inner = path.strip_prefix("src/")?;
    if inner == "main.rs" {
        return Some(("main.rs", 80));
    }
    let is_in = |folder: &str| inner.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    FLOORS.iter().filter(|(folder, _)| is_in(folder)).max_by_key(|(name, _)| name.len()).copied()
}

/// Which file imports which, and the first line that does it.
type Edges<'a> = BTreeMap<&'a str, BTreeMap<&'a str, usize>>;

fn violations(sources: &[Source]) -> Vec<Violation> {
    let modules = Modules::new(sources);
    let mut found = Vec::new();
    let mut edges = Edges::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        if source.path == "src/lib.rs" {
            found.extend(only_doors(source));
        } else {
            found.extend(stands_on_a_floor(source));
            found.extend(names_what_it_imports(source, &modules));
            edges.insert(&source.path, imports(source, &modules));
        }
    }
    for source in sources {
        if let Some(targets) = edges.get(source.path.as_str()) {
            found.extend(looks_down(source, targets));
        }
    }
    found.extend(circles(sources, &edges));
    found
}

/// `lib.rs` is the map of the house; nobody lives in it.
fn only_doors(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < source.code.len() {
        let rest = &source.code[at..];
        if let Some(len) = attribute_len(rest) {
            at += len;
            continue;
        }
        let end = rest.iter().position(|token| token.is(";")).map_or(rest.len(), |end| end + 1);
        let words: Vec<&str> = rest[..end].iter().map(|token| token.text.as_str()).collect();
        let is_door = matches!(without_visibility(&words), ["use", ..] | ["mod", _, ";"]);
        if !is_door {
            let cure = "move it to the file of the floor it belongs to, and re-export it here";
            found.push(source.violation(rest[0].line, "lib.rs holds only `mod` and `use`", cure));
            break;
        }
        at += end;
    }
    found
}

fn without_visibility<'a>(words: &'a [&'a str]) -> &'a [&'a str] {
    match words {
        ["pub", "(", "crate", ")", rest @ ..] | ["pub", rest @ ..] => rest,
        _ => words,
    }
}

fn stands_on_a_floor(source: &Source) -> Option<Violation> {
    let rule = "the file stands on no floor";
    let cure = "move it into a folder of FLOORS in tests/floors.rs, or give its folder a floor \
                there and in ARCHITECTURE.md";
    floor(&source.path).is_none().then(|| source.violation(1, rule, cure))
}

/// A glob of another file hides what is imported, from the reader and from this test.
fn names_what_it_imports(source: &Source, modules: &Modules<'_>) -> Vec<Violation> {
    let named = paths::named(&source.code);
    let globs = named.iter().filter(|named| named.is_glob() && named.form == Form::Import);
    globs
        .filter(|glob| modules.resolve(source, glob).is_some_and(|file| file != source.path))
        .map(|glob| {
            let rule = format!("`use {}` hides what it imports", glob.path.join("::"));
            source.violation(glob.line, rule, "name the things that are imported")
        })
        .collect()
}

/// The files of the crate that `source` needs; a door needs nothing behind it.
fn imports<'a>(source: &'a Source, modules: &Modules<'a>) -> BTreeMap<&'a str, usize> {
    let mut targets = BTreeMap::new();
    for named in paths::named(&source.code) {
        let Some(target) = modules.resolve(source, &named) else { continue };
        let folder = source.path.strip_suffix("mod.rs");
        let is_door =
            named.form == Form::Reexport && folder.is_some_and(|folder| target.starts_with(folder));
        if target != source.path && !is_door {
            targets.entry(target).or_insert(named.line);
        }
    }
    targets
}

fn looks_down(source: &Source, targets: &BTreeMap<&str, usize>) -> Vec<Violation> {
    let Some((own, height)) = floor(&source.path) else { return Vec::new() };
    let mut found = Vec::new();
    for (target, line) in targets {
        let Some((other, other_height)) = floor(target) else {
            if *target == "src/lib.rs" {
                let cure =
                    "name the thing by the file that defines it, `crate::folder::file::Thing`";
                let rule = "lib.rs defines nothing that could be imported";
                found.push(source.violation(*line, rule, cure));
            }
            continue;
        };
        if other == own || other_height < height {
            continue;
        }
        let rule = if other_height == height {
            format!("{own}/ imports {target}, but stands on the same floor")
        } else {
            format!("{own}/ imports {target} from a floor above")
        };
        let cure = format!(
            "move what both need to a floor below {own}/, or hand it in from above as an argument, \
             a trait or a type parameter"
        );
        found.push(source.violation(*line, rule, &cure));
    }
    found
}

/// One violation for each set of files that reach each other.
fn circles(sources: &[Source], edges: &Edges<'_>) -> Vec<Violation> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|file| (*file, reachable(file, edges))).collect();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for source in sources {
        let file = source.path.as_str();
        let Some(targets) = reach.get(file).filter(|targets| targets.contains(file)) else {
            continue;
        };
        let back = |other: &&&str| reach.get(**other).is_some_and(|back| back.contains(file));
        let circle: Vec<&str> = targets.iter().filter(back).copied().collect();
        if circle.iter().any(|member| !told.insert(*member)) {
            continue;
        }
        let (line, way) = way_round(&circle, edges);
        let rule = format!("{} files import each other in a circle{way}", circle.len());
        let cure = "move what they share to a file that imports none of them, or join the files \
                    if neither is read alone";
        found.push(source.violation(line, rule, cure));
    }
    found
}

/// Every import of one file of the circle by another, and the line of the first of them.
fn way_round(circle: &[&str], edges: &Edges<'_>) -> (usize, String) {
    let mut lines = Vec::new();
    let mut way = String::new();
    for from in circle {
        for (to, line) in edges[from].iter().filter(|(to, _)| circle.contains(to)) {
            lines.push(*line);
            way.push_str(&format!("\n    {from}:{line} imports {to}"));
        }
    }
    (lines.first().copied().unwrap_or(1), way)
}

fn reachable<'a>(from: &str, edges: &Edges<'a>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = vec![from];
    while let Some(targets) = next.pop().map(|file| edges.get(file)) {
        for target in targets.into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(*target) {
                next.push(target);
            }
        }
    }
    reached
}

#[test]
fn every_file_imports_only_from_floors_below() {
    report(violations(&read(&["src"])));
}

#[test]
fn the_name_of_the_crate_is_right() {
    assert_eq!(CRATE, env!("CARGO_PKG_NAME"));
}

/// The check itself, on houses that are known to be sound or crooked.
mod on_snippets {
    use super::source::snippets;
    use super::violations;

    /// `file:line` of all violations in these files.
    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let mut found = violations(&snippets(files));
        found.sort();
        found.iter().map(|violation| format!("{}:{}", violation.file, violation.line)).collect()
    }

    const WHEEL: (&str, &str) = ("src/base/wheel.rs", "pub struct Wheel;");
    const BASE: (&str, &str) = ("src/base/mod.rs", "pub mod wheel;\npub use wheel::Wheel;");

    #[test]
    fn looking_down_is_allowed() {
        let engine = ("src/engine/turn.rs", "use crate::base::{self, wheel::Wheel};\nuse std::io;");
        assert_eq!(found(&[BASE, WHEEL, engine]), [""; 0]);
    }

    #[test]
    fn looking_up_is_found_wherever_the_path_stands() {
        let above = ("src/engine/turn.rs", "pub struct Turn;");
        for line in [
            "use crate::engine::turn::Turn;",
            "use crate::{engine::turn::Turn as Lap, base::wheel};",
            "pub use crate::engine::turn::Turn;",
            "pub(crate) use crate::engine::turn::Turn;",
            "use overt::engine::turn::Turn;",
            "use super::super::engine::turn::Turn;",
            "fn f() { crate::engine::turn::Turn::new(); }",
            "fn f(_: &dyn Fn(crate::engine::turn::Turn)) {}",
            "mod inner { use super::super::super::engine::turn::Turn; }",
            "macro_rules! m { () => { $crate::engine::turn::Turn } }",
            "#[cfg(not(test))] use crate::engine::turn::Turn;",
            "const OPEN: char = '\"'; use crate::engine::turn::Turn; // \"",
        ] {
            let snippet = format!("//! Doc.\n{line}\n");
            let below = ("src/wire/lines.rs", &*snippet);
            assert_eq!(found(&[WHEEL, BASE, below, above]), ["src/wire/lines.rs:2"], "{line}");
        }
    }

    #[test]
    fn words_that_import_nothing_are_no_imports() {
        let above = ("src/engine/turn.rs", "pub struct Turn;");
        for line in [
            "// use crate::engine::turn::Turn;",
            "/* use /* crate::engine */ crate::engine::turn::Turn; */",
            "/// See [`crate::engine::turn::Turn`].\nfn f() {}",
            "const A: &str = \"use crate::engine::turn::Turn;\";",
            "const A: &str = r#\"\" use crate::engine::turn::Turn; \"#;",
            "pub(in crate::engine) fn f() {}",
            "#[cfg(test)] use crate::engine::turn::Turn;",
            "#[cfg(test)]\nmod tests {\n use crate::engine::turn::Turn;\n}",
            "#[cfg(all(test, unix))]\nmod tests {\n use crate::engine::turn::Turn;\n}",
            "struct S { #[cfg(test)] turn: crate::engine::turn::Turn, }",
        ] {
            assert_eq!(found(&[above, ("src/wire/lines.rs", line)]), [""; 0], "{line}");
        }
    }

    #[test]
    fn code_after_the_tests_is_looked_at_too() {
        let late = "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::engine::turn::Turn;";
        let above = ("src/engine/turn.rs", "pub struct Turn;");
        assert_eq!(found(&[above, ("src/wire/lines.rs", late)]), ["src/wire/lines.rs:3"]);
        let field = "struct S { #[cfg(test)] a: u8, b: crate::engine::turn::Turn }";
        assert_eq!(found(&[above, ("src/wire/lines.rs", field)]), ["src/wire/lines.rs:1"]);
    }

    #[test]
    fn neighbours_on_one_floor_do_not_meet() {
        let tunnel = ("src/testing/bench.rs", "use crate::service::tunnel::Tunnel;");
        let service = ("src/service/tunnel.rs", "pub struct Tunnel;");
        assert_eq!(found(&[tunnel, service]), ["src/testing/bench.rs:1"]);
        let tls = ("src/net/transport/tls.rs", "use crate::net::Net;\nuse super::super::sim::Sim;");
        let net = ("src/net/mod.rs", "mod sim;\nmod transport;\npub trait Net {}");
        let sim = ("src/net/sim/mod.rs", "pub struct Sim;");
        assert_eq!(found(&[tls, net, sim]), ["src/net/transport/tls.rs:2"]);
    }

    #[test]
    fn a_floor_within_a_floor_stands_above_it() {
        let os = ("src/net/os.rs", "use super::transport::tls::Tls;");
        let tls = ("src/net/transport/tls.rs", "pub struct Tls;");
        assert_eq!(found(&[os, tls]), ["src/net/os.rs:1"]);
    }

    #[test]
    fn a_door_is_followed_to_what_lies_behind_it() {
        let door = ("src/wire/mod.rs", "mod a;\nmod b;\npub use a::A;\npub use b::*;");
        let a = ("src/wire/a.rs", "use super::B;\npub struct A;");
        let b = ("src/wire/b.rs", "use crate::wire::A;\npub struct B;");
        assert_eq!(found(&[door, a, b]), ["src/wire/a.rs:1"]);
        let b = ("src/wire/b.rs", "pub struct B;");
        assert_eq!(found(&[door, a, b]), [""; 0]);
        let roof = ("src/lib.rs", "pub mod engine;\npub mod wire;\npub use engine::Turn;");
        let engine = ("src/engine/mod.rs", "pub use self::turn::Turn;\nmod turn;");
        let turn = ("src/engine/turn.rs", "pub struct Turn;");
        let a = ("src/wire/a.rs", "use crate::Turn;\npub struct A;");
        assert_eq!(found(&[roof, door, a, b, engine, turn]), ["src/wire/a.rs:1"]);
    }

    #[test]
    fn circles_are_found_once() {
        let a = ("src/base/a.rs", "use super::b::B;");
        let b = ("src/base/b.rs", "\nuse super::c::C;");
        let c = ("src/base/c.rs", "fn f(_: super::a::A) {}");
        let d = ("src/base/d.rs", "use super::a::A;");
        assert_eq!(found(&[a, b, c, d]), ["src/base/a.rs:1"]);
        assert_eq!(found(&[a, b, d]), [""; 0]);
    }

    #[test]
    fn a_door_with_rooms_of_its_own_can_be_part_of_a_circle() {
        let net = ("src/net/mod.rs", "mod os;\npub use os::Os;\npub trait Net {}");
        let os = ("src/net/os.rs", "use super::Net;\npub struct Os;");
        assert_eq!(found(&[net, os]), [""; 0]);
        let net = ("src/net/mod.rs", "mod os;\nuse os::Os;\npub trait Net { fn f() -> Os; }");
        assert_eq!(found(&[net, os]), ["src/net/mod.rs:2"]);
    }

    #[test]
    fn globs_of_other_files_are_refused() {
        let handler = ("src/handler/mod.rs", "pub struct Close;");
        let glob = ("src/engine/turn.rs", "use crate::handler::*;");
        assert_eq!(found(&[handler, glob]), ["src/engine/turn.rs:1"]);
        let own = ("src/engine/turn.rs", "mod flag { pub const A: u8 = 1; }\nuse flag::*;");
        assert_eq!(found(&[handler, own]), [""; 0]);
        let variants = ("src/engine/turn.rs", "enum Phase { A }\nuse Phase::*;");
        assert_eq!(found(&[handler, variants]), [""; 0]);
    }

    #[test]
    fn nobody_lives_in_lib_rs_or_on_no_floor() {
        for code in ["pub fn f() {}", "mod a { fn f() {} }", "pub mod base;\nstruct A;"] {
            assert_eq!(found(&[("src/lib.rs", code)]).len(), 1, "{code}");
        }
        let map = "//! Doc.\n#![forbid(unsafe_code)]\npub mod base;\n#[doc(inline)]\n\
                   pub use base::{wheel::Wheel};\npub(crate) mod wire;";
        assert_eq!(found(&[("src/lib.rs", map), BASE, WHEEL]), [""; 0]);
        assert_eq!(found(&[("src/wheel.rs", "")]), ["src/wheel.rs:1"]);
        assert_eq!(found(&[("src/utils/wheel.rs", "")]), ["src/utils/wheel.rs:1"]);
    }
}
