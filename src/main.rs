#![forbid(unsafe_code)]
//! One binary, two faces: under the name `docker` the shim, under its own its own commands.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = env::args_os();
    let name = arguments.next().unwrap_or_default();
    let words: Vec<OsString> = arguments.collect();
    let called = Path::new(&name).file_name().unwrap_or_default();
    if called == "docker" {
        return fender::shim::run(&words);
    }
    if let Some((first, rest)) = words.split_first()
        && first == "docker"
    {
        return fender::shim::run(rest);
    }
    fender::cli::run()
}
