//! How this process begins and how it becomes another: the only place with unsafe code, for what the standard library
//! does not leave alone.
//!
//! Rust's start-up ignores SIGPIPE and opens `/dev/null` for closed standard streams, and its `exec` resets signals and
//! their mask. The client has to find all of them as the caller left them, so the program has a `main` of its own, and
//! becomes the client by `execve` itself.
#![allow(unsafe_code)]

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::OnceLock;

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
        use std::io::Write;
        let _ = writeln!(io::stderr(), "fender: not run: an error of fender's own: {panic}");
        std::process::exit(125);
    }));
}

/// Becomes the program, with these words after its path, and this variable set. Comes back only with an error.
pub fn become_program(program: &Path, words: &[OsString], variable: (&str, &OsStr)) -> io::Error {
    match become_or_fail(program, words, variable) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn become_or_fail(program: &Path, words: &[OsString], (name, value): (&str, &OsStr)) -> io::Result<Infallible> {
    let text = |bytes: Vec<u8>| CString::new(bytes).map_err(io::Error::from);
    let path = text(program.as_os_str().as_bytes().to_vec())?;
    let mut arguments = vec![path.clone()];
    for word in words {
        arguments.push(text(word.as_bytes().to_vec())?);
    }
    let mut environment = Vec::new();
    let set = [(OsString::from(name), value.to_owned())];
    for (key, value) in std::env::vars_os().filter(|(key, _)| key != name).chain(set) {
        let mut line = key.into_vec();
        line.push(b'=');
        line.extend(value.into_vec());
        environment.push(text(line)?);
    }
    if let Some(before) = BEFORE.get() {
        // SAFETY: the disposition is the one the process began with: default or ignored, for it came through an exec.
        unsafe { signal(Signal::SIGPIPE, *before) }?;
    }
    Ok(nix::unistd::execve(&path, &arguments, &environment)?)
}
