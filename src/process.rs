//! How this process begins and how it becomes another: with the allocator the only place with unsafe code, for what the
//! standard library does not leave alone.
//!
//! Rust's start-up ignores SIGPIPE and opens `/dev/null` for closed standard streams, and its `exec` resets signals and
//! their mask. The client has to find all of them as the caller left them, so the program has a `main` of its own, and
//! becomes the client by `execve` itself.
#![expect(unsafe_code, reason = "see above; each block says why it is sound")]

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_int};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;

use crate::ending::{Ending, own_fault};
use crate::exit::NOT_RUN;
use nix::sys::signal::{SigHandler, Signal, signal};

/// What SIGPIPE did when the process began.
static BEFORE: OnceLock<SigHandler> = OnceLock::new();

/// To be called first: a closed or broken standard error must not end fender before it has become the client.
pub fn begin() {
    // SAFETY: ignoring a signal installs no handler that could run at a bad moment.
    if let Ok(before) = unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) } {
        let _ = BEFORE.set(before);
    }
    std::panic::set_hook(Box::new(|panic| {
        // In one line, whatever the message looks like.
        let what = panic.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        let ending = Ending::not_run(NOT_RUN, &own_fault(&what));
        std::process::exit(i32::from(ending.code()));
    }));
}

/// The arguments that the C library hands to `main`, the program's name first. Rust's own `env::args_os` is filled by Rust's
/// start-up or by glibc; with neither (musl, and a `main` of our own) it is empty.
///
/// # Safety
/// `arguments` points to `count` pointers to strings that end with NUL, as the C library promises for `main`.
pub unsafe fn arguments(count: c_int, arguments: *const *const c_char) -> Vec<OsString> {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: the caller's promise.
    let text = |at: usize| unsafe { CStr::from_ptr(*arguments.add(at)) };
    (0..count).map(|at| OsStr::from_bytes(text(at).to_bytes()).to_owned()).collect()
}

/// Becomes the program, with these args after its path, and this variable set. Comes back only with an error.
pub fn become_program(program: &Path, args: &[OsString], variable: (&str, &OsStr)) -> io::Error {
    match become_or_fail(program, args, variable) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn become_or_fail(program: &Path, args: &[OsString], (name, value): (&str, &OsStr)) -> io::Result<Infallible> {
    let text = |bytes: &[u8]| CString::new(bytes).map_err(io::Error::from);
    let path = text(program.as_os_str().as_bytes())?;
    let mut arguments = vec![path.clone()];
    for arg in args {
        arguments.push(text(arg.as_bytes())?);
    }
    let mut line = name.as_bytes().to_vec();
    line.push(b'=');
    let is_the_variable = line.clone();
    line.extend(value.as_bytes());
    let line = text(&line)?;
    // Handed on as they are, whatever they look like: a caller may have put lines without `=` there.
    let mut environment = environment();
    environment.retain(|other| !other.to_bytes().starts_with(&is_the_variable));
    environment.push(&line);
    if let Some(before) = BEFORE.get() {
        // SAFETY: the disposition is the one the process began with: default or ignored, for it came through an exec.
        unsafe { signal(Signal::SIGPIPE, *before) }?;
    }
    Ok(nix::unistd::execve(&path, &arguments, &environment)?)
}

/// This process's environment, line by line, where it lies in memory: copying it took more than half of the time of a
/// command that is passed on.
fn environment() -> Vec<&'static CStr> {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    let mut lines = Vec::with_capacity(64);
    // SAFETY: `environ` is a list of strings that ends with a null pointer, or null itself; fender never changes its environment.
    unsafe {
        let mut next = environ;
        while !next.is_null() && !(*next).is_null() {
            lines.push(CStr::from_ptr(*next));
            next = next.add(1);
        }
    }
    lines
}
