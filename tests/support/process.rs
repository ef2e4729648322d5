//! The one place where the tests start programs: each sees an empty environment, so that nothing that is set on a
//! developer's machine, in CI or by an agent changes a result. `tests/quick/any_surroundings.rs` holds it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The system's own programs. Where they lie elsewhere (NixOS, Guix), the PATH of whoever runs the tests.
pub fn system_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let usual = "/usr/sbin:/usr/bin:/sbin:/bin";
        let is_usual = usual.split(':').any(|folder| Path::new(folder).join("setsid").exists());
        if is_usual { usual.to_owned() } else { std::env::var("PATH").unwrap_or_default() }
    })
}

/// A program without variables but for a PATH of the system's folders, with nothing on its standard input. GOGC is for docker's own
/// programs: a quarter of what a client computes is collecting garbage, and it ends before that helps anybody.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.env_clear().env("PATH", system_path()).env("GOGC", "800").stdin(Stdio::null());
    command
}

/// The same in a session of its own, so that it has no terminal to ask on.
pub fn without_terminal(name: impl AsRef<OsStr>) -> Command {
    let mut command = program("setsid");
    command.arg("--wait").arg(name);
    command
}

/// fender under its own name.
pub fn fender() -> Command {
    program(env!("CARGO_BIN_EXE_fender"))
}

/// The real client, without fender, at the engine of this address.
pub fn client(host: &str) -> Command {
    let mut command = program(super::real_docker());
    command.env("DOCKER_HOST", host).env("DOCKER_CONFIG", super::cache().join("config"));
    command
}

/// `tests/engine.sh`: it alone sees where the cache and the running engines are, and whose they are.
pub fn engine_script(arguments: &[&str]) -> Command {
    let mut command = program(root().join("tests/engine.sh"));
    for name in ["HOME", "XDG_CACHE_HOME", "FENDER_TEST_CACHE", "FENDER_TEST_RUN"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("FENDER_TEST_OWNER", std::process::id().to_string()).args(arguments);
    command
}

/// The path of a program that `tests/tools.sh` finds or installs.
pub fn tool(name: &str) -> PathBuf {
    let mut command = program(root().join("tests/tools.sh"));
    for name in ["HOME", "XDG_CACHE_HOME", "FENDER_TEST_CACHE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let output = command.arg(name).output().unwrap();
    assert!(output.status.success(), "tests/tools.sh {name}: {}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
