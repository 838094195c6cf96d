//! The `overt` command.

fn main() {}
