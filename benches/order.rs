//! Which functions the shim runs through before it becomes docker, in the order of their first run.
//!
//! `build.rs` puts the functions of `data/order.txt` next to each other, so that few pages have to be mapped. `just order` makes that list
//! again (`CARGO_PROFILE_BENCH_STRIP=none cargo bench --bench order -- --write`, and once more for musl with `--target` and `--add`, which
//! keeps what the list has); without `--write` this program says how much of what ran lies together, and fails where the list is stale.
//! `--program FILE` looks at a program that is built already, and that has symbols if `--write` is set.
#![expect(unsafe_code, reason = "a program that is to be traced says so between fork and exec")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot measure ends by a panic, and its output is its result"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

/// A client that does nothing, but says what it is.
const CLIENT: &str = "#!/bin/sh\n[ \"$*\" = --version ] && echo Docker version 28.5.2, build x\nexit 0\n";

/// The least share of the executed pages of the program that has to lie in the part where functions are put together.
const LEAST: f64 = 0.5;

/// What people type most, and what takes the common ways through the program.
const COMMANDS: &[&[&str]] = &[
    &["ps"],
    &["run", "--rm", "-m", "1g", "--init", "-u", "1000", "alpine:3"],
    &["run", "-d", "-p", "127.0.0.1:8080:80", "--name", "web", "-v", "data:/data", "-e", "MODE=x", "nginx:1.29.3"],
    &["exec", "-it", "web", "sh"],
    &["stop", "web"],
];

/// A part of the program's file that is mapped to be run: name, first address, size in bytes.
struct Section {
    name: String,
    start: u64,
    size: u64,
}

fn main() -> ExitCode {
    let write = env::args().any(|arg| arg == "--write");
    let given = env::args().skip_while(|arg| arg != "--program").nth(1);
    let program = given.unwrap_or_else(|| env!("CARGO_BIN_EXE_fender").to_owned());
    let root = tempfile::tempdir().expect("a folder for temporary files");
    for folder in ["front", "real", "home"] {
        fs::create_dir(root.path().join(folder)).expect("a new folder");
    }
    symlink(fs::canonicalize(&program).expect("the program is there"), root.path().join("front/docker"))
        .expect("a link");
    let client = root.path().join("real/docker");
    fs::write(&client, CLIENT).expect("a file");
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).expect("a mode");
    let runs: Vec<Vec<u64>> = COMMANDS.iter().map(|args| addresses(root.path(), args)).collect();
    let bytes = fs::read(&program).expect("the program can be read");
    let sections = sections(&bytes);
    let within = |name: &str, address: u64| {
        sections.iter().any(|s| s.name == name && (s.start..s.start + s.size).contains(&address))
    };
    if write {
        return write_list(&program, &runs, env::args().any(|arg| arg == "--add"));
    }
    let mut stale = false;
    for (args, run) in COMMANDS.iter().zip(&runs) {
        let pages = |wanted: &str| {
            run.iter().filter(|at| within(wanted, **at)).map(|at| at / 4096).collect::<BTreeSet<_>>().len()
        };
        let (together, elsewhere) = (pages(".text.start"), pages(".text"));
        let share = together as f64 / (together + elsewhere).max(1) as f64;
        stale |= share < LEAST;
        println!(
            "docker {:<40.40} {together:>4} pages together, {elsewhere:>4} elsewhere ({:.0} %)",
            args.join(" "),
            share * 100.0
        );
    }
    if stale {
        println!(
            "data/order.txt is stale: less than {:.0} % lies together; make it again with: just order",
            LEAST * 100.0
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Every address that was executed until the program became another, each once, in the order of its first run.
fn addresses(root: &Path, args: &[&str]) -> Vec<u64> {
    let mut command = Command::new(root.join("front/docker"));
    let path = format!("{}:{}", root.join("front").display(), root.join("real").display());
    command
        .args(args)
        .env_clear()
        .env("PATH", path)
        .env("HOME", root.join("home"))
        .env("DOCKER_HOST", "unix:///nonexistent");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // SAFETY: asking to be traced allocates nothing and takes no lock.
    unsafe { command.pre_exec(|| ptrace::traceme().map_err(Into::into)) };
    // It is waited for below, by its id: each of its steps is a stop of its own.
    #[allow(clippy::zombie_processes)]
    let child = command.spawn().expect("the program starts");
    let pid = Pid::from_raw(child.id().try_into().expect("a process id"));
    waitpid(pid, None).expect("the child stops at its exec");
    ptrace::setoptions(pid, ptrace::Options::PTRACE_O_TRACEEXEC | ptrace::Options::PTRACE_O_EXITKILL).expect("traced");
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    let mut deliver: Option<Signal> = None;
    loop {
        let registers = ptrace::getregs(pid).expect("registers");
        if seen.insert(registers.rip) {
            order.push(registers.rip);
        }
        ptrace::step(pid, deliver.take()).expect("a step");
        match waitpid(pid, None).expect("a state") {
            WaitStatus::PtraceEvent(..) => {
                let _ = ptrace::kill(pid);
                let _ = waitpid(pid, None);
                return order;
            }
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {}
            WaitStatus::Stopped(_, signal) => deliver = Some(signal),
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => return order,
            _ => {}
        }
    }
}

/// The section headers of a 64-bit ELF file: what is left of names in a stripped program.
fn sections(bytes: &[u8]) -> Vec<Section> {
    let number = |at: usize, size: usize| -> u64 {
        bytes.get(at..at + size).unwrap_or_default().iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    };
    let place = |value: u64| usize::try_from(value).expect("a 64-bit machine");
    let (table, each, count, names) =
        (place(number(0x28, 8)), place(number(0x3a, 2)), number(0x3c, 2), place(number(0x3e, 2)));
    let strings = place(number(table + names * each + 0x18, 8));
    (0..place(count))
        .map(|index| {
            let header = table + index * each;
            let name = strings + place(number(header, 4));
            let name: Vec<u8> = bytes.iter().skip(name).take_while(|byte| **byte != 0).copied().collect();
            Section {
                name: String::from_utf8_lossy(&name).into_owned(),
                start: number(header + 0x10, 8),
                size: number(header + 0x20, 8),
            }
        })
        .collect()
}

/// Writes the list of the functions that ran, behind those that it has where `add` is set.
fn write_list(program: &str, runs: &[Vec<u64>], add: bool) -> ExitCode {
    const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/order.txt");
    let output = Command::new("nm").args(["--defined-only", program]).output().expect("nm, of binutils");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut symbols = BTreeMap::new();
    for line in text.lines() {
        let mut parts = line.split(' ');
        if let (Some(address), Some("t" | "T" | "w" | "W"), Some(name)) = (parts.next(), parts.next(), parts.next())
            && let Ok(address) = u64::from_str_radix(address, 16)
        {
            symbols.insert(address, name.to_owned());
        }
    }
    if symbols.is_empty() {
        println!("the program has no symbols: set CARGO_PROFILE_BENCH_STRIP=none");
        return ExitCode::FAILURE;
    }
    let mut patterns: Vec<String> = Vec::new();
    if add {
        let known = fs::read_to_string(LIST).expect("data/order.txt can be read");
        patterns.extend(known.lines().filter(|line| !line.starts_with('#')).map(str::to_owned));
    }
    for address in runs.iter().flatten() {
        let Some((_, name)) = symbols.range(..=*address).next_back() else { continue };
        if let Some(pattern) = pattern(name)
            && !patterns.contains(&pattern)
        {
            patterns.push(pattern);
        }
    }
    let head = "# The functions that common commands run through, in order, as patterns of their sections' names; made by `just order`.\n";
    fs::write(LIST, format!("{head}{}\n", patterns.join("\n"))).expect("data/order.txt can be written");
    println!("data/order.txt: {} functions", patterns.len());
    ExitCode::SUCCESS
}

/// A Rust symbol without the hashes that differ from build to build; None for the C library's, which have no section of their own.
fn pattern(name: &str) -> Option<String> {
    if name == "main" {
        return Some(name.to_owned());
    }
    if let Some((path, _)) = name.strip_prefix("_ZN").and_then(|_| name.rsplit_once("17h")) {
        return Some(format!("{path}17h*"));
    }
    let rest = name.strip_prefix("_R")?;
    // `Cs<hash>_` names a crate: the hash goes.
    let mut parts = rest.split("Cs");
    let mut pattern = format!("_R{}", parts.next()?);
    for part in parts {
        match part.split_once('_') {
            Some((hash, after)) if hash.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                pattern.push_str("C*_");
                pattern.push_str(after);
            }
            _ => {
                pattern.push_str("Cs");
                pattern.push_str(part);
            }
        }
    }
    // The compiler's own copies have numbers behind a dot, which differ from build to build, too.
    Some(pattern.split('.').next().unwrap_or_default().to_owned() + "*")
}
