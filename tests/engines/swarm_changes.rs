//! The changes of a plan against the truth in a swarm: random services, secrets, configs and networks on real engines, a random command, and
//! what docker then changed.
//!
//! `FENDER_SWARM_CASES` and `FENDER_SWARM_SEED` choose how many and which, `FENDER_CHANGES_ENGINE` one of the engines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use crate::support::api::Api;
use crate::support::engine::Engine;
use crate::support::guarded::Guarded;
use crate::support::process::client;
use crate::support::schema;
use crate::support::state::Chance;
use serde_json::Value;

/// Enough for each kind of command on the three engines together.
const CASES: u64 = 20;
/// So many commands one after the other change one swarm.
const COMMANDS_EACH: u64 = 5;

/// What may be typed: `{s}` is a service, `{f}` the folder of the test.
const COMMANDS: &[&str] = &[
    "service update -d --label-add a=b {s}",
    "service update -d --env-add A=1 {s}",
    "service update -d --image base:2 {s}",
    "service update --detach --force {s}",
    "service update -d --replicas 1 {s}",
    "service update -d --rollback {s}",
    "service rollback -d {s}",
    "service scale -d {s}=0",
    "service scale -d {s}=1 {s}=0",
    "service create -d --name made --replicas 0 base:1",
    "service create -d --name alone --replicas 0 base:1",
    "service rm {s}",
    "service rm {s} {s}",
    "stack deploy -d -c {f}/both.yaml shop",
    "stack deploy -d --prune -c {f}/both.yaml shop",
    "stack deploy -d -c {f}/one.yaml shop",
    "stack deploy -d --prune -c {f}/one.yaml shop",
    "stack deploy -d --prune --compose-file {f}/none.yaml shop",
    "stack up -d --prune -c {f}/one.yaml shop",
    "stack deploy -d -c {f}/one.yaml new",
    "stack rm shop",
    "stack down shop new",
    "secret rm word",
    "secret create word {f}/both.yaml",
    "secret create other {f}/both.yaml",
    "config rm page",
    "config create page {f}/both.yaml",
    "network rm wide",
    "network create -d overlay wide",
    "network create -d overlay far",
    "swarm leave",
    "swarm leave --force",
    "swarm leave -f",
];

const SERVICES: [&str; 6] = ["alone", "runs", "shop_web", "shop_old", "new_new", "nosuch"];

#[test]
fn docker_28() {
    compare("swarm-new", "new", 0);
}

#[test]
fn docker_20_10() {
    compare("swarm-old", "old", 2);
}

fn compare(name: &str, which: &str, engine_number: u64) {
    if std::env::var("FENDER_CHANGES_ENGINE").is_ok_and(|wanted| wanted != name) {
        return;
    }
    let engine = Engine::start(name, which, "--iptables");
    let guarded = Guarded::new(&engine);
    let folder = guarded.place.path("home");
    for number in ["1", "2"] {
        engine.image(&format!("base:{number}"), &["CMD [\"sleep\",\"3600\"]", &format!("LABEL number={number}")]);
    }
    let service = |name: &str| format!("  {name}:\n    image: base:1\n    deploy: {{replicas: 0}}\n");
    for (file, services) in [("both", &["web", "old"][..]), ("one", &["web", "new"]), ("none", &["new"])] {
        let services: String = services.iter().map(|name| service(name)).collect();
        let secrets = if file == "both" { "secrets: {key: {file: ./one.yaml}}\n" } else { "" };
        fs::write(folder.join(format!("{file}.yaml")), format!("version: \"3.8\"\nservices:\n{services}{secrets}"))
            .unwrap();
    }
    let api = Api::new(&engine.socket);
    let number =
        |name: &str, otherwise| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise);
    // Each engine sees commands of its own.
    let first = number("FENDER_SWARM_SEED", 1 + engine_number * 100_000);
    let cases = number("FENDER_SWARM_CASES", CASES);
    let (mut report, mut changed) = (String::new(), 0);
    let began = std::time::Instant::now();
    for seed in first..first + cases {
        let mut chance = Chance::new(seed);
        if (seed - first).is_multiple_of(COMMANDS_EACH) {
            fill(&engine, &folder.join("both.yaml").display().to_string());
        }
        let mut line = chance.pick(COMMANDS).replace("{f}", &folder.display().to_string());
        while line.contains("{s}") {
            line = line.replacen("{s}", chance.pick::<&str>(&SERVICES), 1);
        }
        let words: Vec<&str> = line.split(' ').collect();
        let before = look(&api);
        let plan = guarded.fender(&[&["plan", "--format", "json", "--"], &words[..]].concat());
        let planned: Value = serde_json::from_slice(&plan.stdout).unwrap_or_default();
        // Docker refuses some commands, and so there is no plan.
        if !planned.is_null() {
            assert_eq!(schema::misfits(&schema::of_plans(), &planned), [""; 0], "docker {line}");
        }
        let docker = client(&engine.host()).args(&words).output().unwrap();
        let truth = truth(&before, &look(&api));
        changed += truth.len();
        let wrong = differences(&planned, &truth, docker.status.success());
        if !wrong.is_empty() {
            let _ = writeln!(
                report,
                "{name} seed {seed}: docker {line}\n{wrong}  docker: {}  fender: {}  plan: {}\n  before: {before:?}",
                String::from_utf8_lossy(&docker.stderr),
                String::from_utf8_lossy(&plan.stderr),
                planned["changes"],
            );
        }
    }
    println!("{name}: {cases} commands in {:?}, {changed} changes", began.elapsed());
    assert!(report.is_empty(), "{report}");
    assert!(changed > usize::try_from(cases).unwrap() / 3, "almost nothing was changed: {changed}");
}

/// An engine that is the manager of a swarm of its own, with an image whose containers stay.
fn swarm(name: &str) -> Engine {
    let engine = Engine::start(name, "new", "--iptables");
    engine.image("base:1", &["CMD [\"sleep\",\"3600\"]"]);
    engine.plain(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);
    engine
}

/// A service goes with the containers of its tasks: one that is protected keeps all of it.
#[test]
fn a_service_with_a_protected_task_stays() {
    let engine = swarm("swarm-protected");
    let guarded = Guarded::new(&engine);
    guarded.place.policy("[environments.ci]\nhostname = \"*\"\n[protect]\ncontainers = [\"prod-*\"]\n");
    engine.plain(&["service", "create", "-q", "--name", "prod-web", "base:1"]);
    engine.plain(&["service", "create", "-d", "--name", "other", "--replicas", "0", "base:1"]);
    let task = engine.plain(&["ps", "-q", "--filter", "name=prod-web"]);
    assert!(!task.is_empty());
    for words in [
        &["service", "rm", "prod-web"][..],
        &["service", "rm", "other", "prod-web"],
        &["service", "scale", "-d", "prod-web=0"],
        &["service", "update", "-d", "--replicas", "0", "prod-web"],
        &["service", "update", "-d", "--force", "prod-web"],
        &["swarm", "leave", "--force"],
    ] {
        let output = guarded.piped(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(125) && said.contains("protected"), "docker {words:?}: {said}");
    }
    assert_eq!(engine.plain(&["ps", "-q", "--filter", "name=prod-web"]), task);
}

/// A service's own label, that of its containers, a pattern and a lock protect it, whatever takes it, its tasks or its label.
#[test]
fn a_protected_service_stays() {
    let engine = swarm("swarm-label");
    let guarded = Guarded::new(&engine);
    guarded.place.policy("[environments.ci]\nhostname = \"*\"\n[protect]\nservices = [\"named-*\"]\n");
    let create = |name: &str, more: &[&str]| {
        let words = [&["service", "create", "-d", "--name", name], more, &["base:1"]].concat();
        engine.plain(&words);
    };
    create("kept", &["--label", "fender.protect=orders"]);
    create("inside", &["--replicas", "0", "--container-label", "fender.protect=true"]);
    create("named-one", &["--replicas", "0"]);
    create("other", &["--replicas", "0"]);
    let folder = guarded.place.path("home");
    let write = |name: &str, deploy: &str| {
        let path = folder.join(format!("{name}.yaml"));
        fs::write(&path, format!("version: \"3.8\"\nservices:\n{deploy}")).unwrap();
        path.display().to_string()
    };
    let web = |deploy: &str| format!("  web: {{image: \"base:1\", deploy: {{{deploy}}}}}\n");
    let label = "labels: {fender.protect: shop}";
    let whole = write("whole", &web(&format!("replicas: 1, {label}")));
    let bare = write("bare", &web("replicas: 1"));
    let zero = write("zero", &web(&format!("replicas: 0, {label}")));
    let without = write("without", "  more: {image: \"base:1\", deploy: {replicas: 0}}\n");
    engine.plain(&["stack", "deploy", "-d", "-c", &whole, "shop"]);
    let ids = || engine.plain(&["service", "ls", "-q"]);
    let before = ids();
    let refused = |words: &[&str]| {
        let output = guarded.piped(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(125) && said.contains("protected"), "docker {words:?}: {said}");
        said
    };
    for words in [
        &["service", "rm", "kept"][..],
        &["service", "rm", "other", "inside"],
        &["service", "rm", "named-one"],
        &["service", "update", "-d", "--force", "kept"],
        &["service", "update", "-d", "--rollback", "kept"],
        &["service", "rollback", "-d", "kept"],
        &["service", "scale", "-d", "kept=0"],
        &["service", "scale", "-d", "other=1", "kept=0"],
        &["service", "update", "-d", "--replicas", "0", "kept"],
        &["service", "update", "-d", "--label-rm", "fender.protect", "kept"],
        &["stack", "rm", "shop"],
        &["stack", "deploy", "-d", "--prune", "-c", &without, "shop"],
        &["stack", "deploy", "-d", "-c", &bare, "shop"],
        &["stack", "deploy", "-d", "-c", &zero, "shop"],
        &["swarm", "leave", "--force"],
    ] {
        refused(words);
    }
    assert!(refused(&["service", "rm", "kept"]).contains("orders"), "the reason is said");
    assert_eq!(ids(), before);
    for words in [
        &["service", "update", "-d", "--label-add", "tier=web", "kept"][..],
        &["service", "update", "-d", "--label-rm", "tier", "kept"],
        &["service", "scale", "-d", "kept=2"],
        &["stack", "deploy", "-d", "-c", &whole, "shop"],
        &["stack", "deploy", "-d", "-c", &without, "shop"],
        &["service", "scale", "-d", "other=0"],
    ] {
        let output = guarded.piped(words);
        assert!(output.status.success(), "docker {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let locked = guarded.fender(&["protect", "service", "other", "--reason", "until May"]);
    assert!(locked.status.success(), "{}", String::from_utf8_lossy(&locked.stderr));
    assert!(refused(&["service", "rm", "other"]).contains("until May"));
    let listed = String::from_utf8_lossy(&guarded.fender(&["protect"]).stdout).into_owned();
    for name in ["kept", "inside", "named-one", "other", "shop_web"] {
        assert!(listed.contains(&format!("service    {name}  ")), "{name}: {listed}");
    }
    for name in ["other", "kept"] {
        let unlocked = guarded.fender_with_system_state(&["unprotect", "service", name]);
        assert!(unlocked.status.success(), "{}", String::from_utf8_lossy(&unlocked.stderr));
        let plan = guarded.fender_with_system_state(&["plan", "--format", "json", "--", "service", "rm", name]);
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
        assert_eq!(plan["deletes"][0]["name"], name, "{plan}");
    }
    a_drained_node_says_what_stops(&guarded, &engine);
}

/// Stopping is an outage and is not refused, and what stops is said: also the tasks of a protected service.
fn a_drained_node_says_what_stops(guarded: &Guarded, engine: &Engine) {
    let node = engine.plain(&["node", "ls", "-q"]);
    let wanted = engine.plain(&["ps", "--no-trunc", "--format", "{{.Names}}"]);
    let mut wanted: Vec<&str> = wanted.lines().collect();
    wanted.sort_unstable();
    assert!(wanted.len() > 1, "{wanted:?}");
    let machine = engine.plain(&["node", "ls", "--format", "{{.Hostname}}"]);
    for name in [machine.trim(), node.trim(), &node[..6]] {
        let words = ["node", "update", "--availability", "drain", name];
        let plan = guarded.fender(&[&["plan", "--format", "json", "--"], &words[..]].concat());
        let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
        let stops = plan["changes"].as_array().unwrap().iter().filter(|it| it["change"] == "stop");
        let stops: Vec<&str> = stops.map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(stops, wanted, "{plan}");
        let said = guarded.fender(&[&["explain", "--environment", "prod", "--"], &words[..]].concat());
        let said = String::from_utf8_lossy(&said.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(wanted[0]) && said.contains("of a protected service"), "{said}");
    }
}

/// A new swarm with the same in it each time.
fn fill(engine: &Engine, both: &str) {
    let _ = client(&engine.host()).args(["swarm", "leave", "--force"]).output().unwrap();
    engine.plain(&["swarm", "init", "--advertise-addr", "127.0.0.1"]);
    for (name, replicas) in [("alone", "0"), ("runs", "1")] {
        engine.plain(&["service", "create", "-d", "--name", name, "--replicas", replicas, "base:1"]);
    }
    engine.plain(&["stack", "deploy", "-c", both, "shop"]);
    engine.plain(&["secret", "create", "word", both]);
    engine.plain(&["config", "create", "page", both]);
    engine.plain(&["network", "create", "-d", "overlay", "wide"]);
}

/// Kind and name with what it is now: its id, or of a service its settings.
type Seen = BTreeMap<String, String>;

fn look(api: &Api) -> Seen {
    let mut seen = Seen::new();
    let mut add = |kind: &str, path: &str| {
        // Outside a swarm the engine refuses.
        let Ok(list) = api.try_call(hyper::Method::GET, path, None) else { return };
        for it in list.as_array().into_iter().flatten() {
            let name = it["Spec"]["Name"].as_str().or_else(|| it["Name"].as_str()).unwrap_or_default();
            let id = it["ID"].as_str().or_else(|| it["Id"].as_str()).unwrap_or_default();
            seen.insert(format!("{kind} {name}"), format!("{id} {}", it["Spec"]));
        }
    };
    add("service", "/services");
    add("secret", "/secrets");
    add("config", "/configs");
    add("network", "/networks");
    // What connects the node's own networks to the swarm's is not the swarm's, and what of `ingress` is there depends on the moment.
    seen.retain(|name, _| !matches!(name.as_str(), "network docker_gwbridge" | "network ingress"));
    seen
}

fn truth(before: &Seen, after: &Seen) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for (name, was) in before {
        match after.get(name) {
            None => out.insert(format!("delete {name}")),
            Some(is) if is != was => out.insert(format!("update {name}")),
            Some(_) => false,
        };
    }
    out.extend(after.keys().filter(|name| !before.contains_key(*name)).map(|name| format!("create {name}")));
    out
}

/// What was changed and not said, and what was said for certain and did not come.
fn differences(planned: &Value, truth: &BTreeSet<String>, succeeded: bool) -> String {
    let (mut said, mut certain) = (BTreeSet::new(), BTreeSet::new());
    for change in planned["changes"].as_array().into_iter().flatten() {
        let text = |key: &str| change[key].as_str().unwrap_or_default();
        let entry = format!("{} {} {}", text("change"), text("type"), text("name"));
        // The settings may be the same as before, and the tasks follow later.
        if change["certain"] == true
            && text("change") != "update"
            && text("type") != "container"
            && text("name") != "ingress"
        {
            certain.insert(entry.clone());
        }
        said.insert(entry);
    }
    let mut wrong = String::new();
    for missed in truth.difference(&said) {
        let _ = writeln!(wrong, "  changed, not planned: {missed}");
    }
    for stayed in certain.difference(truth).filter(|_| succeeded) {
        let _ = writeln!(wrong, "  planned, not changed: {stayed}");
    }
    wrong
}
