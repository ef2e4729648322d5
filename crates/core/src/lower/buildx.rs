//! Buildx: builds, bakes, builders and their cache, as far as the arguments show them.

use super::{Effect, Effects, Origins, PredictedOperation, Runs, Typed, docker_build, origins_of};
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
        "buildx create" => {
            for set in invocation.all(&["buildkitd-flags"]) {
                if let Some((_, after)) = set.value.split_once("allow-insecure-entitlement") {
                    let name = after.trim_start_matches(['=', ' ']).split(' ').next().unwrap_or_default().to_owned();
                    does(PredictedOperation::BuildEntitlement(name), set.origins());
                }
            }
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
        let name = set.value.split('=').next().unwrap_or_default().to_owned();
        effects.push(Effect::Does { operation: PredictedOperation::BuildArgument(name), origins: set.origins() });
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
    for set in invocation.all(&["output"]) {
        let fields = values::read_record(&set.value).unwrap_or_default();
        let folder = match fields.as_slice() {
            [one] if !one.contains('=') => Some(one.as_str()),
            fields => fields.iter().find_map(|field| field.strip_prefix("dest=")),
        };
        if let Some(path) = folder.filter(|path| *path != "-") {
            effects.push(Effect::WritesFile { path: path.to_owned(), origins: set.origins() });
        }
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
