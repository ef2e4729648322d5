//! fender's foreseen effects against what the real client asks of a recorder engine.
//!
//! `FENDER_CLIENT_CASES` sets how many command lines (2,000 without it), `FENDER_CLIENT_SEED` where they start.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support;
use crate::support::TestHost;
use crate::support::generator::command_line;
use crate::support::process::program;
use crate::support::recorder::{Answers, Recorded, Recorder};
use fender_core::grammar::parse::{Builder, Unknown, parse};
use fender_core::lower::{Effect, Lowered, lower};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// One request in a form that can be compared.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    method: String,
    path: String,
    query: BTreeMap<String, Vec<Value>>,
    body: Value,
}

fn main_environment(folder: &Path, socket: &Path) -> Vec<(String, String)> {
    [
        ("PATH", "/usr/bin:/bin".to_owned()),
        ("HOME", folder.to_string_lossy().into_owned()),
        ("DOCKER_HOST", format!("unix://{}", socket.display())),
        ("DOCKER_CONFIG", folder.join("config").to_string_lossy().into_owned()),
        ("DOCKER_BUILDKIT", "0".to_owned()),
        ("DOCKER_CLI_HINTS", "false".to_owned()),
        ("FENDER_SET", "from the environment".to_owned()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn lay_out(folder: &Path) {
    fs::create_dir_all(folder.join("config")).unwrap();
    fs::create_dir_all(folder.join("ctx")).unwrap();
    fs::write(folder.join("ctx/Dockerfile"), "FROM scratch\n").unwrap();
    fs::write(folder.join("vars.env"), "# a comment\nFILE=1\nFENDER_SET\n  LEFT=2\nUNSET_ANYWHERE\n").unwrap();
    fs::write(folder.join("bad.env"), "a b=c\n").unwrap();
    fs::write(folder.join("labels.txt"), "one=1\ntwo\n").unwrap();
    fs::write(folder.join("seccomp.json"), "{ \"defaultAction\": \"SCMP_ACT_ALLOW\" }").unwrap();
    fs::write(folder.join("data.txt"), "data").unwrap();
    fs::write(folder.join("img.tar"), [0; 1024]).unwrap();
}

/// The real client on a terminal, stopped after a while: some commands wait for an answer that never comes.
fn run_client(
    docker: &Path,
    words: &[String],
    folder: &Path,
    environment: &[(String, String)],
    terminal: &OwnedFd,
) -> (Option<i32>, String) {
    let child = program(docker)
        .args(words)
        .envs(environment.iter().cloned())
        .current_dir(folder)
        .stdin(terminal.try_clone().unwrap())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("the real client starts");
    let start = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if start.elapsed() > Duration::from_secs(4) => {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let mut error = String::new();
    if let Some(mut stream) = child.stderr.take() {
        use std::io::Read;
        let _ = stream.read_to_string(&mut error);
    }
    (status.and_then(|status| status.code()), error)
}

fn pruned(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().map(|(key, value)| (key.clone(), pruned(value))).filter(|(key, value)| {
                let empty = value.as_object().is_some_and(serde_json::Map::is_empty)
                    || value.as_array().is_some_and(Vec::is_empty);
                !value.is_null() && !empty && key != "ConsoleSize"
            });
            Value::Object(kept.collect())
        }
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().map(pruned).collect();
            // The client walks Go maps: binds and the like come in any order.
            if list.iter().all(Value::is_string) {
                list.sort_by_key(ToString::to_string);
            }
            Value::Array(list)
        }
        Value::Number(number) => number.as_f64().map_or(Value::Null, |float| json!(float)),
        other => other.clone(),
    }
}

fn query(pairs: &[(String, String)]) -> BTreeMap<String, Vec<Value>> {
    let mut map: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (name, text) in pairs {
        let value = match serde_json::from_str::<Value>(text) {
            Ok(value @ (Value::Object(_) | Value::Array(_))) => value,
            _ => Value::String(text.clone()),
        };
        map.entry(name.clone()).or_default().push(value);
    }
    map
}

/// What the issue lets out: waiting, attaching, starting after a create, and what an answer decides.
fn counts(asked: &Asked, after_create: bool) -> bool {
    let path = asked.path.as_str();
    let ends = |tail: &str| path.ends_with(tail);
    !(asked.method == "GET"
        || asked.method == "HEAD"
        || (path.starts_with("/containers/") && (ends("/wait") || ends("/attach") || ends("/resize")))
        || (after_create && ends("/start"))
        || path.starts_with("/exec/")
        || path == "/session")
}

fn from_real(recorded: Vec<Recorded>) -> Vec<Asked> {
    let mut created = false;
    let mut list = Vec::new();
    for request in recorded {
        let asked = Asked {
            query: query(&request.query),
            method: request.method,
            path: request.path,
            // Some requests carry an empty object where others carry nothing.
            body: Some(pruned(&request.body)).filter(|body| *body != json!({})).unwrap_or(Value::Null),
        };
        if counts(&asked, created) {
            created |= asked.path == "/containers/create";
            list.push(asked);
        }
    }
    list
}

fn from_fender(lowered: &Lowered) -> Vec<Asked> {
    let requests = lowered.effects.iter().filter_map(|effect| match effect {
        Effect::Request(request) => Some(request),
        _ => None,
    });
    requests
        .map(|request| Asked {
            method: request.method.to_owned(),
            path: request.path.clone(),
            query: query(&request.query),
            body: pruned(&request.body_json()),
        })
        .collect()
}

/// The engine's answers replace a name by an id in `start -a`, and pin a service's image to a digest.
fn settle(real: &mut Asked, foreseen: &Asked) {
    if real.path.starts_with(&format!("/containers/{}/", "4".repeat(64))) {
        real.path.clone_from(&foreseen.path);
    }
    if real.path == "/services/create" {
        // A range of ports comes out of a map, in any order.
        if let Some(ports) = real.body.pointer_mut("/EndpointSpec/Ports").and_then(Value::as_array_mut) {
            let foreseen = foreseen.body.pointer("/EndpointSpec/Ports").and_then(Value::as_array);
            ports.sort_by_key(|port| foreseen.and_then(|list| list.iter().position(|other| other == port)));
        }
        let image = real.body.pointer("/TaskTemplate/ContainerSpec/Image").and_then(Value::as_str).map(str::to_owned);
        if let (Some(image), Some(place)) = (image, real.body.pointer_mut("/TaskTemplate/ContainerSpec/Image")) {
            let digest = format!("@sha256:{}", "1".repeat(64));
            let named = foreseen.body.pointer("/TaskTemplate/ContainerSpec/Image").and_then(Value::as_str);
            if named.is_some_and(|named| !named.contains('@')) {
                *place = image.trim_end_matches(&digest).into();
            }
        }
        // Networks are sent with the id that the engine answers.
        for (at, network) in
            foreseen.body.pointer("/TaskTemplate/Networks").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            if let Some(place) = real.body.pointer_mut(&format!("/TaskTemplate/Networks/{at}/Target")) {
                *place = network["Target"].clone();
            }
        }
        if let Some(placement) = real.body.pointer_mut("/TaskTemplate/Placement").and_then(Value::as_object_mut) {
            placement.remove("Platforms");
            if placement.is_empty() {
                real.body["TaskTemplate"].as_object_mut().unwrap().remove("Placement");
            }
        }
    }
}

/// None when both agree, else what differs.
fn difference(
    real: Vec<Asked>,
    foreseen: Vec<Asked>,
    refusal: Option<&str>,
    code: Option<i32>,
    error: &str,
) -> Option<String> {
    let first = error.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if let Some(refusal) = refusal {
        if real.is_empty() && code != Some(0) {
            return None;
        }
        return Some(format!("fender: refused ({refusal}); docker: exit {code:?}, {real:?}"));
    }
    let mut real = real;
    if real.len() == foreseen.len() {
        // `rm`, `stop` and `kill` ask for several containers at once.
        if foreseen.len() > 1
            && foreseen.windows(2).all(|pair| pair[0].method == pair[1].method && pair[0].query == pair[1].query)
        {
            real.sort_by(|one, other| one.path.cmp(&other.path));
        }
        let mut expected = foreseen.clone();
        if expected.len() > 1
            && expected.windows(2).all(|pair| pair[0].method == pair[1].method && pair[0].query == pair[1].query)
        {
            expected.sort_by(|one, other| one.path.cmp(&other.path));
        }
        for (real, expected) in real.iter_mut().zip(&expected) {
            settle(real, expected);
            if real != expected {
                return Some(format!("docker:  {real:?}\nfender:  {expected:?}"));
            }
        }
        return None;
    }
    Some(format!("docker: exit {code:?} {first:?} {real:?}\nfender: {foreseen:?}"))
}

struct Bench {
    docker: PathBuf,
    folder: PathBuf,
    recorder: Recorder,
    environment: Vec<(String, String)>,
    terminal: OwnedFd,
    _controller: OwnedFd,
}

impl Bench {
    fn new(docker: &Path, root: &Path, number: usize) -> Bench {
        let folder = root.join(format!("w{number}"));
        fs::create_dir_all(&folder).unwrap();
        lay_out(&folder);
        let recorder = Recorder::start(&root.join(format!("e{number}.sock")), Answers::default());
        let environment = main_environment(&folder, &recorder.socket);
        let pair = nix::pty::openpty(None, None).unwrap();
        let (controller, terminal) = (pair.master, pair.slave);
        Bench { docker: docker.to_path_buf(), folder, recorder, environment, terminal, _controller: controller }
    }

    fn compare(&self, words: &[String]) -> Option<String> {
        let mut host = TestHost::new(&self.folder);
        host.variables = self.environment.iter().cloned().collect();
        let lowered = lower(&parse(words, Unknown::Refuse, &|| Builder::Legacy), &host);
        self.recorder.take();
        let (code, error) = run_client(&self.docker, words, &self.folder, &self.environment, &self.terminal);
        let real = from_real(self.recorder.take());
        for entry in fs::read_dir(&self.folder).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("out") {
                let _ = fs::remove_file(entry.path());
            }
        }
        let refusal = lowered.refusal.as_ref().map(|refusal| refusal.text.as_str());
        difference(real, from_fender(&lowered), refusal, code, &error)
            .map(|problem| format!("docker {}\n{problem}\ndocker said: {}\n", shell_words::join(words), error.trim()))
    }
}

/// Every line that once differed, by hand: each stands for a kind.
#[test]
fn lines_that_once_differed() {
    let root = tempfile::tempdir().unwrap();
    let bench = Bench::new(&support::real_docker(), root.path(), 0);
    let lines =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/once_differed.txt")).unwrap();
    let lines = lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let differences: Vec<String> = lines.filter_map(|line| bench.compare(&shell_words::split(line).unwrap())).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn foreseen_effects_are_what_the_client_asks() {
    let setting =
        |name: &str, otherwise: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (cases, seed) = (setting("FENDER_CLIENT_CASES", 2000) as usize, setting("FENDER_CLIENT_SEED", 1));
    let docker = support::real_docker();
    let root = tempfile::tempdir().unwrap();
    let next = Arc::new(AtomicUsize::new(0));
    let differences = Arc::new(Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (docker, root, next, differences) = (&docker, root.path(), next.clone(), differences.clone());
            scope.spawn(move || {
                let bench = Bench::new(docker, root, number);
                loop {
                    let case = next.fetch_add(1, Ordering::Relaxed);
                    if case >= cases {
                        break;
                    }
                    let mut bytes = [0; 32];
                    bytes[..8].copy_from_slice(&seed.to_le_bytes());
                    bytes[8..16].copy_from_slice(&(case as u64).to_le_bytes());
                    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
                    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
                    let mut tree = command_line().new_tree(&mut runner).unwrap();
                    let Some(mut problem) = bench.compare(&tree.current()) else { continue };
                    // Shrink to the shortest line that still differs.
                    for _ in 0..40 {
                        if !tree.simplify() {
                            break;
                        }
                        match bench.compare(&tree.current()) {
                            Some(smaller) => problem = smaller,
                            None if !tree.complicate() => break,
                            None => {}
                        }
                    }
                    differences.lock().unwrap().push(problem);
                }
            });
        }
    });
    let differences = differences.lock().unwrap();
    println!("{cases} command lines against {}, {} differences", docker.display(), differences.len());
    if let Ok(path) = std::env::var("FENDER_CLIENT_REPORT") {
        fs::write(path, differences.join("\n")).unwrap();
    }
    assert!(differences.is_empty(), "{}", differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n"));
}
