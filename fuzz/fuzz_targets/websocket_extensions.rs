//! The body is `extensions` of `sockets.rs`.
#![no_main]

#[path = "../streams.rs"]
#[allow(dead_code, reason = "shared with the tests, which use the rest")]
mod streams;
#[path = "../targets.rs"]
#[allow(dead_code, reason = "each program runs one of the targets")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::sockets::extensions(data, targets::Cuts::Few));
