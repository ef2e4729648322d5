//! A fault at a system call is not taken for an answer either: each call of a look fails once, or always, and nothing that is
//! protected goes, and nothing is deleted unasked on an engine whose labels say production. `strace` makes the calls fail.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::faulty::{At, Fault, Faulty};
use crate::support::place::{Place, error};
use crate::support::process::{tool, without_terminal};

/// System calls of a look, each with the errors that it can give.
const CALLS: &[(&str, &[&str])] = &[
    ("socket", &["EMFILE", "ENOMEM", "EACCES", "ENFILE"]),
    ("connect", &["EACCES", "EINTR", "ETIMEDOUT", "ECONNRESET", "EIO", "ENOTDIR", "ELOOP"]),
    ("recvfrom", &["ECONNRESET", "EINTR", "EIO", "ENOMEM"]),
    ("read", &["EIO", "EINTR", "ENOMEM"]),
    ("readv", &["EIO", "EINTR"]),
    ("sendto", &["EPIPE", "ECONNRESET", "ENOMEM"]),
    ("write", &["EIO", "EINTR", "ENOSPC"]),
    ("writev", &["EIO", "EPIPE"]),
    ("openat", &["EMFILE", "EACCES", "EIO", "ENOTDIR", "ELOOP", "ENOMEM"]),
    ("fstat", &["EIO", "ENOMEM"]),
    ("newfstatat", &["EIO", "EACCES", "ENOTDIR", "ELOOP"]),
    ("statx", &["EIO", "EACCES", "ENOTDIR", "ELOOP"]),
    ("faccessat", &["EACCES", "EIO"]),
    ("faccessat2", &["EACCES", "EIO"]),
    ("fcntl", &["EMFILE", "EIO"]),
    ("poll", &["EINTR", "ENOMEM"]),
    ("epoll_create1", &["EMFILE", "ENOMEM"]),
    ("epoll_ctl", &["ENOMEM", "EPERM"]),
    ("epoll_wait", &["EINTR", "EIO"]),
    ("eventfd2", &["EMFILE", "ENOMEM"]),
    ("socketpair", &["EMFILE"]),
    ("getcwd", &["EACCES", "ENOMEM"]),
    ("readlink", &["EIO", "EACCES"]),
    ("flock", &["EINTR", "EIO"]),
    ("clone3", &["EAGAIN", "ENOMEM"]),
    ("getrandom", &["EIO", "EINTR"]),
];

const PRODUCTION: &[&str] = &["tier=prod"];

/// A deletion under CI, where losses are only noted: of something protected, and of something on a production engine.
const COMMANDS: &[(&[&str], &[&str])] = &[(&["volume", "rm", "data"], &[]), (&["volume", "rm", "spare"], PRODUCTION)];

/// How many calls of one kind fail one by one; of more, these are spread over all.
const MOST: usize = 40;

struct Run {
    place: Place,
    engine: Faulty,
    output: Output,
}

fn run(strace: &Path, words: &[&str], labels: &'static [&'static str], options: &[&str], log: &str) -> Run {
    let place = Place::new();
    let socket = place.path("sock");
    let engine = Faulty::start(&socket, labels, At::Never, Fault::Closed);
    let mut command = without_terminal(strace);
    place.surround(&mut command);
    command.args(["-f", "-qq", "--seccomp-bpf", "-o"]).arg(place.path(log)).args(options);
    command.arg(place.path("front/docker")).args(words).env("CI", "1");
    command.env("DOCKER_HOST", format!("unix://{}", socket.display())).current_dir(place.path("home"));
    let output = command.output().unwrap();
    Run { place, engine, output }
}

/// How often each call is made where nothing fails, by the process that makes it most often.
fn counted(strace: &Path, words: &[&str], labels: &'static [&'static str]) -> BTreeMap<&'static str, usize> {
    let all: Vec<&str> = CALLS.iter().map(|(name, _)| *name).collect();
    let traced = format!("trace={}", all.iter().map(|name| format!("?{name}")).collect::<Vec<_>>().join(","));
    let run = run(strace, words, labels, &["-e", &traced], "log");
    assert_eq!(run.place.reached(), None, "docker {words:?}: {}", error(&run.output));
    let log = fs::read_to_string(run.place.path("log")).unwrap();
    let mut counts: BTreeMap<(String, &'static str), usize> = BTreeMap::new();
    for line in log.lines() {
        let Some((process, rest)) = line.split_once(' ') else { continue };
        let Some((name, _)) = rest.trim_start().split_once('(') else { continue };
        if let Some(name) = all.iter().find(|known| **known == name) {
            *counts.entry((process.to_owned(), name)).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((_, name), count) in counts {
        let entry = most.entry(name).or_default();
        *entry = count.max(*entry);
    }
    most
}

#[test]
fn no_fault_at_any_system_call_lets_a_protected_object_go() {
    let strace = tool("strace");
    let mut work: Vec<(usize, &str, &str, String)> = Vec::new();
    for (at, (words, labels)) in COMMANDS.iter().enumerate() {
        let counts = counted(&strace, words, labels);
        assert!(counts.contains_key("connect") && counts.contains_key("openat"), "{counts:?}");
        println!("docker {words:?}: {counts:?}");
        for (name, errors) in CALLS {
            let Some(count) = counts.get(name) else { continue };
            // Who is interrupted for ever tries for ever.
            for error in errors.iter().filter(|error| **error != "EINTR") {
                work.push((at, name, error, "1+".to_owned()));
            }
            let step = count.div_ceil(MOST);
            for (number, when) in (1..=*count).step_by(step).enumerate() {
                work.push((at, name, errors[(number + at) % errors.len()], when.to_string()));
            }
        }
    }
    let (next, failed, started) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Instant::now());
    let slowest = Mutex::new((Duration::ZERO, String::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((at, name, error_name, when)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (words, labels) = COMMANDS[*at];
                    let trace = format!("trace={name}");
                    let inject = format!("inject={name}:error={error_name}:when={when}");
                    let began = Instant::now();
                    let run = run(&strace, words, labels, &["-e", &trace, "-e", &inject], "log");
                    let changes = run.engine.changes();
                    let mut slowest = slowest.lock().unwrap();
                    *slowest = (began.elapsed(), inject.clone()).max(slowest.clone());
                    drop(slowest);
                    let late = began.elapsed() > Duration::from_secs(60);
                    if run.place.reached().is_some() || !changes.is_empty() || run.output.status.success() || late {
                        failed.lock().unwrap().push(format!(
                            "docker {words:?}, {inject}: the client ran: {:?}, changes: {changes:?}, {:?} after {:?}\n{}",
                            run.place.reached(),
                            run.output.status,
                            began.elapsed(),
                            error(&run.output)
                        ));
                    }
                }
            });
        }
    });
    println!("{} faults in {:?}; the slowest {:?}", work.len(), started.elapsed(), slowest.into_inner().unwrap());
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), work.len(), failed.join("\n\n"));
}

/// Each Dockerfile that is linted is opened once and read by one call, its folder is listed once to find it and once for its context, and
/// nothing asks where links lead, because the search has seen that there are none.
#[test]
fn a_dockerfile_is_read_once_by_lint() {
    let strace = tool("strace");
    let place = tempfile::tempdir().unwrap();
    let calls = |count: usize| {
        let folder = place.path().join(count.to_string());
        for number in 0..count {
            let one = folder.join(number.to_string());
            fs::create_dir_all(&one).unwrap();
            fs::write(one.join("Dockerfile"), "FROM alpine:3.22\nRUN x\nCOPY app.py /\nUSER 1\n").unwrap();
            fs::write(one.join("app.py"), "x\n").unwrap();
        }
        let log = place.path().join("log");
        let mut command = without_terminal(&strace);
        command
            .args(["-f", "-qq", "-y", "-e", "trace=openat,open,read,getdents64,readlink,readlinkat,getcwd", "-o"])
            .arg(&log);
        command.arg(env!("CARGO_BIN_EXE_fender")).args(["lint", "--no-config"]).arg(&folder);
        let output = command.env("HOME", place.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let log = fs::read_to_string(log).unwrap();
        let of = |call: &str, end: &str| log.lines().filter(|it| it.contains(call) && it.contains(end)).count();
        let links = of("readlink", "");
        let kinds = [of("open", "/Dockerfile\""), of(" read(", "/Dockerfile>"), of("getdents64(", "= 0")];
        (kinds, links, of("getcwd", ""))
    };
    let ((few, links, folders), (many, more_links, more_folders)) = (calls(20), calls(60));
    assert_eq!((&few[..2], &many[..2]), (&[20, 20][..], &[60, 60][..]));
    assert_eq!(many[2] - few[2], 80);
    assert_eq!((links, folders), (more_links, more_folders));
}

/// The files of a context are listed. Which size they have is asked only where it is shown, once, and each folder is listed once.
#[test]
fn a_context_is_listed_once_and_files_are_looked_at_where_a_size_is_shown() {
    let strace = tool("strace");
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("app");
    for number in 0..50 {
        let one = folder.join(format!("src/{}", number % 5));
        fs::create_dir_all(&one).unwrap();
        fs::write(one.join(format!("file-{number}.c")), "x").unwrap();
    }
    fs::write(folder.join("Dockerfile"), "FROM alpine:3.22\nCOPY src/1 /x\nUSER 1\n").unwrap();
    let calls = |words: &[&str]| {
        let log = place.path().join("log");
        let mut command = without_terminal(&strace);
        command.args(["-f", "-qq", "-y", "-e", "trace=newfstatat,statx,getdents64", "-o"]).arg(&log);
        command.arg(env!("CARGO_BIN_EXE_fender")).args(words).current_dir(&folder).env("HOME", place.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let log = fs::read_to_string(log).unwrap();
        let looks = log.lines().filter(|line| line.contains("stat") && line.contains("file-")).count();
        let lists = log.lines().filter(|line| line.contains("getdents64") && line.ends_with("= 0")).count();
        (looks, lists)
    };
    // The search and the context; of the latter only what is copied.
    assert_eq!(calls(&["lint", "--no-config"]), (0, 7 + 3));
    assert_eq!(calls(&["context"]), (50, 7));
}
