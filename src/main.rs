#![no_main]
#![expect(unsafe_code, reason = "the C library's entry and its arguments")]
//! One binary with two uses: under the name `docker` it is the shim, under its own name it has its own commands.

use std::ffi::{OsString, c_char, c_int};
use std::path::Path;

#[global_allocator]
static ALLOCATOR: fender::allocator::Allocator = fender::allocator::Allocator::new();

/// The C library's entry: Rust's own start-up would change signals and streams that the client has to find as the caller
/// left them (see `fender::process`).
///
/// # Safety
/// To be called by the C library alone, with the arguments that it promises for `main`.
// SAFETY: the name is the one the C library calls, once, with these types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(count: c_int, arguments: *const *const c_char) -> c_int {
    fender::process::begin();
    // SAFETY: these are the arguments that the C library hands to `main`.
    c_int::from(run(&unsafe { fender::process::arguments(count, arguments) }))
}

fn run(arguments: &[OsString]) -> u8 {
    let (name, args) =
        arguments.split_first().map_or((OsString::new(), arguments), |(name, args)| (name.clone(), args));
    let called = Path::new(&name).file_name().unwrap_or_default();
    if called == "docker" {
        return fender::shim::run(args);
    }
    if called == "docker-compose" {
        return fender::shim::run_compose(args);
    }
    if let Some((first, rest)) = args.split_first()
        && first == "docker"
    {
        return fender::shim::run(rest);
    }
    fender::commands::run(arguments)
}
