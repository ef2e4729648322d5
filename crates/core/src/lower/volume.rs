//! Volumes.

use crate::order::PutInOrder as _;
use bollard_stubs::models::VolumeCreateRequest;
use serde_json::{Map, Value, json};

use super::{Body, Effect, Effects, Request, Typed, for_each, origins_of, prune_filters, to_map};
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    match invocation.canonical() {
        "volume create" => create(invocation),
        "volume rm" => {
            let force = invocation.on("force");
            Ok(for_each(invocation, |name, origins| {
                Request::new("DELETE", format!("/volumes/{}", name.trim()), origins).with_if(force, "force", "1")
            }))
        }
        "volume prune" => {
            let all = invocation.on("all");
            if all
                && invocation
                    .all(&["filter"])
                    .any(|set| matches!(values::filter(&set.value), Ok(Some((name, _))) if name == "all"))
            {
                return Err("conflicting options: cannot specify both --all and --filter all=1".to_owned());
            }
            let also: &[(&str, &str)] = if all { &[("all", "true")] } else { &[] };
            let mut request = Request::new("POST", "/volumes/prune", invocation.named_by.origins());
            if let Some(filters) = prune_filters(invocation, host, also) {
                request = request.with("filters", filters);
            }
            Ok(vec![Effect::Request(request.part("all", origins_of(invocation, &["all", "filter"])))])
        }
        // What follows depends on the volume that the engine has.
        _ => Ok(Vec::new()),
    }
}

fn create(invocation: &Invocation) -> Effects {
    let (operand, flag) = (invocation.operand(0), invocation.text("name"));
    if invocation.operands.len() == 1 && !flag.is_empty() {
        return Err(
            "conflicting options: cannot specify a volume-name through both --name and as a positional arg".to_owned()
        );
    }
    let name = if invocation.operands.is_empty() { flag } else { operand };
    let body = VolumeCreateRequest {
        name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        driver: Some(invocation.text("driver").to_owned()).filter(|driver| !driver.is_empty()),
        driver_opts: Some(to_map(&invocation.list("opt"))),
        labels: Some(to_map(&invocation.list("label"))),
        cluster_volume_spec: None,
    };
    const CLUSTER: &[&str] = &["group", "scope", "sharing", "availability", "type", "limit-bytes", "required-bytes"];
    let mut beyond = Vec::new();
    if CLUSTER.iter().any(|flag| invocation.changed(flag)) {
        beyond.push(("ClusterVolumeSpec".to_owned(), cluster(invocation)));
    }
    let origins =
        if invocation.operands.is_empty() { invocation.named_by.origins() } else { invocation.operands.origins() };
    let mut request = Request::new("POST", "/volumes/create", origins)
        .body(Body::Volume(Box::new(body)))
        .part("DriverOpts", origins_of(invocation, &["opt"]))
        .part("Driver", origins_of(invocation, &["driver"]));
    request.beyond = beyond;
    Ok(vec![Effect::Request(request)])
}

fn cluster(invocation: &Invocation) -> Value {
    let bytes = |name: &str| invocation.last(name).and_then(|set| values::size(&set.value).ok()).unwrap_or(0);
    let segments = |name: &str| -> Vec<Value> {
        invocation
            .list(name)
            .iter()
            .map(|text| {
                let pairs: Vec<String> = text.split(',').map(str::to_owned).collect();
                json!({"Segments": to_map(&pairs)})
            })
            .collect()
    };
    let mut mode = Map::new();
    for (key, flag) in [("Scope", "scope"), ("Sharing", "sharing")] {
        put(&mut mode, key, invocation.text(flag));
    }
    match invocation.text("type") {
        "mount" => drop(mode.insert("MountVolume".to_owned(), json!({}))),
        "block" => drop(mode.insert("BlockVolume".to_owned(), json!({}))),
        _ => {}
    }
    let mut secrets: Vec<(String, String)> = to_map(&invocation.list("secret")).into_iter().collect();
    secrets.put_in_order();
    let mut spec = Map::new();
    put(&mut spec, "Group", invocation.text("group"));
    put(&mut spec, "Availability", invocation.text("availability"));
    let secrets: Vec<Value> = secrets.iter().map(|(key, secret)| json!({"Key": key, "Secret": secret})).collect();
    let requirements = json!({"Requisite": segments("topology-required"), "Preferred": segments("topology-preferred")});
    let range = json!({"RequiredBytes": bytes("required-bytes"), "LimitBytes": bytes("limit-bytes")});
    spec.insert("AccessMode".to_owned(), Value::Object(mode));
    spec.insert("CapacityRange".to_owned(), range);
    spec.insert("Secrets".to_owned(), Value::Array(secrets));
    spec.insert("AccessibilityRequirements".to_owned(), requirements);
    Value::Object(spec)
}

/// The client leaves out what is empty.
fn put(object: &mut Map<String, Value>, key: &str, text: &str) {
    if !text.is_empty() {
        object.insert(key.to_owned(), text.into());
    }
}
