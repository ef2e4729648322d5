//! Images: pull, push, tag, load, import, save, remove, prune; building with the legacy builder is in `build`.

use super::container::written_file;
use super::{
    Body, Effect, Effects, PredictedOperation, Request, Typed, docker_build, for_each, origins_of, platform,
    platform_json, prune_filters,
};
use crate::files::image_archive::ArchiveTag;
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::host::Host;

pub fn lower(invocation: &Invocation, host: &dyn Host) -> Effects {
    match invocation.canonical() {
        "image build" => docker_build::lower(invocation, host),
        "image pull" => pull(invocation, host),
        "image push" => push(invocation, host),
        "image tag" => tag(invocation),
        "image rm" => remove(invocation),
        "image load" => load(invocation, host),
        "image import" => import(invocation, host),
        "image save" => {
            if let Some(set) = invocation.last("platform").filter(|set| !set.value.is_empty()) {
                platform(&set.value).map_err(|error| format!("invalid platform: {error}"))?;
            }
            Ok(written_file(invocation, "output"))
        }
        "image prune" => {
            let dangling = if invocation.on("all") { "false" } else { "true" };
            let mut request = Request::new("POST", "/images/prune", invocation.named_by.origins());
            if let Some(filters) = prune_filters(invocation, host, &[("dangling", dangling)]) {
                request = request.with("filters", filters);
            }
            Ok(vec![Effect::Request(request.part("all", origins_of(invocation, &["all"])))])
        }
        "manifest push" => Ok(does(PredictedOperation::Publishes(invocation.operand(0).to_owned()), invocation)),
        // Signing pushes the image, too.
        "trust sign" if !invocation.on("local") => {
            Ok(does(PredictedOperation::Publishes(invocation.operand(0).to_owned()), invocation))
        }
        "trust signer add" => Ok(invocation
            .all(&["key"])
            .map(|set| Effect::ReadsFile { path: set.value.clone(), origins: set.origins() })
            .collect()),
        "trust key load" => Ok(vec![Effect::ReadsFile {
            path: invocation.operand(0).to_owned(),
            origins: invocation.operand_at(0).origins(),
        }]),
        "trust key generate" => Ok(super::container::written_file(invocation, "dir")),
        "trust revoke" => Ok(does(PredictedOperation::RevokesSignatures, invocation)),
        _ => Ok(Vec::new()),
    }
}

/// What the client does at a registry by itself, without the engine.
fn does(operation: PredictedOperation, invocation: &Invocation) -> Vec<Effect> {
    vec![Effect::Does { operation, origins: invocation.operands.origins() }]
}

fn wanted_platform(invocation: &Invocation, host: &dyn Host) -> String {
    match invocation.text("platform") {
        "" => host.env("DOCKER_DEFAULT_PLATFORM").unwrap_or_default(),
        typed => typed.to_owned(),
    }
}

fn pull(invocation: &Invocation, host: &dyn Host) -> Effects {
    let reference = values::reference(invocation.operand(0))?;
    let all = invocation.on("all-tags");
    if all && (reference.tag.is_some() || reference.digest.is_some()) {
        return Err("tag can't be used with --all-tags/-a".to_owned());
    }
    let wanted = wanted_platform(invocation, host).to_lowercase();
    let request = Request::new("POST", "/images/create", invocation.operands.origins())
        .with("fromImage", reference.name())
        .with_if(!all, "tag", reference.api_tag())
        .with_if(!wanted.is_empty(), "platform", wanted);
    Ok(vec![Effect::Request(request)])
}

fn push(invocation: &Invocation, host: &dyn Host) -> Effects {
    let wanted = wanted_platform(invocation, host);
    let chosen = if wanted.is_empty() { None } else { Some(platform_json(&wanted)?) };
    let reference = values::reference(invocation.operand(0))?;
    let all = invocation.on("all-tags");
    if all && (reference.tag.is_some() || reference.digest.is_some()) {
        return Err("tag can't be used with --all-tags/-a".to_owned());
    }
    if reference.digest.is_some() {
        return Err("cannot push a digest reference".to_owned());
    }
    let mut request = Request::new("POST", format!("/images/{}/push", reference.name()), invocation.operands.origins())
        .part("all", origins_of(invocation, &["all-tags"]))
        .with_if(!all, "tag", reference.tag_or_latest().unwrap_or_default());
    if let Some(chosen) = chosen {
        request = request.with("platform", chosen);
    }
    Ok(vec![Effect::Request(request)])
}

fn tag(invocation: &Invocation) -> Effects {
    let (source, target) = (invocation.operand(0), invocation.operand(1));
    let problem =
        |name: &str, error: String| format!("Error parsing reference: {name:?} is not a valid repository/tag: {error}");
    values::any_reference(source).map_err(|error| problem(source, error))?;
    let reference = values::reference(target).map_err(|error| problem(target, error))?;
    if reference.digest.is_some() {
        return Err("refusing to create a tag with a digest reference".to_owned());
    }
    let request = Request::new("POST", format!("/images/{source}/tag"), invocation.operand_at(1).origins())
        .with("repo", reference.name())
        .with("tag", reference.tag_or_latest().unwrap_or_default());
    Ok(vec![Effect::Request(request)])
}

fn remove(invocation: &Invocation) -> Effects {
    let mut platforms = Vec::new();
    for typed in invocation.list("platform").iter().flat_map(|typed| values::read_record(typed).unwrap_or_default()) {
        let chosen = platform_json(&typed)?;
        if !platforms.contains(&chosen) {
            platforms.push(chosen);
        }
    }
    let (force, keep) = (invocation.on("force"), invocation.on("no-prune"));
    Ok(for_each(invocation, |name, origins| {
        let mut request = Request::new("DELETE", format!("/images/{name}"), origins)
            .with_if(force, "force", "1")
            .with_if(keep, "noprune", "1")
            .part("force", origins_of(invocation, &["force"]));
        for platform in &platforms {
            request = request.with("platforms", platform.clone());
        }
        request
    }))
}

fn load(invocation: &Invocation, host: &dyn Host) -> Effects {
    let mut effects = Vec::new();
    let mut origins = invocation.named_by.origins();
    match invocation.last("input").filter(|set| !set.value.is_empty()) {
        None if host.input_is_terminal() => return Err("requested load from stdin, but stdin is empty".to_owned()),
        None => {}
        Some(file) => {
            if !host.exists(&file.value) {
                return Err(format!("open {}: no such file or directory", file.value));
            }
            origins = file.origins();
            effects.push(Effect::ReadsFile { path: file.value.clone(), origins: file.origins() });
        }
    }
    let quiet = invocation.on("quiet") || !host.output_is_terminal();
    let path = invocation.last("input").map(|set| set.value.as_str()).filter(|path| !path.is_empty());
    let mut tags = host.image_archive(path);
    let mut request = Request::new("POST", "/images/load", origins).with("quiet", if quiet { "1" } else { "0" });
    // Older clients take one platform, newer ones several: the last one counts in both.
    if let Some(typed) = invocation.list("platform").last().filter(|typed| !typed.is_empty()) {
        let chosen = platform_json(typed).map_err(|error| format!("invalid platform: {error}"))?;
        request = request.with("platform", chosen);
        tags = tags.map(|tags| tags.into_iter().map(ArchiveTag::without_id).collect());
    }
    effects.push(Effect::Request(request.body(Body::Images(tags))));
    Ok(effects)
}

fn import(invocation: &Invocation, host: &dyn Host) -> Effects {
    let (source, reference) = (invocation.operand(0), invocation.operand(1));
    let remote = source.starts_with("http://") || source.starts_with("https://");
    let mut effects = Vec::new();
    if !remote && source != "-" {
        if !host.exists(source) {
            return Err(format!("open {source}: no such file or directory"));
        }
        effects.push(Effect::ReadsFile { path: source.to_owned(), origins: invocation.operand_at(0).origins() });
    }
    if !reference.is_empty() {
        values::reference(reference)?;
    }
    let wanted = wanted_platform(invocation, host).to_lowercase();
    let origins = invocation.operands.get(1).map(|word| word.origins()).unwrap_or_default();
    let mut request = Request::new("POST", "/images/create", origins)
        .with("fromSrc", if remote { source } else { "-" })
        .with_if(!reference.is_empty(), "repo", reference)
        .with_if(!invocation.text("message").is_empty(), "message", invocation.text("message"))
        .with_if(!wanted.is_empty(), "platform", wanted);
    for change in invocation.list("change") {
        request = request.with("changes", change);
    }
    effects.push(Effect::Request(request.body(Body::Stream)));
    Ok(effects)
}
