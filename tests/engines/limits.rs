//! The largest commands cost less than the smallest thing that the real client does, and numbers are read as it reads them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use fender_core::grammar::parse::{Builder, Unknown, parse};
use fender_core::grammar::{FlagKind, find};
use fender_core::lower::lower;

use crate::support::TestHost;
use crate::support::extremes::{NUMBERS, WITHIN, line};
use crate::support::place::script;
use crate::support::process::{client, program};

/// Processor time of a program with these words, as bash measures it.
fn spent(command: &Command) -> Duration {
    let mut timed = program("bash");
    // Bash itself is found in the system's folders, whatever the program's PATH is.
    timed.args(["-c", "TIMEFORMAT='%U %S'; export PATH=$1; shift; time \"$@\" >/dev/null 2>&1", "bash"]);
    let path = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value);
    timed.arg(path.unwrap_or_default()).arg(command.get_program()).args(command.get_args());
    timed.envs(command.get_envs().filter(|(name, _)| *name != "PATH").filter_map(|(name, value)| Some((name, value?))));
    let output = timed.current_dir(command.get_current_dir().unwrap_or(Path::new("/"))).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let seconds: f64 = said.split_whitespace().map(|part| part.parse::<f64>().expect("seconds")).sum();
    Duration::from_secs_f64(seconds)
}

/// Tests are built without what makes a release quick: they may take so many times as long as the client's help.
const SLACK: u32 = 20;

#[test]
fn the_largest_commands_cost_little_more_than_the_clients_help() {
    let root = tempfile::tempdir().unwrap();
    for folder in ["front", "real", "home", "context"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    symlink(env!("CARGO_BIN_EXE_fender"), root.path().join("front/docker")).unwrap();
    script(
        &root.path().join("real/docker"),
        "#!/bin/sh\n[ \"$*\" = --version ] && echo Docker version 28.5.2, build x\nexit 0\n",
    );
    let step = "ENV A=b\nRUN apk add x && make y\nCOPY a /b\n";
    let dockerfile = format!("FROM alpine:3.22\n{}USER 1\n", step.repeat(1_000_000 / step.len()));
    fs::write(root.path().join("context/Dockerfile"), dockerfile).unwrap();
    let help = (0..5).map(|_| spent(client("unix:///nonexistent").arg("--help"))).min().unwrap();
    let arguments: Vec<String> = (0..10_000).map(|at| format!("word-{at:04}")).collect();
    for (first, more) in [
        (&["run", "a:1"][..], &arguments[..]),
        (&["run", "-p", "127.0.0.1:1-65535:1-65535", "a:1"], &[]),
        (&["run", "--expose", "1-65535", "a:1"], &[]),
        (&["build", "."], &[]),
    ] {
        let path = |folder: &str| root.path().join(folder).display().to_string();
        let once = || {
            let mut command = program(root.path().join("front/docker"));
            command.args(first).args(more).current_dir(root.path().join("context"));
            command.env("PATH", format!("{}:{}", path("front"), path("real"))).env("HOME", path("home"));
            spent(command.env("DOCKER_HOST", "unix:///nonexistent"))
        };
        let took = (0..5).map(|_| once()).min().unwrap();
        assert!(took < help * SLACK, "docker {first:?}: {took:?}, and the client's help takes {help:?}");
    }
}

/// Whether the real client takes the words, so far that it looks for an engine.
fn is_taken(words: &[String]) -> (bool, String) {
    let output = client("unix:///nonexistent/docker.sock").args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (["annot connect", "failed to connect", "error during connect"].iter().any(|it| said.contains(it)), said)
}

#[test]
fn numbers_are_read_as_the_client_reads_them() {
    let command = find("container create").unwrap();
    let host = TestHost::new(Path::new("/nonexistent"));
    let kinds = [
        FlagKind::Bytes,
        FlagKind::SwapBytes,
        FlagKind::Int64,
        FlagKind::Uint16,
        FlagKind::Duration,
        FlagKind::PositiveDuration,
        FlagKind::Decimal,
        FlagKind::Float,
    ];
    let of_kinds = kinds.iter().filter_map(|kind| command.flags.iter().find(|flag| flag.kind == *kind));
    let patterns = of_kinds.map(|flag| (flag, "#")).chain(WITHIN.iter().filter_map(|(name, patterns)| {
        let named = ["publish", "expose", "ulimit", "device-read-bps", "blkio-weight-device", "gpus"];
        Some((command.long(name)?, *patterns.first()?)).filter(|_| named.contains(name))
    }));
    let mut differ = Vec::new();
    for (number, (flag, pattern)) in patterns.enumerate() {
        // Some for each flag, in turn; what holds a zero byte is no argument.
        for text in NUMBERS.iter().skip(number % 4).step_by(4).filter(|text| !text.contains('\0')) {
            let words = line(command, flag, &pattern.replace('#', text));
            let (taken, said) = is_taken(&words);
            let refusal = lower(&parse(&words, Unknown::Refuse, &|| Builder::Legacy), &host).refusal;
            if taken != refusal.is_none() {
                differ.push(format!("docker {words:?}: {said:?}, and fender: {refusal:?}"));
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
