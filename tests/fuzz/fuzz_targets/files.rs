#![no_main]
//! See `files` in `bodies.rs`.

#[allow(dead_code)] // The other targets' bodies.
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::files(data));
