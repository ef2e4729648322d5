//! Random states of an engine, and random commands that delete from them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use super::api::{Api, tar};
use super::engine::Engine;
use super::process::client;

/// A small generator of numbers: the same seed gives the same state.
#[derive(Clone)]
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    pub fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// What is on an engine, as far as deletion goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub containers: BTreeMap<String, String>,
    pub images: BTreeMap<String, BTreeSet<String>>,
    pub volumes: BTreeSet<String>,
    pub networks: BTreeMap<String, String>,
    pub cache: BTreeSet<String>,
    /// Bytes of layers, containers, volumes and cache.
    pub bytes: i64,
}

/// `GET /system/df`; containerd's store stumbles over what builds leave behind for a moment.
fn usage(api: &Api) -> Value {
    for _ in 0..50 {
        if let Ok(df) = api.try_call(Method::GET, "/system/df", None) {
            return df;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    api.get("/system/df")
}

pub fn look(api: &Api) -> Seen {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: Value| value.as_array().cloned().unwrap_or_default();
    let df = usage(api);
    let containerd = api.get("/info")["DriverStatus"].to_string().contains("io.containerd.snapshotter");
    let containers = list(api.get("/containers/json?all=1"));
    let images = list(api.get("/images/json?all=1"));
    let volumes = list(api.get("/volumes")["Volumes"].clone());
    let networks = list(api.get("/networks"));
    let cache = list(df["BuildCache"].clone());
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    // containerd's store counts the containers' layers among all layers.
    let own: i64 =
        if containerd { 0 } else { list(df["Containers"].clone()).iter().map(|it| number(&it["SizeRw"])).sum() };
    let data: i64 = list(df["Volumes"].clone()).iter().map(|it| number(&it["UsageData"]["Size"])).sum();
    let cached: i64 = cache.iter().filter(|it| it["Shared"] != true).map(|it| number(&it["Size"])).sum();
    Seen {
        containers: containers.iter().map(|it| (text(&it["Id"]), text(&it["Names"][0]))).collect(),
        images: images
            .iter()
            .map(|it| {
                let tags = list(it["RepoTags"].clone());
                (text(&it["Id"]), tags.iter().map(text).filter(|tag| !tag.starts_with("<none>")).collect())
            })
            .collect(),
        volumes: volumes.iter().map(|it| text(&it["Name"])).collect(),
        networks: networks.iter().map(|it| (text(&it["Id"]), text(&it["Name"]))).collect(),
        cache: cache.iter().map(|it| text(&it["ID"])).collect(),
        bytes: number(&df["LayersSize"]) + own + data + cached,
    }
}

/// What a command can name.
#[derive(Default)]
struct Held {
    containers: Vec<String>,
    images: Vec<String>,
    volumes: Vec<String>,
    networks: Vec<String>,
    has_project: bool,
}

/// Stands for the time between the halves, before it is known.
const BETWEEN: u64 = 1;

/// Waits until the next second begins, and says which one it is, since 1970.
fn next_second() -> u64 {
    let since = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    std::thread::sleep(Duration::from_nanos(u64::from(1_000_000_000 - since().subsec_nanos()) + 1_000_000));
    since().as_secs()
}

/// An engine that states are made on.
pub struct Ground<'a> {
    pub engine: &'a Engine,
    pub api: Api,
    pub old: bool,
    folder: PathBuf,
    /// The id of the image that others are made from, as long as it is the same one.
    base: RefCell<String>,
    /// The names that images have. Engines take long to list images.
    names: RefCell<BTreeSet<String>>,
}

/// The image that all others are made from.
const BASE: &str = "base:1";

const LABELS: [(&str, &str); 3] = [("team", "a"), ("team", "b"), ("keep", "yes")];

impl<'a> Ground<'a> {
    pub fn new(engine: &'a Engine, old: bool) -> Ground<'a> {
        let folder = engine.socket.parent().unwrap().join("compose");
        std::fs::create_dir_all(&folder).unwrap();
        Ground {
            engine,
            api: Api::new(&engine.socket),
            old,
            folder,
            base: RefCell::default(),
            names: RefCell::default(),
        }
    }

    /// Takes everything away.
    pub fn clear(&self) {
        let list = |path: &str| self.api.get(path).as_array().cloned().unwrap_or_default();
        for it in list("/containers/json?all=1") {
            let _ = self.api.delete(&format!("/containers/{}?force=1&v=1", it["Id"].as_str().unwrap()));
        }
        for it in self.api.get("/volumes")["Volumes"].as_array().into_iter().flatten() {
            let _ = self.api.delete(&format!("/volumes/{}", it["Name"].as_str().unwrap()));
        }
        for it in list("/networks") {
            let _ = self.api.delete(&format!("/networks/{}", it["Id"].as_str().unwrap()));
        }
        // Children before their parents. The image that everything is made from stays where it has its name: making it costs more than all of this.
        for _ in 0..5 {
            let mut left = false;
            for it in list("/images/json?all=1") {
                let names: Vec<&str> = ["RepoTags", "RepoDigests"]
                    .iter()
                    .flat_map(|key| it[key].as_array().into_iter().flatten().filter_map(Value::as_str))
                    .collect();
                if names.contains(&BASE) && it["Id"] == *self.base.borrow() {
                    for name in names.iter().filter(|name| !name.starts_with("base") && !name.starts_with("<none>")) {
                        let _ = self.api.delete(&format!("/images/{name}"));
                    }
                } else {
                    left = true;
                    let _ = self.api.delete(&format!("/images/{}?force=1", it["Id"].as_str().unwrap()));
                }
            }
            if !left {
                break;
            }
        }
        let _ = self.api.try_call(Method::POST, "/build/prune?all=1", None);
    }

    fn labels(&self, chance: &mut Chance) -> Value {
        let mut map = serde_json::Map::new();
        if chance.one_in(2) {
            let (key, value) = chance.pick(&LABELS);
            map.insert((*key).to_owned(), (*value).into());
        }
        Value::Object(map)
    }

    /// Builds a state in two halves; the time between them where it is `timed`, in seconds since 1970.
    ///
    /// Engines date objects in whole seconds in their lists. Only where a command will look at the time does a second lie
    /// between the halves and that time: everything else is the same without waiting.
    pub fn fill(&self, chance: &mut Chance, timed: bool) -> u64 {
        self.clear();
        if self.api.try_call(Method::GET, &format!("/images/{BASE}/json"), None).is_err() {
            self.engine.image(BASE, &[]);
            self.base.replace(self.api.get(&format!("/images/{BASE}/json"))["Id"].as_str().unwrap().to_owned());
        }
        self.names.replace(BTreeSet::from([BASE.to_owned()]));
        if chance.one_in(3) {
            self.pushed(chance);
        }
        self.half(chance, "a");
        let mut between = 0;
        if timed {
            between = next_second();
            next_second();
        }
        self.half(chance, "b");
        if chance.one_in(4) {
            self.build(chance);
        }
        if chance.one_in(5) {
            self.compose(chance);
        }
        between
    }

    /// An image with a digest of a registry.
    fn pushed(&self, chance: &mut Chance) {
        let name = "localhost:5000/pushed:1";
        self.tag(BASE, name);
        self.engine.plain(&["push", "-q", name]);
        if chance.one_in(2) {
            self.engine.plain(&["rmi", name]);
            self.engine.plain(&["pull", "-q", name]);
        }
    }

    fn half(&self, chance: &mut Chance, half: &str) {
        for at in 0..chance.below(3) {
            let name = format!("vol-{half}{at}");
            self.api.post("/volumes/create", &json!({"Name": name, "Labels": self.labels(chance)}));
        }
        for at in 0..chance.below(3) {
            let name = format!("net-{half}{at}");
            self.api.post("/networks/create", &json!({"Name": name, "Labels": self.labels(chance)}));
        }
        for at in 0..chance.below(4) {
            self.image(chance, &format!("{half}{at}"));
        }
        for at in 0..chance.below(6) {
            self.container(chance, &format!("c-{half}{at}"));
        }
        if chance.one_in(3) {
            // A name moves on to another image.
            let images = self.names();
            let (from, to) = (chance.pick(&images).clone(), chance.pick(&images).clone());
            self.tag(&from, &to);
        }
    }

    fn names(&self) -> Vec<String> {
        self.names.borrow().iter().cloned().collect()
    }

    fn tag(&self, from: &str, to: &str) {
        let (name, tag) = to.rsplit_once(':').unwrap();
        self.api.try_call(Method::POST, &format!("/images/{from}/tag?repo={name}&tag={tag}"), None).unwrap();
        self.names.borrow_mut().insert(to.to_owned());
    }

    /// An image with a layer on another one, under one name, several, or none.
    fn image(&self, chance: &mut Chance, mark: &str) {
        let names = self.names();
        let base = chance.pick(&names).clone();
        let made = self.api.post("/containers/create", &json!({"Image": base, "Cmd": ["true"]}));
        let id = made["Id"].as_str().unwrap();
        let file = format!("layer-{mark}");
        self.api.send(
            Method::PUT,
            &format!("/containers/{id}/archive?path=/"),
            tar(&[(&file, 1000 + chance.below(400_000))]),
        );
        let mut change = String::new();
        if chance.one_in(2) {
            let (key, value) = chance.pick(&LABELS);
            change = format!("&changes=LABEL%20{key}={value}");
        }
        let image = self.api.post(&format!("/commit?container={id}&repo=&tag={change}"), &json!({}));
        let image = image["Id"].as_str().unwrap().to_owned();
        self.api.delete(&format!("/containers/{id}")).unwrap();
        let repositories = ["app", "tools", "shop/web"];
        for _ in 0..chance.below(4) {
            let name = format!("{}:{}", chance.pick(&repositories), chance.below(4));
            self.tag(&image, &name);
        }
    }

    fn container(&self, chance: &mut Chance, name: &str) {
        let names = self.names();
        let image = chance.pick(&names).clone();
        let volumes: Vec<String> = self.api.get("/volumes")["Volumes"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| it["Name"].as_str().unwrap().to_owned())
            // `docker rm -v a b` removes both at once: whether an anonymous volume of the one that the other has by its name
            // goes along is chance.
            .filter(|name| name.len() < 64)
            .collect();
        let networks: Vec<String> = self
            .api
            .get("/networks")
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| it["Name"].as_str().unwrap().to_owned())
            .filter(|name| name.starts_with("net-"))
            .collect();
        let state = *chance.pick(&["created", "exited", "exited", "running", "running", "paused", "restarting"]);
        let mut binds = Vec::new();
        if !volumes.is_empty() && chance.one_in(2) {
            binds.push(format!("{}:/data", chance.pick(&volumes)));
        }
        let mut anonymous = serde_json::Map::new();
        for at in 0..chance.below(3) {
            if chance.one_in(2) {
                anonymous.insert(format!("/anon{at}"), json!({}));
            }
        }
        let others: Vec<String> = self
            .api
            .get("/containers/json?all=1")
            .as_array()
            .into_iter()
            .flatten()
            .map(|it| it["Names"][0].as_str().unwrap().trim_start_matches('/').to_owned())
            .collect();
        let from: Vec<&String> = if chance.one_in(5) { others.iter().take(1).collect() } else { Vec::new() };
        // One that is started again and again is on no network now and on it the next moment.
        let network = match networks.is_empty() || state == "restarting" || chance.one_in(2) {
            true => "none".to_owned(),
            false => chance.pick(&networks).clone(),
        };
        let command = match state {
            "running" | "paused" => vec!["sleep", "600"],
            "restarting" => vec!["sh", "-c", "sleep 0.2; exit 1"],
            _ => vec!["true"],
        };
        let restart = if state == "restarting" { "always" } else { "" };
        let body = json!({
            "Image": image, "Cmd": command, "Labels": self.labels(chance), "Volumes": anonymous,
            // Without a network of its own a start needs no programs that make one.
            "NetworkDisabled": network == "none",
            "HostConfig": {"Binds": binds, "NetworkMode": network, "VolumesFrom": from, "RestartPolicy": {"Name": restart}},
        });
        let Ok(made) = self.api.try_call(Method::POST, &format!("/containers/create?name={name}"), Some(&body)) else {
            return;
        };
        let id = made["Id"].as_str().unwrap();
        if chance.one_in(2) {
            let size = chance.below(200_000);
            self.api.send(Method::PUT, &format!("/containers/{id}/archive?path=/"), tar(&[("written", size)]));
        }
        if !binds.is_empty() {
            let size = chance.below(100_000);
            let _ = self.api.send(
                Method::PUT,
                &format!("/containers/{id}/archive?path=/data"),
                tar(&[(&format!("of-{name}"), size)]),
            );
        }
        if state != "created" {
            let _ = self.api.try_call(Method::POST, &format!("/containers/{id}/start"), None);
        }
        match state {
            "exited" => {
                let _ = self.api.try_call(Method::POST, &format!("/containers/{id}/wait"), None);
            }
            "paused" => {
                let _ = self.api.try_call(Method::POST, &format!("/containers/{id}/pause"), None);
            }
            _ => {}
        }
    }

    /// Runs docker to make a part of the state. A build can lose a race against containerd, which cleans up what earlier deletions left and
    /// then takes a snapshot that the build is about to use (containerd issue 3787): such a build is tried again.
    fn docker(&self, words: &[&str]) {
        for attempt in 1.. {
            let mut command = client(&self.engine.host());
            command.args(words).env("DOCKER_BUILDKIT", "1").current_dir(&self.folder);
            let output = command.output().unwrap();
            if output.status.success() {
                return;
            }
            let said = String::from_utf8_lossy(&output.stderr);
            let was_cleaned_up = said.contains("snapshot") && said.contains("not found");
            assert!(was_cleaned_up && attempt < 5, "docker {words:?}, attempt {attempt}: {said}");
            std::thread::sleep(std::time::Duration::from_secs(1));
        }
    }

    /// Build cache, with or without an image that came of it.
    fn build(&self, chance: &mut Chance) {
        let folder = self.folder.join("build");
        std::fs::create_dir_all(&folder).unwrap();
        for at in 0..=chance.below(2) {
            let text = vec![b'x'; 1000 + chance.below(300_000)];
            std::fs::write(folder.join("file"), text).unwrap();
            let steps = ["RUN echo one >/one", "COPY file /copied", "RUN dd if=/dev/urandom of=/big bs=1k count=300"];
            let mut file = "FROM base:1\n".to_owned();
            for step in steps.iter().take(1 + chance.below(3)) {
                file.push_str(step);
                file.push('\n');
            }
            std::fs::write(folder.join("Dockerfile"), file).unwrap();
            let name = format!("built:{}", chance.below(2));
            let _ = at;
            if chance.one_in(3) {
                self.docker(&["build", "-q", "build"]);
            } else {
                self.docker(&["build", "-q", "-t", &name, "build"]);
            }
        }
    }

    fn compose(&self, chance: &mut Chance) {
        let text = "name: demo\nservices:\n  web:\n    image: base:1\n    command: sleep 600\n    stop_grace_period: 0s\n    volumes: [data:/data, /anon]\n    networks: [front]\n    depends_on: [db]\n  db:\n    image: base:1\n    command: \"true\"\n    volumes: [fixed:/f]\n  debug:\n    image: base:1\n    command: \"true\"\n    profiles: [debug]\n    volumes: [more:/more]\nvolumes:\n  data: {}\n  fixed: {name: fixed-name}\n  more: {}\n  unused: {}\nnetworks:\n  front: {}\n";
        std::fs::write(self.folder.join("compose.yaml"), text).unwrap();
        let mut words = vec!["compose"];
        if chance.one_in(2) {
            words.extend(["--profile", "debug"]);
        }
        words.extend(["up", "-d", "--quiet-pull"]);
        self.docker(&words);
    }

    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    /// Whether the command that this chance draws looks at the time between the halves.
    pub fn is_timed(&self, chance: &Chance) -> bool {
        let draw = |has_project: bool| {
            let held = Held { has_project, ..Held::default() };
            self.draw(&mut chance.clone(), &held, BETWEEN).iter().any(|word| *word == format!("until={BETWEEN}"))
        };
        draw(false) || draw(true)
    }

    /// A command that deletes something of this state.
    pub fn command(&self, chance: &mut Chance, between: u64) -> Vec<String> {
        let seen = look(&self.api);
        let names: Vec<String> = seen.containers.values().map(|name| name.trim_start_matches('/').to_owned()).collect();
        let containers: Vec<String> = seen.containers.keys().map(|id| id[..12].to_owned()).chain(names).collect();
        let mut images: Vec<String> =
            seen.images.values().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        images.extend(seen.images.keys().cloned());
        let volumes: Vec<String> = seen.volumes.iter().cloned().collect();
        let networks: Vec<String> = seen.networks.values().filter(|name| name.starts_with("net-")).cloned().collect();
        let has_project = seen.containers.values().any(|name| name.starts_with("/demo-"));
        self.draw(chance, &Held { containers, images, volumes, networks, has_project }, between)
    }

    fn draw(&self, chance: &mut Chance, held: &Held, between: u64) -> Vec<String> {
        let Held { containers, images, volumes, networks, has_project } = held;
        let mut words: Vec<String> = Vec::new();
        let several = |words: &mut Vec<String>, from: &[String], chance: &mut Chance| {
            for _ in 0..=chance.below(3) {
                if !from.is_empty() {
                    words.push(chance.pick(from).clone());
                }
            }
        };
        let kind = if *has_project && chance.one_in(2) { 10 } else { chance.below(10) };
        match kind {
            0 | 1 => {
                words.extend(["system", "prune", "-f"].map(str::to_owned));
                let volumes = chance.one_in(2);
                if volumes {
                    words.push("--volumes".to_owned());
                }
                if chance.one_in(2) {
                    words.push("-a".to_owned());
                }
                self.filters(chance, &mut words, between, !volumes);
            }
            2 => {
                words.extend(["container", "prune", "-f"].map(str::to_owned));
                self.filters(chance, &mut words, between, true);
            }
            3 | 4 => {
                words.extend(["image", "prune", "-f"].map(str::to_owned));
                if !chance.one_in(3) {
                    words.push("-a".to_owned());
                }
                self.filters(chance, &mut words, between, true);
            }
            5 => {
                words.extend(["volume", "prune", "-f"].map(str::to_owned));
                if !self.old && chance.one_in(2) {
                    words.push("-a".to_owned());
                }
                self.filters(chance, &mut words, between, false);
            }
            6 => {
                if chance.one_in(2) {
                    words.extend(["network", "prune", "-f"].map(str::to_owned));
                    self.filters(chance, &mut words, between, true);
                } else {
                    words.extend(["network", "rm"].map(str::to_owned));
                    several(&mut words, networks, chance);
                }
            }
            7 => {
                words.push("rm".to_owned());
                if chance.one_in(2) {
                    words.push("-f".to_owned());
                }
                if chance.one_in(2) {
                    words.push("-v".to_owned());
                }
                several(&mut words, containers, chance);
            }
            8 => {
                words.push("rmi".to_owned());
                if chance.one_in(2) {
                    words.push("-f".to_owned());
                }
                several(&mut words, images, chance);
            }
            9 => {
                if chance.one_in(2) {
                    words.extend(["volume", "rm"].map(str::to_owned));
                    several(&mut words, volumes, chance);
                } else {
                    words.extend(["builder", "prune", "-f"].map(str::to_owned));
                    if chance.one_in(2) {
                        words.push("-a".to_owned());
                    }
                }
            }
            _ => {
                words.push("compose".to_owned());
                if chance.one_in(3) {
                    words.extend(["--project-directory", "/", "-p", "demo"].map(str::to_owned));
                } else if chance.one_in(3) {
                    words.extend(["--profile", "debug"].map(str::to_owned));
                }
                match chance.below(3) {
                    0 | 1 => {
                        words.push("down".to_owned());
                        if chance.one_in(2) {
                            words.push("-v".to_owned());
                        }
                        if chance.one_in(3) {
                            words.push("--remove-orphans".to_owned());
                        }
                        if chance.one_in(4) {
                            words.extend(["--rmi", "all"].map(str::to_owned));
                        } else if chance.one_in(4) {
                            words.push((*chance.pick(&["web", "db"])).to_owned());
                        }
                    }
                    _ => {
                        words.extend(["rm", "-f"].map(str::to_owned));
                        if chance.one_in(2) {
                            words.push("-s".to_owned());
                        }
                        if chance.one_in(2) {
                            words.push("-v".to_owned());
                        }
                    }
                }
            }
        }
        words
    }

    fn filters(&self, chance: &mut Chance, words: &mut Vec<String>, between: u64, until: bool) {
        for _ in 0..chance.below(3) {
            let (key, value) = chance.pick(&LABELS);
            let not = if chance.one_in(2) { "!" } else { "" };
            let filter = match chance.below(4) {
                0 => format!("label{not}={key}"),
                1 => format!("label{not}={key}={value}"),
                2 if until => {
                    let typed = if chance.one_in(3) { "10m".to_owned() } else { between.to_string() };
                    // The legacy builder takes a duration alone.
                    let typed = if self.old && words[0] == "system" { "10m".to_owned() } else { typed };
                    if words.iter().any(|word| word.starts_with("until=")) {
                        continue;
                    }
                    format!("until={typed}")
                }
                _ => continue,
            };
            words.extend(["--filter".to_owned(), filter]);
        }
    }
}
