//! Buildx: builds, bakes, builders and their cache, as far as the arguments show them.

use serde_json::Value;

use super::container::written_file;
use super::{Effect, Effects, Origins, PredictedOperation, Runs, Typed, docker_build, origins_of, redirection};
use crate::files::context::Sender;
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    let mut effects = vec![Effect::Runs(Runs {
        program: "docker-buildx".to_owned(),
        origins: invocation.named_by.origins(),
        known: true,
    })];
    let named = invocation.named_by.origins();
    let mut does = |operation: PredictedOperation, origins: Origins| effects.push(Effect::Does { operation, origins });
    match invocation.canonical() {
        "buildx build" | "buildx dap build" | "buildx debug build" => built(invocation, host, &mut effects)?,
        "buildx bake" => {
            // `--print` and `--list` only show the plan.
            if !invocation.on("print") && invocation.text("list").is_empty() {
                entitlements(invocation, &mut effects);
                baked(invocation, &mut effects);
            }
            for set in invocation.all(&["file"]).filter(|set| set.value != "-" && !set.value.contains("://")) {
                effects.push(Effect::ReadsFile { path: set.value.clone(), origins: set.origins() });
            }
            for word in &invocation.operands {
                if is_remote(invocation.arg(*word)) {
                    let operation = PredictedOperation::RemoteContext(invocation.arg(*word).to_owned());
                    effects.push(Effect::Does { operation, origins: word.origins() });
                }
            }
        }
        "buildx prune" => {
            let all = invocation.on("all");
            does(if all { PredictedOperation::PrunesAllCache } else { PredictedOperation::PrunesCache }, named);
        }
        "buildx rm" => does(PredictedOperation::RemovesBuilder, named),
        "buildx dial-stdio" => does(PredictedOperation::RawApi, named),
        "buildx history rm" => {
            let all = invocation.on("all").then(|| origins_of(invocation, &["all"]));
            does(PredictedOperation::RemovesBuildRecords, all.unwrap_or(named));
        }
        "buildx history export" => effects.extend(written_file(invocation, "output")),
        "buildx history import" => effects.extend(files_read(invocation, "file")),
        "buildx inspect" if invocation.on("bootstrap") => {
            does(PredictedOperation::StartsBuilder, origins_of(invocation, &["bootstrap"]));
        }
        "buildx imagetools create" if !invocation.on("dry-run") => {
            let tags = invocation.list("tag");
            let mut origins = origins_of(invocation, &["tag"]);
            if tags.is_empty() {
                // Without a tag nothing gets a name, but its manifest is sent.
                origins = named;
            }
            let what = if tags.is_empty() { "a manifest".to_owned() } else { tags.join(", ") };
            does(PredictedOperation::Publishes(what), origins);
            effects.extend(files_read(invocation, "file"));
            effects.extend(written_file(invocation, "metadata-file"));
        }
        "buildx use" => effects.extend(redirection::of_builder(invocation, host)),
        "buildx create" => {
            if invocation.on("bootstrap") {
                does(PredictedOperation::StartsBuilder, origins_of(invocation, &["bootstrap"]));
            }
            for set in invocation.all(&["buildkitd-flags"]) {
                if let Some((_, after)) = set.value.split_once("allow-insecure-entitlement") {
                    let name = after.trim_start_matches(['=', ' ']).split(' ').next().unwrap_or_default().to_owned();
                    does(PredictedOperation::BuildEntitlement(name), set.origins());
                }
            }
            effects.extend(redirection::of_builder(invocation, host));
        }
        _ => {}
    }
    Ok(effects)
}

fn entitlements(invocation: &Invocation, effects: &mut Vec<Effect>) {
    for set in invocation.all(&["allow"]) {
        for name in set.value.split(',') {
            effects.push(Effect::Does {
                operation: PredictedOperation::BuildEntitlement(name.to_owned()),
                origins: set.origins(),
            });
        }
    }
}

/// The file that a flag names to be read, each time it is given.
fn files_read(invocation: &Invocation, flag: &str) -> Vec<Effect> {
    let names = [flag];
    let files = invocation.all(&names).filter(|set| !matches!(set.value.as_str(), "" | "-"));
    files.map(|set| Effect::ReadsFile { path: set.value.clone(), origins: set.origins() }).collect()
}

/// The value of a field in one record of options such as `type=local,dest=/x`. BuildKit's client compares names without case.
fn option<'a>(fields: &'a [String], name: &str) -> Option<&'a str> {
    let pairs = fields.iter().filter_map(|field| field.split_once('='));
    pairs.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value).next_back()
}

/// Where an output goes: a folder or file of this host, or a registry. buildx `util/buildflags/export.go`.
fn output(value: &str, image: &str, origins: Origins, effects: &mut Vec<Effect>) {
    let fields = values::read_record(value).unwrap_or_default();
    let folder = match fields.as_slice() {
        [one] if !one.contains('=') => Some(one.as_str()),
        fields => option(fields, "dest"),
    };
    if let Some(path) = folder.filter(|path| *path != "-") {
        effects.push(Effect::WritesFile { path: path.to_owned(), origins: origins.clone() });
    }
    let pushes = option(&fields, "push").is_some_and(|on| values::bool(on) == Ok(true));
    if option(&fields, "type") == Some("registry") || pushes {
        let name = option(&fields, "name").unwrap_or(image).to_owned();
        effects.push(Effect::Does { operation: PredictedOperation::Publishes(name), origins });
    }
}

/// Where build cache is written to or read from on this host: buildx `util/buildflags/cache.go`.
fn cache(value: &str, key: &str, origins: Origins, effects: &mut Vec<Effect>) {
    let fields = values::read_record(value).unwrap_or_default();
    if option(&fields, "type") != Some("local") {
        return;
    }
    let Some(path) = option(&fields, key).map(str::to_owned) else { return };
    effects.push(match key {
        "dest" => Effect::WritesFile { path, origins },
        _ => Effect::ReadsFile { path, origins },
    });
}

/// `--policy` switches off or replaces the rules for a build's sources: buildx `util/buildflags/policy.go`.
fn policy(value: &str, origins: Origins, effects: &mut Vec<Effect>) {
    let fields = values::read_record(value).unwrap_or_default();
    let on = |name: &str| option(&fields, name).is_some_and(|on| values::bool(on) == Ok(true));
    if on("disabled") || on("reset") {
        effects.push(Effect::Does { operation: PredictedOperation::BuildPolicyOff, origins });
    }
}

/// Outputs, caches and policies of one target as `bake --print` shows it: each a text, or its fields in newer versions.
pub fn of_target(target: &Value, origins: &Origins, effects: &mut Vec<Effect>) {
    let record = |entry: &Value| match entry {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let quoted = |(key, value): (&String, &Value)| format!("\"{key}={}\"", text(value).replace('"', "\"\""));
            fields.iter().map(quoted).collect::<Vec<_>>().join(",")
        }
        _ => String::new(),
    };
    let list = |key: &str| target.get(key).and_then(Value::as_array).into_iter().flatten().map(record);
    let tags: Vec<&str> =
        target.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let image = if tags.is_empty() { "what is built".to_owned() } else { tags.join(", ") };
    let outputs: Vec<String> = list("output").collect();
    if outputs.is_empty() || !outputs.iter().all(|output| writes_files(output)) {
        for tag in &tags {
            let operation = PredictedOperation::NamesImage((*tag).to_owned());
            effects.push(Effect::Does { operation, origins: origins.clone() });
        }
    }
    for value in outputs {
        output(&value, &image, origins.clone(), effects);
    }
    for value in list("cache-to") {
        cache(&value, "dest", origins.clone(), effects);
    }
    for value in list("cache-from") {
        cache(&value, "src", origins.clone(), effects);
    }
    for value in list("policy") {
        policy(&value, origins.clone(), effects);
    }
}

/// Whether an output is files on this host: `type=local`, `type=tar`, `type=oci`, or a path alone.
fn writes_files(output: &str) -> bool {
    let fields = values::read_record(output).unwrap_or_default();
    let kind = fields.iter().find_map(|field| field.trim().strip_prefix("type="));
    kind.map_or(!output.is_empty(), |kind| matches!(kind, "local" | "tar" | "oci" | "cacheonly"))
}

/// What the flags of `bake` say for its targets.
fn baked(invocation: &Invocation, effects: &mut Vec<Effect>) {
    if invocation.on("push") {
        let operation = PredictedOperation::Publishes("what is built".to_owned());
        effects.push(Effect::Does { operation, origins: origins_of(invocation, &["push"]) });
    }
    // `TARGET.KEY=VALUE`, or `TARGET.KEY+=VALUE`.
    for set in invocation.all(&["set"]) {
        let Some((place, value)) = set.value.split_once('=') else { continue };
        let key = place.trim_end_matches('+').split('.').nth(1).unwrap_or_default();
        match key {
            "output" => output(value, "what is built", set.origins(), effects),
            "cache-to" => cache(value, "dest", set.origins(), effects),
            "cache-from" => cache(value, "src", set.origins(), effects),
            "policy" => policy(value, set.origins(), effects),
            "network" if value == "host" => {
                effects.push(Effect::Does { operation: PredictedOperation::HostNetworkBuild, origins: set.origins() });
            }
            "push" if values::bool(value) == Ok(true) => {
                let operation = PredictedOperation::Publishes("what is built".to_owned());
                effects.push(Effect::Does { operation, origins: set.origins() });
            }
            _ => {}
        }
    }
    for set in invocation.all(&["policy"]) {
        policy(&set.value, set.origins(), effects);
    }
    effects.extend(written_file(invocation, "metadata-file"));
}

fn is_remote(text: &str) -> bool {
    ["http://", "https://", "git://", "ssh://", "git@", "github.com/"].iter().any(|prefix| text.starts_with(prefix))
}

fn built(invocation: &Invocation, host: &dyn Host, effects: &mut Vec<Effect>) -> Result<(), String> {
    let context = invocation.operand(0);
    match docker_build::context_of(context, host) {
        docker_build::Context::Folder => {
            effects.push(Effect::ReadsFile { path: context.to_owned(), origins: invocation.operands.origins() });
        }
        docker_build::Context::Git | docker_build::Context::Url => {
            let origins = invocation.operands.origins();
            effects.push(Effect::Does { operation: PredictedOperation::RemoteContext(context.to_owned()), origins });
        }
        docker_build::Context::Missing if is_remote(context) => {
            let origins = invocation.operands.origins();
            effects.push(Effect::Does { operation: PredictedOperation::RemoteContext(context.to_owned()), origins });
        }
        docker_build::Context::Missing => return Err(format!("unable to prepare context: path {context:?} not found")),
        docker_build::Context::Stdin => {}
    }
    if let Some(set) = invocation.last("file").filter(|set| set.value != "-" && host.exists(&set.value)) {
        effects.push(Effect::ReadsFile { path: set.value.clone(), origins: set.origins() });
    }
    if let Some(build) = docker_build::of_words(invocation, host, Sender::BuildKit) {
        for set in invocation.all(&["build-context"]) {
            let named = set.value.split_once('=').filter(|(_, place)| host.is_directory(place));
            let other = named.and_then(|(name, place)| build.from_named(name, place, set.origins()));
            effects.extend(other.map(|build| Effect::Builds(Box::new(build))));
        }
        effects.push(Effect::Builds(Box::new(build)));
    }
    entitlements(invocation, effects);
    for set in invocation.all(&["build-arg"]) {
        let operation = PredictedOperation::build_argument(&set.value);
        effects.push(Effect::Does { operation, origins: set.origins() });
    }
    for set in invocation.all(&["build-context"]) {
        let Some((_, place)) = set.value.split_once('=') else { continue };
        if is_remote(place) {
            effects.push(Effect::Does {
                operation: PredictedOperation::RemoteContext(place.to_owned()),
                origins: set.origins(),
            });
        } else if !place.contains("://") {
            effects.push(Effect::ReadsFile { path: place.to_owned(), origins: set.origins() });
        }
    }
    for set in invocation.all(&["secret"]) {
        let fields = values::read_record(&set.value).unwrap_or_default();
        let file = fields.iter().find_map(|field| field.strip_prefix("src=").or_else(|| field.strip_prefix("source=")));
        if let Some(path) = file {
            effects.push(Effect::ReadsFile { path: path.to_owned(), origins: set.origins() });
        }
    }
    let tags = invocation.list("tag");
    let image = if tags.is_empty() { "what is built".to_owned() } else { tags.join(", ") };
    // An image goes to the engine, unless only files are written.
    let outputs: Vec<String> = invocation.all(&["output"]).map(|set| set.value.clone()).collect();
    if outputs.is_empty() || !outputs.iter().all(|output| writes_files(output)) {
        for set in invocation.all(&["tag"]) {
            effects.push(Effect::Does {
                operation: PredictedOperation::NamesImage(set.value.clone()),
                origins: set.origins(),
            });
        }
    }
    for set in invocation.all(&["output"]) {
        output(&set.value, &image, set.origins(), effects);
    }
    for set in invocation.all(&["cache-to"]) {
        cache(&set.value, "dest", set.origins(), effects);
    }
    for set in invocation.all(&["cache-from"]) {
        cache(&set.value, "src", set.origins(), effects);
    }
    if invocation.on("push") {
        let operation = PredictedOperation::Publishes(image);
        effects.push(Effect::Does { operation, origins: origins_of(invocation, &["push"]) });
    }
    if let Some(set) = invocation.last("cgroup-parent").filter(|set| !set.value.is_empty()) {
        let operation = PredictedOperation::BuildCgroup(set.value.clone());
        effects.push(Effect::Does { operation, origins: set.origins() });
    }
    for set in invocation.all(&["policy"]) {
        policy(&set.value, set.origins(), effects);
    }
    for set in invocation.all(&["iidfile", "metadata-file"]).filter(|set| !set.value.is_empty()) {
        effects.push(Effect::WritesFile { path: set.value.clone(), origins: set.origins() });
    }
    if invocation.text("network") == "host" {
        effects.push(Effect::Does {
            operation: PredictedOperation::HostNetworkBuild,
            origins: origins_of(invocation, &["network"]),
        });
    }
    Ok(())
}
