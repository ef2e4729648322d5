//! One service of a compose project as the container that compose creates for it.

use crate::order::PutInOrder as _;
use std::collections::{BTreeMap, HashMap, HashSet};

use bollard_stubs::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, EndpointSettings, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigIsolationEnum, HostConfigLogConfig, Mount, MountBindOptions, MountBindOptionsPropagationEnum,
    MountTmpfsOptions, MountType, MountVolumeOptions, NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};
use serde_json::{Map, Value};

use super::fields::FIELDS;
use super::model::*;
use super::project::ProjectLowering;
use super::{Origin, Origins, Parts, create};
use crate::lower::sources::PathStep;

/// Of a longer command no more words are looked for in the file.
const MOST_WORDS: usize = 64;

impl ProjectLowering<'_> {
    /// A mode that names another service becomes that service's container.
    pub(super) fn joined(&self, mode: &str) -> String {
        match mode.strip_prefix("service:") {
            Some(other) => format!("container:{}", self.container_of(other)),
            None => mode.to_owned(),
        }
    }

    pub(super) fn container_of(&self, service: &str) -> String {
        let named = self.service(service).and_then(|it| spoken(it, "container_name"));
        named.unwrap_or_else(|| format!("{}-{service}-1", self.name()))
    }

    #[allow(clippy::too_many_lines)] // One key after the other: a table in all but form.
    pub(super) fn container(&mut self, name: &str, service: &Value) -> (ContainerCreateBody, Parts) {
        let mut parts = Parts::default();
        for field in FIELDS.iter().filter(|field| field.single && !field.key.is_empty()) {
            if let Some(origins) = self.at_said(name, &[PathStep::Key(field.key)], service.get(field.key)) {
                parts.push((field.name.to_owned(), origins));
            }
        }
        // The command, or the word of it that is filled in.
        if let Some(whole) = self.at_said(name, &[PathStep::Key("command")], service.get("command")) {
            let words = texts(service, "command");
            let mut of_words = words
                .iter()
                .take(MOST_WORDS)
                .filter_map(|word| self.at_said(name, &[PathStep::Key("command"), PathStep::Item(word)], None));
            let is_filled =
                |origins: &Origins| origins.iter().filter_map(Origin::place).any(|place| place.marked().contains('$'));
            let filled = of_words.find(is_filled);
            parts.push(("Cmd".to_owned(), filled.unwrap_or(whole)));
        }
        // What the memory is limited by may be said in two places.
        let limits = [PathStep::Key("deploy"), PathStep::Key("resources"), PathStep::Key("limits")];
        for (part, key) in [("Memory", "memory"), ("PidsLimit", "pids")] {
            let path = [limits[0], limits[1], limits[2], PathStep::Key(key)];
            if let Some(origins) = self.at_said(name, &path, None) {
                parts.push((part.to_owned(), origins));
            }
        }
        for (part, key, items) in [
            ("CapAdd", "cap_add", texts(service, "cap_add")),
            ("SecurityOpt", "security_opt", texts(service, "security_opt")),
            ("VolumesFrom", "volumes_from", texts(service, "volumes_from")),
        ] {
            for item in items {
                let origins =
                    self.at(name, &[PathStep::Key(key), PathStep::Item(&item)], Some(&Value::String(item.clone())));
                let item = match part {
                    "CapAdd" => create::capability(&item),
                    "VolumesFrom" => self.from(&item),
                    _ => item,
                };
                parts.push((format!("{part}/{item}"), origins));
            }
        }
        for (part, key) in [("Sysctls", "sysctls"), ("Env", "environment")] {
            for (entry, value) in entries(service, key) {
                // What `env_file` brings has no place of its own.
                if let Some(origins) = self.at_said(name, &[PathStep::Key(key), PathStep::Item(entry)], Some(value)) {
                    parts.push((format!("{part}/{entry}"), origins));
                }
            }
        }
        for (at, rule) in texts(service, "device_cgroup_rules").iter().enumerate() {
            let origins = self.at(name, &[PathStep::Key("device_cgroup_rules"), PathStep::Item(rule)], None);
            parts.push((format!("DeviceCgroupRules/{at}"), origins));
        }
        let (mut devices, mut cdi) = (Vec::new(), Vec::new());
        for device in list(service, "devices") {
            let (source, target) = (text(device, "source"), text(device, "target"));
            if source == target && !source.starts_with('/') && source.contains('=') {
                cdi.push(source);
                continue;
            }
            let origins = self.at(
                name,
                &[PathStep::Key("devices"), PathStep::Item(&source)],
                Some(&Value::String(source.clone())),
            );
            parts.push((format!("Devices/{}", devices.len()), origins));
            devices.push(DeviceMapping {
                path_on_host: Some(source),
                path_in_container: Some(target),
                cgroup_permissions: spoken(device, "permissions"),
            });
        }
        let (mut bindings, mut exposed) = (HashMap::new(), texts(service, "expose"));
        let mut seen: HashSet<String> = exposed.iter().cloned().collect();
        for port in list(service, "ports") {
            let protocol = spoken(port, "protocol").unwrap_or_else(|| "tcp".to_owned());
            let key = format!("{}/{protocol}", number(port, "target"));
            let target = text(port, "target");
            let origins = self.at_said(name, &[PathStep::Key("ports"), PathStep::Item(&target)], None);
            let origins = origins.unwrap_or_else(|| self.at(name, &[PathStep::Key("ports")], None));
            parts.push((format!("PortBindings/{key}"), origins));
            let binding =
                PortBinding { host_ip: Some(text(port, "host_ip")), host_port: Some(text(port, "published")) };
            if seen.insert(key.clone()) {
                exposed.push(key.clone());
            }
            let list: &mut Option<Vec<PortBinding>> = bindings.entry(key).or_default();
            list.get_or_insert_default().push(binding);
        }
        let (binds, mounts) = self.mounts(name, service, &mut parts);
        let mut env: Vec<String> = entries(service, "environment")
            .map(|(key, value)| match value {
                Value::Null => key.clone(),
                _ => format!("{key}={}", text(&service["environment"], key)),
            })
            .collect();
        let mut binds = binds;
        if on(service, "use_api_socket") {
            env.push("DOCKER_CONFIG=/run/secrets/docker".to_owned());
            let bind = "/var/run/docker.sock:/var/run/docker.sock:rw".to_owned();
            let origins = self.at(name, &[PathStep::Key("use_api_socket")], None);
            parts.push((format!("Binds/{bind}"), origins));
            binds.push(bind);
        }
        let deploy = field(service, "deploy");
        let resources = field(deploy, "resources");
        let (limits, reserved) = (field(resources, "limits"), field(resources, "reservations"));
        let either = |own: i64, other: &Value, key: &str| match number(other, key) {
            0 => own,
            number => number,
        };
        let nano = |value: &Value, key: &str| (decimal(value, key) * 1e9) as i64;
        let mut requests: Vec<DeviceRequest> = Vec::new();
        if !cdi.is_empty() {
            requests.push(DeviceRequest {
                driver: Some("cdi".into()),
                device_ids: Some(cdi),
                ..DeviceRequest::default()
            });
        }
        for (gpu, device) in
            list(service, "gpus").map(|it| (true, it)).chain(list(reserved, "devices").map(|it| (false, it)))
        {
            let mut capabilities = texts(device, "capabilities");
            if gpu {
                capabilities.push("gpu".to_owned());
            }
            requests.push(DeviceRequest {
                driver: spoken(device, "driver"),
                count: Some(number(device, "count")),
                device_ids: some(texts(device, "device_ids")),
                capabilities: Some(vec![capabilities]),
                options: Some(map_of(device, "options")).filter(|options| !options.is_empty()),
            });
        }
        let (security, unconfined): (Vec<String>, Vec<String>) =
            texts(service, "security_opt").into_iter().partition(|option| option != "systempaths=unconfined");
        if !unconfined.is_empty() {
            let origins =
                self.at(name, &[PathStep::Key("security_opt"), PathStep::Item("systempaths=unconfined")], None);
            parts.push(("MaskedPaths".to_owned(), origins));
        }
        let security = security.into_iter().map(|option| self.profile(option)).collect();
        let pids = either(number(service, "pids_limit"), limits, "pids");
        let (mode, networking) = self.network(name, service);
        if service.get("network_mode").is_none() {
            parts.retain(|part| part != "NetworkMode");
        }
        let logging = service.get("logging").filter(|logging| logging.is_object());
        let host_config = HostConfig {
            binds: some(binds),
            mounts: some(mounts),
            cap_add: some(texts(service, "cap_add").iter().map(|name| create::capability(name)).collect()),
            cap_drop: some(texts(service, "cap_drop").iter().map(|name| create::capability(name)).collect()),
            network_mode: Some(mode),
            init: service.get("init").and_then(Value::as_bool),
            ipc_mode: spoken(service, "ipc").map(|mode| self.joined(&mode)),
            cgroupns_mode: text(service, "cgroup")
                .parse::<HostConfigCgroupnsModeEnum>()
                .ok()
                .filter(|mode| *mode != HostConfigCgroupnsModeEnum::EMPTY),
            readonly_rootfs: Some(on(service, "read_only")),
            restart_policy: restart(service),
            shm_size: Some(number(service, "shm_size")).filter(|size| *size > 0),
            sysctls: Some(map_of(service, "sysctls")).filter(|sysctls| !sysctls.is_empty()),
            port_bindings: Some(bindings),
            volume_driver: spoken(service, "volume_driver"),
            volumes_from: some(texts(service, "volumes_from").iter().map(|from| self.from(from)).collect()),
            dns: some(texts(service, "dns")),
            dns_search: some(texts(service, "dns_search")),
            dns_options: some(texts(service, "dns_opt")),
            extra_hosts: some(texts(service, "extra_hosts").iter().map(|line| line.replacen('=', ":", 1)).collect()),
            security_opt: some(security),
            storage_opt: Some(map_of(service, "storage_opt")).filter(|options| !options.is_empty()),
            userns_mode: spoken(service, "userns_mode"),
            uts_mode: spoken(service, "uts"),
            privileged: Some(on(service, "privileged")),
            pid_mode: spoken(service, "pid").map(|mode| self.joined(&mode)),
            tmpfs: Some(tmpfs(service)).filter(|tmpfs| !tmpfs.is_empty()),
            isolation: text(service, "isolation")
                .parse::<HostConfigIsolationEnum>()
                .ok()
                .filter(|isolation| *isolation != HostConfigIsolationEnum::EMPTY),
            runtime: spoken(service, "runtime"),
            log_config: logging.map(|logging| HostConfigLogConfig {
                typ: spoken(logging, "driver"),
                config: Some(map_of(logging, "options")),
            }),
            group_add: some(texts(service, "group_add")),
            oom_score_adj: Some(number(service, "oom_score_adj")),
            cgroup_parent: spoken(service, "cgroup_parent"),
            memory: Some(either(number(service, "mem_limit"), limits, "memory")),
            memory_swap: Some(number(service, "memswap_limit")),
            memory_swappiness: Some(number(service, "mem_swappiness")).filter(|swappiness| *swappiness != 0),
            memory_reservation: Some(either(number(service, "mem_reservation"), reserved, "memory")),
            oom_kill_disable: Some(on(service, "oom_kill_disable")),
            cpu_period: Some(number(service, "cpu_period")),
            cpu_quota: Some(number(service, "cpu_quota")),
            cpu_shares: Some(number(service, "cpu_shares")),
            nano_cpus: Some(match nano(limits, "cpus") {
                0 => nano(service, "cpus"),
                limit => limit,
            }),
            cpuset_cpus: spoken(service, "cpuset"),
            device_cgroup_rules: some(texts(service, "device_cgroup_rules")),
            pids_limit: (pids != 0).then_some(pids),
            devices: some(devices),
            device_requests: some(requests),
            ulimits: some(ulimits(service)),
            masked_paths: (!unconfined.is_empty()).then(Vec::new),
            readonly_paths: (!unconfined.is_empty()).then(Vec::new),
            ..HostConfig::default()
        };
        let origins_of = |key: &str| service.get(key).filter(|value| !value.is_null()).map(|_| texts(service, key));
        let body = ContainerCreateBody {
            hostname: spoken(service, "hostname"),
            domainname: spoken(service, "domainname"),
            user: spoken(service, "user"),
            exposed_ports: some(exposed),
            tty: Some(on(service, "tty")),
            open_stdin: Some(on(service, "stdin_open")),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: origins_of("command"),
            image: Some(self.image(name, service)),
            working_dir: spoken(service, "working_dir"),
            entrypoint: origins_of("entrypoint"),
            stop_signal: spoken(service, "stop_signal"),
            env: some(env),
            labels: Some(
                self.labels(service, &[("com.docker.compose.service", name), ("com.docker.compose.oneoff", "False")]),
            ),
            host_config: Some(host_config),
            networking_config: networking,
            ..ContainerCreateBody::default()
        };
        (body, parts)
    }

    /// `seccomp=FILE` is sent as what stands in the file.
    pub(super) fn profile(&self, option: String) -> String {
        match option.split_once(['=', ':']) {
            Some(("seccomp", file)) if file != "unconfined" && file != "builtin" => match self.host.read(file) {
                Ok(bytes) => {
                    let profile: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                    format!("seccomp={profile}")
                }
                Err(_) => option,
            },
            _ => option,
        }
    }

    /// `SERVICE[:ro]` or `container:NAME[:ro]` as the engine is told.
    pub(super) fn from(&self, from: &str) -> String {
        if let Some(container) = from.strip_prefix("container:") {
            return container.to_owned();
        }
        // Compose does not hand the mode on.
        self.container_of(from.split(':').next().unwrap_or_default())
    }

    pub(super) fn network(&self, name: &str, service: &Value) -> (String, Option<NetworkingConfig>) {
        if let Some(mode) = spoken(service, "network_mode") {
            return (self.joined(&mode), None);
        }
        let known = self.model.get("networks").and_then(Value::as_object);
        if known.is_none_or(Map::is_empty) {
            return ("none".to_owned(), None);
        }
        let full =
            |key: &str| known.and_then(|known| known.get(key)).map(|network| text(network, "name")).unwrap_or_default();
        let mut keys: Vec<(&String, &Value)> = entries(service, "networks").collect();
        keys.put_in_order_by_key(|(key, network)| (std::cmp::Reverse(number(network, "priority")), (*key).clone()));
        let first = keys.first().map_or_else(|| "default".to_owned(), |(key, _)| (*key).clone());
        let endpoints = keys.iter().map(|(key, network)| {
            let mut aliases = vec![self.container_of(name), name.to_owned()];
            aliases.extend(texts(network, "aliases"));
            (full(key), EndpointSettings { aliases: Some(aliases), ..EndpointSettings::default() })
        });
        let endpoints: HashMap<String, EndpointSettings> = endpoints.collect();
        (full(&first), Some(NetworkingConfig { endpoints_config: Some(endpoints) }))
    }

    /// Plain mounts go as `Binds`, those with options of the newer form as `Mounts`.
    pub(super) fn mounts(&mut self, name: &str, service: &Value, parts: &mut Parts) -> (Vec<String>, Vec<Mount>) {
        let mut binds = Vec::new();
        // One for each target; the last one counts.
        let mut mounts: BTreeMap<String, (Mount, Origins)> = BTreeMap::new();
        for volume in list(service, "volumes") {
            let (kind, source, target) = (text(volume, "type"), text(volume, "source"), text(volume, "target"));
            let shown = Value::String(source.clone());
            let origins = self.at(name, &[PathStep::Key("volumes"), PathStep::Item(&target)], Some(&shown));
            let known = self.model["volumes"].get(&source);
            let full = match (kind.as_str(), known) {
                ("volume", Some(volume)) => spoken(volume, "name").unwrap_or_else(|| source.clone()),
                _ => source.clone(),
            };
            let bind = volume.get("bind").filter(|bind| bind.is_object());
            let options = volume.get("volume").filter(|options| options.is_object());
            let plain = match kind.as_str() {
                "bind" => bind.is_none_or(|bind| {
                    on(bind, "create_host_path")
                        && spoken(bind, "propagation").is_none()
                        && spoken(bind, "recursive").is_none()
                }),
                "volume" => {
                    known.is_some()
                        && options.is_none_or(|options| {
                            !on(options, "nocopy")
                                && spoken(options, "subpath").is_none()
                                && options.get("labels").is_none()
                        })
                }
                _ => false,
            };
            if plain {
                let mut mode = if on(volume, "read_only") { "ro".to_owned() } else { "rw".to_owned() };
                if let Some(label) = bind.and_then(|bind| spoken(bind, "selinux")) {
                    mode = format!("{mode},{label}");
                }
                let bind = format!("{full}:{target}:{mode}");
                parts.push((format!("Binds/{bind}"), origins));
                binds.push(bind);
                continue;
            }
            let mount = Mount {
                typ: kind.parse::<MountType>().ok(),
                source: Some(full).filter(|source| !source.is_empty()),
                target: Some(target.clone()),
                read_only: on(volume, "read_only").then_some(true),
                bind_options: bind.filter(|_| kind == "bind").map(|bind| MountBindOptions {
                    propagation: text(bind, "propagation").parse::<MountBindOptionsPropagationEnum>().ok(),
                    create_mountpoint: on(bind, "create_host_path").then_some(true),
                    ..MountBindOptions::default()
                }),
                volume_options: options.filter(|_| kind == "volume").map(|options| MountVolumeOptions {
                    no_copy: on(options, "nocopy").then_some(true),
                    subpath: spoken(options, "subpath"),
                    labels: Some(map_of(options, "labels")).filter(|labels| !labels.is_empty()),
                    ..MountVolumeOptions::default()
                }),
                tmpfs_options: volume.get("tmpfs").filter(|_| kind == "tmpfs").map(|options| MountTmpfsOptions {
                    size_bytes: Some(number(options, "size")).filter(|size| *size > 0),
                    mode: Some(number(options, "mode")).filter(|mode| *mode > 0),
                    options: None,
                }),
                ..Mount::default()
            };
            mounts.insert(target, (mount, origins));
        }
        for (key, folder) in [("secrets", "/run/secrets/"), ("configs", "/")] {
            for used in list(service, key) {
                let (source, given) = (text(used, "source"), text(used, "target"));
                let defined = field(field(self.model, key), &source);
                let Some(file) = spoken(defined, "file") else { continue };
                let target = match given.as_str() {
                    "" => format!("{folder}{source}"),
                    given if given.starts_with('/') => given.to_owned(),
                    given => format!("{folder}{given}"),
                };
                let place =
                    self.sources.find(&[PathStep::Key(key), PathStep::Key(&source), PathStep::Key("file")], self.host);
                let origins = self.point(place);
                let mount = Mount {
                    typ: Some(MountType::BIND),
                    source: Some(file),
                    target: Some(target.clone()),
                    read_only: Some(true),
                    bind_options: (key == "secrets").then(MountBindOptions::default),
                    ..Mount::default()
                };
                mounts.entry(target).or_insert((mount, origins));
            }
        }
        let mut out = Vec::new();
        for (mount, origins) in mounts.into_values() {
            parts.push((format!("Mounts/{}", out.len()), origins));
            out.push(mount);
        }
        (binds, out)
    }
}

fn tmpfs(service: &Value) -> HashMap<String, String> {
    let split = |text: String| match text.split_once(':') {
        Some((target, options)) => (target.to_owned(), options.to_owned()),
        None => (text, String::new()),
    };
    texts(service, "tmpfs").into_iter().map(split).collect()
}

fn ulimits(service: &Value) -> Vec<ResourcesUlimits> {
    entries(service, "ulimits")
        .map(|(name, limit)| {
            let single = limit.as_i64().unwrap_or(0);
            let of = |key: &str| limit.get(key).and_then(Value::as_i64).unwrap_or(single);
            ResourcesUlimits { name: Some(name.clone()), soft: Some(of("soft")), hard: Some(of("hard")) }
        })
        .collect()
}

fn restart(service: &Value) -> Option<RestartPolicy> {
    let policy = |condition: &str, attempts: i64| RestartPolicy {
        name: match condition {
            "none" | "no" => Some(RestartPolicyNameEnum::NO),
            "on-failure" => Some(RestartPolicyNameEnum::ON_FAILURE),
            "unless-stopped" => Some(RestartPolicyNameEnum::UNLESS_STOPPED),
            "any" | "always" => Some(RestartPolicyNameEnum::ALWAYS),
            _ => None,
        },
        maximum_retry_count: Some(attempts),
    };
    if let Some(deploy) = service["deploy"].get("restart_policy").filter(|it| it.is_object()) {
        return Some(policy(&text(deploy, "condition"), number(deploy, "max_attempts")));
    }
    let restart = spoken(service, "restart")?;
    let (condition, attempts) = restart.split_once(':').unwrap_or((&restart, ""));
    Some(policy(condition, attempts.parse().unwrap_or(0)))
}
