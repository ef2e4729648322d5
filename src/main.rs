#![no_main]
//! One binary, two faces: under the name `docker` the shim, under its own its own commands.

use std::env;
use std::ffi::{OsString, c_char, c_int};
use std::path::Path;

/// The C library's entry: Rust's own start-up would change signals and streams that the client has to find as the caller
/// left them (see `fender::process`).
// SAFETY: the name is the one the C library calls, once, with these types.
#[unsafe(no_mangle)]
pub extern "C" fn main(_count: c_int, _words: *const *const c_char) -> c_int {
    fender::process::begin();
    c_int::from(run())
}

fn run() -> u8 {
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let words: Vec<OsString> = arguments.collect();
    let called = Path::new(&name).file_name().unwrap_or_default();
    if called == "docker" {
        return fender::shim::run(&words);
    }
    if called == "docker-compose" {
        return fender::shim::run_compose(&words);
    }
    if let Some((first, rest)) = words.split_first()
        && first == "docker"
    {
        return fender::shim::run(rest);
    }
    fender::commands::run()
}
