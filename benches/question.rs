//! How long a person waits, against docker alone: until a question about a deletion stands on the terminal of an engine with 500
//! containers, images and volumes; the same for one volume with another one of 50,000 files beside it; and `compose up -d` with nothing to do.
//!
//! Each pair is run in turn on a real engine, which `tests/engine.sh` starts (root). `just bench question`.
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
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fender::engine::connection::Connection;
use fender_core::target::Target;
use hyper::Method;
use result::result;
use serde_json::{Value, json};

const OBJECTS: usize = 500;
const FILES: usize = 50_000;
const ROUNDS: usize = 9;

struct Bench {
    host: String,
    programs: PathBuf,
    place: tempfile::TempDir,
}

fn script(words: &[&str]) -> String {
    let output =
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine.sh")).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Bench {
    /// An engine with a small image, fender in front of the client, and an engine that a policy calls production.
    fn new() -> Bench {
        let host = format!("unix://{}", script(&["start", "bench-question"]));
        script(&["image", "bench-question", "base:1"]);
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        for folder in ["front", "prod/.config/fender", "dev", "shop"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_fender"), path("front/docker")).unwrap();
        fs::write(path("prod/.config/fender/policy.toml"), "[environments.prod]\nhostname = \"*\"\n").unwrap();
        Bench { host, programs: script(&["fetch"]).into(), place }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// A program with the variables of this place, `home` below it.
    fn command(&self, program: &str, home: &str) -> Command {
        let config = self.programs.ancestors().nth(3).unwrap().join("config");
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{}:{}:/usr/bin:/bin", self.path("front").display(), self.programs.display()));
        command
            .env("HOME", self.path(home))
            .env("DOCKER_HOST", &self.host)
            .env("DOCKER_CONFIG", config)
            .env("TERM", "xterm");
        command.current_dir(self.path("shop")).stdin(Stdio::null());
        command
    }

    fn docker(&self, words: &[&str]) -> Duration {
        let started = Instant::now();
        let mut command = self.command(&self.programs.join("docker").to_string_lossy(), "dev");
        let status = command.args(words).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{words:?}");
        started.elapsed()
    }

    fn through_fender(&self, words: &[&str]) -> Duration {
        let started = Instant::now();
        let mut command = self.command("docker", "dev");
        let status = command.args(words).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        assert!(status.success(), "{words:?}");
        started.elapsed()
    }

    /// Until the question stands on a terminal; then it is left.
    fn question(&self, words: &[&str]) -> Duration {
        let started = Instant::now();
        let mut command = self.command("script", "prod");
        let line = format!("docker {}", words.join(" "));
        command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let (mut output, mut seen, mut piece) = (child.stdout.take().unwrap(), Vec::new(), [0; 4096]);
        let asked = loop {
            match output.read(&mut piece) {
                Ok(length @ 1..) => seen.extend_from_slice(&piece[..length]),
                _ => panic!("{line}: no question: {}", String::from_utf8_lossy(&seen)),
            }
            let text = String::from_utf8_lossy(&seen);
            if text.contains("[y/N]") || text.contains("Enter to cancel") {
                break started.elapsed();
            }
        };
        // Without a terminal on its other side the question is left.
        drop((output, child.stdin.take()));
        child.kill().unwrap();
        child.wait().unwrap();
        asked
    }

    fn pair(&self, name: &str, alone: &dyn Fn() -> Duration, ours: &dyn Fn() -> Duration) {
        alone();
        ours();
        let (mut alones, mut all) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            alones.push(alone());
            all.push(ours());
        }
        let middle = |mut times: Vec<Duration>| {
            times.sort_unstable();
            times[ROUNDS / 2].as_secs_f64() * 1e3
        };
        let (alone, ours) = (middle(alones), middle(all));
        result("question", name, ours, "ms");
        result("question", &format!("{name}: times docker alone"), ours / alone, "times");
        eprintln!("{name:<70} docker {alone:>6.0} ms, fender {ours:>6.0} ms, {:.2} times", ours / alone);
    }
}

/// Containers on images that share a layer, and volumes, half of them in use.
fn fill(bench: &Bench) {
    let target = Target { host: bench.host.clone(), ..Target::default() };
    let connection = Connection::open(&target, None).unwrap();
    let post = |path: &str, body: Value| {
        let bytes = connection.block_on(connection.client.call(Method::POST, path, Some(&body))).unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    let source = post("/containers/create?name=source", json!({"Image": "base:1", "Cmd": ["true"]}));
    let source = source["Id"].as_str().unwrap();
    for number in 0..OBJECTS {
        post("/volumes/create", json!({"Name": format!("v{number}")}));
        let label = json!({"Labels": {"number": number.to_string()}});
        post(&format!("/commit?container={source}&repo=made{number}&tag=1"), label);
        let binds = if number % 2 == 0 { json!([]) } else { json!([format!("v{number}:/v")]) };
        let image = format!("made{}:1", number / 2);
        let body = json!({"Image": image, "Cmd": ["true"], "HostConfig": {"Binds": binds}});
        post(&format!("/containers/create?name=c{number}"), body);
    }
}

fn main() {
    let bench = Bench::new();
    let project = "name: shop\nservices:\n  db: {image: \"base:1\", init: true, user: \"1\", mem_limit: 64m, command: sleep 99999}\n  \
                   web: {image: \"base:1\", init: true, user: \"1\", mem_limit: 64m, command: sleep 99999, depends_on: [db]}\n";
    fs::write(bench.path("shop/compose.yaml"), project).unwrap();
    bench.docker(&["compose", "up", "-d"]);
    let up = ["compose", "up", "-d"];
    bench.pair("compose up -d with nothing to do", &|| bench.docker(&up), &|| bench.through_fender(&up));
    bench.docker(&["compose", "down", "-t", "0"]);

    bench.docker(&["volume", "create", "spare"]);
    let write = format!("cd /v && i=0; while [ $i -lt {FILES} ]; do : >f$i; i=$((i+1)); done");
    bench.docker(&["run", "--rm", "-v", "many:/v", "base:1", "sh", "-c", &write]);
    let inspect = || bench.docker(&["volume", "inspect", "spare"]);
    bench.pair("volume rm beside 50,000 files, against volume inspect", &inspect, &|| {
        bench.question(&["volume", "rm", "spare"])
    });
    bench.docker(&["volume", "rm", "many"]);

    fill(&bench);
    let df = || bench.docker(&["system", "df", "-v"]);
    for words in [
        &["system", "prune", "-a"][..],
        &["container", "rm", "-f", "c1"],
        &["volume", "rm", "v2"],
        &["image", "rm", "-f", "made499:1"],
    ] {
        let name = format!("{} of 500 objects, against system df -v", words.join(" "));
        bench.pair(&name, &df, &|| bench.question(words));
    }
    script(&["stop", "bench-question"]);
}
