//! Protected objects and random sequences of commands: whatever one to four commands through fender do, the object is there afterwards
//! under its name.
//!
//! `FENDER_PROTECT_CASES` and `FENDER_PROTECT_SEED` choose how many and which sequences.

use std::collections::BTreeMap;
use std::fs;

use crate::support::api::Api;
use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::state::Chance;
use serde_json::Value;

/// About 20 seconds.
const CASES: u64 = 60;
/// Names that begin with this are protected by the policy.
const POLICY: &str = "[environments.ci]\nhostname = \"*\"\n[protect]\ncontainers = [\"prod-*\"]\nvolumes = [\"prod-*\"]\n\
                      networks = [\"prod-*\"]\nimages = [\"prod-*\"]\n";

/// The protected containers: one that is kept when it ends, one that was made with `--rm`, and one of a project.
const CONTAINERS: [&str; 3] = ["prod-db", "prod-job", "prod-web"];

/// What may be typed. `{c}` is a protected container, `{i}` the beginning of its id, `{f}` the folder of the test.
const COMMANDS: &[&str] = &[
    "rename {c} x",
    "rename {i} x",
    "container rename {c} other-name",
    "rm {c}",
    "rm -f {c}",
    "rm -fv {i}",
    "stop -t 0 {c}",
    "stop -t 0 {i}",
    "kill {c}",
    "kill -s INT {c}",
    "kill -s HUP {i}",
    "restart -t 0 {c}",
    "start {c}",
    "pause {c}",
    "unpause {c}",
    "update --restart no {c}",
    "exec {c} true",
    "container prune -f",
    "system prune -af --volumes",
    "volume prune -af",
    "volume rm -f prod-data",
    "network prune -f",
    "network rm prod-net",
    "network disconnect -f prod-net {c}",
    "image prune -af",
    "image prune -f",
    "rmi -f prod-app:1",
    "rmi prod-app",
    "tag other:1 prod-app:1",
    "tag prod-app:1 other:1",
    "tag prod-app:1 prod-app:2",
    "commit other prod-app:1",
    "commit {c} other:2",
    "import {f}/base.tar prod-app:1",
    "load -i {f}/app.tar",
    "build -t prod-app:1 {f}/image",
    "build -t other:3 {f}/image",
    "pull prod-app:1",
    "rm -f x",
    "rm -f other-name",
    "compose -f {f}/prod/compose.yaml up -d",
    "compose -f {f}/prod/compose.yaml up -d --force-recreate -t 0",
    "compose -f {f}/prod/compose.yaml up -d --scale web=0",
    "compose -f {f}/prod/changed.yaml up -d -t 0",
    "compose -f {f}/prod/empty.yaml up -d --remove-orphans -t 0",
    "compose -f {f}/prod/compose.yaml rm -fs",
    "compose -f {f}/prod/compose.yaml down -t 0",
    "compose -p prod down -t 0",
];

#[test]
fn protected_objects_survive_random_sequences() {
    let engine = Engine::start("protected", "new", "");
    let guarded = Guarded::new(&engine);
    guarded.place.policy(POLICY);
    let folder = guarded.place.path("home");
    engine.image("prod-app:1", &["CMD [\"sleep\",\"3600\"]"]);
    engine.image("other:1", &["LABEL other=1"]);
    fs::create_dir(folder.join("image")).unwrap();
    fs::write(folder.join("image/Dockerfile"), "FROM other:1\nLABEL built=1\n").unwrap();
    fs::copy(crate::support::cache().join("busybox.tar"), folder.join("base.tar")).unwrap();
    let archive = folder.join("app.tar").display().to_string();
    // An archive in which the protected name is another image's.
    engine.plain(&["tag", "prod-app:1", "kept:1"]);
    engine.plain(&["tag", "other:1", "prod-app:1"]);
    engine.plain(&["save", "-o", &archive, "prod-app:1"]);
    engine.plain(&["tag", "kept:1", "prod-app:1"]);
    engine.plain(&["rmi", "kept:1"]);
    let service = |more: &str| {
        format!(
            "name: prod\nservices:\n  web:\n    image: prod-app:1\n    container_name: prod-web\n    stop_grace_period: 0s\n{more}"
        )
    };
    fs::create_dir(folder.join("prod")).unwrap();
    fs::write(folder.join("prod/compose.yaml"), service("")).unwrap();
    fs::write(folder.join("prod/changed.yaml"), service("    environment: {A: b}\n")).unwrap();
    fs::write(folder.join("prod/empty.yaml"), "name: prod\nservices:\n  new:\n    image: prod-app:1\n").unwrap();

    engine.plain(&["volume", "create", "prod-data"]);
    engine.plain(&["network", "create", "prod-net"]);
    let made = ["--network", "prod-net", "-v", "prod-data:/data", "-v", "/cache", "prod-app:1"];
    engine.plain(&[&["run", "-d", "--name", "prod-db"], &made[..]].concat());
    engine.plain(&[&["run", "-d", "--rm", "--name", "prod-job"], &made[..]].concat());
    let compose = folder.join("prod/compose.yaml").display().to_string();
    engine.plain(&["compose", "-f", &compose, "up", "-d"]);

    let api = Api::new(&engine.socket);
    let before = protected(&api);
    assert_eq!(before.len(), 6, "{before:?}");
    let number =
        |name: &str, otherwise| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    let (first, cases) = (number("FENDER_PROTECT_SEED", 1), number("FENDER_PROTECT_CASES", CASES));
    let (mut ran, mut refused) = (0, 0);
    for seed in first..first + cases {
        let mut chance = Chance::new(seed);
        engine.plain(&["create", "--name", "other", "other:1", "true"]);
        let mut typed = Vec::new();
        for _ in 0..=chance.below(4) {
            let container = chance.pick(&CONTAINERS);
            let id = before.get(&format!("container {container}")).unwrap();
            let line = chance
                .pick(COMMANDS)
                .replace("{c}", container)
                .replace("{i}", &id[..12])
                .replace("{f}", &folder.display().to_string());
            let words: Vec<&str> = line.split(' ').collect();
            let output = guarded.piped(&words);
            typed.push(format!("docker {line}: {}", output.status));
            ran += 1;
            refused += u32::from(String::from_utf8_lossy(&output.stderr).contains("protected"));
        }
        assert_eq!(protected(&api), before, "seed {seed}:\n{}", typed.join("\n"));
        // What is not protected may be gone.
        let _ = guarded_client(&engine, &["rm", "-f", "other"]);
        if guarded_client(&engine, &["image", "inspect", "other:1"]).is_err() {
            engine.image("other:1", &["LABEL other=1"]);
        }
        for container in CONTAINERS {
            let _ = guarded_client(&engine, &["unpause", container]);
            let _ = guarded_client(&engine, &["start", container]);
        }
        engine.plain(&["tag", "other:1", "other:2"]);
    }
    println!("{cases} sequences, {ran} commands, {refused} of them refused");
    assert!(refused > ran / 5 && refused < ran, "{refused} of {ran} were refused");
}

/// The client alone, which may fail.
fn guarded_client(engine: &Engine, words: &[&str]) -> Result<(), ()> {
    let output = crate::support::process::client(&engine.host()).args(words).output().unwrap();
    output.status.success().then_some(()).ok_or(())
}

/// The protected objects by their names, each with what it is known by.
fn protected(api: &Api) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut add = |kind: &str, name: &Value, identity: &Value| {
        let name = name.as_str().unwrap_or_default().trim_start_matches('/').to_owned();
        if name.starts_with("prod-") {
            found.insert(format!("{kind} {name}"), identity.as_str().unwrap_or_default().to_owned());
        }
    };
    let list = |value: Value| value.as_array().cloned().unwrap_or_default();
    for it in list(api.get("/containers/json?all=1")) {
        if CONTAINERS.iter().any(|name| it["Names"][0] == format!("/{name}")) {
            add("container", &it["Names"][0], &it["Id"]);
        }
    }
    for it in list(api.get("/volumes")["Volumes"].clone()) {
        add("volume", &it["Name"], &it["CreatedAt"]);
    }
    for it in list(api.get("/networks")) {
        add("network", &it["Name"], &it["Id"]);
    }
    for it in list(api.get("/images/json")) {
        for tag in list(it["RepoTags"].clone()).iter().filter(|tag| **tag == "prod-app:1") {
            add("image", tag, &it["Id"]);
        }
    }
    found
}
