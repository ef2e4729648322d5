//! A folder with fender under the name docker, and a stand-in client behind it that writes down what reaches it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::process::{program, system_path, without_terminal};

/// A folder with fender as `docker`, and behind it a stand-in client.
pub struct Place {
    root: tempfile::TempDir,
}

pub const STAND_IN: &str = r#"#!/bin/sh
# Writes its words, one for each NUL, its name, its variables and its standard input.
case "$*" in *dial-stdio*) exit 1 ;; esac
# What fender asks, and not somebody through it.
case "$*$FENDER_CHAIN" in --version) exec echo 'Docker version 28.5.2, build stand-in' ;; --help) exit 0 ;; esac
out=$STAND_IN_OUT
: >"$out/words"
for word in "$@"; do printf '%s\0' "$word" >>"$out/words"; done
printf '%s' "$0" >"$out/name"
env -0 >"$out/env"
pwd >"$out/folder"
[ -n "$STAND_IN_READS" ] && cat >"$out/input"
[ -n "$STAND_IN_TRAP" ] && { trap 'echo got >"$out/signal"; exit 7' TERM; echo ready >"$out/ready"; while :; do sleep 0.02; done; }
echo to-output
echo to-error >&2
exit "${STAND_IN_CODE:-0}"
"#;

impl Place {
    pub fn new() -> Place {
        let root = tempfile::tempdir().unwrap();
        for folder in ["front", "real", "out", "home"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_fender"), root.path().join("front/docker")).unwrap();
        script(&root.path().join("real/docker"), STAND_IN);
        Place { root }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// PATH: fender under the name docker, then the client, then the system's programs.
    pub fn search_path(&self) -> String {
        format!("{}:{}", self.path("front").display(), self.client_path())
    }

    /// PATH without fender.
    pub fn client_path(&self) -> String {
        format!("{}:{}", self.path("real").display(), system_path())
    }

    /// Gives a program the variables of this place; there is no engine.
    pub fn surround(&self, command: &mut Command) {
        command.env("PATH", self.search_path()).env("HOME", self.path("home")).env("STAND_IN_OUT", self.path("out"));
        command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    }

    /// `docker` with nothing of this machine's surroundings, and no terminal.
    pub fn docker(&self) -> Command {
        let mut command = without_terminal(self.path("front/docker"));
        self.surround(&mut command);
        command
    }

    /// The same for a terminal of the test's own (`Terminal::start`).
    pub fn typed(&self, words: &[&str]) -> Command {
        let mut command = program(self.path("front/docker"));
        self.surround(&mut command);
        command.args(words);
        command
    }

    /// Puts the real client in the stand-in's place.
    pub fn with_real_client(self) -> Place {
        fs::remove_file(self.path("real/docker")).unwrap();
        symlink(super::real_docker(), self.path("real/docker")).unwrap();
        self
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.docker().args(words).output().unwrap()
    }

    /// The words that reached the stand-in; None where it was not run.
    pub fn reached(&self) -> Option<Vec<OsString>> {
        let bytes = fs::read(self.path("out/words")).ok()?;
        let mut words: Vec<OsString> =
            bytes.split(|b| *b == 0).map(|word| OsStr::from_bytes(word).to_owned()).collect();
        words.pop();
        Some(words)
    }

    pub fn policy(&self, text: &str) {
        let folder = self.path("home/.config/fender");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("policy.toml"), text).unwrap();
    }
}

/// Writes a program. Another process does it: one that a test starts at this moment would inherit the open file for an instant, and
/// the kernel runs no program that is open for writing.
pub fn script(path: &Path, text: &str) {
    let mut install = program("/usr/bin/install");
    install.args(["-m", "755", "/dev/stdin"]).arg(path).stdin(Stdio::piped());
    let mut install = install.spawn().unwrap();
    install.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(install.wait().unwrap().success(), "{}", path.display());
}

/// What was printed on standard error.
pub fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The same on one line, however it was wrapped.
pub fn unwrapped(output: &Output) -> String {
    error(output).split_whitespace().collect::<Vec<_>>().join(" ")
}
