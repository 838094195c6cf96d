//! overt brings no async runtime along, whatever features are on, and by default few crates at all.
//!
//! A feature added to one of our dependencies can pull a runtime in without a line of ours being
//! changed, so the tree that cargo really resolves is what is asked. Our own tests and benches may
//! use tokio: they compare with it.

use std::collections::BTreeSet;
use std::process::{Command, Output};

/// Runtimes, their reactors, and the crates that only code for them needs.
const RUNTIMES: &[&str] = &[
    "async-executor",
    "async-global-executor",
    "async-io",
    "async-std",
    "compio",
    "embassy-executor",
    "futures",
    "futures-core",
    "futures-executor",
    "futures-util",
    "glommio",
    "may",
    "monoio",
    "smol",
    "tokio",
    "tokio-util",
];

/// The engine alone, for those who embed it; overt itself is one of them.
const DEFAULT_CRATES_MAX: usize = 12;

#[test]
fn no_feature_brings_an_async_runtime() {
    let crates = crates(&["--all-features"]);
    for known in ["overt", "mio", "clap", "prost"] {
        assert!(crates.contains(known), "{known} is missing from {crates:?}: is the tree read?");
    }
    assert_eq!(runtimes(&crates), [""; 0], "`cargo tree -e normal -i NAME` says who needs it");
}

#[test]
fn the_engine_alone_is_at_most_twelve_crates() {
    let crates = crates(&[]);
    assert!(crates.contains("mio"), "mio is missing from {crates:?}: is the tree read?");
    let count = crates.len();
    assert!(count <= DEFAULT_CRATES_MAX, "{count} crates by default: {crates:?}");
}

/// The names of what is linked into a program that uses overt with these features.
fn crates(features: &[&str]) -> BTreeSet<String> {
    // What was built is on disk, so the registry is asked only where that isn't enough.
    let mut output = tree(features, &["--offline"]);
    if !output.status.success() {
        output = tree(features, &[]);
    }
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    names(&String::from_utf8(output.stdout).expect("names of crates are UTF-8"))
}

fn tree(features: &[&str], how: &[&str]) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["tree", "--edges", "normal", "--prefix", "none", "--locked"]);
    cargo.args(features).args(how).output().expect("the cargo that built this test still runs")
}

/// `mio v1.2.5` and `mio v1.2.5 (*)` are one and the same.
fn names(tree: &str) -> BTreeSet<String> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn runtimes(crates: &BTreeSet<String>) -> Vec<&str> {
    RUNTIMES.iter().copied().filter(|name| crates.contains(*name)).collect()
}

#[test]
fn a_runtime_deep_in_the_tree_is_found() {
    let tree = "overt v0.1.0 (/src/overt)\nbytes v1.12.2\nh2 v0.4.0\nbytes v1.12.2\n\
                tokio v1.54.1\ntokio-macros v2.7.2 (proc-macro)\nbytes v1.12.2 (*)\n";
    let crates = names(tree);
    assert_eq!(crates.len(), 5);
    assert_eq!(runtimes(&crates), ["tokio"]);
}
