//! What the operating system or chance decides enters through `net/`, and nowhere else.
//!
//! That is what lets the simulation repeat a whole engine from one seed. So the simulation itself
//! is held to the same rules as the floors above it. A file may be excused in [`EXCUSED`], with the
//! reason beside it.

use crate::lexer::Kind;
use crate::paths::{Named, named};
use crate::source::{Source, Violation};

/// Something that only `net/` may do.
struct Rule {
    what: &'static str,
    /// `^mio` is a path that begins there, `Instant::now` may stand anywhere in one.
    paths: &'static [&'static str],
    /// `.elapsed(`
    methods: &'static [&'static str],
    /// `println!`
    macros: &'static [&'static str],
    cure: &'static str,
}

const SYSTEM_CRATES: &str = "a crate of the operating system";
const CLOCK: &str = "reading the clock";
const CHANCE: &str = "chance";
const SYSTEM: &str = "a call to the operating system";
const ENVIRONMENT: &str = "reading the environment";
const PRINT: &str = "printing";

const RULES: &[Rule] = &[
    Rule {
        what: SYSTEM_CRATES,
        paths: &["^mio", "^socket2", "^rustix", "^libc", "^quinn_udp", "^signal_hook"],
        methods: &[],
        macros: &[],
        cure: "reach it through `net::Net`, or give the trait the call that is missing",
    },
    Rule {
        what: CLOCK,
        paths: &["Instant::now", "SystemTime", "UNIX_EPOCH"],
        methods: &["elapsed"],
        macros: &[],
        cure: "take `now` as an argument: the loop reads the clock once a turn, by `net::Net`",
    },
    Rule {
        what: CHANCE,
        paths: &[
            "^rand",
            "^fastrand",
            "^getrandom",
            "RandomState",
            "HashMap::new",
            "HashMap::from",
            "HashMap::with_capacity",
            "HashSet::new",
            "HashSet::from",
            "HashSet::with_capacity",
        ],
        methods: &[],
        macros: &[],
        cure: "draw from `net::Net`; instead of a std hash map, whose order is drawn anew in every \
               process, take a BTreeMap, a slab, or a hasher seeded from the seam",
    },
    Rule {
        what: SYSTEM,
        paths: &[
            "^std::*",
            "^std::fs",
            "^std::process",
            "^std::thread",
            "^std::net::*",
            "net::TcpStream",
            "net::TcpListener",
            "net::UdpSocket",
            "net::ToSocketAddrs",
            "net::UnixStream",
            "net::UnixListener",
            "net::UnixDatagram",
            "thread::spawn",
            "thread::Builder",
        ],
        methods: &["to_socket_addrs"],
        macros: &[],
        cure: "put it behind `net::Net`, so that the simulation can take its place",
    },
    Rule {
        what: ENVIRONMENT,
        paths: &["^std::env"],
        methods: &[],
        macros: &[],
        cure: "make it a field of the configuration, which the command fills in",
    },
    Rule {
        what: PRINT,
        paths: &["io::stdout", "io::stderr", "io::stdin"],
        methods: &[],
        macros: &["print", "println", "eprint", "eprintln", "dbg"],
        cure: "use the `log` crate, count it in the ledger, or return it",
    },
];

/// Who may do what outside `net/`, and why. A folder ends with a slash.
const EXCUSED: &[(&str, &[&str], &str)] = &[
    ("src/engine/engine.rs", &[SYSTEM], "starts one thread per loop and joins it"),
    ("src/testing/", &[ENVIRONMENT, PRINT], "a failing seed prints the command that repeats it"),
    (
        "src/sim/seeds.rs",
        &[CLOCK, SYSTEM, ENVIRONMENT, PRINT],
        "runs seeds for a time, and a failing one prints the command that repeats it",
    ),
    ("src/command/", &[CLOCK, SYSTEM, ENVIRONMENT, PRINT], "a program that people start and watch"),
    ("src/main.rs", &[CLOCK, SYSTEM, ENVIRONMENT, PRINT], "a program that people start and watch"),
];

/// The lowest floors are told what they need to know, and tell nobody.
const SILENT: &[&str] = &["src/base/", "src/wire/"];

pub(crate) fn violations(sources: &[Source]) -> Vec<Violation> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test() && !is_seam(&source.path)) {
        let named = named(&source.code);
        for rule in RULES.iter().filter(|rule| !is_excused(&source.path, rule.what)) {
            found.extend(breaches(source, &named, rule));
        }
        if SILENT.iter().any(|folder| source.path.starts_with(folder)) {
            found.extend(logging(source, &named));
        }
    }
    found
}

/// The simulation lies in the folder of the seam, but takes the place of what lies outside.
fn is_seam(path: &str) -> bool {
    path.starts_with("src/net/") && !path.starts_with("src/net/sim")
}

fn is_excused(path: &str, what: &str) -> bool {
    EXCUSED.iter().any(|(place, excused, _)| {
        let is_there = if place.ends_with('/') { path.starts_with(place) } else { path == *place };
        is_there && excused.contains(&what)
    })
}

fn breaches(source: &Source, named: &[Named], rule: &Rule) -> Vec<Violation> {
    let violation = |line, text: String| {
        source.violation(line, format!("{} outside net/: {text}", rule.what), rule.cure)
    };
    let paths = named.iter().filter(|named| rule.paths.iter().any(|path| leads_to(named, path)));
    let mut found: Vec<Violation> =
        paths.map(|named| violation(named.line, named.path.join("::"))).collect();
    for run in source.code.windows(3) {
        let [before, word, after] = run else { continue };
        let is_method = before.is(".") && after.is("(") && rule.methods.contains(&&*word.text);
        let is_macro = word.is("!") && rule.macros.contains(&&*before.text) && !after.is("=");
        if is_method || is_macro {
            let text = if is_macro { &before.text } else { &word.text };
            found.push(violation(word.line, text.clone()));
        }
    }
    found
}

/// Does `named` match a path of a [`Rule`]? Our own modules may be named as they like.
fn leads_to(named: &Named, path: &str) -> bool {
    if ["crate", "self", "super", "overt"].iter().any(|own| named.starts_with(&[*own])) {
        return false;
    }
    match path.strip_prefix('^') {
        Some(path) => named.starts_with(&path.split("::").collect::<Vec<_>>()),
        None => named.contains(&path.split("::").collect::<Vec<_>>()),
    }
}

fn logging(source: &Source, named: &[Named]) -> Vec<Violation> {
    let rule = "this floor logs";
    let cure = "return what happened; the floor that knows the connection logs it";
    let log = named.iter().filter(|named| named.starts_with(&["log"]));
    log.map(|named| source.violation(named.line, rule, cure)).collect()
}

/// The whole crate is safe code, and both of its roots say so.
pub(crate) fn unsafe_code(sources: &[Source]) -> Vec<Violation> {
    const FORBID: [&str; 8] = ["#", "!", "[", "forbid", "(", "unsafe_code", ")", "]"];
    let mut found = Vec::new();
    for source in sources {
        let words = source.tokens.iter().filter(|token| token.kind == Kind::Word);
        for word in words.filter(|word| word.is("unsafe")) {
            let cure = "find a safe form, or a crate whose whole purpose is that one thing";
            found.push(source.violation(word.line, "unsafe code", cure));
        }
        let is_root = ["src/lib.rs", "src/main.rs"].contains(&source.path.as_str());
        let mut runs = source.tokens.windows(FORBID.len());
        if is_root && !runs.any(|run| run.iter().zip(FORBID).all(|(token, text)| token.is(text))) {
            let rule = "the root doesn't forbid unsafe code";
            found.push(source.violation(1, rule, "write `#![forbid(unsafe_code)]` below its docs"));
        }
    }
    found
}

mod on_snippets {
    use super::{unsafe_code, violations};
    use crate::source::snippets;

    fn breaks(path: &str, line: &str) -> bool {
        !violations(&snippets(&[(path, line)])).is_empty()
    }

    const OUTSIDE: &[&str] = &[
        "use mio::Token;",
        "fn f(_: mio::Token) {}",
        "use socket2::{Domain, Socket};",
        "use std::{io, time::{self, Instant}}; fn f() { let _ = time::Instant::now(); }",
        "fn f(then: Instant) -> Duration { then.elapsed() }",
        "use std::time::SystemTime as Wall;",
        "fn f() -> HashMap<u8, u8> { HashMap::new() }",
        "use std::{collections::hash_map::RandomState, io};",
        "use fastrand::Rng;",
        "use std::{io, fs};",
        "fn f() { std::env::var(\"A\"); }",
        "use std::thread::{self};",
        "fn f() { std::process::exit(1) }",
        "use std::net::{IpAddr, TcpStream};",
        "use std::net::*;",
        "use std::os::unix::net::UnixStream;",
        "fn f(a: &str) { a.to_socket_addrs(); }",
        "fn f() { println!(\"{}\", 1); }",
        "fn f() -> u8 { dbg!(1) }",
    ];

    #[test]
    fn the_outside_is_found_above_the_seam_and_in_the_simulation() {
        for line in OUTSIDE {
            assert!(breaks("src/engine/turn.rs", line), "{line}");
            assert!(breaks("src/net/sim/link.rs", line), "{line}");
            assert!(breaks("src/net/sim.rs", line), "{line}");
            assert!(!breaks("src/net/os.rs", line), "{line}");
            assert!(!breaks("src/engine/turn.rs", &format!("// {line}")), "{line}");
            let test = format!("#[cfg(test)]\nmod tests {{ {line} }}");
            assert!(!breaks("src/engine/turn.rs", &test), "{line}");
        }
    }

    #[test]
    fn names_of_the_same_sound_pass() {
        for line in [
            "use std::net::{IpAddr, SocketAddr, SocketAddrV4};",
            "use std::time::{Duration, Instant};",
            "use crate::net::{Net, mio, TcpStream};",
            "fn f(net: &impl Net) { net.now(); }",
            "const HELP: &str = \"std::thread println!(1) Instant::now()\";",
            "fn f(print: bool) -> bool { print != true }",
            "use std::collections::HashMap;",
            "fn f(clock: &Clock) { clock.elapsed; }",
        ] {
            assert!(!breaks("src/engine/turn.rs", line), "{line}");
        }
    }

    #[test]
    fn excuses_are_narrow() {
        assert!(!breaks("src/engine/engine.rs", "use std::thread;"));
        assert!(breaks("src/engine/engine.rs", "use std::time::SystemTime;"));
        assert!(!breaks("src/command/echo.rs", "fn f() { println!(); std::process::exit(2) }"));
        assert!(breaks("src/command/echo.rs", "use mio::Poll;"));
        assert!(breaks("src/main.rs", "use socket2::Socket;"));
    }

    #[test]
    fn the_lowest_floors_do_not_log() {
        assert!(breaks("src/wire/lines.rs", "fn f() { log::info!(\"a\"); }"));
        assert!(breaks("src/base/wheel.rs", "use log::warn;"));
        assert!(!breaks("src/engine/turn.rs", "use log::warn;"));
    }

    #[test]
    fn unsafe_code_is_found_even_in_tests() {
        let count = |path: &str, text: &str| unsafe_code(&snippets(&[(path, text)])).len();
        assert_eq!(count("src/base/a.rs", "fn f() { unsafe { g() } }"), 1);
        assert_eq!(count("src/base/a.rs", "#[cfg(test)]\nmod tests { unsafe fn f() {} }"), 1);
        assert_eq!(count("src/base/a.rs", "// unsafe\nconst A: &str = \"unsafe\";"), 0);
        assert_eq!(count("src/lib.rs", "//! Doc.\n#![deny(unsafe_code)]"), 1);
        assert_eq!(count("src/main.rs", "//! Doc.\n#![forbid(unsafe_code)]"), 0);
    }
}
