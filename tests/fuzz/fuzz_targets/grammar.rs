#![no_main]
//! See `grammar` in `bodies.rs`.

#[allow(dead_code)] // The other targets' bodies.
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::grammar(data));
