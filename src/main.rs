//! The `overt` command: see `overt --help`.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    overt::command::main()
}
