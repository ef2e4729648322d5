//! The containers that fender foresees for compose files, against those that real compose makes on a real engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support;
use crate::support::engine::Engine;
use crate::support::process;
use serde_json::{Value, json};

struct Bench {
    engine: Engine,
    config: PathBuf,
}

impl Bench {
    fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = process::program(program);
        command
            .env("PATH", format!("{}:{}", support::programs().display(), process::system_path()))
            .env("HOME", folder)
            .env("DOCKER_HOST", self.engine.host())
            .env("DOCKER_CONFIG", &self.config)
            .current_dir(folder);
        command
    }

    fn docker(&self, folder: &Path, words: &[&str]) -> Output {
        self.command(&support::real_docker(), folder).args(words).output().unwrap()
    }

    fn json(&self, folder: &Path, words: &[&str]) -> Value {
        let output = self.docker(folder, words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn explained(&self, folder: &Path, words: &[&str]) -> Value {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_fender"));
        let output =
            self.command(&program, folder).args(["explain", "--format", "json", "--"]).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn set(value: &Value) -> BTreeSet<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
        .collect()
}

/// Without what is empty: an engine fills in what nobody said.
fn bare(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept: serde_json::Map<String, Value> = map
                .iter()
                .map(|(key, value)| (key.clone(), bare(value)))
                .filter(|(_, value)| {
                    !(value.is_null()
                        || *value == json!({})
                        || *value == json!([])
                        || *value == json!("")
                        || *value == json!(0)
                        || *value == json!(false))
                })
                .collect();
            Value::Object(kept)
        }
        Value::Array(list) => list.iter().map(bare).collect(),
        other => other.clone(),
    }
}

/// The fields that rules read, in a form that can be compared; what the engine adds by itself is taken away.
fn fields(config: &Value, host: &Value, names: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    let named = |text: &str| names.iter().fold(text.to_owned(), |text, (id, name)| text.replace(id, name));
    let text = |value: &Value| Value::String(named(value.as_str().unwrap_or_default()));
    let mut out = BTreeMap::new();
    for key in ["Image", "User", "WorkingDir", "StopSignal"] {
        out.insert(key.to_owned(), text(&config[key]));
    }
    for key in ["Cmd", "Entrypoint"] {
        out.insert(key.to_owned(), bare(&json!({"x": config[key]}))["x"].clone());
    }
    out.insert("Env".to_owned(), json!(set(&config["Env"])));
    for key in ["Tty", "OpenStdin"] {
        out.insert(key.to_owned(), json!(config[key] == json!(true)));
    }
    let capability = |name: String| {
        if name == "ALL" || name.starts_with("CAP_") { name } else { format!("CAP_{}", name.to_uppercase()) }
    };
    for key in ["CapAdd", "CapDrop"] {
        out.insert(key.to_owned(), json!(set(&host[key]).into_iter().map(capability).collect::<BTreeSet<_>>()));
    }
    for key in ["Binds", "VolumesFrom", "DeviceCgroupRules", "GroupAdd", "Dns", "DnsSearch", "DnsOptions", "ExtraHosts"]
    {
        out.insert(key.to_owned(), json!(set(&host[key]).iter().map(|text| named(text)).collect::<BTreeSet<_>>()));
    }
    // The engine turns labels off for a container that shares the host's processes.
    let security = set(&host["SecurityOpt"]).into_iter().filter(|option| option != "label=disable");
    out.insert("SecurityOpt".to_owned(), json!(security.collect::<BTreeSet<_>>()));
    for key in [
        "PidMode",
        "IpcMode",
        "UTSMode",
        "UsernsMode",
        "NetworkMode",
        "CgroupnsMode",
        "CgroupParent",
        "Runtime",
        "VolumeDriver",
    ] {
        let value = named(host[key].as_str().unwrap_or_default());
        let usual = matches!(
            (key, value.as_str()),
            ("IpcMode", "private") | ("CgroupnsMode", "host" | "private") | ("Runtime", "runc")
        );
        out.insert(key.to_owned(), json!(if usual { "" } else { value.as_str() }));
    }
    for key in ["Privileged", "OomKillDisable", "ReadonlyRootfs", "PublishAllPorts", "AutoRemove", "Init"] {
        out.insert(key.to_owned(), json!(host[key] == json!(true)));
    }
    for key in ["Memory", "PidsLimit", "OomScoreAdj", "NanoCpus", "MemoryReservation", "CpuShares"] {
        // What is unlimited the engine keeps as nothing.
        out.insert(
            key.to_owned(),
            json!(host[key].as_i64().filter(|number| *number != -1 || key != "PidsLimit").unwrap_or(0)),
        );
    }
    // Without a word the engine gives as much swap again.
    let memory = host["Memory"].as_i64().unwrap_or(0);
    let swap = host["MemorySwap"].as_i64().unwrap_or(0);
    out.insert("MemorySwap".to_owned(), json!(if swap == 2 * memory { 0 } else { swap }));
    out.insert("MaskedPaths".to_owned(), json!(host["MaskedPaths"] == json!([])));
    for key in ["PortBindings", "Sysctls", "Tmpfs", "Devices"] {
        let value = bare(&host[key]);
        out.insert(key.to_owned(), if value.is_null() { json!({}) } else { value });
    }
    if out["Devices"] == json!([]) {
        out.insert("Devices".to_owned(), json!({}));
    }
    let mut mounts: Vec<Value> = host["Mounts"].as_array().into_iter().flatten().map(bare).collect();
    mounts.sort_by_key(|mount| mount["Target"].as_str().unwrap_or_default().to_owned());
    out.insert("Mounts".to_owned(), json!(mounts));
    let policy = bare(&host["RestartPolicy"]);
    let usual = policy["Name"] == json!("no") || policy.is_null() || policy == json!({});
    out.insert("RestartPolicy".to_owned(), if usual { json!({}) } else { policy });
    out
}

/// The create requests of an explanation, by the container's name.
fn foreseen(explained: &Value) -> BTreeMap<String, Value> {
    let effects = explained["effects"].as_array().unwrap();
    let creates = effects.iter().filter(|effect| effect["path"] == json!("/containers/create"));
    creates.map(|effect| (effect["query"]["name"].as_str().unwrap().to_owned(), effect["body"].clone())).collect()
}

/// Stands any image in for those that the files name.
fn tag_images(bench: &Bench, folder: &Path, words: &[&str]) {
    let model = bench.json(folder, &[words, &["--profile", "*", "config", "--format", "json"]].concat());
    let project = model["name"].as_str().unwrap();
    for (name, service) in model["services"].as_object().unwrap() {
        let image = service["image"].as_str().map_or_else(|| format!("{project}-{name}"), str::to_owned);
        let output = bench.docker(folder, &["tag", "stand-in:1", &image]);
        assert!(output.status.success());
    }
}

fn compare(bench: &Bench, folder: &Path, above: &[&str], after: &[&str]) -> (usize, Vec<String>) {
    tag_images(bench, folder, above);
    let create = [above, &["create", "--no-build", "--quiet-pull"], after].concat();
    let explained = bench.explained(folder, &create);
    let output = bench.docker(folder, &create);
    assert!(output.status.success(), "{}: {}", folder.display(), String::from_utf8_lossy(&output.stderr));
    let ids = bench.docker(folder, &["ps", "-aq", "--no-trunc"]);
    let ids: Vec<String> = String::from_utf8_lossy(&ids.stdout).split_whitespace().map(str::to_owned).collect();
    let real = match ids.as_slice() {
        [] => json!([]),
        ids => bench.json(folder, &["inspect"].into_iter().chain(ids.iter().map(String::as_str)).collect::<Vec<_>>()),
    };
    let name = |container: &Value| container["Name"].as_str().unwrap().trim_start_matches('/').to_owned();
    let names: BTreeMap<String, String> = real
        .as_array()
        .unwrap()
        .iter()
        .map(|container| (container["Id"].as_str().unwrap().to_owned(), name(container)))
        .collect();
    let real: BTreeMap<String, Value> =
        real.as_array().unwrap().iter().map(|container| (name(container), container.clone())).collect();
    let foreseen = foreseen(&explained);
    let mut wrong = Vec::new();
    if real.keys().ne(foreseen.keys()) {
        wrong.push(format!("{}: compose makes {:?}, foreseen {:?}", folder.display(), real.keys(), foreseen.keys()));
    }
    for (name, body) in &foreseen {
        let Some(container) = real.get(name) else { continue };
        let ours = fields(body, &body["HostConfig"], &BTreeMap::new());
        let theirs = fields(&container["Config"], &container["HostConfig"], &names);
        for (key, value) in &theirs {
            if ours[key] != *value {
                wrong.push(format!("{} {name} {key}: compose {value}, foreseen {}", folder.display(), ours[key]));
            }
        }
    }
    // Volumes of other drivers and devices.
    let volumes =
        explained["effects"].as_array().unwrap().iter().filter(|effect| effect["path"] == json!("/volumes/create"));
    for body in volumes.map(|effect| &effect["body"]) {
        let real = bench.json(folder, &["volume", "inspect", body["Name"].as_str().unwrap()]);
        if bare(&real[0]["Options"]) != bare(&body["DriverOpts"])
            && !(real[0]["Options"].is_null() && body["DriverOpts"].is_null())
        {
            wrong.push(format!(
                "{} {}: {} foreseen {}",
                folder.display(),
                body["Name"],
                real[0]["Options"],
                body["DriverOpts"]
            ));
        }
    }
    let down = bench.docker(folder, &[above, &["--profile", "*", "down", "-v", "--remove-orphans"]].concat());
    assert!(down.status.success(), "{}", String::from_utf8_lossy(&down.stderr));
    (foreseen.len(), wrong)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(|_| ()).unwrap()
        }
    }
}

#[test]
fn what_compose_makes() {
    let bench = Bench { engine: Engine::start("compose", "new", ""), config: support::cache().join("config") };
    bench.engine.image("stand-in:1", &[]);
    bench.engine.plain(&["volume", "create", "outside"]);
    let place = tempfile::tempdir().unwrap();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/compose");
    let mut names: Vec<String> =
        fs::read_dir(&corpus).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    let (mut containers, mut wrong) = (0, Vec::new());
    for name in &names {
        let folder = place.path().join(name);
        copy(&corpus.join(name), &folder);
        let mut ways: Vec<(Vec<&str>, Vec<&str>)> = vec![(vec!["compose"], vec![])];
        match name.as_str() {
            "profiles" => {
                ways.push((vec!["compose", "--profile", "debug"], vec![]));
                ways.push((vec!["compose"], vec!["debug"]));
                ways.push((vec!["compose", "--profile", "*", "-p", "other"], vec!["web", "both"]));
            }
            "limits" => ways.push((vec!["compose", "-p", "scaled"], vec!["--scale", "none=1", "--scale", "deploy=0"])),
            "include" => ways.push((vec!["compose"], vec!["app"])),
            "override" => ways.push((vec!["compose", "-f", "compose.yaml"], vec![])),
            _ => {}
        }
        for (above, after) in ways {
            let (number, differences) = compare(&bench, &folder, &above, &after);
            containers += number;
            wrong.extend(differences);
        }
    }
    println!("{} projects, {containers} containers, {} differences", names.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
