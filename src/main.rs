//! The `overt` command.
#![forbid(unsafe_code)]

fn main() {}
