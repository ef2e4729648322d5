//! Services: docker/cli `cli/command/service`.

use crate::order::PutInOrder as _;
use std::collections::{HashMap, VecDeque};

use bollard_stubs::models::{
    EndpointPortConfig, EndpointSpec, GenericResourcesInner, GenericResourcesInnerDiscreteResourceSpec, HealthConfig,
    Limit, Mount, NetworkAttachmentConfig, ResourceObject, ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated,
    ServiceSpecModeReplicatedJob, TaskSpec, TaskSpecContainerSpec, TaskSpecContainerSpecDnsConfig,
    TaskSpecContainerSpecIsolationEnum, TaskSpecContainerSpecPrivileges, TaskSpecContainerSpecPrivilegesCredentialSpec,
    TaskSpecLogDriver, TaskSpecPlacement, TaskSpecPlacementPreferences, TaskSpecPlacementSpread, TaskSpecResources,
    TaskSpecRestartPolicy,
};
use serde_json::{Map, Value};

use super::create::{capability, ulimits};
use super::{
    Body, Effect, Effects, Parts, PredictedOperation, Request, Typed, Workload, filled_env, for_each, key_values,
    origins_of, to_map,
};
use crate::grammar::parse::Invocation;
use crate::grammar::values::{self, Attachment};
use crate::host::Host;

/// The label that protects an object; its value is the reason.
pub const PROTECTION_LABEL: &str = "fender.protect";

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    match invocation.canonical() {
        "service create" => create(invocation, host),
        "service update" => update(invocation, host),
        "service scale" => scale(invocation),
        "service rollback" => {
            let path = format!("/services/{}/update", invocation.operand(0));
            let request = Request::new("POST", path, invocation.operands.origins());
            Ok(vec![Effect::Request(request.with("rollback", "previous"))])
        }
        "service rm" => Ok(for_each(invocation, |name, origins| {
            Request::new("DELETE", format!("/services/{}", name.trim()), origins)
        })),
        _ => Ok(Vec::new()),
    }
}

fn scale(invocation: &Invocation) -> Effects {
    if invocation.operands.is_empty() {
        return Err("docker: 'docker service scale' requires at least 1 argument".to_owned());
    }
    let mut effects = Vec::new();
    let mut problem = None;
    for word in &invocation.operands {
        let typed = invocation.arg(*word);
        match typed.split_once('=') {
            Some((name, count)) if !name.is_empty() && !count.is_empty() => {
                let Some(replicas) = count.parse::<u64>().ok().filter(|_| !count.starts_with('+')) else {
                    problem = Some(format!("{name}: invalid replicas value {count}"));
                    continue;
                };
                let request = Request::new("POST", format!("/services/{name}/update"), word.origins());
                effects.push(Effect::Request(request));
                if replicas == 0 {
                    effects.push(Effect::Does { operation: PredictedOperation::ScalesToZero, origins: word.origins() });
                }
            }
            _ => return Err(format!("invalid scale specifier '{typed}'.")),
        }
    }
    match problem {
        Some(problem) if effects.is_empty() => Err(problem),
        _ => Ok(effects),
    }
}

/// The new settings are merged into what the engine has; the parts that the words give are judged by themselves.
fn update(invocation: &Invocation, host: &dyn Host) -> Effects {
    let mut effects = Vec::new();
    let mut workload = Workload { partial: true, ..Workload::default() };
    for set in invocation.all(&["mount-add"]) {
        let mount = values::mount_as_known(&set.value, &host.directory()).map_err(|problem| problem.text)?;
        workload.add_mount(&mount.api, set.origins());
    }
    for set in invocation.all(&["cap-add"]) {
        workload.cap_add.push((capability(set.value.trim()), set.origins()));
    }
    for set in invocation.all(&["env-add"]) {
        workload.add_env(&set.value, set.origins());
    }
    if let Some(set) = invocation.last("user") {
        workload.user = Some(set.value.clone());
        workload.user_origins = set.origins();
    }
    if let Some(set) = invocation.last("image") {
        workload.image = Some(set.value.clone());
        workload.image_origins = set.origins();
    }
    for set in invocation.all(&["network-add"]) {
        if values::attachment(&set.value).is_ok_and(|attachment| attachment.target == "host") {
            workload.network_mode = "host".to_owned();
            workload.network_origins = set.origins();
        }
    }
    effects.push(Effect::Describes(Box::new(workload)));
    let path = format!("/services/{}/update", invocation.operand(0));
    let rollback = invocation.on("rollback");
    let mut request = Request::new("POST", path, invocation.operands.origins());
    if invocation.on("force") {
        // The client adds one to a number that only the engine knows.
        request = request.part("ForceUpdate", origins_of(invocation, &["force"]));
    }
    let replacing: Vec<&str> =
        invocation.flags.iter().map(|set| set.flag.name).filter(|name| replaces_tasks(name)).collect();
    if !replacing.is_empty() {
        request = request.part("TaskTemplate", origins_of(invocation, &replacing));
    }
    if invocation.list("label-rm").iter().any(|label| label.trim() == PROTECTION_LABEL) {
        request = request.part("Labels", origins_of(invocation, &["label-rm"]));
    }
    if rollback {
        request = request.with("rollback", "previous").part("rollback", origins_of(invocation, &["rollback"]));
    }
    effects.push(Effect::Request(request));
    if invocation.last("replicas").is_some_and(|set| values::uint(&set.value, 64) == Ok(0)) {
        effects.push(Effect::Does {
            operation: PredictedOperation::ScalesToZero,
            origins: origins_of(invocation, &["replicas"]),
        });
    }
    Ok(effects)
}

/// Whether a flag of `service update` changes what a task is made of: swarmkit `manager/orchestrator/task.go`, `IsTaskDirty`, replaces a task
/// whose settings or published ports differ from its service's. How many there are, their labels and the pace of updates are the
/// service's own.
fn replaces_tasks(flag: &str) -> bool {
    let of_service = ["label-add", "label-rm", "replicas", "replicas-max-per-node", "max-concurrent"];
    let of_client = ["detach", "quiet", "force", "rollback", "no-resolve-image", "with-registry-auth"];
    let paces = flag.starts_with("update-") || flag.starts_with("rollback-");
    let places = flag.starts_with("constraint-") || flag.starts_with("placement-pref-");
    !(paces || places || of_service.contains(&flag) || of_client.contains(&flag))
}

fn mode(invocation: &Invocation) -> Result<ServiceSpecMode, String> {
    let number = |name: &str| {
        invocation.last(name).and_then(|set| values::uint(&set.value, 64).ok()).map(|number| number as i64)
    };
    let (replicas, concurrent) = (number("replicas"), number("max-concurrent"));
    let limited = invocation.int("replicas-max-per-node") > 0;
    let only = |what: &str, modes: &str| Err(format!("{what} can only be used with {modes} mode"));
    let mut mode = ServiceSpecMode::default();
    match invocation.text("mode") {
        kind @ ("global" | "global-job") => {
            if kind == "global" && replicas.is_some() {
                return only("replicas", "replicated or replicated-job");
            }
            if limited {
                return only("replicas-max-per-node", "replicated or replicated-job");
            }
            if concurrent.is_some() {
                return only("max-concurrent", "replicated-job");
            }
            if replicas.is_some() {
                return only("replicas", "replicated or replicated-job");
            }
            let target = if kind == "global" { &mut mode.global } else { &mut mode.global_job };
            *target = Some(HashMap::new());
        }
        "replicated" => {
            if concurrent.is_some() {
                return only("max-concurrent", "replicated-job");
            }
            mode.replicated = Some(ServiceSpecModeReplicated { replicas });
        }
        "replicated-job" => {
            mode.replicated_job = Some(ServiceSpecModeReplicatedJob {
                max_concurrent: concurrent.or(replicas),
                total_completions: replicas,
            });
        }
        other => return Err(format!("Unknown mode: {other}, only replicated and global supported")),
    }
    Ok(mode)
}

/// swarmkit's defaults, with what the flags change; none when no flag of the group is set.
fn rollout(invocation: &Invocation, group: &str) -> Option<Value> {
    let flag = |name: &str| invocation.last(&format!("{group}-{name}"));
    let names = ["parallelism", "delay", "monitor", "failure-action", "max-failure-ratio", "order"];
    if !names.iter().any(|name| flag(name).is_some()) {
        return None;
    }
    let time =
        |name: &str, otherwise: i64| flag(name).and_then(|set| values::duration(&set.value).ok()).unwrap_or(otherwise);
    let text = |name: &str, otherwise: &str| flag(name).map_or(otherwise.to_owned(), |set| set.value.clone());
    let parallelism = flag("parallelism").and_then(|set| values::uint(&set.value, 64).ok()).unwrap_or(1);
    let ratio = flag("max-failure-ratio").and_then(|set| set.value.parse::<f32>().ok()).unwrap_or(0.0);
    let mut config = Map::new();
    config.insert("Parallelism".to_owned(), parallelism.into());
    // Printed as the client does, from a number of 32 bits.
    config.insert("MaxFailureRatio".to_owned(), ratio.to_string().parse::<f64>().unwrap_or(0.0).into());
    config.insert("Order".to_owned(), text("order", "stop-first").into());
    // Left out when they are zero or empty.
    for (key, name, otherwise) in [("Delay", "delay", 0), ("Monitor", "monitor", 5_000_000_000)] {
        if time(name, otherwise) != 0 {
            config.insert(key.to_owned(), time(name, otherwise).into());
        }
    }
    let action = text("failure-action", "pause");
    if !action.is_empty() {
        config.insert("FailureAction".to_owned(), action.into());
    }
    Some(Value::Object(config))
}

fn restart(invocation: &Invocation, beyond: &mut Vec<(String, Value)>) -> Option<TaskSpecRestartPolicy> {
    let names = ["restart-delay", "restart-max-attempts", "restart-window", "restart-condition"];
    if !names.iter().any(|name| invocation.changed(name)) {
        return None;
    }
    let time = |name: &str| invocation.last(name).and_then(|set| values::duration(&set.value).ok());
    let condition = invocation.last("restart-condition").map_or("any", |set| set.value.as_str());
    beyond.push(("TaskTemplate/RestartPolicy/Condition".to_owned(), condition.into()));
    let attempts = invocation.last("restart-max-attempts").and_then(|set| values::uint(&set.value, 64).ok());
    Some(TaskSpecRestartPolicy {
        condition: None,
        delay: time("restart-delay").or(Some(5_000_000_000)),
        max_attempts: Some(attempts.unwrap_or(0) as i64),
        window: time("restart-window"),
    })
}

fn health(invocation: &Invocation) -> Result<Option<HealthConfig>, String> {
    let time = |name: &str| invocation.last(name).and_then(|set| values::duration(&set.value).ok());
    let (command, retries) = (invocation.text("health-cmd"), invocation.int("health-retries"));
    let (interval, timeout) = (time("health-interval"), time("health-timeout"));
    let (start, start_interval) = (time("health-start-period"), time("health-start-interval"));
    let set =
        !command.is_empty() || retries != 0 || [interval, timeout, start, start_interval].iter().any(Option::is_some);
    if invocation.on("no-healthcheck") {
        return match set {
            true => Err("--no-healthcheck conflicts with --health-* options".to_owned()),
            false => Ok(Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() })),
        };
    }
    let some = |value: Option<i64>| value.filter(|value| *value != 0);
    Ok(set.then(|| HealthConfig {
        test: (!command.is_empty()).then(|| vec!["CMD-SHELL".to_owned(), command.to_owned()]),
        interval: some(interval),
        timeout: some(timeout),
        retries: some(Some(retries)),
        start_period: some(start),
        start_interval: some(start_interval),
    }))
}

/// Adding wins over dropping, and ALL over each.
fn capabilities(invocation: &Invocation) -> (Vec<String>, Vec<String>) {
    let set = |flag: &str| -> std::collections::BTreeSet<String> {
        let names = invocation.list(flag);
        let all: std::collections::BTreeSet<String> = names
            .iter()
            .map(|name| match name.trim().to_uppercase().as_str() {
                "RESET" => "RESET".to_owned(),
                other => capability(other),
            })
            .collect();
        if all.contains("ALL") { std::iter::once("ALL".to_owned()).collect() } else { all }
    };
    let (add, drop) = (set("cap-add"), set("cap-drop"));
    let keep = |name: &&String| *name != "RESET";
    let dropped = drop.iter().filter(|name| !add.contains(*name)).filter(keep).cloned().collect();
    (add.iter().filter(keep).cloned().collect(), dropped)
}

fn generic_resources(invocation: &Invocation) -> Result<Option<Vec<GenericResourcesInner>>, String> {
    let mut list = Vec::new();
    for typed in invocation.list("generic-resource") {
        let Some((kind, value)) = values::generic_resource(&typed) else {
            return Err(format!("invalid generic-resource format `{typed}` expected `name=value`"));
        };
        match value {
            Ok(number) => list.push(GenericResourcesInner {
                named_resource_spec: None,
                discrete_resource_spec: Some(GenericResourcesInnerDiscreteResourceSpec {
                    kind: Some(kind),
                    value: Some(number),
                }),
            }),
            Err(name) => {
                return Err(format!(
                    "invalid generic-resource request `{kind}={name}`, Named Generic Resources is not supported for service create or update"
                ));
            }
        }
    }
    Ok((!list.is_empty()).then_some(list))
}

/// Later values of a variable replace earlier ones.
fn environment(lines: Vec<String>) -> Vec<String> {
    let mut kept: Vec<Option<String>> = Vec::with_capacity(lines.len());
    // Where the lines of each variable stand that have a value.
    let mut places: HashMap<String, VecDeque<usize>> = HashMap::new();
    for line in lines {
        let (key, has_value) = line.split_once('=').map_or((line.as_str(), false), |(key, _)| (key, true));
        let of_key = places.entry(key.to_owned()).or_default();
        if let Some(at) =
            of_key.iter().position(|at| kept.get(*at).is_some_and(|earlier| earlier.as_ref() != Some(&line)))
            && let Some(earlier) = of_key.remove(at).and_then(|place| kept.get_mut(place))
        {
            *earlier = None;
        }
        if has_value {
            of_key.push_back(kept.len());
        }
        kept.push(Some(line));
    }
    kept.into_iter().flatten().collect()
}

#[allow(clippy::too_many_lines)] // One field after the other, as in the client.
fn create(invocation: &Invocation, host: &dyn Host) -> Effects {
    let mut effects = Vec::new();
    let mut beyond: Vec<(String, Value)> = Vec::new();
    let mut parts = Parts::default();
    let typed = filled_env(host, invocation.list("env"));
    let env = environment(key_values(host, invocation.all(&["env-file"]).collect(), typed, true, &mut effects)?);
    if let Some(health) = health(invocation)? {
        // The client's name for the field differs from the API's documentation.
        let json = serde_json::to_value(health).unwrap_or_default();
        beyond.push(("TaskTemplate/ContainerSpec/Healthcheck".to_owned(), json));
    }
    let mode = mode(invocation)?;
    let (update, rollback) = (rollout(invocation, "update"), rollout(invocation, "rollback"));
    if invocation.text("mode").ends_with("-job") && (update.is_some() || rollback.is_some()) {
        return Err("update and rollback configuration is not supported for jobs".to_owned());
    }
    for (key, value) in [("UpdateConfig", update), ("RollbackConfig", rollback)] {
        if let Some(value) = value {
            beyond.push((key.to_owned(), value));
        }
    }
    let generic = generic_resources(invocation)?;
    let mut networks: Vec<NetworkAttachmentConfig> = invocation
        .all(&["network"])
        .filter_map(|set| values::attachment(&set.value).ok())
        .map(|Attachment { target, aliases, driver_opts, .. }| NetworkAttachmentConfig {
            target: Some(target),
            aliases: (!aliases.is_empty()).then_some(aliases),
            driver_opts: (!driver_opts.is_empty()).then_some(driver_opts),
        })
        .collect();
    networks.put_in_order_by(|one, other| one.target.cmp(&other.target));
    if networks.iter().any(|network| network.target.as_deref().is_some_and(|target| target.trim().is_empty())) {
        return Err("invalid network name or ID: value is empty".to_owned());
    }
    let mut mounts: Vec<Mount> = Vec::new();
    for set in invocation.all(&["mount"]) {
        let mount = values::mount_as_known(&set.value, &host.directory()).map_err(|problem| problem.text)?;
        parts.push((format!("Mounts/{}", mounts.len()), set.origins()));
        if mount.api.typ.is_none() {
            beyond.push((format!("TaskTemplate/ContainerSpec/Mounts/{}/Type", mounts.len()), mount.kind.into()));
        }
        mounts.push(mount.api);
    }
    for set in invocation.all(&["cap-add"]) {
        parts.push((format!("CapAdd/{}", capability(set.value.trim())), set.origins()));
    }
    for set in invocation.all(&["env"]) {
        parts.push((format!("Env/{}", set.value.split('=').next().unwrap_or_default()), set.origins()));
    }
    for set in
        invocation.all(&["network"]).filter(|set| values::attachment(&set.value).is_ok_and(|it| it.target == "host"))
    {
        parts.push(("NetworkMode".to_owned(), set.origins()));
    }
    parts.push(("User".to_owned(), origins_of(invocation, &["user"])));
    parts.push(("Image".to_owned(), invocation.operands.first().map(|word| word.origins()).unwrap_or_default()));

    let text = |name: &str| Some(invocation.text(name).to_owned()).filter(|text| !text.is_empty());
    // The client leaves out what is empty, zero or off.
    let on = |name: &str| Some(invocation.on(name)).filter(|on| *on);
    let number = |name: &str| Some(invocation.int(name)).filter(|number| *number != 0);
    let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
    let bytes =
        |name: &str| invocation.last(name).map(|set| values::size(&set.value).unwrap_or(0)).filter(|bytes| *bytes != 0);
    let processors =
        |name: &str| invocation.last(name).map(|set| values::cpus(&set.value).unwrap_or(0)).filter(|nano| *nano != 0);
    let (cap_add, cap_drop) = capabilities(invocation);
    let image = invocation.operand(0);
    if invocation.on("with-registry-auth") {
        values::reference(image)?; // The registry is read off it.
    }
    let pinned = values::reference(image).map_or_else(|_| image.to_owned(), |reference| reference.familiar_with_tag());
    let isolation = invocation.text("isolation");
    if isolation.parse::<TaskSpecContainerSpecIsolationEnum>().is_err() {
        beyond.push(("TaskTemplate/ContainerSpec/Isolation".to_owned(), isolation.into()));
    }
    let entrypoint = match invocation.last("entrypoint") {
        Some(set) => some(shell_words::split(&set.value).unwrap_or_default()),
        None => None,
    };
    let hosts: Vec<String> = invocation
        .all(&["host"])
        .filter_map(|set| values::extra_host(&set.value).ok())
        .filter_map(|text| text.split_once(':').map(|(name, address)| format!("{address} {name}")))
        .collect();
    let container = TaskSpecContainerSpec {
        image: Some(pinned),
        args: some(invocation.operand_texts().into_iter().skip(1).collect()),
        command: entrypoint,
        env: some(env),
        hostname: text("hostname"),
        labels: Some(to_map(&invocation.list("container-label"))),
        dir: text("workdir"),
        user: text("user"),
        groups: some(invocation.list("group")),
        stop_signal: text("stop-signal"),
        tty: on("tty"),
        read_only: on("read-only"),
        mounts: (!mounts.is_empty()).then_some(mounts),
        init: Some(invocation.on("init")),
        dns_config: Some(TaskSpecContainerSpecDnsConfig {
            nameservers: some(invocation.all(&["dns"]).filter_map(|set| values::ip(&set.value).ok()).collect()),
            search: some(
                invocation.all(&["dns-search"]).filter_map(|set| values::search_domain(&set.value).ok()).collect(),
            ),
            options: some(invocation.list("dns-option")),
        }),
        hosts: some(hosts),
        stop_grace_period: invocation.last("stop-grace-period").and_then(|set| values::duration(&set.value).ok()),
        isolation: isolation.parse().ok().filter(|_| !isolation.is_empty()),
        sysctls: Some(to_map(&invocation.list("sysctl"))),
        capability_add: some(cap_add),
        capability_drop: some(cap_drop),
        ulimits: Some(ulimits(invocation)),
        oom_score_adj: number("oom-score-adj"),
        privileges: credentials(invocation)?,
        ..TaskSpecContainerSpec::default()
    };
    let log_driver = invocation.text("log-driver");
    let ports = invocation.all(&["publish"]).filter_map(|set| values::service_port(&set.value).ok()).flatten();
    let ports: Vec<EndpointPortConfig> = ports
        .map(|port| EndpointPortConfig {
            name: None,
            protocol: port.protocol.parse().ok(),
            target_port: Some(port.target as i64),
            published_port: (port.published != 0).then_some(port.published as i64),
            publish_mode: port.mode.parse().ok(),
        })
        .collect();
    let endpoint_mode = invocation.text("endpoint-mode").to_lowercase();
    beyond.push(("EndpointSpec/Mode".to_owned(), endpoint_mode.into()));
    let body = ServiceSpec {
        name: text("name"),
        labels: Some(to_map(&invocation.list("label"))),
        task_template: Some(TaskSpec {
            container_spec: Some(container),
            networks: (!networks.is_empty()).then_some(networks),
            resources: Some(TaskSpecResources {
                limits: Some(Limit {
                    nano_cpus: processors("limit-cpu"),
                    memory_bytes: bytes("limit-memory"),
                    pids: number("limit-pids"),
                }),
                reservations: Some(ResourceObject {
                    nano_cpus: processors("reserve-cpu"),
                    memory_bytes: bytes("reserve-memory"),
                    generic_resources: generic,
                }),
                swap_bytes: bytes("memory-swap"),
                memory_swappiness: invocation.changed("memory-swappiness").then(|| invocation.int("memory-swappiness")),
            }),
            restart_policy: restart(invocation, &mut beyond),
            placement: Some(TaskSpecPlacement {
                constraints: some(invocation.list("constraint")),
                preferences: preferences(invocation),
                max_replicas: number("replicas-max-per-node"),
                platforms: None,
            }),
            log_driver: (!log_driver.is_empty()).then(|| TaskSpecLogDriver {
                name: Some(log_driver.to_owned()),
                options: Some(to_map(&invocation.list("log-opt"))),
            }),
            force_update: Some(0),
            ..TaskSpec::default()
        }),
        mode: Some(mode),
        endpoint_spec: Some(EndpointSpec { mode: None, ports: (!ports.is_empty()).then_some(ports) }),
        ..ServiceSpec::default()
    };
    // Secrets and configs are sent with the ids that the engine answers for their names.
    let mut request =
        Request::new("POST", "/services/create", invocation.named_by.origins()).body(Body::Service(Box::new(body)));
    request.parts = parts;
    request.beyond = beyond;
    effects.push(Effect::Request(request));
    Ok(effects)
}

fn preferences(invocation: &Invocation) -> Option<Vec<TaskSpecPlacementPreferences>> {
    let list: Vec<TaskSpecPlacementPreferences> = invocation
        .all(&["placement-pref"])
        .filter_map(|set| values::placement(&set.value).ok())
        .map(|descriptor| TaskSpecPlacementPreferences {
            spread: Some(TaskSpecPlacementSpread { spread_descriptor: Some(descriptor) }),
        })
        .collect();
    (!list.is_empty()).then_some(list)
}

fn credentials(invocation: &Invocation) -> Result<Option<TaskSpecContainerSpecPrivileges>, String> {
    let typed = invocation.text("credential-spec");
    if typed.is_empty() {
        return Ok(None);
    }
    let mut spec = TaskSpecContainerSpecPrivilegesCredentialSpec::default();
    match typed.split_once("://") {
        Some(("config", name)) => spec.config = Some(name.to_owned()),
        Some(("file", name)) => spec.file = Some(name.to_owned()),
        Some(("registry", name)) => spec.registry = Some(name.to_owned()),
        _ => {
            return Err(format!(
                "invalid argument {typed:?} for \"--credential-spec\" flag: invalid credential spec: value must be prefixed with \"config://\", \"file://\", or \"registry://\""
            ));
        }
    }
    Ok(Some(TaskSpecContainerSpecPrivileges { credential_spec: Some(spec), ..Default::default() }))
}
