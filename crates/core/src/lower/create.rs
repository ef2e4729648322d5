//! `run` and `create`: docker/cli `cli/command/container/opts.go` and `create.go`.

use std::collections::{HashMap, HashSet};

use bollard_stubs::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigIsolationEnum, HostConfigLogConfig, Mount, MountBindOptions, MountType, NetworkingConfig,
    ResourcesBlkioWeightDevice, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum, ThrottleDevice,
};
use serde_json::Value;

use super::endpoints::{as_sent, endpoints};
use super::fields::FIELDS;
use super::{Body, Effect, Effects, Parts, Ports, Request, Typed, filled_env, key_values, platform, to_map};
use crate::docker_files::ConfigFile;
use crate::grammar::parse::{Invocation, Set};
use crate::grammar::values::{self, Attachment, Device};
use crate::host::Host;
use crate::target::choose;

/// The request that creates the container, with what is read and written around it.
pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    let run = invocation.canonical() == "container run";
    let mut effects = Vec::new();
    check_pull(invocation)?;
    let mut request = create_request(invocation, host, &mut effects)?;
    let detached = run && invocation.on("detach");
    if let Body::Container(body) = &mut request.body {
        if run && !detached {
            let attach_input = body.attach_stdin == Some(true);
            if attach_input && body.tty == Some(true) && !host.input_is_terminal() {
                return Err("the input device is not a TTY".to_owned());
            }
        }
        if detached {
            if invocation.changed("attach") {
                return Err("conflicting options: cannot specify both --attach and --detach".to_owned());
            }
            body.attach_stdin = Some(false);
            body.attach_stdout = Some(false);
            body.attach_stderr = Some(false);
            body.stdin_once = Some(false);
        }
    }
    if let Some(file) = invocation.last("cidfile").filter(|set| !set.value.is_empty()) {
        if host.exists(&file.value) {
            return Err(format!(
                "container ID file found, make sure the other container isn't running or delete {}",
                file.value
            ));
        }
        effects.push(Effect::WritesFile { path: file.value.clone(), origins: file.origins() });
    }
    let image = invocation.operand(0);
    let reference = values::any_reference(image)?;
    if invocation.on("use-api-socket") {
        add_api_socket(invocation, &mut request);
    }
    let wanted = invocation.text("platform").to_owned();
    let wanted = if wanted.is_empty() { host.env("DOCKER_DEFAULT_PLATFORM").unwrap_or_default() } else { wanted };
    if !wanted.is_empty() {
        let (os, architecture, variant) =
            platform(&wanted).map_err(|error| format!("error parsing specified platform: {error}"))?;
        let parts = [os, architecture, variant].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        request = request.with("platform", parts.join("/"));
    }
    let name = invocation.text("name");
    request = request.with_if(!name.is_empty(), "name", name);
    if invocation.text("pull") == "always"
        && let Some(reference) = reference.or_else(|| values::reference(image).ok())
    {
        let pull = Request::new("POST", "/images/create", invocation.operand_at(0).origins())
            .with("fromImage", reference.name())
            .with("tag", reference.api_tag())
            .with_if(!wanted.is_empty(), "platform", wanted.to_lowercase());
        effects.push(Effect::Request(pull));
    }
    effects.push(Effect::Request(request));
    Ok(effects)
}

fn check_pull(invocation: &Invocation) -> Result<(), String> {
    match invocation.text("pull") {
        "always" | "missing" | "never" | "" => Ok(()),
        other => {
            Err(format!("docker: invalid pull option: '{other}': must be one of \"always\", \"missing\" or \"never\""))
        }
    }
}

fn add_api_socket(invocation: &Invocation, request: &mut Request) {
    let origins = invocation.last("use-api-socket").map(Set::origins).unwrap_or_default();
    if let Body::Container(body) = &mut request.body {
        let mounts = body.host_config.get_or_insert_default().mounts.get_or_insert_default();
        request.parts.push((format!("Mounts/{}", mounts.len()), origins));
        mounts.push(Mount {
            typ: Some(MountType::BIND),
            source: Some("/var/run/docker.sock".to_owned()),
            target: Some("/var/run/docker.sock".to_owned()),
            bind_options: Some(MountBindOptions::default()),
            ..Mount::default()
        });
    }
}

/// Builds the body in the order in which the client checks things, so that the first complaint is the client's.
#[allow(clippy::too_many_lines)] // One flag after the other, as in the client: a table in all but form.
fn create_request(invocation: &Invocation, host: &dyn Host, effects: &mut Vec<Effect>) -> Result<Request, String> {
    let mut parts = Parts::default();
    let mut beyond: Vec<(String, Value)> = Vec::new();
    let directory = host.directory();
    let text = |name: &str| Some(invocation.text(name).to_owned());
    let mut trace = |part: &str, names: &[&str]| {
        if let Some(set) = invocation.all(names).next_back() {
            parts.push((part.to_owned(), set.origins()));
        }
    };
    for field in FIELDS.iter().filter(|field| field.single) {
        trace(field.name, field.flags);
    }

    let mac = invocation.text("mac-address");
    if !mac.is_empty() && !values::is_mac(mac) {
        return Err(format!("{mac} is not a valid mac address"));
    }
    let attach: Vec<String> = invocation.all(&["attach"]).filter_map(|set| values::attach(&set.value).ok()).collect();
    let attached = |stream: &str| attach.iter().any(|other| other == stream);
    let open_stdin = invocation.on("interactive");
    let attach_stdin = open_stdin || attached("stdin");
    let default_streams = attach.is_empty();
    let swappiness = if invocation.changed("memory-swappiness") { invocation.int("memory-swappiness") } else { -1 };
    if swappiness != -1 && !(0..=100).contains(&swappiness) {
        return Err(format!("invalid value: {swappiness}. Valid memory swappiness range is 0-100"));
    }

    let (mut binds, mut volumes) = (Vec::new(), Vec::new());
    // A bind has a colon, an anonymous volume none.
    let mut seen: HashSet<String> = HashSet::new();
    for set in invocation.all(&["volume"]) {
        let spec = values::volume(&set.value)?;
        if spec.source.is_empty() {
            parts.push((format!("Volumes/{}", set.value), set.origins()));
            if seen.insert(set.value.clone()) {
                volumes.push(set.value.clone());
            }
            continue;
        }
        let bind = if spec.bind { values::bind_source(&set.value, &directory) } else { set.value.clone() };
        parts.push((format!("Binds/{bind}"), set.origins()));
        if seen.insert(bind.clone()) {
            binds.push(bind);
        }
    }
    let tmpfs: HashMap<String, String> = invocation
        .list("tmpfs")
        .iter()
        .map(|text| text.split_once(':').map_or((text.clone(), String::new()), |(k, v)| (k.to_owned(), v.to_owned())))
        .collect();

    let entrypoint = invocation.last("entrypoint").map(|set| vec![set.value.clone()]);
    let command: Vec<String> = invocation.operand_texts().into_iter().skip(1).collect();

    let mut ports = Ports::default();
    let mut published = Vec::new();
    for set in invocation.all(&["publish"]) {
        published.push((set, values::to_standard_notation(&set.value)?));
    }
    for (set, spec) in published {
        ports.published.push((values::publish(&spec)?, set.origins()));
    }
    for typed in invocation.list("expose") {
        if typed.contains(':') {
            return Err(format!("invalid port format for --expose: {typed}"));
        }
        let (range, protocol) = typed.split_once('/').unwrap_or((&typed, ""));
        let protocol = if protocol.is_empty() { "tcp" } else { protocol };
        let (first, last) = values::port_range(range)
            .map_err(|error| format!("invalid range format for --expose: {typed}, error: {error}"))?;
        ports.exposed.push((first, last, protocol.to_owned()));
    }

    let (mut devices, mut cdi) = (Vec::new(), Vec::new());
    for set in invocation.all(&["device"]) {
        match values::device(&set.value)? {
            Device::Cdi(name) => cdi.push(name),
            Device::Mapping { host, container, permissions } => {
                parts.push((format!("Devices/{}", devices.len()), set.origins()));
                devices.push(DeviceMapping {
                    path_on_host: Some(host),
                    path_in_container: Some(container),
                    cgroup_permissions: Some(permissions),
                });
            }
        }
    }

    let typed_env = with_proxies(invocation, host, filled_env(host, invocation.list("env")));
    let env = key_values(host, invocation.all(&["env-file"]).collect(), typed_env, true, effects)?;
    let labels = key_values(host, invocation.all(&["label-file"]).collect(), invocation.list("label"), false, effects)?;
    check_namespaces(invocation)?;
    let restart = restart_policy(invocation.text("restart"), &mut beyond)?;
    let log_options = invocation.list("log-opt");
    if invocation.text("log-driver") == "none" && !log_options.is_empty() {
        return Err("invalid logging opts for driver none".to_owned());
    }
    let (security, open_paths) = security_options(invocation, host, &mut parts, effects)?;
    let mut storage = HashMap::new();
    for option in invocation.list("storage-opt") {
        let (key, value) = option.split_once('=').ok_or("invalid storage option")?;
        storage.insert(key.to_owned(), value.to_owned());
    }
    let health = health(invocation)?;

    let mut requests: Vec<DeviceRequest> =
        invocation.all(&["gpus"]).filter_map(|set| values::gpus(&set.value).ok()).collect();
    if !cdi.is_empty() {
        requests.push(DeviceRequest {
            driver: Some("cdi".into()),
            count: Some(0),
            device_ids: Some(cdi),
            ..Default::default()
        });
    }
    let mut mounts: Vec<Mount> = Vec::new();
    for set in invocation.all(&["mount"]) {
        let mount = values::mount_as_known(&set.value, &directory).map_err(|problem| problem.text)?;
        parts.push((format!("Mounts/{}", mounts.len()), set.origins()));
        if mount.api.typ.is_none() {
            beyond.push((format!("HostConfig/Mounts/{}/Type", mounts.len()), mount.kind.into()));
        }
        mounts.push(mount.api);
    }
    for set in invocation.all(&["cap-add"]) {
        parts.push((format!("CapAdd/{}", capability(&set.value)), set.origins()));
    }
    for set in invocation.all(&["sysctl"]) {
        let key = set.value.split('=').next().unwrap_or_default();
        parts.push((format!("Sysctls/{key}"), set.origins()));
    }
    for set in invocation.all(&["volumes-from"]) {
        parts.push((format!("VolumesFrom/{}", set.value), set.origins()));
    }
    for set in invocation.all(&["env"]) {
        let key = set.value.split('=').next().unwrap_or_default();
        parts.push((format!("Env/{key}"), set.origins()));
    }
    for (index, set) in invocation.all(&["device-cgroup-rule"]).enumerate() {
        parts.push((format!("DeviceCgroupRules/{index}"), set.origins()));
    }

    let bytes = |name: &str| invocation.last(name).map(|set| values::swap(&set.value).unwrap_or(0)).or(Some(0));
    let number = |name: &str| Some(invocation.int(name));
    let addresses = |name: &str| -> Option<Vec<String>> {
        Some(invocation.all(&[name]).filter_map(|set| values::ip(&set.value).ok()).collect())
    };
    let some_list = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let devices_with_rate =
        |name: &str, read: fn(&str) -> Result<(String, i64), String>| -> Option<Vec<ThrottleDevice>> {
            let device = |(path, rate)| ThrottleDevice { path: Some(path), rate: Some(rate) };
            Some(invocation.all(&[name]).filter_map(|set| read(&set.value).ok()).map(device).collect())
        };
    let attachments: Vec<Attachment> =
        invocation.all(&["network", "net"]).filter_map(|set| values::attachment(&set.value).ok()).collect();
    let mode = attachments.first().map_or_else(|| "default".to_owned(), |first| first.target.clone());
    let endpoints = endpoints(invocation, attachments)?.into_iter().map(|(name, one)| (name, as_sent(one))).collect();
    let isolation = invocation.text("isolation");
    if isolation.parse::<HostConfigIsolationEnum>().is_err() {
        beyond.push(("HostConfig/Isolation".to_owned(), isolation.into()));
    }
    if invocation.on("rm") && !matches!(invocation.text("restart").split(':').next(), Some("" | "no")) {
        return Err("conflicting options: cannot specify both --restart and --rm".to_owned());
    }

    let host_config = HostConfig {
        binds: some_list(binds),
        container_id_file: text("cidfile"),
        oom_score_adj: number("oom-score-adj"),
        auto_remove: Some(invocation.on("rm")),
        privileged: Some(invocation.on("privileged")),
        port_bindings: Some(HashMap::new()),
        links: some_list(invocation.list("link")),
        publish_all_ports: Some(invocation.on("publish-all")),
        dns: addresses("dns"),
        dns_search: Some(
            invocation.all(&["dns-search"]).filter_map(|set| values::search_domain(&set.value).ok()).collect(),
        ),
        dns_options: Some(invocation.all(&["dns-option", "dns-opt"]).map(|set| set.value.clone()).collect()),
        extra_hosts: some_list(
            invocation.all(&["add-host"]).filter_map(|set| values::extra_host(&set.value).ok()).collect(),
        ),
        volumes_from: some_list(invocation.list("volumes-from")),
        ipc_mode: text("ipc"),
        network_mode: Some(mode),
        pid_mode: text("pid"),
        uts_mode: text("uts"),
        userns_mode: text("userns"),
        cgroupns_mode: invocation.text("cgroupns").parse::<HostConfigCgroupnsModeEnum>().ok(),
        cap_add: some_list(capabilities(&invocation.list("cap-add"))),
        cap_drop: some_list(capabilities(&invocation.list("cap-drop"))),
        group_add: some_list(invocation.list("group-add")),
        restart_policy: Some(restart),
        security_opt: some_list(security),
        storage_opt: (!storage.is_empty()).then_some(storage),
        readonly_rootfs: Some(invocation.on("read-only")),
        log_config: Some(HostConfigLogConfig { typ: text("log-driver"), config: Some(to_map(&log_options)) }),
        volume_driver: text("volume-driver"),
        isolation: isolation.parse().ok(),
        shm_size: bytes("shm-size"),
        tmpfs: (!tmpfs.is_empty()).then_some(tmpfs),
        sysctls: Some(to_map(&invocation.list("sysctl"))).filter(|map| !map.is_empty()),
        runtime: text("runtime").filter(|runtime| !runtime.is_empty()),
        mounts: (!mounts.is_empty()).then_some(mounts),
        annotations: Some(to_map(&invocation.list("annotation"))).filter(|map| !map.is_empty()),
        masked_paths: open_paths.then(Vec::new),
        readonly_paths: open_paths.then(Vec::new),
        init: invocation.changed("init").then(|| invocation.on("init")),
        console_size: Some(vec![0, 0]),
        cgroup: Some(String::new()),
        // Resources.
        cpu_shares: number("cpu-shares"),
        memory: bytes("memory"),
        nano_cpus: invocation.last("cpus").and_then(|set| values::cpus(&set.value).ok()).or(Some(0)),
        cgroup_parent: text("cgroup-parent"),
        blkio_weight: values::uint(invocation.text("blkio-weight"), 16).ok().map(|weight| weight as u16),
        blkio_weight_device: Some(
            invocation
                .all(&["blkio-weight-device"])
                .filter_map(|set| values::weight(&set.value).ok())
                .map(|(path, weight)| ResourcesBlkioWeightDevice { path: Some(path), weight: Some(weight) })
                .collect(),
        ),
        blkio_device_read_bps: devices_with_rate("device-read-bps", values::throttle_bytes),
        blkio_device_write_bps: devices_with_rate("device-write-bps", values::throttle_bytes),
        blkio_device_read_iops: devices_with_rate("device-read-iops", values::throttle_ops),
        blkio_device_write_iops: devices_with_rate("device-write-iops", values::throttle_ops),
        cpu_period: number("cpu-period"),
        cpu_quota: number("cpu-quota"),
        cpu_realtime_period: number("cpu-rt-period"),
        cpu_realtime_runtime: number("cpu-rt-runtime"),
        cpuset_cpus: text("cpuset-cpus"),
        cpuset_mems: text("cpuset-mems"),
        devices: Some(devices),
        device_cgroup_rules: some_list(invocation.list("device-cgroup-rule")),
        device_requests: (!requests.is_empty()).then_some(requests),
        memory_reservation: bytes("memory-reservation"),
        memory_swap: bytes("memory-swap"),
        memory_swappiness: Some(swappiness),
        oom_kill_disable: Some(invocation.on("oom-kill-disable")),
        pids_limit: number("pids-limit"),
        ulimits: Some(ulimits(invocation)),
        cpu_count: number("cpu-count"),
        cpu_percent: number("cpu-percent"),
        io_maximum_iops: number("io-maxiops"),
        io_maximum_bandwidth: bytes("io-maxbandwidth"),
    };
    let body = ContainerCreateBody {
        hostname: text("hostname"),
        domainname: text("domainname"),
        user: text("user"),
        attach_stdin: Some(attach_stdin),
        attach_stdout: Some(default_streams || attached("stdout")),
        attach_stderr: Some(default_streams || attached("stderr")),
        tty: Some(invocation.on("tty")),
        open_stdin: Some(open_stdin),
        stdin_once: Some(open_stdin && attach_stdin),
        env: some_list(env),
        cmd: some_list(command),
        healthcheck: health,
        image: Some(invocation.operand(0).to_owned()),
        volumes: Some(volumes),
        working_dir: text("workdir"),
        entrypoint,
        labels: Some(to_map(&labels)),
        stop_signal: text("stop-signal").filter(|signal| !signal.is_empty()),
        stop_timeout: invocation.changed("stop-timeout").then(|| invocation.int("stop-timeout")),
        host_config: Some(host_config),
        networking_config: Some(NetworkingConfig { endpoints_config: Some(endpoints) }),
        ..ContainerCreateBody::default()
    };
    let mut request = Request::new("POST", "/containers/create", invocation.named_by.origins())
        .body(Body::Container(Box::new(body)))
        .part("Image", invocation.operands.first().map(|word| word.origins()).unwrap_or_default());
    request.parts.extend(parts);
    request.ports = ports;
    request.beyond = beyond;
    Ok(request)
}

fn check_namespaces(invocation: &Invocation) -> Result<(), String> {
    let container = |mode: &str| mode.strip_prefix("container:").is_some_and(|name| !name.is_empty());
    let pid = invocation.text("pid");
    if !(pid.is_empty() || pid == "host" || container(pid)) {
        return Err("--pid: invalid PID mode".to_owned());
    }
    for (flag, problem) in [("uts", "--uts: invalid UTS mode"), ("userns", "--userns: invalid USER mode")] {
        if !matches!(invocation.text(flag), "" | "host") {
            return Err(problem.to_owned());
        }
    }
    if !matches!(invocation.text("cgroupns"), "" | "host" | "private") {
        return Err("--cgroupns: invalid CGROUP mode".to_owned());
    }
    Ok(())
}

/// docker/cli `opts.ParseRestartPolicy`: any name passes, the engine judges it.
pub fn restart_policy(text: &str, beyond: &mut Vec<(String, Value)>) -> Result<RestartPolicy, String> {
    let (name, count) = text.split_once(':').unwrap_or((text, ""));
    if text.starts_with(':') {
        return Err("invalid restart policy format: no policy provided before colon".to_owned());
    }
    let count = match count {
        "" => 0,
        count => values::decimal(count)
            .map_err(|_| "invalid restart policy format: maximum retry count must be an integer".to_owned())?,
    };
    let known = name.parse::<RestartPolicyNameEnum>().ok();
    if known.is_none() {
        beyond.push(("HostConfig/RestartPolicy/Name".to_owned(), name.into()));
    }
    Ok(RestartPolicy { name: known, maximum_retry_count: Some(count) })
}

/// The options as sent, and whether `systempaths=unconfined` was among them (the client turns that into open paths).
fn security_options(
    invocation: &Invocation,
    host: &dyn Host,
    parts: &mut Parts,
    effects: &mut Vec<Effect>,
) -> Result<(Vec<String>, bool), String> {
    let (mut options, mut open_paths) = (Vec::new(), false);
    for set in invocation.all(&["security-opt"]) {
        let typed = &set.value;
        let (key, value) = match typed.split_once('=') {
            Some((key, value)) => (key, value),
            None if typed == "no-new-privileges" => (typed.as_str(), ""),
            None => typed.split_once(':').unwrap_or((typed, "")),
        };
        if value.is_empty() && key != "no-new-privileges" {
            return Err(format!("Invalid --security-opt: {typed:?}"));
        }
        let mut option = typed.clone();
        if key == "seccomp" && !matches!(value, "builtin" | "unconfined") {
            let bytes = host
                .read(value)
                .map_err(|error| format!("opening seccomp profile ({value}) failed: open {value}: {error}"))?;
            let profile: Value = serde_json::from_slice(&bytes)
                .map_err(|error| format!("compacting json for seccomp profile ({value}) failed: {error}"))?;
            effects.push(Effect::ReadsFile { path: value.to_owned(), origins: set.origins() });
            option = format!("seccomp={profile}");
        }
        if typed == "systempaths=unconfined" {
            open_paths = true;
            parts.push(("MaskedPaths".to_owned(), set.origins()));
            continue;
        }
        parts.push((format!("SecurityOpt/{option}"), set.origins()));
        options.push(option);
    }
    Ok((options, open_paths))
}

fn health(invocation: &Invocation) -> Result<Option<HealthConfig>, String> {
    let time = |name: &str| invocation.last(name).and_then(|set| values::duration(&set.value).ok()).unwrap_or(0);
    let command = invocation.text("health-cmd");
    let (interval, timeout) = (time("health-interval"), time("health-timeout"));
    let (start, start_interval) = (time("health-start-period"), time("health-start-interval"));
    let retries = invocation.int("health-retries");
    let set = !command.is_empty() || [interval, timeout, start, start_interval, retries].iter().any(|n| *n != 0);
    if invocation.on("no-healthcheck") {
        if set {
            return Err("--no-healthcheck conflicts with --health-* options".to_owned());
        }
        return Ok(Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }));
    }
    if !set {
        return Ok(None);
    }
    for (name, value) in [
        ("interval", interval),
        ("timeout", timeout),
        ("retries", retries),
        ("start-period", start),
        ("start-interval", start_interval),
    ] {
        if value < 0 {
            return Err(format!("--health-{name} cannot be negative"));
        }
    }
    let some = |value: i64| (value != 0).then_some(value);
    Ok(Some(HealthConfig {
        test: (!command.is_empty()).then(|| vec!["CMD-SHELL".to_owned(), command.to_owned()]),
        interval: some(interval),
        timeout: some(timeout),
        retries: some(retries),
        start_period: some(start),
        start_interval: some(start_interval),
    }))
}

pub fn ulimits(invocation: &Invocation) -> Vec<ResourcesUlimits> {
    let mut by_name = std::collections::BTreeMap::new();
    for (name, soft, hard) in invocation.all(&["ulimit"]).filter_map(|set| values::ulimit(&set.value).ok()) {
        by_name.insert(name, (soft, hard));
    }
    let limit = |(name, (soft, hard))| ResourcesUlimits { name: Some(name), soft: Some(soft), hard: Some(hard) };
    by_name.into_iter().map(limit).collect()
}

/// A capability in the form the client sends: upper case with `CAP_`.
pub fn capability(name: &str) -> String {
    let upper = name.to_uppercase();
    if upper == "ALL" || upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") }
}

fn capabilities(names: &[String]) -> Vec<String> {
    let unique: std::collections::BTreeSet<String> = names.iter().map(|name| capability(name)).collect();
    unique.into_iter().collect()
}

/// docker/cli `cli/connhelper/connhelper.go`.
const BEHIND_SSH: &str = "http://docker.example.com";

/// The proxies of `config.json` become variables of the container or of the build, unless they are set: those for this engine's address,
/// else the default ones. docker/cli `cli/config/configfile/file.go`, `ParseProxyConfig`.
pub fn with_proxies(invocation: &Invocation, host: &dyn Host, env: Vec<String>) -> Vec<String> {
    let folder = host.config_folder(invocation.global("config").map(|set| set.value.as_str()));
    let Ok(Some(text)) = host.read_own(&format!("{folder}/config.json")) else { return env };
    let config = ConfigFile::read(&text);
    let endpoint = choose(invocation, host).host;
    // The client calls every engine that it reaches through ssh by this name.
    let endpoint = if endpoint.starts_with("ssh://") { BEHIND_SSH } else { &endpoint };
    let Some(proxies) = config.proxies.get(endpoint).or_else(|| config.proxies.get("default")) else { return env };
    let mut filled = env;
    for (value, name) in [
        (&proxies.http, "HTTP_PROXY"),
        (&proxies.https, "HTTPS_PROXY"),
        (&proxies.no, "NO_PROXY"),
        (&proxies.ftp, "FTP_PROXY"),
        (&proxies.all, "ALL_PROXY"),
    ] {
        if value.is_empty() {
            continue;
        }
        for name in [name.to_owned(), name.to_lowercase()] {
            if !filled.iter().any(|line| line.split('=').next() == Some(&name)) {
                filled.push(format!("{name}={value}"));
            }
        }
    }
    filled
}
