//! The largest commands against the smallest thing that the real client does: 100 kB of arguments, every port, and a Dockerfile
//! of 1 MB, each through fender, against `docker --help` without it. `cargo bench --bench limits`.
//!
//! The docker behind fender is a static program that ends at once, so that what is measured is what stands in front; the
//! real client comes from `tests/engine.sh`. It ends with 1 where fender takes longer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot measure ends by a panic, and its output is its result"
)]

#[path = "support/result.rs"]
mod result;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use result::result;

/// A client that does nothing, but says what it is.
const CLIENT: &str = "#!/bin/sh\n[ \"$*\" = --version ] && echo Docker version 28.5.2, build x\nexit 0\n";

const ROUNDS: usize = 60;

fn client() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine.sh");
    let output = Command::new(script).arg("fetch").output().expect("tests/engine.sh can be run");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()).join("docker")
}

/// A program in a folder, with nothing to say and no engine to ask.
fn command(root: &Path, program: &Path, words: &[String]) -> Command {
    let mut command = Command::new(program);
    let path = format!("{}:{}:/usr/bin:/bin", root.join("front").display(), root.join("real").display());
    command.args(words).env_clear().env("PATH", path).env("HOME", root.join("home"));
    command.env("DOCKER_HOST", "unix:///nonexistent").current_dir(root.join("context"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn time(mut command: Command) -> Duration {
    let start = Instant::now();
    command.status().expect("it can be started");
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A Dockerfile of 1 MB with all that such files have.
fn dockerfile() -> String {
    let mut text = "FROM alpine:3.22\nCOPY . .\n".to_owned();
    let mut at = 0;
    while text.len() < 1_000_000 {
        at += 1;
        text.push_str(&format!(
            "# step {at}\nENV NAME{at}=value{at} OTHER{at}=$NAME{at}\nRUN apk add --no-cache package{at} \\\n    && make step{at}\nCOPY file{at} /srv/{at}/\nRUN <<EOF\nmake test{at}\nEOF\n"
        ));
    }
    text + "USER 10001\n"
}

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn main() -> ExitCode {
    let root = tempfile::tempdir().expect("a folder for temporary files");
    for folder in ["front", "real", "home", "context"] {
        fs::create_dir(root.path().join(folder)).expect("a new folder");
    }
    symlink(env!("CARGO_BIN_EXE_fender"), root.path().join("front/docker")).expect("a link");
    let stand_in = root.path().join("real/docker");
    fs::write(&stand_in, CLIENT).expect("a file");
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).expect("a mode");
    fs::write(root.path().join("context/Dockerfile"), dockerfile()).expect("a file");
    let (front, client) = (root.path().join("front/docker"), client());
    let arguments: Vec<String> = (0..10_000).map(|at| format!("word-{at:04}")).collect();
    let flags: Vec<String> = (0..5_000).map(|at| format!("--env=NAME_{at:05}=value")).collect();
    let rows: Vec<(&str, Vec<String>)> = vec![
        ("run with 100 kB of arguments", [words(&["run", "a:1"]), arguments].concat()),
        ("run with 100 kB of flags", [words(&["run"]), flags, words(&["a:1"])].concat()),
        ("run -p 1-65535:1-65535", words(&["run", "-p", "127.0.0.1:1-65535:1-65535", "a:1"])),
        ("run --expose 1-65535", words(&["run", "--expose", "1-65535", "a:1"])),
        ("build of a Dockerfile of 1 MB", words(&["build", "."])),
    ];
    let help = words(&["--help"]);
    let (mut ours, mut theirs) = (vec![Vec::new(); rows.len()], Vec::new());
    // In turn, so that what else the machine does hits all alike.
    for _ in 0..ROUNDS {
        theirs.push(time(command(root.path(), &client, &help)));
        for ((_, words), times) in rows.iter().zip(&mut ours) {
            times.push(time(command(root.path(), &front, words)));
        }
    }
    let bar = median(theirs);
    eprintln!("{:<40} {:>8.1} ms", "docker --help, without fender", bar.as_secs_f64() * 1e3);
    result("limits", "docker --help, without fender", bar.as_secs_f64() * 1e3, "ms");
    let mut is_met = true;
    for ((name, _), times) in rows.iter().zip(ours) {
        let took = median(times);
        is_met &= took < bar;
        eprintln!("{name:<40} {:>8.1} ms", took.as_secs_f64() * 1e3);
        result("limits", name, took.as_secs_f64() * 1e3, "ms");
    }
    if is_met {
        return ExitCode::SUCCESS;
    }
    eprintln!("fender takes longer than the real client's help");
    ExitCode::FAILURE
}
