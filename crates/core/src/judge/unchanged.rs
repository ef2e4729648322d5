//! Containers that compose leaves as they are: careless defaults of theirs are not asked about each time. What gives the host away, destroys
//! data or stops something is said all the same.

use std::collections::HashSet;

use crate::engine::Lookup;
use crate::grammar::parse::Invocation;
use crate::host::Host;
use crate::lower::{Body, Effect, Lowered, PredictedOperation, Request};
use crate::plan::Facts;
use crate::plan::preview::{PreviewedAction, Resource};
use crate::rules::{Class, Finding};

/// Takes the removal of orphans from a command that makes containers, where compose says that there are none: `--remove-orphans` is typed
/// with every deployment.
pub fn without_orphans(invocation: &Invocation, lowered: &mut Lowered, facts: &dyn Facts, host: &dyn Host) {
    let is_removal =
        |effect: &Effect| matches!(effect, Effect::Does { operation: PredictedOperation::RemovesContainers, .. });
    if !matches!(invocation.canonical(), "compose up" | "compose create") || !lowered.effects.iter().any(is_removal) {
        return;
    }
    let is_new = || {
        let Lookup::Found(project) = facts.project(invocation, host) else { return false };
        facts.project_holds_anything(&project.name) == Lookup::Found(false)
    };
    let removes_none = || {
        let Lookup::Found(preview) = facts.preview(invocation, host) else { return false };
        preview.failed.is_none() && preview.names(Resource::Container, PreviewedAction::Removes).next().is_none()
    };
    if is_new() || removes_none() {
        lowered.effects.retain(|effect| !is_removal(effect));
    }
}

/// What a command of compose does without the containers that stay as they are. None where it is not known which ones these are, or where
/// none stays.
pub fn without_unchanged(
    findings: &[Finding],
    invocation: &Invocation,
    lowered: &Lowered,
    facts: &dyn Facts,
    host: &dyn Host,
) -> Option<Lowered> {
    let command = invocation.canonical().strip_prefix("compose ")?;
    if !matches!(command, "up" | "create" | "scale" | "alpha scale")
        || !findings.iter().any(|finding| finding.class == Class::Hygiene)
    {
        return None;
    }
    let Lookup::Found(project) = facts.project(invocation, host) else { return None };
    // Of a project that the engine does not know, everything is new.
    if facts.project_holds_anything(&project.name) != Lookup::Found(true) {
        return None;
    }
    let Lookup::Found(preview) = facts.preview(invocation, host) else { return None };
    if preview.failed.is_some() || !preview.differing.is_empty() {
        return None;
    }
    let made: HashSet<&str> = [PreviewedAction::Creates, PreviewedAction::Replaces]
        .into_iter()
        .flat_map(|action| preview.names(Resource::Container, action))
        .collect();
    let creates = || {
        lowered.effects.iter().filter_map(|effect| match effect {
            Effect::Request(request) => Some((request, made_name(request)?)),
            _ => None,
        })
    };
    // A container under a name that is not foreseen may be one of any service.
    let known: HashSet<&str> = creates().map(|(_, name)| name).collect();
    if made.iter().any(|name| !known.contains(name)) {
        return None;
    }
    let stays: HashSet<&str> = creates()
        .filter(|(request, name)| !made.contains(name) && !preview.unsure.iter().any(|it| Some(it) == service(request)))
        .map(|(_, name)| name)
        .collect();
    if stays.is_empty() {
        return None;
    }
    let is_of_one_that_stays = |effect: &Effect| match effect {
        Effect::Request(request) => made_name(request)
            .or_else(|| request.object("/containers/", "/exec"))
            .is_some_and(|container| stays.contains(container)),
        _ => false,
    };
    let effects = lowered.effects.iter().filter(|effect| !is_of_one_that_stays(effect)).cloned().collect();
    Some(Lowered { effects, ..lowered.clone() })
}

/// The name of the container that a request makes.
fn made_name(request: &Request) -> Option<&str> {
    request.is("POST", "/containers/create").then(|| request.value("name")).flatten()
}

/// The service of a container that compose makes.
fn service(request: &Request) -> Option<&String> {
    match &request.body {
        Body::Container(body) => body.labels.as_ref()?.get(crate::plan::compose::SERVICE),
        _ => None,
    }
}
