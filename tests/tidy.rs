//! The style of the house as a test, so that reviews can talk about design.
//!
//! [`budgets`] keeps files, functions and lines short; [`seam`] keeps the operating system, the
//! clock and chance behind `net/`; [`panics`] keeps what a peer sends from ending the process;
//! [`leftovers`] finds what was meant to be done later; [`reading_path`] measures what a newcomer
//! is asked to read. Each has made-up files at its bottom that it must complain about.

use source::{Source, read, report};

#[path = "tidy/budgets.rs"]
mod budgets;
#[path = "tidy/leftovers.rs"]
mod leftovers;
#[path = "common/lexer.rs"]
mod lexer;
#[path = "tidy/panics.rs"]
mod panics;
#[path = "common/paths.rs"]
#[allow(dead_code, reason = "shared with tests/floors.rs, which uses the rest")]
mod paths;
#[path = "tidy/reading_path.rs"]
mod reading_path;
#[path = "tidy/seam.rs"]
mod seam;
#[path = "common/source.rs"]
mod source;

/// All Rust that is kept in the repository, programs to compare with included.
fn everything() -> Vec<Source> {
    read(&["src", "tests", "examples", "benches", "fuzz"])
}

#[test]
fn files_functions_and_lines_are_short() {
    report(budgets::violations(&everything()));
}

#[test]
fn the_outside_is_reached_through_the_seam_only() {
    report(seam::violations(&read(&["src"])));
}

#[test]
fn nothing_is_unsafe() {
    report(seam::unsafe_code(&read(&["src"])));
}

#[test]
fn what_a_peer_sends_never_panics() {
    report(panics::violations(&read(&["src"])));
}

#[test]
fn nothing_is_left_for_later() {
    report(leftovers::violations(&everything()));
}

#[test]
fn nothing_waits_for_a_while() {
    report(leftovers::sleeps(&read(&["src", "tests"])));
}

#[test]
fn the_reading_path_is_short() {
    report(reading_path::violations(&everything()));
}
