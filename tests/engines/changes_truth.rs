//! The change plan against the truth: random compose projects on real engines, random edits, random commands, and what compose then
//! changed, object by object. Two versions of compose take turns.
//!
//! `FENDER_CHANGES_CASES` and `FENDER_CHANGES_SEED` choose how many and which, `FENDER_CHANGES_ENGINE` one of the three engines, and
//! `FENDER_CHANGES_COMPOSE` one compose plugin for all cases. With `FENDER_CHANGES_REPORT` all differences are appended to that file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use crate::support;
use crate::support::api::Api;
use crate::support::engine::Engine;
use crate::support::process;
use crate::support::schema;
use crate::support::state::Chance;

/// Enough for each kind of command on the three engines together, and done in a minute.
const CASES: u64 = 40;
/// So many commands one after the other change one project: starting one anew costs most of a case.
const COMMANDS_EACH: u64 = 8;

/// What may be typed after `docker compose`. `SERVICE` is one of the project, `OTHER` perhaps another one.
const COMMANDS: &[&str] = &[
    "up -d",
    "up -d",
    "up -d",
    "up -d",
    "up -d --remove-orphans",
    "up -d --force-recreate",
    "up -d --force-recreate SERVICE",
    "up -d --no-recreate",
    "up -d --build",
    "up -d --build SERVICE",
    "up -d --no-build",
    "up -d -V",
    "up -d -V --force-recreate SERVICE",
    "up -d --no-deps SERVICE",
    "up -d SERVICE OTHER",
    "up -d --scale SERVICE=2",
    "up -d --scale SERVICE=0",
    "up -d --scale SERVICE=0 --remove-orphans",
    "up -d --always-recreate-deps SERVICE",
    "up -d -y",
    "up -d -t 0 --pull never",
    "up --no-start",
    "up --no-start --force-recreate SERVICE",
    "--profile more up -d",
    "--profile * up -d --remove-orphans",
    "create",
    "create --build",
    "create --force-recreate SERVICE",
    "create --remove-orphans --scale SERVICE=0",
    "scale SERVICE=3",
    "scale SERVICE=1",
    "scale SERVICE=0",
    "scale --no-deps SERVICE=2 OTHER=1",
    // These fail: after a part of it was done, or before anything is.
    "scale SERVICE=2 nosuch=1",
    "scale SERVICE=-1",
    "scale OTHER=0 NAMED=3",
    "scale NAMED=2",
    "run -d SERVICE sleep 9000",
    "run -d --no-deps --name one SERVICE sleep 9000",
    "run --rm SERVICE true",
    "run -d --remove-orphans SERVICE sleep 9000",
    "start",
    "start SERVICE",
    "stop",
    "stop SERVICE",
    "stop -t 0 SERVICE OTHER",
    "restart",
    "restart SERVICE",
    "restart --no-deps SERVICE",
    "kill",
    "kill SERVICE",
    "kill -s TERM SERVICE",
    "kill --remove-orphans",
    "pause",
    "pause SERVICE",
    "unpause",
    "rm -fs SERVICE",
    "rm -f",
    "rm -fsv",
    "build",
    "build SERVICE",
    "pull",
    "pull SERVICE",
    "pull --ignore-buildable --policy missing",
    "down",
    "down SERVICE",
    "down -v",
    "down --remove-orphans",
    "down --rmi local",
    "down --rmi all SERVICE",
    "down -v SERVICE",
    "down -v --rmi all --remove-orphans SERVICE",
    "-p truth down --rmi all --remove-orphans",
    "-p truth down --remove-orphans",
    "-p truth stop",
    "-p truth start",
    "-p truth restart",
];

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn docker_28() {
    compare("changes-new", "new", "", 0);
}

#[test]
fn docker_28_with_the_containerd_store() {
    compare("changes-containerd", "new", "--feature containerd-snapshotter=true --insecure-registry localhost:5000", 1);
}

#[test]
fn docker_20_10() {
    compare("changes-old", "old", "", 2);
}

/// One service of a random project.
#[derive(Clone)]
struct Service {
    name: &'static str,
    image: ServiceImage,
    seconds: u32,
    scale: usize,
    /// Of which other service it needs something, and how.
    needs: Option<(&'static str, Need)>,
    volume: bool,
    anonymous: bool,
    network: bool,
    /// Only with its profile.
    profile: bool,
    /// A name of its own.
    named: bool,
    /// A configuration whose content stands in the file.
    config: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum ServiceImage {
    Named(&'static str),
    /// Built, under the name that compose makes up.
    Built,
    /// Built under a name of its own.
    BuiltAs,
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
    /// What the configuration holds.
    content: u32,
}

impl Model {
    fn random(chance: &mut Chance) -> Model {
        let count = (1 + chance.below(3)).max(if chance.one_in(5) { 4 } else { 1 });
        let mut services: Vec<Service> = Vec::new();
        for name in ["a", "b", "c", "d"].into_iter().take(count) {
            let service = Service::random(chance, name, &services);
            services.push(service);
        }
        // Without its profile such a project has no service at all.
        if chance.one_in(10) {
            services.iter_mut().for_each(|service| service.profile = true);
        }
        Model { services, internal: false, other_volume: false, content: 0 }
    }

    /// One to three edits, as a person makes them.
    fn edit(&mut self, chance: &mut Chance) {
        for _ in 0..=chance.below(3) {
            let at = chance.below(self.services.len());
            match chance.below(12) {
                0 | 1 => self.services[at].seconds += 1,
                2 => self.services[at].image = ServiceImage::Named(chance.pick::<&str>(&["img:1", "img:2"])),
                3 => self.services[at].anonymous ^= true,
                4 => self.services[at].volume ^= true,
                5 => self.internal ^= true,
                6 => self.services[at].network ^= true,
                7 => self.content += 1,
                8 => self.services[at].scale = 3 - self.services[at].scale.clamp(1, 2),
                9 => self.services[at].profile ^= true,
                10 if self.services.len() > 1 => {
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

    /// Whether every service has the profile, so that each needs only what has it, too.
    fn is_profiled(&self) -> bool {
        self.services.iter().all(|service| service.profile)
    }

    fn text(&self) -> String {
        let mut out = "name: truth\nservices:\n".to_owned();
        for it in &self.services {
            let mut volumes: Vec<&str> = Vec::new();
            volumes.extend(it.volume.then_some("\"data:/data\""));
            volumes.extend(it.anonymous.then_some("/anon"));
            let image = match it.image {
                ServiceImage::Named(name) => format!("image: \"{name}\""),
                ServiceImage::Built => "build: ./image".to_owned(),
                ServiceImage::BuiltAs => format!("build: ./image, image: \"made-{}:1\"", it.name),
            };
            let _ = write!(
                out,
                "  {}: {{{image}, command: sleep {}, stop_grace_period: 0s, volumes: [{}]",
                it.name,
                it.seconds,
                volumes.join(", ")
            );
            let _ = match it.named {
                true => write!(out, ", container_name: own-{}", it.name),
                false => write!(out, ", scale: {}", it.scale),
            };
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
            // What another service needs cannot be switched off.
            let is_needed = self.services.iter().any(|other| other.needs.is_some_and(|(needed, _)| needed == it.name));
            if self.is_profiled() || it.profile && !is_needed && self.services.len() > 1 {
                out.push_str(", profiles: [more]");
            }
            if it.config {
                out.push_str(", configs: [settings]");
            }
            out.push_str("}\n");
        }
        let side = if self.internal { "{internal: true}" } else { "{}" };
        let data = if self.other_volume { "{labels: {edited: \"yes\"}}" } else { "{}" };
        let _ = write!(out, "networks: {{side: {side}}}\nvolumes: {{data: {data}}}\n");
        let _ = writeln!(out, "configs: {{settings: {{content: \"{}\"}}}}", self.content);
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
        let image = match chance.below(12) {
            0..5 => ServiceImage::Named("img:1"),
            5..8 => ServiceImage::Named("img:2"),
            8 | 9 => ServiceImage::Named("localhost:5000/app:1"),
            10 => ServiceImage::Built,
            _ => ServiceImage::BuiltAs,
        };
        Service {
            name,
            image,
            seconds: 9000,
            scale: if chance.one_in(5) { 2 } else { 1 },
            needs,
            volume: chance.one_in(3),
            anonymous: chance.one_in(3),
            network: chance.one_in(4),
            profile: chance.one_in(8),
            named: chance.one_in(6),
            config: chance.one_in(8),
        }
    }
}

/// A command of compose, with services that are there.
fn command(chance: &mut Chance, model: &Model) -> Vec<String> {
    let (service, other) = (chance.pick(&model.services).name, chance.pick(&model.services).name);
    // One with a name of its own cannot have two containers.
    let named = model.services.iter().find(|it| it.named).map_or(service, |it| it.name);
    let line = chance.pick(COMMANDS).replace("SERVICE", service).replace("OTHER", other).replace("NAMED", named);
    std::iter::once("compose".to_owned()).chain(line.split(' ').map(str::to_owned)).collect()
}

/// One container of the engine.
#[derive(Clone, PartialEq)]
struct Container {
    name: String,
    /// By what another container takes its place: its service and number, else its name.
    place: String,
    state: String,
    started: String,
}

#[derive(Clone, Default)]
struct Seen {
    containers: BTreeMap<String, Container>,
    /// Names with the times of their creation, or their ids.
    volumes: BTreeMap<String, String>,
    networks: BTreeMap<String, String>,
    /// Tags with the ids of their images.
    tags: BTreeMap<String, String>,
}

fn look(api: &Api) -> Seen {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut seen = Seen::default();
    for it in api.get("/containers/json?all=1").as_array().into_iter().flatten() {
        let id = text(&it["Id"]);
        // One that was made with --rm may be going already.
        let Ok(whole) = api.try_call(hyper::Method::GET, &format!("/containers/{id}/json"), None) else { continue };
        let name = text(&whole["Name"]).trim_start_matches('/').to_owned();
        let label = |name: &str| text(&whole["Config"]["Labels"][format!("com.docker.compose.{name}")]);
        let place = match label("service") {
            service if service.is_empty() || label("oneoff") == "True" => name.clone(),
            service => format!("service {service} {}", label("container-number")),
        };
        let container = Container {
            name,
            place,
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
    for it in api.get("/images/json").as_array().into_iter().flatten() {
        let tags = it["RepoTags"].as_array().into_iter().flatten();
        seen.tags.extend(tags.map(|tag| (text(tag), text(&it["Id"]))).filter(|(tag, _)| tag != "<none>:<none>"));
    }
    seen
}

/// What changed in truth: `replace container ID`, `create volume NAME`, …
fn truth(before: &Seen, after: &Seen) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let had = |place: &str| before.containers.values().any(|it| it.place == place);
    let has = |place: &str| after.containers.values().any(|it| it.place == place);
    for (id, was) in &before.containers {
        let Some(is) = after.containers.get(id) else {
            out.insert(format!("{} container {id}", if has(&was.place) { "replace" } else { "delete" }));
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
        if !had(&is.place) && !is.name.contains("-run-") && is.name != "one" {
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
    for (tag, id) in &after.tags {
        match before.tags.get(tag) {
            None => out.insert(format!("create tag {tag}")),
            Some(was) if was != id => out.insert(format!("retag tag {tag}")),
            Some(_) => false,
        };
    }
    out.extend(before.tags.keys().filter(|tag| !after.tags.contains_key(*tag)).map(|tag| format!("delete tag {tag}")));
    out
}

/// What the plan says: what is certain, and all of it.
fn planned(plan: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut certain, mut all) = (BTreeSet::new(), BTreeSet::new());
    for it in plan["changes"].as_array().into_iter().flatten() {
        let text = |key: &str| it[key].as_str().unwrap_or_default();
        if text("type") == "image" {
            // Of an image its tags are compared.
            let tags = plan["deletes"].as_array().into_iter().flatten().filter(|item| item["id"] == it["id"]);
            all.extend(
                tags.flat_map(|item| item["tags"].as_array().cloned().unwrap_or_default())
                    .filter_map(|tag| Some(format!("delete tag {}", tag.as_str()?))),
            );
            continue;
        }
        let by_id = text("type") == "container" && text("change") != "create";
        let what = format!("{} {} {}", text("change"), text("type"), text(if by_id { "id" } else { "name" }));
        // The container of `compose run` gets a name with random letters.
        if it["certain"] == json!(true) && !(text("change") == "create" && text("name") == "one") {
            certain.insert(what.clone());
        }
        all.insert(what);
    }
    (certain, all)
}

struct Bench {
    engine: Engine,
    api: Api,
    folder: PathBuf,
    /// The client's configurations, each of which leads to another compose.
    configs: Vec<PathBuf>,
}

impl Bench {
    fn new(name: &str, which: &str, flags: &str) -> Bench {
        let engine = Engine::start(name, which, flags);
        engine.registry();
        for number in ["1", "2", "3"] {
            engine.image(&format!("base:{number}"), &[&format!("LABEL number={number}")]);
        }
        let folder = engine.socket.parent().unwrap().join("truth");
        fs::create_dir_all(folder.join("image")).unwrap();
        let plugins = match std::env::var_os("FENDER_CHANGES_COMPOSE") {
            Some(plugin) => vec![PathBuf::from(plugin)],
            None => vec![support::compose(support::Compose::New), support::compose(support::Compose::Old)],
        };
        let configs =
            plugins.iter().enumerate().map(|(at, plugin)| config(&folder.join(format!("config{at}")), plugin));
        let configs = configs.collect();
        let api = Api::new(&engine.socket);
        Bench { engine, api, folder, configs }
    }

    fn run(&self, program: &Path, words: &[String], case: &Case) -> Output {
        let mut command = process::program(program);
        command
            .args(words)
            .env("PATH", format!("{}:{}", support::programs().display(), process::system_path()))
            .env("HOME", &self.folder)
            .env("DOCKER_HOST", self.engine.host())
            .env("DOCKER_CONFIG", &self.configs[case.compose])
            .envs(case.variable)
            .current_dir(&self.folder);
        command.output().unwrap()
    }

    fn docker(&self, line: &str, case: &Case) -> Output {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        self.run(&support::real_docker(), &words, case)
    }

    fn write(&self, model: &Model) {
        fs::write(self.folder.join("compose.yaml"), model.text()).unwrap();
    }

    /// What is built from now on.
    fn source(&self, number: usize) {
        fs::write(self.folder.join("image/Dockerfile"), format!("FROM base:1\nLABEL built={number}\n")).unwrap();
    }

    /// An engine without a project, and the tags as they were.
    fn clear(&self) {
        self.api.clear();
        for name in ["a", "b", "c", "d"] {
            let _ = self.api.delete(&format!("/images/truth-{name}"));
            let _ = self.api.delete(&format!("/images/made-{name}:1"));
        }
        for tag in ["1", "2"] {
            self.tag("img", tag, tag);
        }
        self.publish("1");
        let _ = fs::remove_file(self.folder.join(".env"));
        self.source(0);
    }

    /// Lets a tag mean this one of the images.
    fn tag(&self, repository: &str, tag: &str, image: &str) {
        self.api.post(&format!("/images/base:{image}/tag?repo={repository}&tag={tag}"), &Value::Null);
    }

    /// Lets the tag in the registry mean this one of the images, and the engine know it.
    fn publish(&self, image: &str) {
        self.tag("localhost:5000/app", "1", image);
        let mut push = process::client(&self.engine.host());
        let pushed = push.args(["push", "-q", "localhost:5000/app:1"]).output().unwrap();
        assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    }

    /// Something that happens to a project between two commands.
    fn disturb(&self, chance: &mut Chance, case: &Case) {
        let list = self.api.get("/containers/json");
        let running: Vec<&str> = list.as_array().into_iter().flatten().filter_map(|it| it["Id"].as_str()).collect();
        let Some(id) = (!running.is_empty()).then(|| *chance.pick(&running)) else { return };
        match chance.below(12) {
            0 => drop(self.docker(&format!("stop -t 0 {id}"), case)),
            1 => drop(self.docker(&format!("rm -f {id}"), case)),
            2 => drop(self.docker(&format!("pause {id}"), case)),
            3 => self.tag("img", "1", "3"),
            4 => {
                self.publish("2");
                self.tag("localhost:5000/app", "1", "1");
            }
            5 => self.source(chance.below(1000)),
            6 => drop(self.docker(&format!("rename {id} renamed"), case)),
            _ => {}
        }
    }
}

/// A configuration of the client with this compose, and the usual buildx.
fn config(folder: &Path, compose: &Path) -> PathBuf {
    fs::create_dir_all(folder.join("cli-plugins")).unwrap();
    let place = folder.join("cli-plugins/docker-compose");
    let _ = fs::remove_file(&place);
    std::os::unix::fs::symlink(compose, place).unwrap();
    let usual = support::compose(support::Compose::New);
    let buildx = folder.join("cli-plugins/docker-buildx");
    let _ = fs::remove_file(&buildx);
    std::os::unix::fs::symlink(usual.with_file_name("docker-buildx"), buildx).unwrap();
    folder.to_path_buf()
}

/// What surrounds one command.
#[derive(Clone, Copy)]
struct Case {
    /// Which of the composes.
    compose: usize,
    variable: Option<(&'static str, &'static str)>,
}

fn compare(name: &str, which: &str, flags: &str, engine: u64) {
    if std::env::var("FENDER_CHANGES_ENGINE").is_ok_and(|wanted| wanted != name) {
        return;
    }
    let bench = Bench::new(name, which, flags);
    // Each engine sees projects of its own.
    let (first, cases) = (number("FENDER_CHANGES_SEED", 1 + engine * 100_000), number("FENDER_CHANGES_CASES", CASES));
    let mut report = String::new();
    let (mut changed, mut open, mut refused) = (0, 0, 0);
    let began = std::time::Instant::now();
    for seed in (first..).take(usize::try_from(cases.div_ceil(COMMANDS_EACH)).unwrap()) {
        let mut chance = Chance::new(seed.wrapping_mul(7919));
        bench.clear();
        let mut model = Model::random(&mut chance);
        bench.write(&model);
        let case = Case { compose: chance.below(bench.configs.len()), variable: None };
        let made = bench.docker("compose --profile more up -d", &case);
        assert!(made.status.success(), "seed {seed}: {}\n{}", String::from_utf8_lossy(&made.stderr), model.text());
        for at in 0..COMMANDS_EACH {
            let first_text = model.text();
            bench.disturb(&mut chance, &case);
            if !chance.one_in(3) {
                model.edit(&mut chance);
            }
            bench.write(&model);
            let settings = chance.pick(&["", "", "", "COMPOSE_REMOVE_ORPHANS=1\n", "COMPOSE_PROFILES=more\n"]);
            fs::write(bench.folder.join(".env"), settings).unwrap();
            let variable = chance.one_in(8).then_some(("COMPOSE_REMOVE_ORPHANS", "true"));
            // Another version comes upon what the first one made.
            let compose = if chance.one_in(8) { chance.below(bench.configs.len()) } else { case.compose };
            let case = Case { compose, variable };
            let words = command(&mut chance, &model);
            let line =
                format!("seed {seed}/{at}, compose {compose}: {settings:?} {variable:?} docker {}", words.join(" "));
            let before = look(&bench.api);
            let planning: Vec<String> =
                ["plan", "--format", "json", "--"].map(str::to_owned).into_iter().chain(words.clone()).collect();
            let output = bench.run(Path::new(env!("CARGO_BIN_EXE_fender")), &planning, &case);
            let plan: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            // Docker refuses some commands, and so there is no plan.
            if !plan.is_null() {
                assert_eq!(schema::misfits(&schema::of_plans(), &plan), [""; 0], "{line}");
            }
            let ran = bench.run(&support::real_docker(), &words, &case);
            refused += u64::from(!ran.status.success());
            let after = look(&bench.api);
            let truth = truth(&before, &after);
            let (certain, all) = planned(&plan);
            changed += truth.len();
            open += all.len() - certain.len();
            let is_clear = plan["unclear"].as_array().is_none_or(Vec::is_empty);
            let wrong = differences(&truth, &certain, &all, ran.status.success(), is_clear);
            if !wrong.is_empty() || !output.status.success() {
                let found = format!(
                    "{line}\n{wrong}  fender: {}\n  docker: {}\n{first_text}then:\n{}\n  before: {}\n  plan: {} {}\n",
                    String::from_utf8_lossy(&output.stderr),
                    String::from_utf8_lossy(&ran.stderr),
                    model.text(),
                    described(&before),
                    plan["changes"],
                    plan["unclear"]
                );
                if let Some(path) = std::env::var_os("FENDER_CHANGES_REPORT") {
                    let mut file = fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
                    file.write_all(format!("{name} {found}").as_bytes()).unwrap();
                }
                report.push_str(&found);
            }
        }
    }
    println!(
        "{name}: {cases} commands in {:?}, {refused} failed, {changed} objects changed, {open} changes were not certain",
        began.elapsed()
    );
    assert!(report.is_empty(), "{report}");
    assert!(changed > usize::try_from(cases / 2).unwrap(), "almost nothing changed: the projects are empty");
}

/// What was changed and not said, and what was said for certain and did not come.
fn differences(
    truth: &BTreeSet<String>,
    certain: &BTreeSet<String>,
    all: &BTreeSet<String>,
    succeeded: bool,
    is_clear: bool,
) -> String {
    let larger = |it: &str, small: &str, large: &str| {
        it.strip_prefix(small).is_some_and(|what| all.contains(&format!("{large}{what}")))
    };
    let began = |it: &&String| {
        // A command that fails on its way changes less than it meant to: of a restart, for example, only the stop.
        let pairs = [("stop ", "restart "), ("stop ", "replace "), ("delete ", "replace ")];
        !succeeded && pairs.iter().any(|(small, large)| larger(it, small, large))
    };
    let is_open = |it: &&String| {
        // Where the plan says that compose does not say it, everything of the project may be replaced, and anything made.
        let any = ["delete ", "stop ", "start ", "restart "].iter().any(|change| larger(it, change, "replace "));
        !is_clear && (any || it.starts_with("create "))
    };
    let mut wrong = String::new();
    for missed in truth.difference(all).filter(|it| !began(it) && !is_open(it)) {
        let _ = writeln!(wrong, "  changed, not planned: {missed}");
    }
    for stayed in certain.difference(truth).filter(|_| succeeded) {
        let _ = writeln!(wrong, "  planned, not changed: {stayed}");
    }
    wrong
}

fn described(seen: &Seen) -> String {
    let of = |(id, it): (&String, &Container)| format!("{} {} {}", &id[..12], it.name, it.state);
    let containers: Vec<String> = seen.containers.iter().map(of).collect();
    format!("{} | {:?} | {:?}", containers.join(", "), seen.volumes.keys(), seen.tags.keys())
}
