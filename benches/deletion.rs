//! A plan on a large engine against fetching the same answers, and keeping and restoring volumes and layers against `tar` and `zstd -1`.
//!
//! The engine for plans is a recorder with 5,000 containers, images and volumes; the one for volumes is real and started by
//! `tests/engine.sh`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark that cannot measure ends by a panic, and its output is its result"
)]

#[path = "support/result.rs"]
mod result;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use result::result;
use serde_json::{Value, json};

const OBJECTS: usize = 5000;
const ROUNDS: usize = 15;

/// The answers of an engine with many objects, by path without version and query.
fn answers() -> HashMap<&'static str, Vec<u8>> {
    let id = |kind: char, at: usize| format!("{at:08x}{}", kind.to_string().repeat(56));
    let containers: Vec<Value> = (0..OBJECTS)
        .map(|at| {
            json!({
                "Id": id('c', at), "Names": [format!("/container-{at}")], "Image": format!("app-{at}:1"), "ImageID": format!("sha256:{}", id('1', at)),
                "Command": "sh -c 'serve --port 8080'", "Created": 1_790_000_000 + at, "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 30000, "Type": "tcp"}],
                "Labels": {"com.docker.compose.project": "shop", "com.docker.compose.service": "web", "org.opencontainers.image.title": "app"},
                "State": if at % 2 == 0 { "running" } else { "exited" }, "Status": "Exited (0) 2 hours ago", "SizeRw": 1000 + at,
                "HostConfig": {"NetworkMode": "front"},
                "NetworkSettings": {"Networks": {"front": {"NetworkID": id('e', 1), "EndpointID": "", "Gateway": "", "IPAddress": "", "MacAddress": "", "DNSNames": null}}},
                "Mounts": [{"Type": "volume", "Name": format!("volume-{at}"), "Source": "/var/lib/docker/volumes/x/_data", "Destination": "/data", "Driver": "local", "Mode": "z", "RW": true, "Propagation": ""}],
            })
        })
        .collect();
    let images: Vec<Value> = (0..OBJECTS)
        .map(|at| {
            json!({"Id": format!("sha256:{}", id('1', at)), "ParentId": "", "RepoTags": [format!("app-{at}:1"), format!("app-{at}:latest")],
                "RepoDigests": [format!("app-{at}@sha256:{}", id('d', at))], "Created": 1_790_000_000 + at, "Size": 100_000_000, "SharedSize": 0,
                "Labels": {"org.opencontainers.image.title": "app"}, "Containers": 1})
        })
        .collect();
    let volumes: Vec<Value> = (0..OBJECTS)
        .map(|at| {
            json!({"Name": format!("volume-{at}"), "Driver": "local", "Mountpoint": "/var/lib/docker/volumes/x/_data", "Labels": {"com.docker.volume.anonymous": ""},
                "Options": null, "Scope": "local", "CreatedAt": "2026-11-24T10:00:00Z", "UsageData": {"Size": 1_000_000, "RefCount": 1}})
        })
        .collect();
    let networks = json!([{"Id": id('e', 1), "Name": "front", "Created": "2026-11-24T10:00:00Z", "Scope": "local", "Driver": "bridge", "Labels": {}}]);
    let bytes = |value: Value| value.to_string().into_bytes();
    HashMap::from([
        ("/_ping", b"OK".to_vec()),
        (
            "/info",
            bytes(
                json!({"ID": "x", "Name": "large", "DriverStatus": [["Backing Filesystem", "extfs"]], "SystemTime": "2026-11-24T12:00:00Z", "Swarm": {"LocalNodeState": "inactive"}}),
            ),
        ),
        ("/version", bytes(json!({"ApiVersion": "1.51"}))),
        ("/containers/json", bytes(containers.into())),
        ("/images/json", bytes(images.into())),
        ("/volumes", bytes(json!({"Volumes": volumes.clone(), "Warnings": []}))),
        ("/networks", bytes(networks)),
        ("/system/df", bytes(json!({"LayersSize": 0, "Volumes": volumes, "BuildCache": []}))),
    ])
}

/// Serves the answers and writes down what was asked.
fn serve(socket: &Path) -> Arc<Mutex<Vec<String>>> {
    let listener = UnixListener::bind(socket).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (answers, log) = (Arc::new(answers()), asked.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answers, log) = (answers.clone(), log.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut stream = stream;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    let target = line.split(' ').nth(1).unwrap_or("/").to_owned();
                    while reader.read_line(&mut line).unwrap_or(0) > 2 {}
                    let path = target.split('?').next().unwrap_or("/");
                    let bare = match path.strip_prefix("/v") {
                        Some(rest) if rest.starts_with(|letter: char| letter.is_ascii_digit()) => {
                            &rest[rest.find('/').unwrap_or(0)..]
                        }
                        _ => path,
                    };
                    // Nothing has a label that protects, and no network is idle.
                    let filtered = target.contains("label%22") || target.contains("dangling");
                    let empty: &[u8] = if bare == "/volumes" { b"{\"Volumes\":[]}" } else { b"[]" };
                    let body = if filtered { empty } else { answers.get(bare).map_or(b"{}".as_slice(), Vec::as_slice) };
                    log.lock().unwrap().push(target);
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                        body.len()
                    );
                    if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    asked
}

/// The same requests one after the other, their answers read and thrown away.
fn fetch(socket: &Path, targets: &[String]) -> Duration {
    let started = Instant::now();
    for target in targets {
        let mut stream = UnixStream::connect(socket).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
    }
    started.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Most memory that a child of this process ever had, in KiB: `/usr/bin/time` where it is, else nothing.
fn peak(command: &mut Command) -> Option<u64> {
    let mut timed = Command::new("/usr/bin/time");
    timed.args(["-f", "%M"]).arg(command.get_program()).args(command.get_args());
    timed.env_clear().envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = timed.stdout(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&output.stderr).lines().last()?.trim().parse().ok()
}

fn plans() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let asked = serve(&socket);
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fender"));
        command.args(["plan", "--format", "json", "--", "system", "prune", "-a", "--volumes"]);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder.path());
        command.env("DOCKER_HOST", format!("unix://{}", socket.display())).stdout(Stdio::null());
        command
    };
    assert!(command().status().unwrap().success());
    let targets: Vec<String> = asked.lock().unwrap().drain(..).collect();
    let (mut plans, mut fetches) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let started = Instant::now();
        assert!(command().status().unwrap().success());
        plans.push(started.elapsed());
        fetches.push(fetch(&socket, &targets));
    }
    let (plan, fetched) = (median(plans), median(fetches));
    result("deletion", "plan of 5,000 containers, images and volumes", plan.as_secs_f64() * 1e3, "ms");
    eprintln!(
        "plan of {OBJECTS} containers, images and volumes: {plan:?}; fetching its {} answers: {fetched:?}; {:.2}",
        targets.len(),
        plan.as_secs_f64() / fetched.as_secs_f64()
    );
    if let Some(kib) = peak(&mut command()) {
        eprintln!("  peak memory {:.1} MiB", kib as f64 / 1024.0);
    }
}

fn docker(host: &str, words: &[&str]) -> Command {
    let mut command = Command::new(programs().join("docker"));
    command.args(words).env("DOCKER_HOST", host);
    command
}

fn programs() -> std::path::PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine.sh");
    let output = Command::new(script).arg("fetch").output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().into()
}

/// An engine that is stopped at the end.
struct BenchEngine {
    host: String,
}

impl BenchEngine {
    fn script() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine.sh")
    }

    fn start() -> BenchEngine {
        let started = Command::new(BenchEngine::script()).args(["start", "bench"]).output().unwrap();
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let host = format!("unix://{}", String::from_utf8_lossy(&started.stdout).trim());
        assert!(Command::new(BenchEngine::script()).args(["image", "bench", "base:1"]).status().unwrap().success());
        BenchEngine { host }
    }

    /// Runs docker; what it prints.
    fn plain(&self, words: &[&str]) -> String {
        let output = docker(&self.host, words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for BenchEngine {
    fn drop(&mut self) {
        let _ = Command::new(BenchEngine::script()).args(["stop", "bench"]).status();
    }
}

/// Runs a line of a shell with a folder and a file as its arguments; how long it took.
fn shell(script: &str, folder: &Path, file: &Path) -> Duration {
    let at = Instant::now();
    let status = Command::new("bash").args(["-o", "pipefail", "-ec", script, "sh"]).arg(folder).arg(file).status();
    assert!(status.unwrap().success(), "{script}");
    at.elapsed()
}

const LIMITS: fender_core::policy::TrashLimits =
    fender_core::policy::TrashLimits { max: 100_000_000_000, each: 10_000_000_000, keep: 1000 };

/// Keeps one object, deletes it and brings it back, each in turn with `tar` and `zstd -1`, which do the same with the same files.
fn keep_and_restore(engine: &BenchEngine, name: &str, step: &fender_core::plan::Step, files: &dyn Fn() -> String) {
    let folder = tempfile::tempdir().unwrap();
    let target = fender_core::target::Target { host: engine.host.clone(), ..Default::default() };
    let connection = fender::engine::connection::Connection::open(&target, None).unwrap();
    let (mut keeps, mut packs, mut backs, mut unpacks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..3 {
        let steps = std::slice::from_ref(step);
        let plan = connection
            .block_on(async {
                let needs = fender_core::plan::needs(steps);
                let inventory = fender::engine::inventory::read(&connection.client, &needs, None).await?;
                fender::engine::inventory::survey(&connection.client, steps, &Default::default(), inventory, None).await
            })
            .unwrap();
        let archive = folder.path().join("archive.tar.zst");
        packs.push(shell("tar -C \"$1\" -c . | zstd -q -1 -f -o \"$2\"", Path::new(&files()), &archive));
        let place = folder.path().join(format!("trash-{round}"));
        let at = Instant::now();
        let kept = fender::trash::keep_in(&place, &connection, &plan, &["bench".to_owned()], &LIMITS).unwrap();
        keeps.push(at.elapsed());
        let id = kept.id;
        drop(kept);
        fender::apply::carry_out(&connection, &plan, &mut |_, _| {});
        let store = fender::trash::TrashStore::at(place.clone());
        let entry = store.entry(id).unwrap();
        let locked = store.lock().unwrap();
        let at = Instant::now();
        // As an undo does before anything else.
        locked.store.verify(&entry).unwrap();
        let all = fender::trash::restore(&connection, &locked, &entry, None, &|_| None, &mut |object, back| {
            eprintln!("  {} {}: {back:?}", object.kind.name(), object.name);
        });
        backs.push(at.elapsed());
        assert!(all);
        let unpacked = folder.path().join("unpacked");
        fs::create_dir(&unpacked).unwrap();
        unpacks.push(shell("zstd -q -d -c \"$2\" | tar -C \"$1\" -x", &unpacked, &archive));
        fs::remove_dir_all(unpacked).unwrap();
        fs::remove_dir_all(place).unwrap();
    }
    for (what, own, other) in [("keeping", keeps, packs), ("restoring", backs, unpacks)] {
        let (own, other) = (median(own), median(other));
        let speed = other.as_secs_f64() / own.as_secs_f64();
        result("deletion", &format!("{what} {name}"), own.as_secs_f64() * 1e3, "ms");
        result("deletion", &format!("{what} {name}, of the speed of tar and zstd -1"), speed, "speed");
        eprintln!("{what} {name}: {own:?}; tar and zstd -1: {other:?}; {speed:.2} of their speed");
    }
}

/// Volumes with many small files and with few large ones, and a container's own layer.
fn kept(wanted: &dyn Fn(&str) -> bool) {
    let engine = BenchEngine::start();
    let step = || fender_core::plan::Step::Volume { name: "data".to_owned(), force: false };
    let files = || engine.plain(&["volume", "inspect", "data", "--format", "{{.Mountpoint}}"]);
    let fill = |script: &str| {
        engine.plain(&["run", "--rm", "-v", "data:/v", "base:1", "sh", "-ec", script]);
    };
    if wanted("small") {
        engine.plain(&["volume", "create", "data"]);
        let make = "mkdir \"$1/d\"; cd \"$1/d\"; head -c 20480000 /dev/urandom | split -b 1024 -a 4 -";
        shell(make, Path::new(&files()), Path::new(""));
        keep_and_restore(&engine, "20,000 files of 1 kB of a volume", &step(), &files);
        engine.plain(&["volume", "rm", "data"]);
    }
    if wanted("volumes") {
        fill("for i in 1 2 3 4 5 6 7 8; do dd if=/dev/urandom of=/v/f$i bs=1M count=128 2>/dev/null; done");
        keep_and_restore(&engine, "1 GiB of a volume", &step(), &files);
        engine.plain(&["volume", "rm", "data"]);
    }
    if wanted("layer") {
        engine.plain(&["run", "--name", "layer", "base:1", "dd", "if=/dev/urandom", "of=/big", "bs=1M", "count=200"]);
        let step = fender_core::plan::Step::Container { name: "layer".to_owned(), force: false, volumes: false };
        let files = || engine.plain(&["inspect", "layer", "--format", "{{.GraphDriver.Data.UpperDir}}"]);
        keep_and_restore(&engine, "200 MB of a container's layer", &step, &files);
        engine.plain(&["rm", "layer"]);
        let make =
            "mkdir /d; cd /d; x=$(printf %01000d 7); i=0; while [ $i -lt 20000 ]; do echo $x$i >$i; i=$((i+1)); done";
        engine.plain(&["run", "--name", "layer", "base:1", "sh", "-ec", make]);
        keep_and_restore(&engine, "20,000 files of 1 kB of a container's layer", &step, &files);
    }
}

fn main() {
    let only = std::env::args().nth(1).filter(|word| !word.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    if wanted("plans") {
        plans();
    }
    if ["small", "volumes", "layer"].into_iter().any(wanted) {
        kept(&wanted);
    }
}
