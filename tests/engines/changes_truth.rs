//! The change plan against the truth: random compose projects on a real engine, a random edit, a random command, and what compose then
//! changed, object by object.
//!
//! `FENDER_CHANGES_CASES` and `FENDER_CHANGES_SEED` choose how many and which; `FENDER_CHANGES_COMPOSE` names another compose plugin.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};

use crate::support;
use crate::support::api::Api;
use crate::support::engine::Engine;
use crate::support::process;
use crate::support::schema;
use crate::support::state::Chance;

/// Enough for each kind of command, and done in a minute.
const CASES: u64 = 15;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// One service of a random project.
#[derive(Clone)]
struct Service {
    name: &'static str,
    image: &'static str,
    seconds: u32,
    scale: usize,
    /// Of which other service it needs something, and how.
    needs: Option<(&'static str, Need)>,
    volume: bool,
    anonymous: bool,
    network: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Need {
    Starts,
    Restarts,
    Network,
    Volumes,
}

#[derive(Clone)]
struct Model {
    services: Vec<Service>,
    internal: bool,
    other_volume: bool,
}

impl Model {
    fn random(chance: &mut Chance) -> Model {
        let count = 1 + chance.below(4);
        let mut services: Vec<Service> = Vec::new();
        for name in ["a", "b", "c", "d"].into_iter().take(count) {
            let service = Service::random(chance, name, &services);
            services.push(service);
        }
        Model { services, internal: false, other_volume: false }
    }

    /// One to three edits, as a person makes them.
    fn edit(&mut self, chance: &mut Chance) {
        for _ in 0..=chance.below(3) {
            let at = chance.below(self.services.len());
            match chance.below(9) {
                0 | 1 => self.services[at].seconds += 1,
                2 => self.services[at].image = chance.pick::<&str>(&["img:1", "img:2"]),
                3 => self.services[at].anonymous ^= true,
                4 => self.services[at].volume ^= true,
                5 => self.internal ^= true,
                6 => self.services[at].network ^= true,
                7 if self.services.len() > 1 => {
                    let name = self.services.remove(at).name;
                    for service in &mut self.services {
                        if service.needs.is_some_and(|(needed, _)| needed == name) {
                            service.needs = None;
                        }
                    }
                }
                _ => self.other_volume ^= true,
            }
        }
    }

    fn text(&self) -> String {
        let mut out = "name: truth\nservices:\n".to_owned();
        for it in &self.services {
            let mut volumes: Vec<&str> = Vec::new();
            volumes.extend(it.volume.then_some("\"data:/data\""));
            volumes.extend(it.anonymous.then_some("/anon"));
            let _ = write!(
                out,
                "  {}: {{image: \"{}\", command: sleep {}, stop_grace_period: 0s, scale: {}, volumes: [{}]",
                it.name,
                it.image,
                it.seconds,
                it.scale,
                volumes.join(", ")
            );
            let _ = match it.needs {
                Some((needed, Need::Starts)) => write!(out, ", depends_on: [{needed}]"),
                Some((needed, Need::Restarts)) => {
                    write!(out, ", depends_on: {{{needed}: {{condition: service_started, restart: true}}}}")
                }
                Some((needed, Need::Network)) => write!(out, ", network_mode: \"service:{needed}\""),
                Some((needed, Need::Volumes)) => write!(out, ", volumes_from: [{needed}]"),
                None => Ok(()),
            };
            if it.network && !matches!(it.needs, Some((_, Need::Network))) {
                out.push_str(", networks: [default, side]");
            }
            out.push_str("}\n");
        }
        let side = if self.internal { "{internal: true}" } else { "{}" };
        let data = if self.other_volume { "{labels: {edited: \"yes\"}}" } else { "{}" };
        let _ = write!(out, "networks: {{side: {side}}}\nvolumes: {{data: {data}}}\n");
        out
    }
}

impl Service {
    fn random(chance: &mut Chance, name: &'static str, before: &[Service]) -> Service {
        let kinds = [Need::Starts, Need::Starts, Need::Restarts, Need::Network, Need::Volumes];
        // What shares with another one shares with its first container.
        let needs = (!before.is_empty() && chance.one_in(2)).then(|| {
            let needed = chance.pick(before).name;
            (needed, *chance.pick(&kinds))
        });
        Service {
            name,
            image: chance.pick::<&str>(&["img:1", "img:1", "img:2"]),
            seconds: 9000,
            scale: if chance.one_in(4) { 2 } else { 1 },
            needs,
            volume: chance.one_in(3),
            anonymous: chance.one_in(3),
            network: chance.one_in(4),
        }
    }
}

/// A command of compose, with services that are there.
fn command(chance: &mut Chance, model: &Model) -> Vec<String> {
    let service = chance.pick(&model.services).name;
    let lines = [
        "up -d",
        "up -d",
        "up -d",
        "up -d --remove-orphans",
        "up -d --force-recreate",
        "up -d --no-recreate",
        "up -d -V",
        "up -d --no-deps SERVICE",
        "up -d SERVICE",
        "up -d --scale SERVICE=2",
        "up -d --scale SERVICE=0",
        "up -d --always-recreate-deps SERVICE",
        "up --no-start",
        "up -d -y",
        "create",
        "create --force-recreate SERVICE",
        "scale SERVICE=3",
        "scale SERVICE=1",
        "run -d SERVICE sleep 1",
        "stop",
        "stop SERVICE",
        "restart",
        "restart SERVICE",
        "kill",
        "kill SERVICE",
        "pause",
        "unpause",
        "rm -fs SERVICE",
        "rm -f",
        "down",
        "down -v",
        "down --remove-orphans",
    ];
    let line = chance.pick(&lines).replace("SERVICE", service);
    std::iter::once("compose".to_owned()).chain(line.split(' ').map(str::to_owned)).collect()
}

/// One container of the engine.
#[derive(Clone, PartialEq)]
struct Container {
    name: String,
    state: String,
    started: String,
}

#[derive(Clone, Default)]
struct Seen {
    containers: BTreeMap<String, Container>,
    /// Names with the times of their creation, or their ids.
    volumes: BTreeMap<String, String>,
    networks: BTreeMap<String, String>,
}

fn look(api: &Api) -> Seen {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut seen = Seen::default();
    for it in api.get("/containers/json?all=1").as_array().into_iter().flatten() {
        let id = text(&it["Id"]);
        let whole = api.get(&format!("/containers/{id}/json"));
        let container = Container {
            name: text(&whole["Name"]).trim_start_matches('/').to_owned(),
            state: text(&whole["State"]["Status"]),
            started: text(&whole["State"]["StartedAt"]),
        };
        seen.containers.insert(id, container);
    }
    for it in api.get("/volumes")["Volumes"].as_array().into_iter().flatten() {
        seen.volumes.insert(text(&it["Name"]), text(&it["CreatedAt"]));
    }
    for it in api.get("/networks").as_array().into_iter().flatten() {
        seen.networks.insert(text(&it["Name"]), text(&it["Id"]));
    }
    seen
}

/// What changed in truth: `replace container ID`, `create volume NAME`, …
fn truth(before: &Seen, after: &Seen) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let had = |name: &str| before.containers.values().any(|it| it.name == name);
    let has = |name: &str| after.containers.values().any(|it| it.name == name);
    for (id, was) in &before.containers {
        let Some(is) = after.containers.get(id) else {
            out.insert(format!("{} container {id}", if has(&was.name) { "replace" } else { "delete" }));
            continue;
        };
        let ran = |state: &str| matches!(state, "running" | "restarting");
        let change = match (was.state.as_str(), is.state.as_str()) {
            (was_state, state) if ran(was_state) && ran(state) => (was.started != is.started).then_some("restart"),
            ("paused", "paused") => (was.started != is.started).then_some("restart"),
            (_, "paused") => Some("pause"),
            ("paused", state) if ran(state) => Some(if was.started == is.started { "start" } else { "restart" }),
            (was_state, state) if ran(state) && !ran(was_state) => Some("start"),
            (was_state, state) if (ran(was_state) || was_state == "paused") && !ran(state) => Some("stop"),
            _ => None,
        };
        out.extend(change.map(|change| format!("{change} container {id}")));
    }
    for (id, is) in after.containers.iter().filter(|(id, _)| !before.containers.contains_key(*id)) {
        if !had(&is.name) && !is.name.contains("-run-") {
            out.insert(format!("create container {}", is.name));
        }
        assert!(!id.is_empty());
    }
    for (kind, before, after) in
        [("volume", &before.volumes, &after.volumes), ("network", &before.networks, &after.networks)]
    {
        for (name, mark) in before {
            match after.get(name) {
                None => out.insert(format!("delete {kind} {name}")),
                Some(now) if now != mark => out.insert(format!("replace {kind} {name}")),
                Some(_) => false,
            };
        }
        // An anonymous volume gets its name from the engine.
        let is_new = |name: &&String| !before.contains_key(*name) && (kind == "network" || name.len() != 64);
        out.extend(after.keys().filter(is_new).map(|name| format!("create {kind} {name}")));
    }
    out
}

/// What the plan says: what is certain, and all of it.
fn planned(plan: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut certain, mut all) = (BTreeSet::new(), BTreeSet::new());
    for it in plan["changes"].as_array().into_iter().flatten() {
        let text = |key: &str| it[key].as_str().unwrap_or_default();
        let by_id = text("type") == "container" && text("change") != "create";
        let what = format!("{} {} {}", text("change"), text("type"), text(if by_id { "id" } else { "name" }));
        if it["certain"] == json!(true) {
            certain.insert(what.clone());
        }
        all.insert(what);
    }
    (certain, all)
}

struct Bench {
    engine: Engine,
    folder: PathBuf,
    config: PathBuf,
}

impl Bench {
    fn new(name: &str) -> Bench {
        let engine = Engine::start(name, "new", "");
        for number in ["1", "2", "3"] {
            engine.image(&format!("base:{number}"), &[&format!("LABEL number={number}")]);
        }
        let folder = engine.socket.parent().unwrap().join("truth");
        fs::create_dir_all(&folder).unwrap();
        let mut config = support::cache().join("config");
        if let Some(plugin) = std::env::var_os("FENDER_CHANGES_COMPOSE") {
            config = folder.join("config");
            fs::create_dir_all(config.join("cli-plugins")).unwrap();
            let place = config.join("cli-plugins/docker-compose");
            let _ = fs::remove_file(&place);
            std::os::unix::fs::symlink(plugin, place).unwrap();
        }
        Bench { engine, folder, config }
    }

    fn run(&self, program: &std::path::Path, words: &[String]) -> Output {
        let mut command = process::program(program);
        command
            .args(words)
            .env("PATH", format!("{}:{}", support::programs().display(), process::system_path()))
            .env("HOME", &self.folder)
            .env("DOCKER_HOST", self.engine.host())
            .env("DOCKER_CONFIG", &self.config)
            .current_dir(&self.folder);
        command.output().unwrap()
    }

    fn docker(&self, line: &str) -> Output {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        self.run(&support::real_docker(), &words)
    }

    fn write(&self, model: &Model) {
        fs::write(self.folder.join("compose.yaml"), model.text()).unwrap();
    }

    fn clear(&self, api: &Api) {
        api.clear();
        for tag in ["1", "2"] {
            self.tag(api, tag, tag);
        }
    }

    /// Lets the tag of `img` mean this one of the images.
    fn tag(&self, api: &Api, tag: &str, image: &str) {
        api.post(&format!("/images/base:{image}/tag?repo=img&tag={tag}"), &Value::Null);
    }
}

/// Something that happens to a project between its start and the command.
fn disturb(bench: &Bench, api: &Api, chance: &mut Chance) {
    let list = api.get("/containers/json");
    let running: Vec<&str> = list.as_array().into_iter().flatten().filter_map(|it| it["Id"].as_str()).collect();
    if running.is_empty() {
        return;
    }
    let id = *chance.pick(&running);
    match chance.below(8) {
        0 => drop(bench.docker(&format!("stop -t 0 {id}"))),
        1 => drop(bench.docker(&format!("rm -f {id}"))),
        2 => drop(bench.docker(&format!("pause {id}"))),
        3 => bench.tag(api, "1", "3"),
        _ => {}
    }
}

#[test]
fn what_compose_changes_is_foreseen() {
    let bench = Bench::new("changes-truth");
    let api = Api::new(&bench.engine.socket);
    let (first, cases) = (number("FENDER_CHANGES_SEED", 1), number("FENDER_CHANGES_CASES", CASES));
    let mut report = String::new();
    let (mut changed, mut open) = (0, 0);
    for seed in first..first + cases {
        let mut chance = Chance::new(seed.wrapping_mul(7919));
        bench.clear(&api);
        let mut model = Model::random(&mut chance);
        bench.write(&model);
        let made = bench.docker("compose up -d");
        assert!(made.status.success(), "seed {seed}: {}\n{}", String::from_utf8_lossy(&made.stderr), model.text());
        disturb(&bench, &api, &mut chance);
        let first_text = model.text();
        if !chance.one_in(5) {
            model.edit(&mut chance);
        }
        bench.write(&model);
        let words = command(&mut chance, &model);
        let before = look(&api);
        let planning: Vec<String> =
            ["plan", "--format", "json", "--"].map(str::to_owned).into_iter().chain(words.clone()).collect();
        let output = bench.run(std::path::Path::new(env!("CARGO_BIN_EXE_fender")), &planning);
        let plan: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        // Docker refuses some commands, and so there is no plan.
        if !plan.is_null() {
            assert_eq!(schema::misfits(&schema::of_plans(), &plan), [""; 0], "seed {seed}: docker {}", words.join(" "));
        }
        let ran = bench.run(&support::real_docker(), &words);
        let after = look(&api);
        let truth = truth(&before, &after);
        let (certain, all) = planned(&plan);
        changed += truth.len();
        open += all.len() - certain.len();
        // A command that fails on its way changes less than it meant to: of a restart, for example, only the stop.
        let began = |it: &&String| {
            let restart = it.strip_prefix("stop ").map(|what| format!("restart {what}"));
            !ran.status.success() && restart.is_some_and(|restart| all.contains(&restart))
        };
        let missed: Vec<&String> = truth.difference(&all).filter(|it| !began(it)).collect();
        let stayed: Vec<&String> = if ran.status.success() { certain.difference(&truth).collect() } else { Vec::new() };
        if !missed.is_empty() || !stayed.is_empty() || !output.status.success() {
            let _ = write!(
                report,
                "seed {seed}: docker {}\n  changed, not planned: {missed:?}\n  planned, not changed: {stayed:?}\n  fender: {}\n  \
                 docker: {}\n{first_text}then:\n{}\n",
                words.join(" "),
                String::from_utf8_lossy(&output.stderr),
                String::from_utf8_lossy(&ran.stderr),
                model.text()
            );
        }
    }
    println!("{cases} projects, {changed} objects changed, {open} changes were not certain");
    assert!(report.is_empty(), "{report}");
    assert!(changed > usize::try_from(cases).unwrap(), "almost nothing changed: the projects are empty");
}
