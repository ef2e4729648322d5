//! Stacks.

use std::collections::HashMap;

use crate::order::PutInOrder as _;
use bollard_stubs::models::{
    Limit, Mount, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig, NetworkAttachmentConfig,
    NetworkCreateRequest, ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated, TaskSpec, TaskSpecContainerSpec,
    TaskSpecResources,
};
use serde_json::{Value, json};

use super::service::PROTECTION_LABEL;
use super::{Body, Effect, Effects, Origin, Origins, PredictedOperation, Request, Typed};
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;
use crate::lower::model::field;
use crate::lower::sources::{PathStep, Sources};

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    match invocation.canonical() {
        // Which services go is found out by asking the engine: there is one answer for each stack.
        "stack rm" => Ok(invocation
            .operands
            .iter()
            .map(|word| {
                let operation = PredictedOperation::RemovesStack(invocation.arg(*word).to_owned());
                Effect::Does { operation, origins: word.origins() }
            })
            .collect()),
        "stack deploy" => {
            if !invocation.changed("compose-file") {
                return Err("please specify a Compose file (with --compose-file)".to_owned());
            }
            let mut effects = Vec::new();
            for set in invocation.all(&["compose-file"]).filter(|set| set.value != "-") {
                host.read(&set.value).map_err(|error| format!("open {}: {error}", set.value))?;
                effects.push(Effect::ReadsFile { path: set.value.clone(), origins: set.origins() });
            }
            let origins = invocation.operands.origins();
            effects.push(Effect::Does { operation: PredictedOperation::DeploysStack, origins });
            if invocation.on("prune") {
                let origins = invocation.last("prune").map(|set| set.origins()).unwrap_or_default();
                let operation = PredictedOperation::RemovesServices(invocation.operand(0).to_owned());
                effects.push(Effect::Does { operation, origins });
            }
            Ok(effects)
        }
        _ => Ok(Vec::new()),
    }
}

/// What `stack deploy` makes for its services where it is not there yet: the networks that they use, all secrets and all configs
/// (docker/cli `cli/command/stack/swarm/deploy_composefile.go`).
pub fn surroundings(model: &Value, stack: &str, origins: &Origins) -> Vec<Effect> {
    let name = |key: &str, declared: &Value| match declared["name"].as_str() {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => format!("{stack}_{key}"),
    };
    let is_own = |declared: &Value| !matches!(&declared["external"], Value::Bool(true) | Value::Object(_));
    let mut used: Vec<&str> = Vec::new();
    for service in model["services"].as_object().into_iter().flatten().map(|(_, service)| service) {
        match service["networks"].as_object().filter(|networks| !networks.is_empty()) {
            Some(networks) => used.extend(networks.keys().map(String::as_str)),
            None => used.push("default"),
        }
    }
    used.put_in_order();
    used.dedup();
    let networks = used.into_iter().map(|key| (key, field(field(model, "networks"), key)));
    let networks = networks.filter(|(_, declared)| is_own(declared)).map(|(key, declared)| {
        let body = NetworkCreateRequest {
            name: name(key, declared),
            driver: Some(declared["driver"].as_str().unwrap_or("overlay").to_owned()),
            ..NetworkCreateRequest::default()
        };
        Request::new("POST", "/networks/create", origins.clone()).body(Body::Network(Box::new(body)))
    });
    let objects =
        [("secrets", "/secrets/create"), ("configs", "/configs/create")].into_iter().flat_map(|(kind, path)| {
            let declared = field(model, kind).as_object().into_iter().flatten();
            declared.filter(|(_, declared)| is_own(declared)).map(move |(key, declared)| (path, key, declared))
        });
    let objects = objects.map(|(path, key, declared)| {
        let body = Body::Json(json!({ "Name": name(key, declared) }));
        Request::new("POST", path, origins.clone()).body(body)
    });
    networks.chain(objects).map(Effect::Request).collect()
}

/// The services that `stack deploy` would create for a model as `stack config` prints it: docker/cli
/// `cli/compose/convert`, in the fields that rules read.
pub fn services(model: &Value, stack: &str, sources: &Sources, host: &dyn Host, origins: &Origins) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (name, service) in model["services"].as_object().into_iter().flatten() {
        let at = |path: &[PathStep], value: Option<&Value>| {
            let Some(place) = sources.of_service(name, path, value, host) else { return origins.clone() };
            vec![Origin::File(place)]
        };
        let texts = |key: &str| -> Vec<String> {
            service[key].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let text = |key: &str| service[key].as_str().map(str::to_owned);
        let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let mut request = Request::new("POST", "/services/create", at(&[], None));
        for (part, key) in [("Image", "image"), ("User", "user")] {
            let found = at(&[PathStep::Key(key)], service.get(key));
            request = request.part(part, found);
        }
        for capability in texts("cap_add") {
            let found = at(&[PathStep::Key("cap_add"), PathStep::Item(&capability)], None);
            request.parts.push((format!("CapAdd/{}", super::create::capability(&capability)), found));
        }
        let mut env = Vec::new();
        for (key, value) in service["environment"].as_object().into_iter().flatten() {
            let found = at(&[PathStep::Key("environment"), PathStep::Item(key)], Some(value));
            request.parts.push((format!("Env/{key}"), found));
            env.push(match value {
                Value::Null => key.clone(),
                Value::String(value) => format!("{key}={value}"),
                value => format!("{key}={value}"),
            });
        }
        let mut networks = Vec::new();
        for key in service["networks"].as_object().into_iter().flatten().map(|(key, _)| key) {
            let declared = field(field(model, "networks"), key);
            if declared["external"].as_bool() == Some(true) && declared["name"].as_str().unwrap_or(key) == "host" {
                let found = at(&[PathStep::Key("networks"), PathStep::Item(key)], None);
                request.parts.push(("NetworkMode".to_owned(), found));
                networks.push(NetworkAttachmentConfig {
                    target: Some("host".to_owned()),
                    ..NetworkAttachmentConfig::default()
                });
            }
        }
        let mut mounts = Vec::new();
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let of = |key: &str| volume[key].as_str().map(str::to_owned);
            let target = of("target").unwrap_or_default();
            let found = at(&[PathStep::Key("volumes"), PathStep::Item(&target)], volume.get("source"));
            request.parts.push((format!("Mounts/{}", mounts.len()), found));
            let kind = of("type").unwrap_or_default();
            let declared = of("source").map(|source| (field(field(model, "volumes"), &source), source));
            let source = match (&declared, kind.as_str()) {
                (Some((declared, source)), "volume") if declared["external"].as_bool() != Some(true) => {
                    Some(declared["name"].as_str().map_or_else(|| format!("{stack}_{source}"), str::to_owned))
                }
                (Some((_, source)), _) => Some(source.clone()),
                (None, _) => None,
            };
            let driver =
                declared.as_ref().filter(|_| kind == "volume").map(|(declared, _)| MountVolumeOptionsDriverConfig {
                    name: declared["driver"].as_str().map(str::to_owned),
                    options: declared["driver_opts"].as_object().map(|options| {
                        options
                            .iter()
                            // What rules read: a volume may have many options, and many services.
                            .filter(|(key, _)| matches!(key.as_str(), "type" | "device" | "o"))
                            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
                            .collect()
                    }),
                });
            mounts.push(Mount {
                typ: kind.parse::<MountType>().ok(),
                source,
                target: Some(target),
                read_only: volume["read_only"].as_bool(),
                volume_options: driver.map(|driver_config| MountVolumeOptions {
                    driver_config: Some(driver_config),
                    ..MountVolumeOptions::default()
                }),
                ..Mount::default()
            });
        }
        let deploy = field(service, "deploy");
        let limits = field(field(deploy, "resources"), "limits");
        let memory = match field(limits, "memory") {
            Value::String(text) => values::swap(text).ok(),
            Value::Number(number) => number.as_i64(),
            _ => None,
        };
        let replicas = field(deploy, "replicas").as_i64();
        let protection = |of: &Value| -> Option<HashMap<String, String>> {
            let reason = of["labels"].get(PROTECTION_LABEL)?;
            Some(HashMap::from([(PROTECTION_LABEL.to_owned(), reason.as_str().unwrap_or_default().to_owned())]))
        };
        let body = ServiceSpec {
            name: Some(format!("{stack}_{name}")),
            labels: protection(deploy),
            task_template: Some(TaskSpec {
                container_spec: Some(TaskSpecContainerSpec {
                    image: text("image"),
                    user: text("user"),
                    command: some(texts("entrypoint")),
                    args: some(texts("command")),
                    init: service["init"].as_bool(),
                    env: some(env),
                    labels: protection(service),
                    mounts: (!mounts.is_empty()).then_some(mounts),
                    capability_add: some(texts("cap_add").iter().map(|name| super::create::capability(name)).collect()),
                    ..TaskSpecContainerSpec::default()
                }),
                resources: Some(TaskSpecResources {
                    limits: Some(Limit { memory_bytes: memory, ..Limit::default() }),
                    ..TaskSpecResources::default()
                }),
                networks: (!networks.is_empty()).then_some(networks),
                ..TaskSpec::default()
            }),
            mode: replicas.map(|replicas| ServiceSpecMode {
                replicated: Some(ServiceSpecModeReplicated { replicas: Some(replicas) }),
                ..ServiceSpecMode::default()
            }),
            ..ServiceSpec::default()
        };
        effects.push(Effect::Request(request.body(Body::Service(Box::new(body)))));
    }
    effects
}
