//! One description of a container that would run, whichever request creates it: `POST /containers/create`, a service's
//! template, or the flags of `compose run`. Rules read this, never the arguments.

use crate::order::PutInOrder as _;
use std::collections::HashMap;

use bollard_stubs::models::{ContainerCreateBody, HostConfig, Mount as ApiMount, ServiceSpec};

use super::{Body, Origins, Request};
use crate::grammar::values::{self, Published, VolumeSpec};

/// The kinds of mounts that rules tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// A path of the host.
    Bind,
    /// A volume of the engine.
    Volume,
    /// Anything else, such as tmpfs.
    Other,
}

/// Something of the host or the engine that the container gets at a path.
#[derive(Clone, Debug)]
pub struct Mounted {
    /// Its kind.
    pub kind: MountKind,
    /// The host's path or the volume's name; empty for an anonymous volume.
    pub source: String,
    /// The path in the container.
    pub target: String,
    /// Whether the container may only read it.
    pub read_only: bool,
    /// A path of the host that is not there is made as an empty folder; without this the engine refuses the container.
    pub makes_source: bool,
    /// The volume's driver, where one is named.
    pub driver: String,
    /// A local volume that is really a mount of this device or path.
    pub device: Option<String>,
    /// Where it comes from.
    pub origins: Origins,
}

impl Mounted {
    /// The path of the host behind it, where there is one.
    pub fn host_path(&self) -> Option<&str> {
        match self.kind {
            MountKind::Bind => Some(&self.source),
            _ => self.device.as_deref(),
        }
    }

    /// The name of the volume behind it; None where it has none, or is a part of the host.
    pub fn volume(&self) -> Option<&str> {
        let is_one = self.kind == MountKind::Volume && self.device.is_none() && !self.source.is_empty();
        is_one.then_some(self.source.as_str())
    }
}

/// Ports of the container that the host passes on.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenPorts {
    /// The address of the host; empty for all of them.
    pub address: String,
    /// The container's ports: `80/tcp`, `8000-8010/udp`.
    pub name: String,
    /// How many ports these are.
    pub count: usize,
    /// As a flag says it; None for one port binding of a request's body.
    pub published: Option<Published>,
    /// Where they come from.
    pub origins: Origins,
}

impl OpenPorts {
    /// The ports of one `-p`.
    pub fn of(published: &Published, origins: Origins) -> OpenPorts {
        OpenPorts {
            address: published.host_ip.clone(),
            name: published.name(),
            count: published.count(),
            published: Some(published.clone()),
            origins,
        }
    }
}

/// What a container says about its log.
#[derive(Clone, Debug, Default)]
pub struct Logging {
    /// The driver; empty where none is named.
    pub driver: String,
    /// Some option is set, and what sets it.
    pub has_options: bool,
    /// The size of a file is limited.
    pub limited: bool,
    /// What sets the driver or an option.
    pub origins: Origins,
}

/// A container that would run.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// Only what is added to a container described elsewhere: what is missing is not known to be missing.
    pub partial: bool,
    /// A swarm service's template.
    pub service: bool,
    /// The image's name or id.
    pub image: Option<String>,
    /// What names the image.
    pub image_origins: Origins,
    /// The platform that was asked for.
    pub platform: Option<String>,
    /// None where nothing was said.
    pub user: Option<String>,
    /// What sets the user.
    pub user_origins: Origins,
    /// What is mounted.
    pub mounts: Vec<Mounted>,
    /// Paths with a temporary file system.
    pub tmpfs: Vec<String>,
    /// What gives it all privileges, if something does.
    pub privileged: Option<Origins>,
    /// Added capabilities.
    pub cap_add: Vec<(String, Origins)>,
    /// `SecurityOpt`, each entry.
    pub security: Vec<(String, Origins)>,
    /// What uncovers the masked paths of `/proc`, if something does.
    pub open_paths: Option<Origins>,
    /// Devices of the host, by their path there.
    pub devices: Vec<(String, Origins)>,
    /// Rules of the device cgroup.
    pub device_rules: Vec<(String, Origins)>,
    /// Bytes; 0 for no limit.
    pub memory: i64,
    /// What sets `memory`.
    pub memory_origins: Origins,
    /// Bytes of memory and swap together; 0 where nothing was said, -1 for no limit.
    pub memory_swap: i64,
    /// What sets `memory_swap`.
    pub memory_swap_origins: Origins,
    /// The most processes; 0 or less for no limit.
    pub pids_limit: i64,
    /// What sets `pids_limit`.
    pub pids_origins: Origins,
    /// What keeps the kernel from killing it, if something does.
    pub oom_kill_disable: Option<Origins>,
    /// What is added to its score for the kernel's killer; the lowest are killed last.
    pub oom_score_adj: i64,
    /// What sets `oom_score_adj`.
    pub oom_score_origins: Origins,
    /// Whether an init process stands in front; None where nothing was said.
    pub init: Option<bool>,
    /// The entry point, where the command sets one.
    pub entrypoint: Option<Vec<String>>,
    /// The command; empty for the image's.
    pub command: Vec<String>,
    /// What sets the command.
    pub command_origins: Origins,
    /// Variables: name, value, and what sets them.
    pub env: Vec<(String, String, Origins)>,
    /// Ports that the host passes on.
    pub ports: Vec<OpenPorts>,
    /// What publishes all exposed ports, if something does.
    pub publish_all: Option<Origins>,
    /// `NetworkMode`: `host`, `container:NAME`, a network's name; empty for the default.
    pub network_mode: String,
    /// What sets the network.
    pub network_origins: Origins,
    /// Mode (`pid`, `ipc`, …), value and words.
    pub namespaces: Vec<(&'static str, String, Origins)>,
    /// Containers whose volumes it gets.
    pub volumes_from: Vec<(String, Origins)>,
    /// The OCI runtime, where one is named.
    pub runtime: Option<(String, Origins)>,
    /// Settings of the kernel, by name.
    pub sysctls: Vec<(String, Origins)>,
    /// The cgroup that it is put into, where one is named.
    pub cgroup_parent: Option<(String, Origins)>,
    /// Where its output is logged.
    pub log: Logging,
    /// The driver of its volumes, where one is named.
    pub volume_driver: Option<(String, Origins)>,
    /// `AutoRemove`: the engine removes it when it ends.
    pub auto_remove: bool,
    /// Whether the command does not wait for it.
    pub detached: bool,
    /// The words of the command as a whole.
    pub origins: Origins,
}

impl Workload {
    /// The container that a request would create, if it creates one.
    pub fn of(request: &Request) -> Option<Workload> {
        match &request.body {
            Body::Container(body) => Some(container(request, body)),
            Body::Service(body) => Some(service(request, body)),
            _ => None,
        }
    }

    /// Adds `NAME=value`.
    pub fn add_env(&mut self, text: &str, origins: Origins) {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        self.env.push((key.to_owned(), value.to_owned(), origins));
    }

    /// Adds what `-v` says; relative paths are of this directory.
    pub fn add_bind(&mut self, spec: &VolumeSpec, directory: &str, origins: Origins) {
        let source = match (spec.bind, spec.source.starts_with('.')) {
            (true, true) => {
                values::bind_source(&format!("{}:", spec.source), directory).trim_end_matches(':').to_owned()
            }
            _ => spec.source.clone(),
        };
        self.mounts.push(Mounted {
            kind: if spec.bind { MountKind::Bind } else { MountKind::Volume },
            source,
            target: spec.target.clone(),
            read_only: spec.read_only,
            makes_source: spec.bind,
            driver: String::new(),
            device: None,
            origins,
        });
    }

    /// Adds a mount of a request's body.
    pub fn add_mount(&mut self, mount: &ApiMount, origins: Origins) {
        let kind = match mount.typ.map(|kind| kind.to_string()).unwrap_or_default().as_str() {
            "bind" => MountKind::Bind,
            "volume" => MountKind::Volume,
            _ => MountKind::Other,
        };
        let driver = mount.volume_options.as_ref().and_then(|options| options.driver_config.as_ref());
        let options = driver.and_then(|driver| driver.options.as_ref());
        let driver = driver.and_then(|driver| driver.name.clone()).unwrap_or_default();
        let mut paths = options.map(|options| host_paths_of(&driver, options)).unwrap_or_default().into_iter();
        let first = Mounted {
            kind,
            source: mount.source.clone().unwrap_or_default(),
            target: mount.target.clone().unwrap_or_default(),
            read_only: mount.read_only == Some(true),
            makes_source: mount.bind_options.as_ref().is_some_and(|options| options.create_mountpoint == Some(true)),
            driver,
            device: paths.next(),
            origins,
        };
        // Several folders of the host behind one mount.
        let others = paths.map(|path| Mounted { device: Some(path), ..first.clone() });
        let others: Vec<Mounted> = others.collect();
        self.mounts.push(first);
        self.mounts.extend(others);
    }

    /// Whether it sees the processes of the host or of another container, or may.
    pub fn sees_processes(&self) -> bool {
        self.partial || self.namespaces.iter().any(|(what, mode, _)| *what == "pid" && mode != "private")
    }

    /// Whether it has a network namespace of its own: not the host's, not another container's.
    pub fn has_own_network(&self) -> bool {
        !self.partial && self.network_mode != "host" && !self.network_mode.starts_with("container:")
    }

    /// Whether it goes away with the command that starts it.
    pub fn goes_with_its_command(&self) -> bool {
        self.auto_remove && !self.detached
    }
}

/// The paths of the host that lie behind a volume of the local driver, which hands its options to mount(2): a device or a folder, the folders that an
/// overlay joins, the place where the kernel's own file systems are mounted. What kind of file system it is may not be known: then it is the whole host.
pub fn host_paths_of(driver: &str, options: &HashMap<String, String>) -> Vec<String> {
    let option = |name: &str| options.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let (device, more) = (option("device"), option("o").unwrap_or_default());
    // The engine's own folder is the root.
    let at_root = |path: &str| if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let fixed = |path: &str| vec![path.to_owned()];
    if !matches!(driver, "" | "local") {
        // What the options of another driver mean is its own affair (`volume-driver`), but a path is one.
        return device.filter(|device| device.starts_with('/')).map(fixed).unwrap_or_default();
    }
    // Where a folder is bound, the kernel takes no notice of the type (mount(2), MS_BIND).
    if let Some(device) = device.filter(|_| more.split(',').any(|flag| matches!(flag.trim(), "bind" | "rbind"))) {
        return fixed(&at_root(device));
    }
    match (option("type").map(str::to_lowercase).as_deref(), device) {
        // Nothing is mounted without a type or a device.
        (None, None) => Vec::new(),
        // An export of another machine or a tmpfs is no part of this host.
        (Some("tmpfs" | "ramfs" | "nfs" | "nfs4" | "cifs" | "smb3" | "smbfs" | "ceph" | "glusterfs"), _) => Vec::new(),
        (Some("overlay" | "overlayfs" | "aufs"), _) => {
            let folders = more.split(',').filter_map(|part| part.split_once('=')).flat_map(|(name, value)| {
                let is_folder = matches!(
                    name.trim(),
                    "lowerdir" | "lowerdir+" | "datadir+" | "upperdir" | "workdir" | "br" | "dirs"
                );
                value.split(':').filter(move |path| is_folder && !path.is_empty())
            });
            let folders: Vec<String> = folders.map(at_root).collect();
            if folders.is_empty() { fixed("/") } else { folders }
        }
        (Some("proc"), _) => fixed("/proc"),
        (Some("devtmpfs" | "devpts"), _) => fixed("/dev"),
        (
            Some(
                "sysfs" | "cgroup" | "cgroup2" | "bpf" | "debugfs" | "tracefs" | "securityfs" | "configfs" | "efivarfs",
            ),
            _,
        ) => fixed("/sys"),
        (kind, Some(device)) if device.starts_with('/') || matches!(kind, None | Some("none" | "bind")) => {
            fixed(&at_root(device))
        }
        // A label, a number or a name of a disk, or a kind of file system that nothing is known of.
        _ => fixed("/"),
    }
}

fn container(request: &Request, body: &ContainerCreateBody) -> Workload {
    let empty = HostConfig::default();
    let host = body.host_config.as_ref().unwrap_or(&empty);
    let origins = |part: &str| request.origins_of(part);
    let named = |part: String| request.origins_of(&part);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let spoken = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let mut workload = Workload {
        image: body.image.clone(),
        image_origins: origins("Image"),
        platform: request.value("platform").map(str::to_owned),
        user: spoken(&body.user),
        user_origins: origins("User"),
        tmpfs: host.tmpfs.iter().flatten().map(|(target, _)| target.clone()).collect(),
        privileged: (host.privileged == Some(true)).then(|| origins("Privileged")),
        cap_add: list(&host.cap_add).map(|name| (name.clone(), named(format!("CapAdd/{name}")))).collect(),
        security: list(&host.security_opt).map(|text| (text.clone(), named(format!("SecurityOpt/{text}")))).collect(),
        open_paths: host.masked_paths.as_ref().map(|_| origins("MaskedPaths")),
        devices: host
            .devices
            .iter()
            .flatten()
            .enumerate()
            .map(|(at, device)| (text(&device.path_on_host), named(format!("Devices/{at}"))))
            .collect(),
        device_rules: list(&host.device_cgroup_rules)
            .enumerate()
            .map(|(at, rule)| (rule.clone(), named(format!("DeviceCgroupRules/{at}"))))
            .collect(),
        memory: host.memory.unwrap_or(0),
        memory_origins: origins("Memory"),
        memory_swap: host.memory_swap.unwrap_or(0),
        memory_swap_origins: origins("MemorySwap"),
        pids_limit: host.pids_limit.unwrap_or(0),
        pids_origins: origins("PidsLimit"),
        oom_kill_disable: (host.oom_kill_disable == Some(true)).then(|| origins("OomKillDisable")),
        oom_score_adj: host.oom_score_adj.unwrap_or(0),
        oom_score_origins: origins("OomScoreAdj"),
        init: host.init,
        entrypoint: body.entrypoint.clone(),
        command: body.cmd.clone().unwrap_or_default(),
        command_origins: origins("Cmd"),
        publish_all: (host.publish_all_ports == Some(true)).then(|| origins("PublishAllPorts")),
        network_mode: text(&host.network_mode),
        network_origins: origins("NetworkMode"),
        namespaces: [
            ("pid", &host.pid_mode, "PidMode"),
            ("ipc", &host.ipc_mode, "IpcMode"),
            ("uts", &host.uts_mode, "UTSMode"),
            ("userns", &host.userns_mode, "UsernsMode"),
            ("cgroupns", &host.cgroupns_mode.map(|mode| mode.to_string()), "CgroupnsMode"),
        ]
        .into_iter()
        .filter_map(|(name, mode, part)| spoken(mode).map(|mode| (name, mode, origins(part))))
        .collect(),
        volumes_from: list(&host.volumes_from)
            .map(|name| (name.clone(), named(format!("VolumesFrom/{name}"))))
            .collect(),
        runtime: spoken(&host.runtime).map(|name| (name, origins("Runtime"))),
        log: logging(host, origins("LogConfig")),
        sysctls: host.sysctls.iter().flatten().map(|(key, _)| (key.clone(), named(format!("Sysctls/{key}")))).collect(),
        cgroup_parent: spoken(&host.cgroup_parent).map(|name| (name, origins("CgroupParent"))),
        volume_driver: spoken(&host.volume_driver).map(|name| (name, origins("VolumeDriver"))),
        auto_remove: host.auto_remove == Some(true),
        detached: ![body.attach_stdin, body.attach_stdout, body.attach_stderr].contains(&Some(true)),
        origins: request.origins.clone(),
        ..Workload::default()
    };
    workload.sysctls.put_in_order_by(|one, other| one.0.cmp(&other.0));
    for bind in list(&host.binds) {
        if let Ok(spec) = values::volume(bind) {
            workload.add_bind(&spec, "/", named(format!("Binds/{bind}")));
        }
    }
    for volume in list(&body.volumes) {
        let spec = VolumeSpec { target: volume.clone(), ..VolumeSpec::default() };
        workload.add_bind(&spec, "/", named(format!("Volumes/{volume}")));
    }
    for (at, mount) in host.mounts.iter().flatten().enumerate() {
        workload.add_mount(mount, named(format!("Mounts/{at}")));
    }
    for line in list(&body.env) {
        let key = line.split('=').next().unwrap_or_default();
        workload.add_env(line, named(format!("Env/{key}")));
    }
    workload
        .ports
        .extend(request.ports.published.iter().map(|(published, origins)| OpenPorts::of(published, origins.clone())));
    let mut ports: Vec<(&String, &Option<Vec<_>>)> = host.port_bindings.iter().flatten().collect();
    ports.put_in_order_by_key(|(port, _)| port.as_str());
    for (port, bindings) in ports {
        for binding in bindings.iter().flatten() {
            workload.ports.push(OpenPorts {
                address: text(&binding.host_ip),
                name: port.clone(),
                count: 1,
                published: None,
                origins: named(format!("PortBindings/{port}")),
            });
        }
    }
    workload
}

fn logging(host: &HostConfig, origins: Origins) -> Logging {
    let Some(config) = &host.log_config else { return Logging { origins, ..Logging::default() } };
    let options = config.config.iter().flatten();
    let is_limit = |(name, value): (&String, &String)| name == "max-size" && !matches!(value.as_str(), "" | "-1");
    Logging {
        driver: config.typ.clone().unwrap_or_default(),
        has_options: options.clone().next().is_some(),
        limited: options.clone().any(is_limit),
        origins,
    }
}

fn list(list: &Option<Vec<String>>) -> impl Iterator<Item = &String> {
    list.iter().flatten()
}

fn service(request: &Request, body: &ServiceSpec) -> Workload {
    let origins = |part: &str| request.origins_of(part);
    let mut workload =
        Workload { service: true, detached: true, origins: request.origins.clone(), ..Workload::default() };
    let Some(task) = &body.task_template else { return workload };
    let networks = task.networks.iter().chain(&body.networks).flatten();
    if networks.into_iter().any(|network| network.target.as_deref() == Some("host")) {
        workload.network_mode = "host".to_owned();
        workload.network_origins = origins("NetworkMode");
    }
    let limits = task.resources.as_ref().and_then(|resources| resources.limits.as_ref());
    workload.memory = limits.and_then(|limits| limits.memory_bytes).unwrap_or(0);
    let Some(container) = &task.container_spec else { return workload };
    workload.image.clone_from(&container.image);
    workload.image_origins = origins("Image");
    workload.user = container.user.clone().filter(|user| !user.is_empty());
    workload.user_origins = origins("User");
    // Swarm's `--init=false` is the default, not a choice.
    workload.init = container.init.filter(|init| *init);
    workload.entrypoint.clone_from(&container.command);
    workload.command = container.args.clone().unwrap_or_default();
    workload.command_origins = origins("Cmd");
    for name in list(&container.capability_add) {
        workload.cap_add.push((name.clone(), origins(&format!("CapAdd/{name}"))));
    }
    for (at, mount) in container.mounts.iter().flatten().enumerate() {
        workload.add_mount(mount, origins(&format!("Mounts/{at}")));
    }
    for line in list(&container.env) {
        let key = line.split('=').next().unwrap_or_default();
        workload.add_env(line, origins(&format!("Env/{key}")));
    }
    workload
}
