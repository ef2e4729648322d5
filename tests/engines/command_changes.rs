//! The changes of a plan against the truth: random states of a real engine, a random command that renames, tags, starts, stops or updates,
//! and what docker then changed.
//!
//! `FENDER_COMMAND_CASES` and `FENDER_COMMAND_SEED` choose how many and which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use crate::support::api::Api;
use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::process::client;
use crate::support::schema;
use crate::support::state::Chance;
use serde_json::{Value, json};

/// Enough for each kind of command on the three engines together.
const CASES: u64 = 40;
/// So many commands one after the other change one state.
const COMMANDS_EACH: u64 = 10;

/// What may be typed: `{c}` is a container, `{t}` a tag, `{f}` the folder of the test.
const COMMANDS: &[&str] = &[
    "rename {c} {c}",
    "rename {c} new-name",
    "container rename {c} runs",
    "tag {t} {t}",
    "tag {t} app:new",
    "image tag {t} docker.io/library/{t}",
    "build -t {t} {f}/image",
    "build -t app:new {f}/image",
    "build {f}/image",
    "build -t {t} -t app:new {f}/image",
    "buildx build --load -t {t} {f}/image",
    "image build --tag={t} {f}/image",
    "load -i {f}/app.tar",
    "image load --input {f}/app.tar -q",
    "import {f}/base.tar {t}",
    "import {f}/base.tar",
    "commit {c} {t}",
    "commit {c}",
    "container commit -p {c} {t}",
    "pull {t}",
    "update --restart on-failure {c}",
    "update -m 64m --memory-swap 64m {c}",
    "container update --restart=no {c} {c}",
    "update --cpus 0.5 {c}",
    "start {c}",
    "restart -t 0 {c}",
    "restart -t 0 {c} {c}",
    "container restart --time 0 {c}",
    "container restart -s KILL {c}",
    "stop -t 0 {c}",
    "stop -t 0 {c} {c}",
    "container stop -s KILL {c}",
    "pause {c}",
    "container pause {c} {c}",
    "unpause {c}",
    "container unpause {c} {c}",
    "kill {c}",
    "kill -s TERM {c}",
    "kill -s WINCH {c}",
    "container kill --signal=9 {c} {c}",
    "network connect net-b {c}",
    "network disconnect net-a {c}",
    "network disconnect -f net-a {c}",
    "network disconnect net-b {c}",
    "network create net-a",
    "network create net-new",
    "volume create vol-a",
    "volume create vol-new",
    "create --name made {t} true",
    "create --name runs {t} true",
    "run -d --name made {t} sleep 9000",
    "run -d --rm --name made --network net-b -v vol-new:/data {t} sleep 9000",
    "run --rm {t} true",
    "rm -f {c}",
    "rm {c}",
    "rm -fv {c}",
];

const CONTAINERS: [&str; 5] = ["runs", "ended", "paused", "away", "nosuch"];
const TAGS: [&str; 4] = ["app:1", "app:2", "base:1", "registry.test/app:1"];

#[test]
fn docker_28() {
    compare("commands-new", "new", "", 0);
}

#[test]
fn docker_28_with_the_containerd_store() {
    compare("commands-containerd", "new", "--feature containerd-snapshotter=true", 1);
}

#[test]
fn docker_20_10() {
    compare("commands-old", "old", "", 2);
}

fn compare(name: &str, which: &str, flags: &str, engine_number: u64) {
    if std::env::var("FENDER_CHANGES_ENGINE").is_ok_and(|wanted| wanted != name) {
        return;
    }
    let engine = Engine::start(name, which, flags);
    let guarded = Guarded::new(&engine);
    let folder = guarded.place.path("home");
    fs::create_dir(folder.join("image")).unwrap();
    fs::write(folder.join("image/Dockerfile"), "FROM base:1\nLABEL built=1\n").unwrap();
    fs::copy(crate::support::cache().join("busybox.tar"), folder.join("base.tar")).unwrap();
    engine.image("kept-base:1", &["CMD [\"sleep\",\"3600\"]"]);
    engine.plain(&["tag", "kept-base:1", "app:2"]);
    engine.image("kept-first:1", &["LABEL app=1"]);
    engine.plain(&["save", "-o", &folder.join("app.tar").display().to_string(), "app:2"]);
    let api = Api::new(&engine.socket);
    let number =
        |name: &str, otherwise| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    // Each engine sees commands of its own.
    let first = number("FENDER_COMMAND_SEED", 1 + engine_number * 100_000);
    let cases = number("FENDER_COMMAND_CASES", CASES);
    let (mut report, mut changed) = (String::new(), 0);
    let began = std::time::Instant::now();
    for seed in first..first + cases {
        let mut chance = Chance::new(seed);
        if (seed - first).is_multiple_of(COMMANDS_EACH) {
            fill(&engine, &api);
        }
        let mut line = chance.pick(COMMANDS).replace("{f}", &folder.display().to_string());
        for (mark, names) in [("{c}", &CONTAINERS[..]), ("{t}", &TAGS)] {
            while line.contains(mark) {
                line = line.replacen(mark, chance.pick::<&str>(names), 1);
            }
        }
        let words: Vec<&str> = line.split(' ').collect();
        let before = Seen::of(&api);
        let plan = guarded.fender(&[&["plan", "--format", "json", "--"], &words[..]].concat());
        let planned: Value = serde_json::from_slice(&plan.stdout).unwrap_or_default();
        // Docker refuses some commands, and so there is no plan.
        if !planned.is_null() {
            assert_eq!(schema::misfits(&schema::of_plans(), &planned), [""; 0], "docker {line}");
        }
        let docker = client(&engine.host()).args(&words).output().unwrap();
        let after = Seen::settled(&api);
        let truth = before.to(&after);
        changed += truth.len();
        let wrong = differences(&planned, &truth);
        if !wrong.is_empty() {
            let said = String::from_utf8_lossy(&docker.stderr).into_owned();
            let _ = writeln!(
                report,
                "{name} seed {seed}: docker {line}\n{wrong}  docker: {said}  plan: {}\n  before: {}",
                planned["changes"],
                before.described()
            );
        }
    }
    println!("{name}: {cases} commands in {:?}, {changed} changes", began.elapsed());
    assert!(report.is_empty(), "{report}");
    assert!(changed > usize::try_from(cases).unwrap() / 3, "almost nothing was changed: {changed}");
}

/// What was changed and not said, and what was said for certain and did not come.
fn differences(planned: &Value, truth: &BTreeSet<String>) -> String {
    let (mut said, mut certain) = (BTreeSet::new(), BTreeSet::new());
    for change in planned["changes"].as_array().into_iter().flatten().filter(|it| it["type"] != "image") {
        let text = |key: &str| change[key].as_str().unwrap_or_default();
        let entry = format!("{} {} {}", text("change"), text("type"), text("name"));
        // The engine makes up a name for a container that has none.
        let is_nameless = text("change") == "create" && text("name").is_empty();
        if change["certain"] == true && !is_nameless {
            certain.insert(entry.clone());
        }
        said.insert(entry);
    }
    let mut wrong = String::new();
    for missed in truth.difference(&said) {
        let _ = writeln!(wrong, "  changed, not planned: {missed}");
    }
    for stayed in certain.difference(truth) {
        let _ = writeln!(wrong, "  planned, not changed: {stayed}");
    }
    wrong
}

/// The same state each time.
fn fill(engine: &Engine, api: &Api) {
    let list = |value: Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for it in list(api.get("/containers/json?all=1")) {
        // One that was made with --rm may be going already.
        let _ = api.delete(&format!("/containers/{}?force=1&v=1", text(&it["Id"])));
    }
    api.post("/networks/prune", &Value::Null);
    for it in list(api.get("/volumes")["Volumes"].clone()) {
        let _ = api.delete(&format!("/volumes/{}", text(&it["Name"])));
    }
    for it in list(api.get("/images/json")) {
        let tags = list(it["RepoTags"].clone());
        for name in tags.iter().map(text).filter(|tag| tag != "kept-base:1" && tag != "kept-first:1") {
            let _ = api.delete(&format!("/images/{name}"));
        }
        if tags.is_empty() {
            let _ = api.delete(&format!("/images/{}?force=1", text(&it["Id"])));
        }
    }
    for (image, repo, tag) in [
        ("kept-base:1", "base", "1"),
        ("kept-base:1", "app", "2"),
        ("kept-first:1", "app", "1"),
        ("kept-first:1", "registry.test/app", "1"),
    ] {
        api.post(&format!("/images/{image}/tag?repo={repo}&tag={tag}"), &Value::Null);
    }
    for name in ["net-a", "net-b"] {
        api.post("/networks/create", &json!({ "Name": name }));
    }
    api.post("/volumes/create", &json!({ "Name": "vol-a" }));
    for (name, body) in [
        ("runs", json!({ "Image": "kept-base:1", "HostConfig": { "NetworkMode": "net-a", "Binds": ["vol-a:/data"] } })),
        ("away", json!({ "Image": "kept-base:1", "Volumes": { "/cache": {} }, "HostConfig": { "AutoRemove": true } })),
        ("paused", json!({ "Image": "kept-base:1" })),
        ("ended", json!({ "Image": "kept-first:1", "Cmd": ["true"], "HostConfig": { "NetworkMode": "net-a" } })),
    ] {
        api.post(&format!("/containers/create?name={name}"), &body);
        api.post(&format!("/containers/{name}/start"), &Value::Null);
    }
    api.post("/containers/paused/pause", &Value::Null);
    engine.is_listed_as("ended", "exited");
}

/// What an engine holds, as far as these commands change it.
struct Seen {
    containers: BTreeMap<String, SeenContainer>,
    tags: BTreeMap<String, String>,
    others: BTreeMap<String, String>,
}

struct SeenContainer {
    name: String,
    state: String,
    started: String,
    settings: String,
}

impl Seen {
    fn of(api: &Api) -> Seen {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |value: Value| value.as_array().cloned().unwrap_or_default();
        let mut containers = BTreeMap::new();
        for it in list(api.get("/containers/json?all=1")) {
            let id = text(&it["Id"]);
            let Ok(it) = api.try_call(hyper::Method::GET, &format!("/containers/{id}/json"), None) else { continue };
            let networks: Vec<&String> =
                it["NetworkSettings"]["Networks"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
            let settings = format!(
                "{networks:?} {} {} {}",
                it["HostConfig"]["Memory"], it["HostConfig"]["NanoCpus"], it["HostConfig"]["RestartPolicy"]["Name"]
            );
            let seen = SeenContainer {
                name: text(&it["Name"]).trim_start_matches('/').to_owned(),
                state: text(&it["State"]["Status"]),
                started: text(&it["State"]["StartedAt"]),
                settings,
            };
            containers.insert(id, seen);
        }
        let mut tags = BTreeMap::new();
        for it in list(api.get("/images/json")) {
            let named = list(it["RepoTags"].clone());
            let named = named.iter().map(|tag| (text(tag), text(&it["Id"])));
            tags.extend(named.filter(|(tag, _)| tag != "<none>:<none>"));
        }
        let mut others = BTreeMap::new();
        others.extend(
            list(api.get("/networks")).iter().map(|it| (format!("network {}", text(&it["Name"])), text(&it["Id"]))),
        );
        let volumes = list(api.get("/volumes")["Volumes"].clone());
        others.extend(volumes.iter().map(|it| (format!("volume {}", text(&it["Name"])), text(&it["CreatedAt"]))));
        Seen { containers, tags, others }
    }

    /// The same once nothing is going any more: what was made with `--rm` goes a moment after it ended, and `true` ends soon after it
    /// was started.
    fn settled(api: &Api) -> Seen {
        for _ in 0..200 {
            let ends = |it: &Value| {
                let id = it["Id"].as_str().unwrap_or_default();
                let whole = api.try_call(hyper::Method::GET, &format!("/containers/{id}/json"), None);
                let Ok(whole) = whole else { return true };
                let is_over = matches!(whole["State"]["Status"].as_str(), Some("exited" | "dead" | "removing"));
                let is_short = whole["Path"] == "true" && whole["State"]["Status"] == "running";
                it["State"] == "removing" || is_short || is_over && whole["HostConfig"]["AutoRemove"] == true
            };
            let list = api.get("/containers/json?all=1");
            if !list.as_array().into_iter().flatten().any(ends) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Seen::of(api)
    }

    fn described(&self) -> String {
        let containers: Vec<String> =
            self.containers.values().map(|it| format!("{} {} {}", it.name, it.state, it.settings)).collect();
        format!("{containers:?} {:?} {:?}", self.tags, self.others.keys())
    }

    /// What is different in `after`: change, type and name.
    fn to(&self, after: &Seen) -> BTreeSet<String> {
        let mut out = BTreeSet::new();
        for (id, it) in &self.containers {
            let name = &it.name;
            let Some(now) = after.containers.get(id) else {
                out.insert(format!("delete container {name}"));
                continue;
            };
            if now.name != *name {
                out.insert(format!("rename container {name}"));
            }
            if now.settings != it.settings {
                out.insert(format!("update container {name}"));
            }
            let runs = |state: &str| matches!(state, "running" | "restarting");
            let change = match (it.state.as_str(), now.state.as_str()) {
                (before, now) if runs(before) && now == "paused" => "pause",
                ("running" | "restarting" | "paused", after) if runs(after) && it.started != now.started => "restart",
                ("paused", now) if runs(now) => "start",
                // It was started and has ended again already.
                (_, now) if !runs(now) && now != "paused" && it.started != after.containers[id].started => "start",
                (before, after) if before == after || runs(before) && runs(after) => continue,
                (_, now) if runs(now) => "start",
                _ => "stop",
            };
            out.insert(format!("{change} container {name}"));
        }
        for (id, it) in after.containers.iter().filter(|(id, _)| !self.containers.contains_key(*id)) {
            let _ = id;
            out.insert(format!("create container {}", it.name));
        }
        for (tag, id) in &after.tags {
            match self.tags.get(tag) {
                None => out.insert(format!("create tag {tag}")),
                Some(before) if before != id => out.insert(format!("retag tag {tag}")),
                Some(_) => true,
            };
        }
        out.extend(after.others.keys().filter(|it| !self.others.contains_key(*it)).map(|it| format!("create {it}")));
        out.extend(self.others.keys().filter(|it| !after.others.contains_key(*it)).map(|it| format!("delete {it}")));
        out
    }
}

/// A swarm: what `stack deploy --prune`, an update and the last manager's leaving take.
#[test]
fn what_goes_in_a_swarm_is_said() {
    let engine = Engine::start("changes-swarm", "new", "--iptables");
    let guarded = Guarded::new(&engine);
    let folder = guarded.place.path("home");
    engine.image("base:1", &["CMD [\"sleep\",\"3600\"]"]);
    engine.plain(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);
    let file = |name: &str, services: &str| {
        let path = folder.join(name);
        fs::write(&path, format!("version: \"3.8\"\nservices:\n{services}")).unwrap();
        path.display().to_string()
    };
    let service =
        |name: &str, replicas: u8| format!("  {name}:\n    image: base:1\n    deploy: {{replicas: {replicas}}}\n");
    let both = file("both.yaml", &format!("{}{}", service("web", 0), service("old", 0)));
    let one = file("one.yaml", &format!("{}{}", service("web", 0), service("new", 0)));
    engine.plain(&["stack", "deploy", "-c", &both, "shop"]);
    let changes = |words: &[&str]| -> Vec<String> {
        let plan = guarded.fender(&[&["plan", "--format", "json", "--"], words].concat());
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
        let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
        let all = plan["changes"].as_array().unwrap().iter();
        all.map(|it| format!("{} {} {}", text(it, "change"), text(it, "type"), text(it, "name"))).collect()
    };
    let services = || engine.plain(&["service", "ls", "--format", "{{.Name}}"]);
    let planned = changes(&["stack", "deploy", "--prune", "-c", &one, "shop"]);
    for wanted in ["update service shop_web", "create service shop_new", "delete service shop_old"] {
        assert!(planned.contains(&wanted.to_owned()), "{wanted}: {planned:?}");
    }
    let without = changes(&["stack", "deploy", "-c", &one, "shop"]);
    assert!(!without.iter().any(|it| it.starts_with("delete")), "{without:?}");
    engine.plain(&["stack", "deploy", "--prune", "-c", &one, "shop"]);
    assert!(!services().contains("shop_old"), "{}", services());
    for words in [&["service", "update", "--label-add", "a=b", "shop_web"][..], &["service", "scale", "shop_web=0"]] {
        assert_eq!(changes(words), ["update service shop_web"], "docker {words:?}");
    }
    // Docker refuses without --force.
    assert_eq!(changes(&["swarm", "leave"]), Vec::<String>::new());
    let left = changes(&["swarm", "leave", "--force"]);
    for wanted in
        ["delete service shop_web", "delete service shop_new", "delete network shop_default", "delete network ingress"]
    {
        assert!(left.contains(&wanted.to_owned()), "{wanted}: {left:?}");
    }
    let said = guarded.fender(&["plan", "--", "swarm", "leave", "--force"]);
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("last manager"), "{said}");
    engine.plain(&["swarm", "leave", "--force"]);
    assert!(!engine.plain(&["network", "ls"]).contains("shop_default"));
}
