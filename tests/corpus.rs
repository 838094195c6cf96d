//! Replays what the fuzz targets are to remember (`fuzz/corpus/`), on a stable compiler: each file
//! as it is and cut in every way, cut off at every byte, and changed in ways that are the same in
//! every run.
#![cfg(all(feature = "json", feature = "protobuf", feature = "websocket"))]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use corpus::{changed, corpus, fuzz, list};
use targets::{Cuts, TARGETS, Target};

#[path = "common/corpus.rs"]
mod corpus;
#[path = "../fuzz/streams.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the fuzz targets, which use the rest")]
mod streams;
#[path = "../fuzz/targets.rs"]
#[allow(unreachable_pub, reason = "shared with the fuzz targets")]
#[allow(clippy::use_self, reason = "the derives don't take `Self`")]
mod targets;

/// How often each file is changed.
const CHANGES: u64 = 300;

#[test]
fn what_was_found_once_holds_for_ever() {
    for (name, target) in TARGETS {
        for (path, bytes) in corpus(name) {
            run(target, &bytes, Cuts::Every, &path);
            for end in 0..bytes.len() {
                run(target, &bytes[..end], Cuts::Few, &path);
            }
        }
    }
}

#[test]
fn changed_a_little_it_holds_as_well() {
    for (name, target) in TARGETS {
        let files = corpus(name);
        for (path, bytes) in &files {
            for seed in 0..CHANGES {
                let (_, other) = &files[seed as usize % files.len()];
                run(target, &changed(bytes, other, seed), Cuts::Few, path);
            }
        }
    }
}

#[test]
fn every_target_is_a_program_and_every_folder_a_target() {
    let names = |folder: &str, ending: &str| {
        let mut names: Vec<String> = list(&fuzz().join(folder))
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().replace(ending, ""))
            .collect();
        names.sort();
        names
    };
    let mut targets = TARGETS.map(|(name, _)| name.to_owned());
    targets.sort();
    assert_eq!(names("corpus", "/"), targets);
    assert_eq!(names("fuzz_targets", ".rs"), targets);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for name in targets {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

/// Says which bytes it was, if it fails.
fn run(target: Target, bytes: &[u8], cuts: Cuts, path: &Path) {
    let ran = catch_unwind(|| target(bytes, cuts));
    assert!(ran.is_ok(), "{}, as {bytes:?}", path.display());
}
