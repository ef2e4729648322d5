//! Converts what the engine said about an object (`inspect`) to the request that creates it again. Pure.
//!
//! An answer of `inspect` is not a request: the engine fills in what nobody chose, resolves names to ids, and refuses some of
//! its own answers (moby `runconfig/hostconfig_unix.go`, `daemon/create.go`). Each difference is handled in one place below.

use anyhow::Context as _;
use fender_core::order::PutInOrder as _;
use serde_json::{Map, Value, json};

use crate::engine::inventory::EngineDefaults;
use fender_core::plan::inventory::VolumeData;

/// What has to be known to make a container again.
pub struct ContainerSurroundings<'a> {
    /// The image to create it from: a name or an id.
    pub image: &'a str,
    /// The variables that the image sets.
    pub image_env: &'a [String],
    /// The id that a container has now which had this id or name when the settings were read.
    pub container: &'a dyn Fn(&str) -> Option<String>,
    /// Whether a volume with this name is there.
    pub has_volume: &'a dyn Fn(&str) -> bool,
    /// Whether the engine takes several networks when it creates a container.
    pub several_networks: bool,
}

/// The body of `POST /containers/create`, with what is different from before.
#[derive(Debug, Default)]
pub struct Made {
    /// The body itself.
    pub body: Value,
    /// Sentences for a person.
    pub notes: Vec<String>,
}

/// Other containers that a container names, as it names them: for its network, its IPC and its PID namespace, and for
/// volumes. The first part says for what.
pub fn needed_containers(inspect: &Value) -> Vec<(&'static str, String)> {
    let mut needed = Vec::new();
    for (key, what) in [("NetworkMode", "network"), ("IpcMode", "IPC namespace"), ("PidMode", "PID namespace")] {
        let mode = inspect.pointer(&format!("/HostConfig/{key}")).and_then(Value::as_str).unwrap_or_default();
        if let Some(container) = mode.strip_prefix("container:") {
            needed.push((what, container.to_owned()));
        }
    }
    for from in texts(inspect, "/HostConfig/VolumesFrom") {
        needed.push(("volumes", from.split(':').next().unwrap_or_default().to_owned()));
    }
    for link in texts(inspect, "/HostConfig/Links") {
        needed.push(("link", link.split(':').next().unwrap_or_default().trim_start_matches('/').to_owned()));
    }
    needed
}

/// Named volumes that a container was given.
pub fn needed_volumes(inspect: &Value) -> Vec<String> {
    let binds = texts(inspect, "/HostConfig/Binds");
    let bound = binds.iter().filter_map(|bind| bind.split(':').next()).filter(|source| !source.starts_with('/'));
    let mounts = list(inspect, "/HostConfig/Mounts");
    let mounted = mounts.iter().filter(|it| text(it, "Type") == "volume").map(|it| text(it, "Source"));
    let mut names: Vec<String> = bound.chain(mounted).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    names.put_in_order();
    names.dedup();
    names
}

/// Paths in the container at which something else is mounted.
pub fn mount_points(inspect: &Value) -> Vec<String> {
    let mut points: Vec<String> =
        list(inspect, "/Mounts").iter().map(|mount| text(mount, "Destination").to_owned()).collect();
    points.extend(list(inspect, "/HostConfig/Mounts").iter().map(|mount| text(mount, "Target").to_owned()));
    let tmpfs = inspect.pointer("/HostConfig/Tmpfs").and_then(Value::as_object);
    points.extend(tmpfs.into_iter().flatten().map(|(path, _)| path.clone()));
    points.retain(|path| !path.is_empty());
    points.put_in_order();
    points.dedup();
    points
}

/// Whether the container's root file system cannot be written.
pub fn is_read_only(inspect: &Value) -> bool {
    inspect.pointer("/HostConfig/ReadonlyRootfs").and_then(Value::as_bool) == Some(true)
}

/// The request that makes a container again.
///
/// # Errors
/// Another container that it needs is not there, or its settings are not in the answer.
pub fn container(inspect: &Value, around: &ContainerSurroundings) -> anyhow::Result<Made> {
    let mut made = Made::default();
    let part = |key: &str| {
        inspect.get(key).filter(|it| it.is_object()).cloned().with_context(|| format!("its settings have no {key}"))
    };
    let (mut body, mut host) = (part("Config")?, part("HostConfig")?);
    body["Image"] = around.image.into();
    // Null means "the image's" in a request, and "none" in an answer.
    if body.get("Entrypoint").is_none_or(Value::is_null) {
        body["Entrypoint"] = json!([""]);
    }
    without_what_the_image_adds(&mut body, around.image_env);
    namespaces(&mut body, &mut host, around)?;
    volumes(inspect, &mut host, around, &mut made.notes);
    let endpoints = endpoints(inspect, &mut host, around.several_networks);
    if !endpoints.is_empty() {
        body["NetworkingConfig"] = json!({ "EndpointsConfig": endpoints });
    }
    body["HostConfig"] = host;
    made.body = body;
    Ok(made)
}

/// What a container's settings are beside the one that replaced it: compose would count it as one of the service's containers by its
/// labels, other containers would find it by the service's name, and a restart policy would start it beside the other one.
pub fn beside(inspect: &Value) -> Value {
    let mut inspect = inspect.clone();
    if let Some(labels) = inspect.pointer_mut("/Config/Labels").and_then(Value::as_object_mut) {
        labels.retain(|label, _| !label.starts_with("com.docker.compose."));
    }
    let networks = inspect.pointer_mut("/NetworkSettings/Networks").and_then(Value::as_object_mut);
    for endpoint in networks.into_iter().flat_map(|networks| networks.values_mut()) {
        remove(endpoint, "Aliases");
    }
    if let Some(policy) = inspect.pointer_mut("/HostConfig/RestartPolicy") {
        *policy = json!({ "Name": "no" });
    }
    inspect
}

/// Takes out what an engine fills in by itself, for the rules: it was not chosen. A list of masked paths counts as the engine's
/// if it has the paths that give most away.
pub fn without_defaults(body: &mut Value, usual: &EngineDefaults) {
    const MASKED: [&str; 3] = ["/proc/kcore", "/proc/keys", "/sys/firmware"];
    const READ_ONLY: [&str; 2] = ["/proc/sys", "/proc/sysrq-trigger"];
    let Some(host) = body.get_mut("HostConfig") else { return };
    if usual.cgroup_of_host && text(host, "CgroupnsMode") == "host" {
        remove(host, "CgroupnsMode");
    }
    if !usual.runtime.is_empty() && text(host, "Runtime") == usual.runtime {
        remove(host, "Runtime");
    }
    for (key, usual) in [("MaskedPaths", &MASKED[..]), ("ReadonlyPaths", &READ_ONLY[..])] {
        let paths = texts(host, &format!("/{key}"));
        let is_null = host.get(key).is_some_and(Value::is_null);
        if is_null || usual.iter().all(|path| paths.iter().any(|known| known == path)) {
            remove(host, key);
        }
    }
}

/// A variable of the image that was taken away (`-e NAME` without a value) would come back: moby merges the image's into
/// the request's, and drops names without a value when the container starts.
fn without_what_the_image_adds(body: &mut Value, image_env: &[String]) {
    let name = |text: &str| text.split('=').next().unwrap_or_default().to_owned();
    let mut env = texts(body, "/Env");
    let missing: Vec<String> = image_env
        .iter()
        .map(|text| name(text))
        .filter(|wanted| !env.iter().any(|text| name(text) == *wanted))
        .collect();
    if !missing.is_empty() {
        env.extend(missing);
        body["Env"] = env.into();
    }
}

/// Namespaces that are the host's or another container's. The engine refuses what it has itself filled in for them.
fn namespaces(body: &mut Value, host: &mut Value, around: &ContainerSurroundings) -> anyhow::Result<()> {
    for (key, what) in [("NetworkMode", "network"), ("IpcMode", "IPC namespace"), ("PidMode", "PID namespace")] {
        let mode = text(host, key).to_owned();
        let Some(named) = mode.strip_prefix("container:") else { continue };
        match (around.container)(named) {
            Some(now) => host[key] = format!("container:{now}").into(),
            None => anyhow::bail!("it uses the {what} of the container {}, which is not there", short(named)),
        }
    }
    if text(host, "NetworkMode").starts_with("container:") {
        for key in ["Hostname", "Domainname", "ExposedPorts", "MacAddress"] {
            remove(body, key);
        }
    }
    if text(host, "UTSMode") == "host" {
        remove(body, "Hostname");
    }
    Ok(())
}

fn volumes(inspect: &Value, host: &mut Value, around: &ContainerSurroundings, notes: &mut Vec<String>) {
    // Containers whose volumes it has: by the ids and names that they have now.
    let mut gone = Vec::new();
    let mut from = Vec::new();
    for entry in texts(host, "/VolumesFrom") {
        let (named, mode) = entry.split_once(':').map_or((entry.as_str(), ""), |(name, mode)| (name, mode));
        match (around.container)(named) {
            Some(_) if mode.is_empty() && !is_id(named) => from.push(entry.clone()),
            Some(now) => {
                let now = if is_id(named) { now } else { named.to_owned() };
                from.push(if mode.is_empty() { now } else { format!("{now}:{mode}") });
            }
            None => gone.push(named.to_owned()),
        }
    }
    if !from.is_empty() || !gone.is_empty() {
        host["VolumesFrom"] = from.clone().into();
    }
    if !gone.is_empty() {
        notes.push(format!("the volumes of {} are mounted by their own names", gone.join(", ")));
    }
    let mut binds = texts(host, "/Binds");
    let mut given: Vec<String> = binds.iter().filter_map(|bind| bind.split(':').nth(1).map(str::to_owned)).collect();
    given.extend(list(host, "/Mounts").iter().map(|it| text(it, "Target").to_owned()));
    let own = |target: &str| {
        inspect.pointer("/Config/Volumes").and_then(|it| it.get(target)).is_some()
            || given.iter().any(|it| it == target)
    };
    let there = |name: &str| (around.has_volume)(name);
    for mount in list(inspect, "/Mounts") {
        let (name, target) = (text(&mount, "Name"), text(&mount, "Destination"));
        // What came from another container comes from it again.
        let inherited = !own(target) && (!from.is_empty() || !gone.is_empty());
        if inherited && gone.is_empty() {
            continue;
        }
        let writable = mount.get("RW").and_then(Value::as_bool) != Some(false);
        let read_only = if writable { "" } else { ":ro" };
        match text(&mount, "Type") {
            "bind" if inherited => binds.push(format!("{}:{target}{read_only}", text(&mount, "Source"))),
            "volume" if given.iter().any(|known| known == target) => {
                // `--mount type=volume,target=…` without a source made an anonymous volume, whose name is known now.
                let mounts = host.get_mut("Mounts").and_then(Value::as_array_mut).into_iter().flatten();
                for wanted in mounts {
                    let anonymous = text(wanted, "Target") == target && text(wanted, "Source").is_empty();
                    if anonymous && there(name) {
                        wanted["Source"] = name.into();
                    } else if anonymous {
                        notes.push(empty_volume(target));
                    }
                }
            }
            "volume" if there(name) => binds.push(format!("{name}:{target}{}", if inherited { read_only } else { "" })),
            "volume" => notes.push(empty_volume(target)),
            _ => {}
        }
    }
    if !binds.is_empty() {
        host["Binds"] = binds.into();
    }
}

fn empty_volume(target: &str) -> String {
    format!("its anonymous volume at {target} is gone, and it has a new one there")
}

/// The networks that it is created on. Engines before API 1.44 take only one: the others are connected afterwards. That is done
/// only there, because an engine forgets a hardware address that was chosen for a container which does not run yet (moby
/// `daemon/container_operations.go`, updateNetworkConfig).
fn endpoints(inspect: &Value, host: &mut Value, several: bool) -> Map<String, Value> {
    let mode = text(host, "NetworkMode").to_owned();
    let mut endpoints = Map::new();
    for (name, endpoint) in networks(inspect) {
        // A network that was made again has another id.
        let by_id = !mode.is_empty() && text(endpoint, "NetworkID") == mode;
        if by_id {
            host["NetworkMode"] = name.clone().into();
        }
        let main = *name == mode || by_id;
        if has_endpoint(name) && (main || several && is_users(&mode) && is_users(name)) {
            endpoints.insert(name.clone(), endpoint_settings(inspect, endpoint, main));
        }
    }
    endpoints
}

/// The networks that a container is in, by name.
pub fn networks(inspect: &Value) -> impl Iterator<Item = (&String, &Value)> {
    inspect.pointer("/NetworkSettings/Networks").and_then(Value::as_object).into_iter().flatten()
}

/// Whether a container's place in this network can be chosen: `host` and `none` have no settings.
pub fn has_endpoint(network: &str) -> bool {
    !matches!(network, "host" | "none" | "")
}

/// Whether somebody made this network, so that it may be missing.
pub fn is_users(network: &str) -> bool {
    !matches!(network, "bridge" | "host" | "none" | "default")
}

/// What somebody chose of an endpoint, without what the engine gave it. `main` is the network that the container is created
/// on.
pub fn endpoint_settings(inspect: &Value, endpoint: &Value, main: bool) -> Value {
    let mut settings = Map::new();
    for key in ["IPAMConfig", "Links", "Aliases", "DriverOpts", "GwPriority"] {
        if let Some(value) = endpoint.get(key).filter(|value| !value.is_null()) {
            settings.insert(key.to_owned(), value.clone());
        }
    }
    // Engines before API 1.45 add the container's short id by themselves.
    let id = text(inspect, "Id");
    if let Some(aliases) = settings.get_mut("Aliases").and_then(Value::as_array_mut) {
        aliases.retain(|alias| alias.as_str().is_none_or(|alias| alias.len() != 12 || !id.starts_with(alias)));
    }
    if let Some(mac) = chosen_mac(inspect, endpoint, main) {
        settings.insert("MacAddress".to_owned(), mac.into());
    }
    Value::Object(settings)
}

/// A hardware address that was chosen. Of the main network `Config.MacAddress` says so. Of others it is not said: engines
/// before 28 made one of the address (`02:42:` and its four bytes), which belongs to whoever has that address next.
fn chosen_mac(inspect: &Value, endpoint: &Value, main: bool) -> Option<String> {
    let mac = text(endpoint, "MacAddress");
    if main {
        let chosen = inspect.pointer("/Config/MacAddress").and_then(Value::as_str).unwrap_or_default();
        return (!chosen.is_empty()).then(|| chosen.to_owned());
    }
    let made_of_address = text(endpoint, "IPAddress")
        .parse::<std::net::Ipv4Addr>()
        .map(|ip| ip.octets().iter().fold("02:42".to_owned(), |text, byte| format!("{text}:{byte:02x}")))
        .is_ok_and(|made| made == mac);
    (!mac.is_empty() && !made_of_address).then(|| mac.to_owned())
}

/// The body of `POST /networks/create`.
pub fn network(inspect: &Value, name: &str) -> Map<String, Value> {
    const KEYS: [&str; 11] = [
        "Driver",
        "EnableIPv4",
        "EnableIPv6",
        "IPAM",
        "Internal",
        "Attachable",
        "Ingress",
        "ConfigOnly",
        "ConfigFrom",
        "Options",
        "Labels",
    ];
    let mut body = Map::new();
    for key in KEYS {
        if let Some(value) = inspect.get(key) {
            body.insert(key.to_owned(), value.clone());
        }
    }
    // The engine refuses what such a network has from the other one.
    if inspect.pointer("/ConfigFrom/Network").and_then(Value::as_str).is_some_and(|network| !network.is_empty()) {
        for key in ["EnableIPv4", "EnableIPv6", "IPAM", "Options", "Labels"] {
            body.remove(key);
        }
    }
    body.insert("Name".to_owned(), name.into());
    body.insert("CheckDuplicate".to_owned(), true.into());
    body
}

/// The body of `POST /volumes/create`.
pub fn volume(inspect: &Value, name: &str) -> Value {
    let of = |key: &str| inspect.get(key).cloned().unwrap_or(Value::Null);
    json!({"Name": name, "Driver": of("Driver"), "DriverOpts": of("Options"), "Labels": of("Labels")})
}

/// Where the data of a volume are.
pub fn volume_data(inspect: &Value) -> VolumeData {
    let options = inspect.get("Options").and_then(Value::as_object);
    VolumeData::of(text(inspect, "Driver"), |key| options?.get(key)?.as_str())
}

/// The platform of a container's image, where the image has several: `linux/arm64`.
pub fn platform(inspect: &Value) -> Option<String> {
    let platform = inspect.pointer("/ImageManifestDescriptor/platform")?;
    let (os, architecture) = (text(platform, "os"), text(platform, "architecture"));
    let variant = text(platform, "variant");
    let known = !os.is_empty() && !architecture.is_empty();
    known.then(|| format!("{os}/{architecture}{}{variant}", if variant.is_empty() { "" } else { "/" }))
}

fn remove(value: &mut Value, key: &str) {
    if let Some(map) = value.as_object_mut() {
        map.remove(key);
    }
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn list(value: &Value, pointer: &str) -> Vec<Value> {
    value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
}

pub(super) fn texts(value: &Value, pointer: &str) -> Vec<String> {
    list(value, pointer).iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

fn is_id(text: &str) -> bool {
    text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn short(id: &str) -> &str {
    if is_id(id) { id.get(..12).unwrap_or(id) } else { id }
}
