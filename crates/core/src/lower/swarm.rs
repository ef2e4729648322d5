//! The swarm itself: docker/cli `cli/command/swarm`.

use bollard_stubs::models::{SwarmInitRequest, SwarmJoinRequest};
use serde_json::{Map, Value, json};

use super::{Body, Effect, Effects, Request, Typed, origins_of};
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    check_files(invocation, host)?;
    match invocation.canonical() {
        "swarm init" => init(invocation, host),
        "swarm join" => join(invocation),
        "swarm leave" => {
            let request = Request::new("POST", "/swarm/leave", invocation.named_by.origins());
            Ok(vec![Effect::Request(request.with_if(invocation.on("force"), "force", "1"))])
        }
        "swarm update" => {
            if invocation.flags.is_empty() {
                return Ok(Vec::new());
            }
            Ok(vec![Effect::Request(update(invocation, host, [false; 3])?)])
        }
        "swarm ca" => ca(invocation, host),
        "swarm join-token" => {
            let (worker, manager) = (invocation.operand(0) == "worker", invocation.operand(0) == "manager");
            if !worker && !manager {
                return Err(format!("unknown role {}", invocation.operand(0)));
            }
            match invocation.on("rotate") {
                true => Ok(vec![Effect::Request(update(invocation, host, [worker, manager, false])?)]),
                false => Ok(Vec::new()),
            }
        }
        "swarm unlock-key" if invocation.on("rotate") => {
            Ok(vec![Effect::Request(update(invocation, host, [false, false, true])?)])
        }
        // The key is asked of the person; what is sent is the key.
        "swarm unlock" => {
            Ok(vec![Effect::Request(Request::new("POST", "/swarm/unlock", invocation.named_by.origins()))])
        }
        _ => Ok(Vec::new()),
    }
}

/// Files that flags read while they are parsed.
fn check_files(invocation: &Invocation, host: &dyn Host) -> Result<(), String> {
    for set in invocation.all(&["ca-cert", "ca-key"]) {
        let (name, path) = (set.flag.name, &set.value);
        let bytes = host
            .read(path)
            .map_err(|error| format!("invalid argument {path:?} for \"--{name}\" flag: open {path}: {error}"))?;
        if !String::from_utf8_lossy(&bytes).contains("-----BEGIN ") {
            return Err(format!(
                "invalid argument {path:?} for \"--{name}\" flag: file contents must be in PEM format"
            ));
        }
    }
    Ok(())
}

fn availability(invocation: &Invocation) -> Result<Option<String>, String> {
    let Some(set) = invocation.last("availability") else { return Ok(None) };
    match set.value.to_lowercase().as_str() {
        lower @ ("active" | "pause" | "drain") => Ok(Some(lower.to_owned())),
        _ => Err(format!("invalid availability {:?}, only active, pause and drain are supported", set.value)),
    }
}

fn listen_address(invocation: &Invocation) -> String {
    // What one value leaves out is taken from the one before it.
    invocation
        .all(&["listen-addr"])
        .fold("0.0.0.0:2377".to_owned(), |before, set| values::node_address(&set.value, &before).unwrap_or(before))
}

/// The parts of the cluster's settings that the flags change.
fn spec(invocation: &Invocation, host: &dyn Host) -> Result<Map<String, Value>, String> {
    let mut spec = Map::new();
    let mut put = |section: &str, key: &str, value: Value| {
        let section = spec.entry(section.to_owned()).or_insert_with(|| json!({}));
        section[key] = value;
    };
    // A zero of these is left out.
    let time =
        |name: &str| invocation.last(name).and_then(|set| values::duration(&set.value).ok()).filter(|time| *time != 0);
    if invocation.changed("task-history-limit") {
        put("Orchestration", "TaskHistoryRetentionLimit", invocation.int("task-history-limit").into());
    }
    if let Some(period) = time("dispatcher-heartbeat") {
        put("Dispatcher", "HeartbeatPeriod", period.into());
    }
    if invocation.changed("max-snapshots") {
        put("Raft", "KeepOldSnapshots", invocation.int("max-snapshots").into());
    }
    if invocation.int("snapshot-interval") != 0 && invocation.changed("snapshot-interval") {
        put("Raft", "SnapshotInterval", invocation.int("snapshot-interval").into());
    }
    if invocation.changed("autolock") {
        put("EncryptionConfig", "AutoLockManagers", invocation.on("autolock").into());
    }
    if let Some(expiry) = time("cert-expiry") {
        put("CAConfig", "NodeCertExpiry", expiry.into());
    }
    if invocation.changed("external-ca") {
        let mut list = Vec::new();
        for set in invocation.all(&["external-ca"]) {
            let values::ExternalCa { url, file, options } = values::external_ca(&set.value)?;
            let options: Map<String, Value> = options.into_iter().map(|(key, value)| (key, value.into())).collect();
            let certificate = match file {
                Some(path) => host
                    .read(&path)
                    .map_err(|error| format!("unable to read CA cert for external CA: open {path}: {error}"))?,
                None => Vec::new(),
            };
            let certificate = String::from_utf8_lossy(&certificate);
            list.push(json!({"Protocol": "cfssl", "URL": url, "CACert": certificate, "Options": options}));
        }
        put("CAConfig", "ExternalCAs", list.into());
    }
    Ok(spec)
}

fn init(invocation: &Invocation, host: &dyn Host) -> Effects {
    let text = |name: &str| Some(invocation.text(name).to_owned());
    let pools: Vec<String> = invocation
        .all(&["default-addr-pool"])
        .flat_map(|set| values::read_record(&set.value).unwrap_or_default())
        .collect();
    for pool in &pools {
        let legal = pool.split_once('/').is_some_and(|(address, length)| {
            address.parse::<std::net::IpAddr>().is_ok_and(|address| {
                length.parse::<u8>().is_ok_and(|length| length <= if address.is_ipv4() { 32 } else { 128 })
            })
        });
        if !legal {
            return Err(format!(
                "invalid argument {pool:?} for \"--default-addr-pool\" flag: invalid string being converted to CIDR: {pool}"
            ));
        }
    }
    let mut beyond: Vec<(String, Value)> =
        spec(invocation, host)?.into_iter().map(|(key, value)| (format!("Spec/{key}"), value)).collect();
    beyond.push(("Availability".to_owned(), availability(invocation)?.unwrap_or_default().into()));
    beyond.push(("AutoLockManagers".to_owned(), invocation.on("autolock").into()));
    // The client sends these settings whether they are set or not.
    beyond.push(("Spec/EncryptionConfig/AutoLockManagers".to_owned(), invocation.on("autolock").into()));
    beyond.push(("Spec/Raft/ElectionTick".to_owned(), 0.into()));
    beyond.push(("Spec/Raft/HeartbeatTick".to_owned(), 0.into()));
    let body = SwarmInitRequest {
        listen_addr: Some(listen_address(invocation)),
        advertise_addr: text("advertise-addr"),
        data_path_addr: text("data-path-addr"),
        data_path_port: u32::try_from(invocation.int("data-path-port")).ok(),
        default_addr_pool: Some(pools),
        force_new_cluster: Some(invocation.on("force-new-cluster")),
        subnet_size: u32::try_from(invocation.int("default-addr-pool-mask-length")).ok(),
        spec: None,
    };
    let mut request = Request::new("POST", "/swarm/init", invocation.named_by.origins())
        .body(Body::SwarmInit(Box::new(body)))
        .part("ForceNewCluster", origins_of(invocation, &["force-new-cluster"]));
    request.beyond = beyond;
    Ok(vec![Effect::Request(request)])
}

fn join(invocation: &Invocation) -> Effects {
    let text = |name: &str| Some(invocation.text(name).to_owned());
    let body = SwarmJoinRequest {
        listen_addr: Some(listen_address(invocation)),
        advertise_addr: text("advertise-addr"),
        data_path_addr: text("data-path-addr"),
        remote_addrs: Some(vec![invocation.operand(0).to_owned()]),
        join_token: text("token"),
    };
    let mut request =
        Request::new("POST", "/swarm/join", invocation.named_by.origins()).body(Body::SwarmJoin(Box::new(body)));
    let chosen = availability(invocation)?.unwrap_or_default();
    request.beyond.push(("Availability".to_owned(), chosen.into()));
    Ok(vec![Effect::Request(request)])
}

/// Changes go on top of what the swarm has, which only the engine knows: the body holds what the words change.
fn update(invocation: &Invocation, host: &dyn Host, rotate: [bool; 3]) -> Result<Request, String> {
    let [worker, manager, key] = rotate.map(|rotate| rotate.to_string());
    let body = Value::Object(spec(invocation, host)?);
    Ok(Request::new("POST", "/swarm/update", invocation.named_by.origins())
        .with("rotateWorkerToken", worker)
        .with("rotateManagerToken", manager)
        .with("rotateManagerUnlockKey", key)
        .body(Body::Json(body))
        .part("rotate", origins_of(invocation, &["rotate"]))
        .part("EncryptionConfig", origins_of(invocation, &["autolock"])))
}

fn ca(invocation: &Invocation, host: &dyn Host) -> Effects {
    let changed = |name: &str| invocation.changed(name);
    if !invocation.on("rotate") {
        for flag in ["ca-cert", "ca-key", "cert-expiry", "external-ca"] {
            if changed(flag) {
                return Err(format!("`--{flag}` flag requires the `--rotate` flag to update the CA"));
            }
        }
        return Ok(Vec::new());
    }
    if changed("external-ca") && !changed("ca-cert") {
        return Err("rotating to an external CA requires the `--ca-cert` flag to specify the external CA's cert - to add an external CA with the current root CA certificate, use the `update` command instead".to_owned());
    }
    if changed("ca-cert") && !changed("external-ca") && !changed("ca-key") {
        return Err(
            "the --ca-cert flag requires that a --ca-key flag and/or --external-ca flag be provided as well".to_owned()
        );
    }
    Ok(vec![Effect::Request(update(invocation, host, [false; 3])?)])
}
