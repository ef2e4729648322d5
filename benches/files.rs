//! `fender lint` of 1,000 Dockerfiles, a context of 100,000 files against `find -printf %s`, and what `compose up` costs on top of
//! compose's own reading. `cargo bench --bench files`; the client comes from `tests/engine.sh`.
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
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use result::result;

const DOCKERFILE: &str = "# syntax=docker/dockerfile:1
ARG VERSION=1.25.4
FROM golang:${VERSION} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \\
    # the modules alone
    go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/server ./cmd/server
RUN <<EOF
set -eu
test -x /out/server
EOF

FROM debian:13-slim
RUN apt-get update && apt-get install -y --no-install-recommends \\
        ca-certificates \\
        tzdata \\
    && rm -rf /var/lib/apt/lists/*
ENV MODE=production PORT=8080
COPY --from=build /out/server /usr/local/bin/server
ADD config.yaml /etc/server/
EXPOSE 8080
CMD server --config /etc/server/config.yaml
";

/// The middle one of several times.
fn middle(rounds: usize, mut run: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..rounds).map(|_| run()).collect();
    times.sort_unstable();
    times[rounds / 2]
}

fn timed(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

fn lint(place: &Path) {
    for (name, path) in [("each in its own folder", "many/f-N/Dockerfile"), ("all in one folder", "one/Dockerfile.N")] {
        for number in 0..1000 {
            let path = place.join(path.replace('N', &number.to_string()));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, DOCKERFILE).unwrap();
            fs::write(path.with_file_name("config.yaml"), "x: 1\n").unwrap();
        }
        let folder = place.join(path.split('/').next().unwrap());
        let time = middle(5, || {
            timed(|| {
                let status = Command::new(env!("CARGO_BIN_EXE_fender"))
                    .args(["lint", "--format", "json"])
                    .current_dir(&folder)
                    .env("HOME", place)
                    .stdout(Stdio::null())
                    .status()
                    .unwrap();
                assert_eq!(status.code(), Some(1));
            })
        });
        eprintln!("lint of 1,000 Dockerfiles, {name:<24} {:>7.0} ms", time.as_secs_f64() * 1e3);
        result("files", &format!("lint of 1,000 Dockerfiles, {name}"), time.as_secs_f64() * 1e3, "ms");
    }
}

fn context(place: &Path) {
    let root = place.join("tree");
    for folder in 0..1000 {
        let folder = root.join(format!("a{}/b{}", folder % 30, folder));
        fs::create_dir_all(&folder).unwrap();
        for file in 0..100 {
            fs::write(folder.join(format!("file-{file}.rs")), "fn main() {}\n").unwrap();
        }
    }
    fs::write(root.join(".dockerignore"), "**/*.pyc\n*.md\n!README.md\nbuild\n**/file-99.*\n").unwrap();
    fs::write(root.join("Dockerfile"), "FROM alpine:3.22\nCOPY . /x\nUSER 1\nCMD [\"/x/run\"]\n").unwrap();
    let fender = env!("CARGO_BIN_EXE_fender");
    let programs: [&[&str]; 3] = [&["find", ".", "-printf", "%s"], &[fender, "lint"], &[fender, "context"]];
    let run = |words: &[&str]| {
        timed(|| {
            let mut command = Command::new(words[0]);
            command.args(&words[1..]).current_dir(&root).env("HOME", place).stdout(Stdio::null());
            assert!(command.status().unwrap().success());
        })
    };
    // In turn, so that whatever else this machine does falls on all of them.
    let rounds: Vec<[Duration; 3]> = (0..11).map(|_| programs.map(run)).collect();
    let of = |at: usize| {
        let mut times: Vec<Duration> = rounds.iter().map(|round| round[at]).collect();
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e3
    };
    let find = of(0);
    for (name, time) in [("fender lint", of(1)), ("fender context", of(2))] {
        result("files", &format!("{name}, a context of 100,000 files"), time, "ms");
        eprintln!("{name}, a context of 100,000 files: {time:.0} ms, {:.2} times find -printf %s", time / find);
    }
}

fn compose(place: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine.sh");
    let fetched = Command::new(script).arg("fetch").output().unwrap();
    let bin = String::from_utf8_lossy(&fetched.stdout).trim().to_owned();
    let config = Path::new(&bin).ancestors().nth(3).unwrap().join("config");
    let (front, real) = (place.join("front"), place.join("real"));
    fs::create_dir_all(&front).unwrap();
    fs::create_dir_all(&real).unwrap();
    symlink(env!("CARGO_BIN_EXE_fender"), front.join("docker")).unwrap();
    // Reads as compose does, and makes nothing.
    let client = real.join("docker");
    fs::write(&client, format!("#!/bin/sh\ncase \"$*\" in --version|*config*) exec {bin}/docker \"$@\" ;; esac\n"))
        .unwrap();
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    let services: String = (0..20)
        .map(|at| format!("  s{at}:\n    image: app:{at}\n    mem_limit: 1g\n    user: \"1000\"\n    init: true\n    volumes: [\"d:/d\"]\n"))
        .collect();
    fs::write(place.join("compose.yaml"), format!("services:\n{services}volumes: {{d: {{}}}}\n")).unwrap();
    let run = |program: &Path, words: &[&str]| {
        timed(|| {
            let mut command = Command::new(program);
            command
                .args(words)
                .current_dir(place)
                .env("PATH", format!("{}:{}:/usr/bin:/bin", front.display(), real.display()));
            command
                .env("DOCKER_CONFIG", &config)
                .env("HOME", place)
                .env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
            assert!(
                command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).status().unwrap().success()
            );
        })
    };
    let own = middle(15, || run(&client, &["compose", "config", "--format", "json"]));
    let ours = middle(15, || run(&front.join("docker"), &["compose", "up", "-d"]));
    result("files", "compose up of 20 services", ours.as_secs_f64() * 1e3, "ms");
    eprintln!(
        "compose up of 20 services: compose reads in {:.0} ms, fender needs {:.0} ms with that",
        own.as_secs_f64() * 1e3,
        ours.as_secs_f64() * 1e3
    );
}

/// The processor time of all programs that this one has waited for, in seconds: proc(5), fields 16 and 17, in hundredths.
fn used() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()) / 100.0
}

/// `fender lint` of 150 compose files against compose's own processor time for them, divided by the processors.
fn many_compose_files(place: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine.sh");
    let fetched = Command::new(script).arg("fetch").output().unwrap();
    let bin = String::from_utf8_lossy(&fetched.stdout).trim().to_owned();
    let usr = Path::new(&bin).parent().unwrap();
    let folder = place.join("projects");
    let service = |at: usize| {
        format!(
            "  s{at}:\n    image: app:{at}\n    mem_limit: 1g\n    user: \"1000\"\n    init: true\n    environment: {{A: \"${{X:-y}}\"}}\n    volumes: [\"d:/d\"]\n"
        )
    };
    let text = format!("services:\n{}volumes: {{d: {{}}}}\n", (0..5).map(service).collect::<String>());
    let files: Vec<_> = (0..150).map(|number| folder.join(format!("s{number}/compose.yaml"))).collect();
    for file in &files {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, &text).unwrap();
    }
    let plugin = usr.join("libexec/docker/cli-plugins/docker-compose");
    let plugins = place.join("home/.docker/cli-plugins");
    fs::create_dir_all(&plugins).unwrap();
    symlink(&plugin, plugins.join("docker-compose")).unwrap();
    let ready = |program: &Path| {
        let mut command = Command::new(program);
        command.current_dir(&folder).env("PATH", format!("{bin}:/usr/bin:/bin")).env("HOME", place.join("home"));
        command.env("DOCKER_HOST", "unix:///nonexistent/docker.sock").stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let mut ratios: Vec<(f64, f64)> = Vec::new();
    for _ in 0..5 {
        let before = used();
        for file in &files {
            let mut command = ready(&plugin);
            command.args(["--profile", "*", "-f"]).arg(file).args(["config", "--format", "json"]);
            assert!(command.status().unwrap().success());
        }
        let own = (used() - before) / std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64);
        let ours =
            timed(|| assert!(ready(Path::new(env!("CARGO_BIN_EXE_fender"))).arg("lint").status().unwrap().success()));
        ratios.push((ours.as_secs_f64() / own, ours.as_secs_f64() * 1e3));
    }
    ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, time) = ratios[ratios.len() / 2];
    result("files", "lint of 150 compose files", time, "ms");
    eprintln!(
        "lint of 150 compose files: {time:.0} ms, {ratio:.2} times compose's own processor time divided by the processors"
    );
}

fn main() {
    let place = tempfile::tempdir().unwrap();
    lint(place.path());
    context(place.path());
    compose(place.path());
    many_compose_files(place.path());
}
