//! A kind of container may be called kept only if it is brought back here: one container for each key of `HostConfig`, of an
//! endpoint and of `Config`, and for the pairs that interact, is removed through fender and brought back. The keys are the
//! API type's own: one that is forgotten fails the test.

use std::collections::{BTreeMap, BTreeSet};

use bollard_stubs::models::{ContainerConfig, EndpointSettings, HostConfig};
use hyper::Method;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::{Map, Value, json};

use crate::support::api::Api;
use crate::support::engine::Engine;
use crate::support::guarded::Guarded;

#[test]
fn on_docker_28() {
    on("kept-new", "new", "");
}

#[test]
fn on_docker_28_with_the_containerd_store() {
    on("kept-containerd", "new", "--feature containerd-snapshotter=true");
}

#[test]
fn on_docker_20_10() {
    on("kept-old", "old", "");
}

/// The names of a type's fields, as the API writes them: serde hands them to the deserializer, which keeps them.
struct Keys<'a>(&'a mut Vec<&'static str>);

impl<'de> Deserializer<'de> for Keys<'_> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only a structure has keys"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.extend(fields);
        Err(de::Error::custom("the keys are known"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn keys<'de, T: Deserialize<'de>>() -> Vec<&'static str> {
    let mut keys = Vec::new();
    let _ = T::deserialize(Keys(&mut keys));
    assert!(keys.len() > 5, "the type has keys");
    keys
}

/// What the engines give of an endpoint, and nobody chooses.
const GIVEN: &[&str] = &[
    "NetworkID",
    "EndpointID",
    "Gateway",
    "IPAddress",
    "IPPrefixLen",
    "IPv6Gateway",
    "GlobalIPv6Address",
    "GlobalIPv6PrefixLen",
    "DNSNames",
];

/// Keys that no engine on Linux takes, or only with hardware, a file system or a kernel that may not be there: these may be refused.
const MAY_BE_REFUSED: &[&str] = &[
    "IOMaximumIOps",
    "IOMaximumBandwidth",
    "StorageOpt",
    "CpuRealtimeRuntime",
    "DeviceRequests",
    "Privileged",
    "Isolation",
];

/// A container: its name, the part and the key that it is about, and its request.
struct Sample {
    name: String,
    about: (&'static str, String),
    body: Value,
}

fn base(command: &str) -> Value {
    json!({"Image": "base:1", "Cmd": ["sh", "-c", format!("{command} exec sleep 6000")]})
}

fn host_config(key: &str, folder: &str) -> Value {
    match key {
        "CpuShares" => json!(512),
        "Memory" => json!(67_108_864),
        "CgroupParent" => json!("/fender-test"),
        "BlkioWeight" => json!(300),
        "BlkioWeightDevice" => json!([{"Path": "/dev/null", "Weight": 200}]),
        "BlkioDeviceReadBps" | "BlkioDeviceWriteBps" => json!([]),
        "BlkioDeviceReadIOps" | "BlkioDeviceWriteIOps" => json!([]),
        "CpuPeriod" => json!(50_000),
        "CpuQuota" => json!(25_000),
        "CpuRealtimePeriod" => json!(1_000_000),
        "CpuRealtimeRuntime" => json!(95_000),
        "CpusetCpus" | "CpusetMems" => json!("0"),
        "Devices" => json!([{"PathOnHost": "/dev/null", "PathInContainer": "/dev/other", "CgroupPermissions": "rwm"}]),
        "DeviceCgroupRules" => json!(["c 1:3 rwm"]),
        "DeviceRequests" => json!([{"Driver": "nvidia", "Count": -1, "Capabilities": [["gpu"]]}]),
        "KernelMemoryTCP" => json!(67_108_864),
        "MemoryReservation" => json!(33_554_432),
        "MemorySwap" => json!(-1),
        "MemorySwappiness" => json!(10),
        "NanoCpus" => json!(500_000_000),
        "OomKillDisable" | "Init" | "PublishAllPorts" | "ReadonlyRootfs" | "AutoRemove" | "Privileged" => json!(true),
        "PidsLimit" => json!(50),
        // Not nofile: Go raises that one in runc for an instant, and a process that is started then may keep it.
        "Ulimits" => json!([{"Name": "core", "Soft": 100, "Hard": 200}]),
        "CpuCount" | "CpuPercent" => json!(1),
        "IOMaximumIOps" | "IOMaximumBandwidth" => json!(1),
        "Binds" => json!([format!("{folder}:/bound:ro"), "binds:/data"]),
        "ContainerIDFile" => json!("/tmp/cid"),
        "LogConfig" => json!({"Type": "json-file", "Config": {"max-size": "1m"}}),
        "NetworkMode" => json!("none"),
        "PortBindings" => json!({"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}]}),
        "RestartPolicy" => json!({"Name": "on-failure", "MaximumRetryCount": 3}),
        "VolumeDriver" => json!("local"),
        "VolumesFrom" => json!(["source"]),
        "Mounts" => json!([
            {"Type": "volume", "Source": "mounts", "Target": "/data"}, {"Type": "tmpfs", "Target": "/fleeting"},
            {"Type": "volume", "Target": "/anonymous"}, {"Type": "bind", "Source": folder, "Target": "/bound", "ReadOnly": true},
        ]),
        "ConsoleSize" => json!([30, 100]),
        "Annotations" => json!({"one": "two"}),
        "CapAdd" => json!(["NET_ADMIN"]),
        "CapDrop" => json!(["MKNOD"]),
        "CgroupnsMode" | "IpcMode" | "PidMode" | "UTSMode" | "UsernsMode" => json!("host"),
        "Dns" => json!(["192.0.2.1"]),
        "DnsOptions" => json!(["ndots:2"]),
        "DnsSearch" => json!(["example.com"]),
        "ExtraHosts" => json!(["other:192.0.2.9"]),
        "GroupAdd" => json!(["1234"]),
        "Cgroup" => json!(""),
        "Links" => json!(["source:alias"]),
        "OomScoreAdj" => json!(100),
        "SecurityOpt" => json!(["no-new-privileges"]),
        "StorageOpt" => json!({"size": "1G"}),
        "Tmpfs" => json!({"/fleeting": "size=1m"}),
        "ShmSize" => json!(1_048_576),
        "Sysctls" => json!({"net.ipv4.ip_forward": "1"}),
        "Runtime" => json!("runc"),
        "Isolation" => json!("default"),
        "MaskedPaths" => json!(["/proc/kcore"]),
        "ReadonlyPaths" => json!(["/proc/sys"]),
        _ => panic!("HostConfig has a key that this test does not know: {key}"),
    }
}

fn config(key: &str) -> Option<Value> {
    Some(match key {
        // Every sample has these.
        "Cmd" | "Image" => return None,
        "Hostname" => json!("chosen"),
        "Domainname" => json!("example.com"),
        "User" => json!("1000:1000"),
        "AttachStdin" | "AttachStdout" | "AttachStderr" | "OpenStdin" | "StdinOnce" | "Tty" | "ArgsEscaped" => {
            json!(true)
        }
        "NetworkDisabled" => json!(true),
        "ExposedPorts" => json!({"81/tcp": {}}),
        "Env" => json!(["ONE=1", "EMPTY="]),
        "Healthcheck" => json!({"Test": ["CMD", "true"], "Interval": 3_600_000_000_000_i64, "Retries": 2}),
        "Volumes" => json!({"/anonymous": {}}),
        "WorkingDir" => json!("/srv"),
        "Entrypoint" => json!(["/bin/env"]),
        "MacAddress" => json!("02:42:ac:11:00:77"),
        "OnBuild" => json!([]),
        "Labels" => json!({"some": "label"}),
        "StopSignal" => json!("SIGKILL"),
        "StopTimeout" => json!(3),
        "Shell" => json!(["/bin/sh", "-c"]),
        _ => panic!("Config has a key that this test does not know: {key}"),
    })
}

fn endpoint(key: &str) -> Value {
    match key {
        "IPAMConfig" => json!({"IPv4Address": "10.88.0.9"}),
        "Links" => json!(["source:alias"]),
        "MacAddress" => json!("02:42:0a:58:00:78"),
        "Aliases" => json!(["other-name"]),
        "DriverOpts" => json!({"some.option": "1"}),
        "GwPriority" => json!(5),
        _ => panic!("EndpointSettings has a key that this test does not know: {key}"),
    }
}

/// Where containers write: what they find there the second time is what was brought back.
const WRITES: &str =
    "for d in /data /anonymous /; do test -d $d && { test -e $d/own || echo own $d >$d/own; } 2>/dev/null; done;";

fn samples(folder: &str) -> Vec<Sample> {
    let mut all = Vec::new();
    let mut add = |part: &'static str, key: &str, change: &dyn Fn(&mut Value)| {
        let mut body = base(WRITES);
        change(&mut body);
        let name =
            format!("{}-{}", part, key).to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        all.push(Sample { name, about: (part, key.to_owned()), body });
    };
    for key in keys::<HostConfig>() {
        let value = host_config(key, folder);
        add("host", key, &|body| {
            body["HostConfig"] = json!({ key: value });
            match key {
                "MemorySwap" | "MemoryReservation" | "OomKillDisable" => {
                    body["HostConfig"]["Memory"] = json!(67_108_864)
                }
                "PublishAllPorts" | "PortBindings" => body["ExposedPorts"] = json!({"80/tcp": {}}),
                _ => {}
            }
        });
    }
    for key in keys::<ContainerConfig>() {
        if let Some(value) = config(key) {
            add("config", key, &|body| body[key] = value.clone());
        }
    }
    for key in keys::<EndpointSettings>().into_iter().filter(|key| !GIVEN.contains(key)) {
        let value = endpoint(key);
        add("endpoint", key, &|body| {
            body["HostConfig"] = json!({"NetworkMode": "net"});
            body["NetworkingConfig"] = json!({"EndpointsConfig": {"net": { key: value }}});
        });
    }
    let socket = format!("{folder}/own.sock");
    let file = format!("{folder}/file");
    let host = |value: Value| move |body: &mut Value| body["HostConfig"] = value.clone();
    let pairs: Vec<(&str, Value)> = vec![
        ("folder read-only", json!({"Binds": [format!("{folder}:/mounted:ro")]})),
        ("volume read-only", json!({"Binds": ["pairs:/mounted:ro"]})),
        ("file", json!({"Binds": [format!("{file}:/etc/app.conf")]})),
        ("file read-only", json!({"Binds": [format!("{file}:/etc/app.conf:ro")]})),
        (
            "file mount read-only",
            json!({"Mounts": [{"Type": "bind", "Source": file, "Target": "/opt/x/app.conf", "ReadOnly": true}]}),
        ),
        ("socket", json!({"Binds": [format!("{socket}:/var/run/docker.sock")]})),
        (
            "root read-only, tmpfs",
            json!({"ReadonlyRootfs": true, "Tmpfs": {"/tmp": ""}, "Binds": ["pairs:/new/data", format!("{file}:/etc/app.conf:ro")]}),
        ),
        ("volume over a folder of the image", json!({"Binds": ["over:/var/lib"]})),
        ("nested", json!({"Binds": ["pairs:/outer", "over:/outer/inner:ro"], "Tmpfs": {"/outer/fleeting": ""}})),
        ("removes itself, has volumes", json!({"AutoRemove": true, "Binds": ["pairs:/data2"]})),
        ("restarts always", json!({"RestartPolicy": {"Name": "always"}})),
        ("host's network", json!({"NetworkMode": "host"})),
        ("network of another", json!({"NetworkMode": "container:source"})),
        ("ipc to share", json!({"IpcMode": "shareable"})),
        ("ipc of another", json!({"IpcMode": "container:host-ipc"})),
        ("pid of another", json!({"PidMode": "container:source"})),
        ("volumes from, read-only", json!({"VolumesFrom": ["source:ro"], "Binds": ["pairs:/data2"]})),
        ("nothing masked", json!({"MaskedPaths": [], "ReadonlyPaths": []})),
    ];
    for (name, value) in pairs {
        let name = if name == "ipc to share" { "ipc" } else { name };
        add(if name == "ipc" { "host" } else { "pair" }, name, &host(value));
    }
    add("pair", "socket below a link", &|body| {
        body["Image"] = "linked:1".into();
        body["HostConfig"] = json!({"Binds": [format!("{socket}:/var/run/docker.sock")]});
    });
    add("pair", "mount below an absolute link", &|body| {
        body["Image"] = "linked:1".into();
        body["HostConfig"] = json!({"Binds": [format!("{socket}:/var/run/docker.sock"), "over:/links/data:ro"]});
    });
    add("pair", "entry point taken away", &|body| {
        body["Image"] = "told:1".into();
        body["Entrypoint"] = json!([""]);
    });
    add("pair", "variable taken away", &|body| {
        body["Image"] = "told:1".into();
        body["Entrypoint"] = json!([""]);
        body["Env"] = json!(["FROM_IMAGE"]);
    });
    add("pair", "health check taken away", &|body| {
        body["Image"] = "told:1".into();
        body["Entrypoint"] = json!([""]);
        body["Healthcheck"] = json!({"Test": ["NONE"]});
    });
    add("pair", "network of another, ports of the image", &|body| {
        body["Image"] = "told:1".into();
        body["Entrypoint"] = json!([""]);
        body["HostConfig"] = json!({"NetworkMode": "container:source"});
    });
    add("pair", "files of the image taken away, over mounts", &|body| {
        *body = base(&format!("rm -rf /etc/passwd; {WRITES}"));
        body["HostConfig"] =
            json!({"Binds": [format!("{file}:/etc/app.conf:ro"), "pairs:/mounted:ro"], "Tmpfs": {"/run": ""}});
    });
    add("pair", "two networks, static addresses", &|body| {
        body["HostConfig"] = json!({"NetworkMode": "net"});
        body["NetworkingConfig"] =
            json!({"EndpointsConfig": {"net": {"IPAMConfig": {"IPv4Address": "10.88.0.20"}, "Aliases": ["a", "b"]}}});
    });
    add("pair", "default network left", &|_| {});
    add("pair", "default network joined", &|body| body["HostConfig"] = json!({"NetworkMode": "net"}));
    all
}

/// What a process sees in the container.
const LOOK: &str = r#"
id; hostname; pwd
for d in / /data /anonymous /mounted /bound /var/lib /outer /outer/inner /data2 /links/data /opt/x /new/data; do
  test -d $d && { echo "$d $(stat -c '%a %u %g' $d)"; cat $d/own $d/file 2>/dev/null; }; done
test -e /etc/passwd || echo no passwd
cat /etc/app.conf; ls -ld /var/run/docker.sock | cut -c1-10
grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status
cat /proc/self/limits /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_forward
awk '{print $5, $6}' /proc/self/mountinfo | sort
ls /dev; grep -v '^#' /etc/resolv.conf; sed 's/^[^ \t]*//; s/[0-9a-f]\{12\}//g' /etc/hosts | sort
env | sort
"#;

fn look(api: &Api, name: &str) -> String {
    // Nothing where the container does not run, the first time and the second.
    api.exec(name, &["/bin/sh", "-c", LOOK]).unwrap_or_default()
}

/// What is the engine's own: ids, times, addresses that nobody chose.
fn chosen(inspect: &Value) -> Value {
    let mut out = Map::new();
    for key in ["Name", "Path", "Args", "Config", "HostConfig", "Platform", "Driver", "AppArmorProfile"] {
        out.insert(key.to_owned(), inspect[key].clone());
    }
    out.insert("Status".to_owned(), inspect["State"]["Status"].clone());
    let mut mounts = inspect["Mounts"].as_array().cloned().unwrap_or_default();
    for mount in &mut mounts {
        // An anonymous volume is given back by its name.
        mount["Mode"] = Value::Null;
    }
    mounts.sort_by_key(|mount| mount["Destination"].to_string());
    out.insert("Mounts".to_owned(), mounts.into());
    let short = inspect["Id"].as_str().unwrap_or_default().get(..12).unwrap_or_default().to_owned();
    let mut networks = BTreeMap::new();
    for (name, endpoint) in inspect["NetworkSettings"]["Networks"].as_object().into_iter().flatten() {
        let aliases: BTreeSet<&str> =
            endpoint["Aliases"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let aliases: Vec<&&str> = aliases.iter().filter(|alias| **alias != short && alias.len() != 12).collect();
        networks.insert(
            name.clone(),
            json!({"IPAMConfig": endpoint["IPAMConfig"], "Links": endpoint["Links"], "Aliases": aliases,
                "DriverOpts": endpoint["DriverOpts"], "GwPriority": endpoint["GwPriority"]}),
        );
    }
    out.insert("Networks".to_owned(), json!(networks));
    Value::Object(out)
}

/// The values that differ, each with its place.
fn differences(one: &Value, other: &Value, at: &str, out: &mut Vec<String>) {
    match (one.as_object(), other.as_object()) {
        (Some(a), Some(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                differences(&of(a), &of(b), &format!("{at}/{key}"), out);
            }
        }
        _ if one != other => out.push(format!("{at}: {one} became {other}")),
        _ => {}
    }
}

fn on(name: &str, which: &str, flags: &str) {
    let engine = Engine::start(name, which, flags);
    let guarded = Guarded::new(&engine);
    let api = Api::new(&engine.socket);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "a file of the host\n").unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("own.sock")).unwrap();
    engine.image("base:1", &[]);
    engine
        .image("told:1", &["ENTRYPOINT [\"/bin/false\"]", "ENV FROM_IMAGE=yes", "EXPOSE 8080", "HEALTHCHECK CMD true"]);
    engine.plain(&[
        "run",
        "--name",
        "links",
        "base:1",
        "sh",
        "-c",
        "mkdir -p /run /real; ln -s ../run /var/run; ln -s /real /links",
    ]);
    engine.plain(&["commit", "links", "linked:1"]);
    engine.plain(&["rm", "links"]);
    engine.plain(&["network", "create", "--subnet", "10.88.0.0/24", "net"]);
    engine.plain(&["network", "create", "--subnet", "10.89.0.0/24", "second"]);
    api.post("/containers/create?name=source", &{
        let mut body = base(WRITES);
        body["Volumes"] = json!({"/anonymous": {}});
        body["HostConfig"] = json!({"Binds": ["source:/data"]});
        body
    });
    api.post("/containers/source/start", &Value::Null);
    let mut names = vec!["source".to_owned()];
    let mut refused = Vec::new();
    let all = samples(&folder.path().display().to_string());
    for sample in &all {
        match api.try_call(Method::POST, &format!("/containers/create?name={}", sample.name), Some(&sample.body)) {
            Ok(_) => names.push(sample.name.clone()),
            Err(problem) => refused.push((sample.about.1.clone(), problem.to_string())),
        }
        match sample.about.1.as_str() {
            "two networks, static addresses" => {
                let body =
                    json!({"Container": sample.name, "EndpointConfig": {"IPAMConfig": {"IPv4Address": "10.89.0.20"}}});
                api.post("/networks/second/connect", &body);
            }
            "default network left" => {
                api.post("/networks/bridge/disconnect", &json!({"Container": sample.name}));
            }
            "default network joined" => {
                api.post("/networks/bridge/connect", &json!({"Container": sample.name}));
            }
            _ => {}
        }
        let started = api.try_call(Method::POST, &format!("/containers/{}/start", sample.name), None);
        if let Err(problem) = started {
            refused.push((sample.about.1.clone(), problem.to_string()));
        }
    }
    for (key, why) in &refused {
        assert!(MAY_BE_REFUSED.contains(&key.as_str()), "{key}: {why}");
    }
    // What the engine itself says has no key that no sample is about.
    let known: BTreeSet<&str> = keys::<HostConfig>().into_iter().chain(["KernelMemory", "KernelMemoryTCP"]).collect();
    for key in api.get("/containers/source/json")["HostConfig"].as_object().unwrap().keys() {
        assert!(known.contains(key.as_str()), "the engine knows HostConfig.{key}, and this test does not");
    }
    std::thread::sleep(std::time::Duration::from_millis(500));
    let inspect = |name: &String| api.get(&format!("/containers/{name}/json"));
    let before: Vec<(Value, String)> = names.iter().map(|name| (inspect(name), look(&api, name))).collect();
    let mut words = vec!["rm", "-f"];
    words.extend(names.iter().map(String::as_str));
    let (seen, code) = guarded.deleted(&words);
    assert_eq!(code, 0, "{seen}");
    assert_eq!(engine.plain(&["ps", "-aq"]), "", "{seen}");
    let (said, _) = guarded.undone();
    let list = engine.plain(&["ps", "-a", "--format", "{{.Names}}"]);
    let there: BTreeSet<&str> = list.lines().collect();
    let mut wrong = Vec::new();
    std::thread::sleep(std::time::Duration::from_millis(500));
    for (name, (inspected, looked)) in names.iter().zip(&before) {
        if !there.contains(name.as_str()) {
            wrong.push(format!("{name} is not there"));
            continue;
        }
        let now = inspect(name);
        let mut found = Vec::new();
        differences(&chosen(inspected), &chosen(&now), "", &mut found);
        let own_image = now["Image"] != inspected["Image"];
        let anonymous = inspected["Mounts"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|it| it["Name"].as_str().is_some_and(|it| it.len() == 64));
        found.retain(|text| !(own_image && text.starts_with("/Config/Image")));
        found.retain(|text| {
            !(anonymous && (text.starts_with("/HostConfig/Binds") || text.starts_with("/HostConfig/Mounts")))
        });
        // Engines that said it by an id, of a container that has another id now.
        found.retain(|text| !text.contains("\"container:"));
        // With the host's name space the engine takes no name: this one says its new id, and nobody sees it.
        found.retain(|text| !(name == "host-utsmode" && (text.contains("Hostname") || text.contains("HOSTNAME"))));
        // Docker 28 copies nothing into such a container: "mkdirat links/data: path escapes from parent".
        let no_copy = which == "new" && name == "pair-mount-below-an-absolute-link";
        if own_image && !no_copy && !name.contains("taken-away--over-mounts") {
            found.push("has an image of its own".to_owned());
        }
        let seen = look(&api, name);
        for (one, other) in looked.lines().zip(seen.lines()).filter(|(one, other)| one != other) {
            if name != "host-utsmode" || !one.starts_with("HOSTNAME=") {
                found.push(format!("inside: {one:?} became {other:?}"));
            }
        }
        if looked.lines().count() != seen.lines().count() {
            found.push(format!("inside, before:\n{looked}after:\n{seen}"));
        }
        wrong.extend(found.into_iter().map(|text| format!("{name}: {text}")));
    }
    let said: Vec<&str> = said.lines().filter(|line| !line.contains("bringing back")).collect();
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), said.join("\n"));
    assert!(!engine.plain(&["ps", "-a"]).contains("fender.helper"));
}
