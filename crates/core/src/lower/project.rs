//! What compose would ask of the engine for its model: docker/compose `pkg/compose/create.go`, in the API's own fields.
//! The model is compose's own reading of the files; where each part stands in them is looked for to point at it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use bollard_stubs::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, EndpointSettings, ExecConfig, HostConfig,
    HostConfigCgroupnsModeEnum, HostConfigIsolationEnum, HostConfigLogConfig, Mount, MountBindOptions,
    MountBindOptionsPropagationEnum, MountTmpfsOptions, MountType, MountVolumeOptions, NetworkCreateRequest,
    NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum, VolumeCreateRequest,
};
use serde_json::{Map, Value};

use super::build::Said;
use super::fields::FIELDS;
use super::{Body, Build, Deed, Effect, PLACES, Parts, Request, Runs, Words, create};
use crate::files::context::Sender;
use crate::files::dockerfile::Given;
use crate::files::text::Place;
use crate::host::Host;
use crate::lower::sources::{PathStep, Sources};

/// Which containers are wanted of the model.
#[derive(Clone, Debug, Default)]
pub struct WantedServices {
    /// Empty for all.
    pub services: Vec<String>,
    pub dependencies: bool,
    /// `--scale web=3`.
    pub scale: HashMap<String, usize>,
    pub builds: Builds,
    /// Containers are made, not only built for.
    pub creates: bool,
    pub watches: bool,
    /// `run`: the service whose container is described by the words as well.
    pub run: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Builds {
    /// What is not there yet.
    #[default]
    Missing,
    Always,
    Never,
}

/// Effects, and the places that they point at.
pub struct ProjectLowering<'a> {
    pub model: &'a Value,
    pub sources: &'a Sources,
    pub host: &'a dyn Host,
    /// Whether the engine has an image.
    pub has_image: &'a dyn Fn(&str) -> bool,
    pub effects: Vec<Effect>,
    pub places: Vec<Place>,
    /// The words of the command, where a place cannot be found.
    pub words: Words,
}

/// More containers of one service are not told apart.
const MOST_REPLICAS: usize = 1000;

fn text(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => String::new(),
    }
}

fn spoken(value: &Value, key: &str) -> Option<String> {
    Some(text(value, key)).filter(|text| !text.is_empty())
}

/// A number, which compose writes as one or as a text.
fn number(value: &Value, key: &str) -> i64 {
    match value.get(key) {
        Some(Value::Number(number)) => {
            number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)).unwrap_or(0)
        }
        Some(Value::String(text)) => text.parse().unwrap_or(0),
        _ => 0,
    }
}

fn decimal(value: &Value, key: &str) -> f64 {
    match value.get(key) {
        Some(Value::Number(number)) => number.as_f64().unwrap_or(0.0),
        Some(Value::String(text)) => text.parse().unwrap_or(0.0),
        _ => 0.0,
    }
}

fn on(value: &Value, key: &str) -> bool {
    value.get(key).and_then(Value::as_bool).unwrap_or(false)
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    match value.get(key) {
        Some(Value::String(one)) => vec![one.clone()],
        _ => list(value, key).filter_map(Value::as_str).map(str::to_owned).collect(),
    }
}

fn entries<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

fn map_of(value: &Value, key: &str) -> HashMap<String, String> {
    entries(value, key).map(|(name, _)| (name.clone(), text(&value[key], name))).collect()
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

impl<'a> ProjectLowering<'a> {
    pub fn new(
        model: &'a Value,
        sources: &'a Sources,
        host: &'a dyn Host,
        has_image: &'a dyn Fn(&str) -> bool,
        words: &Words,
    ) -> Self {
        ProjectLowering {
            model,
            sources,
            host,
            has_image,
            effects: Vec::new(),
            places: Vec::new(),
            words: words.clone(),
        }
    }

    pub fn name(&self) -> String {
        text(self.model, "name")
    }

    fn service(&self, name: &str) -> Option<&Value> {
        self.model.get("services")?.get(name)
    }

    /// The services that are wanted, with what they depend on.
    pub fn chosen(&self, wanted: &WantedServices) -> Vec<String> {
        let all: Vec<String> = entries(self.model, "services").map(|(name, _)| name.clone()).collect();
        if wanted.services.is_empty() {
            return all;
        }
        let mut chosen: Vec<String> = all.iter().filter(|name| wanted.services.contains(name)).cloned().collect();
        let mut at = 0;
        while wanted.dependencies && at < chosen.len() {
            let service = self.service(&chosen[at]).cloned().unwrap_or_default();
            for (name, _) in entries(&service, "depends_on") {
                if all.contains(name) && !chosen.contains(name) {
                    chosen.push(name.clone());
                }
            }
            at += 1;
        }
        chosen.sort();
        chosen
    }

    fn point(&mut self, place: Option<Place>) -> Words {
        let Some(place) = place else { return self.words.clone() };
        let at = self.places.iter().position(|known| *known == place).unwrap_or_else(|| {
            self.places.push(place);
            self.places.len() - 1
        });
        vec![PLACES + at]
    }

    fn at(&mut self, service: &str, path: &[PathStep], value: Option<&Value>) -> Words {
        let place = self.sources.of_service(service, path, value, self.host);
        self.point(place)
    }

    /// The part of a service, where the files say it; nothing where they do not.
    fn at_said(&mut self, service: &str, path: &[PathStep], value: Option<&Value>) -> Option<Words> {
        let place = self.sources.of_service(service, path, value, self.host)?;
        Some(self.point(Some(place)))
    }

    /// Everything that the command would do with the model.
    pub fn lower(&mut self, wanted: &WantedServices) {
        for (address, place) in self.sources.remote() {
            let words = self.point(Some(place));
            self.effects.push(Effect::Does { deed: Deed::RemoteContext(address), words });
        }
        let chosen = self.chosen(wanted);
        if wanted.creates {
            self.networks(&chosen);
            self.volumes(&chosen);
        }
        for name in &chosen {
            let Some(service) = self.service(name).cloned() else { continue };
            self.build(name, &service, wanted);
            for (path, place) in self.sources.env_files(name, self.host) {
                let words = self.point(Some(place));
                self.effects.push(Effect::ReadsFile { path, words });
            }
            if wanted.creates && service.get("models").is_some_and(|models| !models.is_null()) {
                let words = self.at(name, &[PathStep::Key("models")], None);
                self.effects.push(Effect::Runs(Runs { program: "docker-model".to_owned(), words, known: true }));
            }
            if wanted.creates {
                self.containers(name, &service, wanted);
            }
            if wanted.watches {
                for rule in list(&service["develop"], "watch") {
                    let path = text(rule, "path");
                    let words = self.at(
                        name,
                        &[PathStep::Key("develop"), PathStep::Key("watch"), PathStep::Item(&text(rule, "target"))],
                        None,
                    );
                    self.effects.push(Effect::ReadsFile { path, words });
                }
            }
        }
    }

    fn networks(&mut self, chosen: &[String]) {
        let mut used: BTreeSet<String> = BTreeSet::new();
        for name in chosen {
            used.extend(
                self.service(name)
                    .into_iter()
                    .flat_map(|service| entries(service, "networks"))
                    .map(|(name, _)| name.clone()),
            );
        }
        let networks: Vec<(String, Value)> =
            entries(self.model, "networks").map(|(name, network)| (name.clone(), network.clone())).collect();
        for (key, network) in
            networks.into_iter().filter(|(key, network)| used.contains(key) && !on(network, "external"))
        {
            let place = self.sources.find(&[PathStep::Key("networks"), PathStep::Key(&key)], self.host);
            let words = self.point(place);
            let body = NetworkCreateRequest {
                name: text(&network, "name"),
                driver: spoken(&network, "driver"),
                internal: network.get("internal").and_then(Value::as_bool),
                attachable: network.get("attachable").and_then(Value::as_bool),
                options: Some(map_of(&network, "driver_opts")).filter(|options| !options.is_empty()),
                labels: Some(self.labels(&network, &[("com.docker.compose.network", &key)])),
                ..NetworkCreateRequest::default()
            };
            let request = Request::new("POST", "/networks/create", words).body(Body::Network(Box::new(body)));
            self.effects.push(Effect::Request(request));
        }
    }

    fn labels(&self, of: &Value, more: &[(&str, &str)]) -> HashMap<String, String> {
        let mut labels = map_of(of, "labels");
        labels.insert("com.docker.compose.project".to_owned(), self.name());
        labels.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        labels
    }

    fn volumes(&mut self, chosen: &[String]) {
        let mut used: BTreeSet<String> = BTreeSet::new();
        for service in chosen.iter().filter_map(|name| self.service(name)) {
            used.extend(
                list(service, "volumes")
                    .filter(|volume| text(volume, "type") == "volume")
                    .map(|volume| text(volume, "source")),
            );
        }
        let volumes: Vec<(String, Value)> =
            entries(self.model, "volumes").map(|(name, volume)| (name.clone(), volume.clone())).collect();
        for (key, volume) in volumes.into_iter().filter(|(key, volume)| used.contains(key) && !on(volume, "external")) {
            let place = self.sources.find(&[PathStep::Key("volumes"), PathStep::Key(&key)], self.host);
            let words = self.point(place);
            let mut request = Request::new("POST", "/volumes/create", words);
            for (part, step) in [("DriverOpts", "device"), ("Driver", "driver")] {
                let path: &[PathStep] = match part {
                    "Driver" => &[PathStep::Key("volumes"), PathStep::Key(&key), PathStep::Key(step)],
                    _ => &[
                        PathStep::Key("volumes"),
                        PathStep::Key(&key),
                        PathStep::Key("driver_opts"),
                        PathStep::Item(step),
                    ],
                };
                if let Some(place) = self.sources.find(path, self.host) {
                    let words = self.point(Some(place));
                    request = request.part(part, words);
                }
            }
            let body = VolumeCreateRequest {
                name: spoken(&volume, "name"),
                driver: spoken(&volume, "driver"),
                driver_opts: Some(map_of(&volume, "driver_opts")).filter(|options| !options.is_empty()),
                labels: Some(self.labels(&volume, &[("com.docker.compose.volume", &key)])),
                ..VolumeCreateRequest::default()
            };
            self.effects.push(Effect::Request(request.body(Body::Volume(Box::new(body)))));
        }
    }

    /// The image's name, which compose makes up where the service only builds.
    fn image(&self, name: &str, service: &Value) -> String {
        spoken(service, "image").unwrap_or_else(|| format!("{}-{name}", self.name()))
    }

    fn build(&mut self, name: &str, service: &Value, wanted: &WantedServices) {
        let Some(build) = service.get("build").filter(|build| build.is_object()) else { return };
        let policy = text(service, "pull_policy");
        let builds = match wanted.builds {
            Builds::Never => false,
            Builds::Always => true,
            Builds::Missing => policy == "build" || !(self.has_image)(&self.image(name, service)),
        };
        if !builds {
            return;
        }
        let words = self.at(name, &[PathStep::Key("build")], None);
        for effect in of_build(self, name, build, words, &[PathStep::Key("build")]) {
            self.effects.push(effect);
        }
    }

    fn containers(&mut self, name: &str, service: &Value, wanted: &WantedServices) {
        if let Some(provider) = service.get("provider").filter(|provider| provider.is_object()) {
            let words = self.at(name, &[PathStep::Key("provider"), PathStep::Key("type")], None);
            self.effects.push(Effect::Runs(Runs { program: text(provider, "type"), words, known: false }));
            return;
        }
        let replicas = match (wanted.scale.get(name), service.get("scale"), service["deploy"].get("replicas")) {
            (Some(scale), _, _) => *scale,
            (None, Some(_), _) => usize::try_from(number(service, "scale")).unwrap_or(1),
            (None, None, Some(_)) => usize::try_from(number(&service["deploy"], "replicas")).unwrap_or(1),
            _ => 1,
        };
        if wanted.run.as_deref() == Some(name) || replicas == 0 {
            return;
        }
        let (mut body, parts) = self.container(name, service);
        let whole = self.at(name, &[], None);
        for number in 1..=replicas.min(MOST_REPLICAS) {
            let container =
                spoken(service, "container_name").unwrap_or_else(|| format!("{}-{name}-{number}", self.name()));
            if let Some(labels) = &mut body.labels {
                labels.insert("com.docker.compose.container-number".to_owned(), number.to_string());
            }
            let mut request = Request::new("POST", "/containers/create", whole.clone()).with("name", container.clone());
            let platform = text(service, "platform");
            request = request.with_if(!platform.is_empty(), "platform", platform);
            request.parts.clone_from(&parts);
            self.effects.push(Effect::Request(request.body(Body::Container(Box::new(body.clone())))));
            if number == 1 {
                self.hooks(name, service, &container);
            }
        }
    }

    /// Commands that compose runs in the container after it starts and before it stops.
    fn hooks(&mut self, name: &str, service: &Value, container: &str) {
        for key in ["post_start", "pre_stop"] {
            for hook in list(service, key) {
                let command = texts(hook, "command");
                let first = command.first().cloned().unwrap_or_default();
                let words = self.at(name, &[PathStep::Key(key), PathStep::Item(&first)], None);
                let privileged = on(hook, "privileged");
                let body = ExecConfig {
                    user: spoken(hook, "user"),
                    privileged: Some(privileged),
                    working_dir: spoken(hook, "working_dir"),
                    cmd: Some(command),
                    ..ExecConfig::default()
                };
                let request = Request::new("POST", format!("/containers/{container}/exec"), words);
                self.effects.push(Effect::Request(request.body(Body::Exec(Box::new(body)))));
            }
        }
    }

    /// The request for the container of `run`, as the file describes it.
    pub fn described(&mut self, name: &str) -> Option<(ContainerCreateBody, Parts)> {
        let service = self.service(name)?.clone();
        Some(self.container(name, &service))
    }

    /// A mode that names another service becomes that service's container.
    fn joined(&self, mode: &str) -> String {
        match mode.strip_prefix("service:") {
            Some(other) => format!("container:{}", self.container_of(other)),
            None => mode.to_owned(),
        }
    }

    fn container_of(&self, service: &str) -> String {
        let named = self.service(service).and_then(|it| spoken(it, "container_name"));
        named.unwrap_or_else(|| format!("{}-{service}-1", self.name()))
    }

    #[allow(clippy::too_many_lines)] // One key after the other: a table in all but form.
    fn container(&mut self, name: &str, service: &Value) -> (ContainerCreateBody, Parts) {
        let mut parts = Parts::default();
        for field in FIELDS.iter().filter(|field| field.single && !field.key.is_empty()) {
            if let Some(words) = self.at_said(name, &[PathStep::Key(field.key)], service.get(field.key)) {
                parts.push((field.name.to_owned(), words));
            }
        }
        // What the memory is limited by may be said in two places.
        let limits = [PathStep::Key("deploy"), PathStep::Key("resources"), PathStep::Key("limits")];
        for (part, key) in [("Memory", "memory"), ("PidsLimit", "pids")] {
            let path = [limits[0], limits[1], limits[2], PathStep::Key(key)];
            if let Some(words) = self.at_said(name, &path, None) {
                parts.push((part.to_owned(), words));
            }
        }
        for (part, key, items) in [
            ("CapAdd", "cap_add", texts(service, "cap_add")),
            ("SecurityOpt", "security_opt", texts(service, "security_opt")),
            ("VolumesFrom", "volumes_from", texts(service, "volumes_from")),
        ] {
            for item in items {
                let words =
                    self.at(name, &[PathStep::Key(key), PathStep::Item(&item)], Some(&Value::String(item.clone())));
                let item = match part {
                    "CapAdd" => create::capability(&item),
                    "VolumesFrom" => self.from(&item),
                    _ => item,
                };
                parts.push((format!("{part}/{item}"), words));
            }
        }
        for (part, key) in [("Sysctls", "sysctls"), ("Env", "environment")] {
            for (entry, value) in entries(service, key) {
                // What `env_file` brings has no place of its own.
                if let Some(words) = self.at_said(name, &[PathStep::Key(key), PathStep::Item(entry)], Some(value)) {
                    parts.push((format!("{part}/{entry}"), words));
                }
            }
        }
        for (at, rule) in texts(service, "device_cgroup_rules").iter().enumerate() {
            let words = self.at(name, &[PathStep::Key("device_cgroup_rules"), PathStep::Item(rule)], None);
            parts.push((format!("DeviceCgroupRules/{at}"), words));
        }
        let (mut devices, mut cdi) = (Vec::new(), Vec::new());
        for device in list(service, "devices") {
            let (source, target) = (text(device, "source"), text(device, "target"));
            if source == target && !source.starts_with('/') && source.contains('=') {
                cdi.push(source);
                continue;
            }
            let words = self.at(
                name,
                &[PathStep::Key("devices"), PathStep::Item(&source)],
                Some(&Value::String(source.clone())),
            );
            parts.push((format!("Devices/{}", devices.len()), words));
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
            let words = self.at_said(name, &[PathStep::Key("ports"), PathStep::Item(&target)], None);
            let words = words.unwrap_or_else(|| self.at(name, &[PathStep::Key("ports")], None));
            parts.push((format!("PortBindings/{key}"), words));
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
            let words = self.at(name, &[PathStep::Key("use_api_socket")], None);
            parts.push((format!("Binds/{bind}"), words));
            binds.push(bind);
        }
        let deploy = &service["deploy"];
        let (limits, reserved) = (&deploy["resources"]["limits"], &deploy["resources"]["reservations"]);
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
            let words = self.at(name, &[PathStep::Key("security_opt"), PathStep::Item("systempaths=unconfined")], None);
            parts.push(("MaskedPaths".to_owned(), words));
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
        let words_of = |key: &str| service.get(key).filter(|value| !value.is_null()).map(|_| texts(service, key));
        let body = ContainerCreateBody {
            hostname: spoken(service, "hostname"),
            domainname: spoken(service, "domainname"),
            user: spoken(service, "user"),
            exposed_ports: some(exposed),
            tty: Some(on(service, "tty")),
            open_stdin: Some(on(service, "stdin_open")),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: words_of("command"),
            image: Some(self.image(name, service)),
            working_dir: spoken(service, "working_dir"),
            entrypoint: words_of("entrypoint"),
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
    fn profile(&self, option: String) -> String {
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
    fn from(&self, from: &str) -> String {
        if let Some(container) = from.strip_prefix("container:") {
            return container.to_owned();
        }
        // Compose does not hand the mode on.
        self.container_of(from.split(':').next().unwrap_or_default())
    }

    fn network(&self, name: &str, service: &Value) -> (String, Option<NetworkingConfig>) {
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
        keys.sort_by_key(|(key, network)| (std::cmp::Reverse(number(network, "priority")), (*key).clone()));
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
    fn mounts(&mut self, name: &str, service: &Value, parts: &mut Parts) -> (Vec<String>, Vec<Mount>) {
        let mut binds = Vec::new();
        // One for each target; the last one counts.
        let mut mounts: BTreeMap<String, (Mount, Words)> = BTreeMap::new();
        for volume in list(service, "volumes") {
            let (kind, source, target) = (text(volume, "type"), text(volume, "source"), text(volume, "target"));
            let shown = Value::String(source.clone());
            let words = self.at(name, &[PathStep::Key("volumes"), PathStep::Item(&target)], Some(&shown));
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
                parts.push((format!("Binds/{bind}"), words));
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
            mounts.insert(target, (mount, words));
        }
        for (key, folder) in [("secrets", "/run/secrets/"), ("configs", "/")] {
            for used in list(service, key) {
                let (source, given) = (text(used, "source"), text(used, "target"));
                let defined = &self.model[key][&source];
                let Some(file) = spoken(defined, "file") else { continue };
                let target = match given.as_str() {
                    "" => format!("{folder}{source}"),
                    given if given.starts_with('/') => given.to_owned(),
                    given => format!("{folder}{given}"),
                };
                let place =
                    self.sources.find(&[PathStep::Key(key), PathStep::Key(&source), PathStep::Key("file")], self.host);
                let words = self.point(place);
                let mount = Mount {
                    typ: Some(MountType::BIND),
                    source: Some(file),
                    target: Some(target.clone()),
                    read_only: Some(true),
                    bind_options: (key == "secrets").then(MountBindOptions::default),
                    ..Mount::default()
                };
                mounts.entry(target).or_insert((mount, words));
            }
        }
        let mut out = Vec::new();
        for (mount, words) in mounts.into_values() {
            parts.push((format!("Mounts/{}", out.len()), words));
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

/// Where the text of an inline Dockerfile stands: behind its key, or for bake behind the target's first line.
fn carrier(project: &ProjectLowering, service: &str, below: &[PathStep], words: &Words) -> Option<Place> {
    let mut path = below.to_vec();
    path.push(PathStep::Key("dockerfile_inline"));
    if let Some(place) = project.sources.of_service(service, &path, None, project.host) {
        return Some(place);
    }
    let target = words.iter().find_map(|at| project.places.get(at.checked_sub(PLACES)?))?;
    let key = "dockerfile-inline";
    let span = match target.text.text[target.span.start..].find(key) {
        Some(at) => target.span.start + at..target.span.start + at + key.len(),
        None => target.span.clone(),
    };
    Some(Place::new(&target.text, span))
}

/// The effects of one `build` section, or of one target of bake, whose keys are the same but for some names.
pub fn of_build(
    project: &mut ProjectLowering,
    service: &str,
    build: &Value,
    words: Words,
    below: &[PathStep],
) -> Vec<Effect> {
    let mut effects = Vec::new();
    let context = text(build, "context");
    let mut at = |key: &str, item: Option<&str>| {
        let mut path = below.to_vec();
        path.push(PathStep::Key(key));
        path.extend(item.map(PathStep::Item));
        let place = project.sources.of_service(service, &path, None, project.host);
        project.point(place)
    };
    if on(build, "privileged") {
        let words = at("privileged", None);
        effects.push(Effect::Does { deed: Deed::BuildEntitlement("security.insecure".to_owned()), words });
    }
    for name in texts(build, "entitlements") {
        let words = at("entitlements", Some(&name));
        effects.push(Effect::Does { deed: Deed::BuildEntitlement(name), words });
    }
    if text(build, "network") == "host" {
        let words = at("network", None);
        effects.push(Effect::Does { deed: Deed::HostNetworkBuild, words });
    }
    let mut arguments: Vec<(String, Option<String>)> = Vec::new();
    for (name, value) in entries(build, "args") {
        let words = at("args", Some(name));
        effects.push(Effect::Does { deed: Deed::BuildArgument(name.clone()), words });
        arguments.push((
            name.clone(),
            value.as_str().map(str::to_owned).or_else(|| (!value.is_null()).then(|| value.to_string())),
        ));
    }
    let mut named = Vec::new();
    for key in ["additional_contexts", "contexts"] {
        for (name, place) in entries(build, key) {
            named.push(name.clone());
            let place = place.as_str().unwrap_or_default();
            if crate::lower::sources::is_remote(place) {
                let words = at(key, Some(name));
                effects.push(Effect::Does { deed: Deed::RemoteContext(place.to_owned()), words });
            }
        }
    }
    if crate::lower::sources::is_remote(&context) {
        let words = at("context", None);
        effects.push(Effect::Does { deed: Deed::RemoteContext(context), words });
        return effects;
    }
    let inline = spoken(build, "dockerfile_inline").or_else(|| spoken(build, "dockerfile-inline"));
    let file = spoken(build, "dockerfile").unwrap_or_else(|| "Dockerfile".to_owned());
    let path = if file.starts_with('/') { file } else { format!("{}/{file}", context.trim_end_matches('/')) };
    let directory = format!("{}/", project.host.directory());
    let shown = path.strip_prefix(&directory).unwrap_or(&path).to_owned();
    let carrier = inline.as_ref().and_then(|_| carrier(project, service, below, &words));
    let given = Given { arguments, target: spoken(build, "target") };
    effects.push(Effect::ReadsFile { path: context.clone(), words: words.clone() });
    let said = Said {
        folder: Some(&context),
        dockerfile: inline.is_none().then_some(shown),
        text: inline.map(String::into_bytes),
        carrier,
        given,
        named,
        sender: Sender::BuildKit,
        words,
    };
    if let Some(read) = Build::read(said, project.host) {
        for (name, place) in ["additional_contexts", "contexts"].iter().flat_map(|key| entries(build, key)) {
            let place = place.as_str().unwrap_or_default();
            if project.host.is_directory(place)
                && let Some(other) = read.from_named(name, place, read.words.clone())
            {
                effects.push(Effect::Builds(Box::new(other)));
            }
        }
        effects.push(Effect::Builds(Box::new(read)));
    }
    effects
}
