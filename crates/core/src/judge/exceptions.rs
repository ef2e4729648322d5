//! Which findings an exception of the policy is about.
//!
//! A rule is asked three times: about everything, about everything without what the exception names, and about that alone. A finding that is
//! there without it, or that is not there for it alone, is not about what the exception names, and stays. So no rule needs to know of
//! exceptions, and none allows more than it names.

use crate::engine::Lookup;
use crate::grammar::values::{clean, reference};
use crate::lower::workload::Mounted;
use crate::lower::{Body, Effect, Lowered, Request, Workload};
use crate::plan::Step;
use crate::plan::compose::{PROJECT, SERVICE};
use crate::policy::{Exception, ExceptionSubjects, Globs};
use crate::rules::{Case, Finding, Rule, Seen, check_one};

/// How much of an effect an exception names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Covered {
    Whole,
    /// What is mounted into its container, as far as the exception names it.
    Mounts,
}

/// Marks each finding with the exceptions, by their number, that are about it. `deletions` gives what effects delete.
pub fn mark(
    findings: &mut [Finding],
    exceptions: &[Exception],
    case: &Case,
    deletions: &dyn Fn(&Lowered) -> Vec<Step>,
) {
    for (number, exception) in exceptions.iter().enumerate() {
        let Some(rule) = findings.iter().map(|finding| finding.rule).find(|rule| exception.is_about(rule)) else {
            continue;
        };
        let subjects = exception.subjects();
        if subjects.is_whole() {
            findings.iter_mut().filter(|finding| finding.rule == rule).for_each(|it| it.exceptions.push(number));
            continue;
        }
        let (mut with, mut without) = (Seen::default(), Seen::default());
        for finding in found_in(rule, case, &subjects, true, deletions) {
            with.is_new(&finding);
        }
        for finding in found_in(rule, case, &subjects, false, deletions) {
            without.is_new(&finding);
        }
        for finding in findings.iter_mut().filter(|finding| finding.rule == rule) {
            if with.has(finding) && !without.has(finding) {
                finding.exceptions.push(number);
            }
        }
    }
}

/// What a rule finds in what an exception names, or in everything else.
fn found_in(
    rule: &'static Rule,
    case: &Case,
    subjects: &ExceptionSubjects,
    named: bool,
    deletions: &dyn Fn(&Lowered) -> Vec<Step>,
) -> Vec<Finding> {
    let (mut effects, mut workloads) = (Vec::new(), Vec::new());
    for effect in &case.lowered.effects {
        let covered = covered(effect, subjects, case);
        if covered != Some(Covered::Mounts) && (covered == Some(Covered::Whole)) != named {
            continue;
        }
        effects.push(effect.clone());
        let Some(mut workload) = effect.workload() else { continue };
        if covered == Some(Covered::Mounts) {
            workload.mounts.retain(|mount| is_named_mount(mount, subjects, case) == named);
        }
        workloads.push(workload);
    }
    let part = Lowered { effects, ..case.lowered.clone() };
    let steps = || deletions(&part);
    check_one(rule, &case.of_part(&part, workloads, &steps))
}

/// How much of an effect these subjects name.
fn covered(effect: &Effect, subjects: &ExceptionSubjects, case: &Case) -> Option<Covered> {
    match effect {
        Effect::Request(request) => covered_request(request, subjects, case),
        Effect::Describes(workload) => {
            // Whose container it is, is not known of a part.
            let is_other =
                !subjects.container.is_empty() || !subjects.service.is_empty() || !subjects.project.is_empty();
            let fits = !is_other && is_image(subjects.image, workload.image.as_deref(), case);
            fits.then_some(if subjects.names_mounts() { Covered::Mounts } else { Covered::Whole })
        }
        Effect::ReadsFile { path, .. } | Effect::WritesFile { path, .. } => {
            let is_about_files = !subjects.names_workloads() && subjects.volume.is_empty();
            (is_about_files && is_path(subjects.source, path, case)).then_some(Covered::Whole)
        }
        _ => None,
    }
}

fn covered_request(request: &Request, subjects: &ExceptionSubjects, case: &Case) -> Option<Covered> {
    if let Some(workload) = Workload::of(request) {
        let fits = is_image(subjects.image, workload.image.as_deref(), case)
            && is_one(subjects.container, request.value("name"))
            && is_one(subjects.service, label(request, SERVICE).or_else(|| service_name(request)))
            && is_one(subjects.project, label(request, PROJECT).or_else(|| label(request, STACK)));
        return fits.then_some(if subjects.names_mounts() { Covered::Mounts } else { Covered::Whole });
    }
    let only = |globs: &Globs| {
        // Nothing else may be named: of this request no more is known.
        let set =
            [subjects.image, subjects.container, subjects.service, subjects.project, subjects.source, subjects.volume];
        !globs.is_empty() && set.iter().filter(|globs| !globs.is_empty()).count() == 1
    };
    if let Some(name) = object(request, "/volumes/") {
        return (only(subjects.volume) && is_one(subjects.volume, Some(name))).then_some(Covered::Whole);
    }
    if let Some(name) = object(request, "/containers/") {
        if !only(subjects.container) {
            return None;
        }
        // A name that was typed may be the beginning of an id.
        let name = match case.facts.container(name) {
            Lookup::Found(container) => container.name,
            Lookup::NoEngine | Lookup::Missing => name.to_owned(),
            Lookup::Unknown(_) => return None,
        };
        return is_one(subjects.container, Some(&name)).then_some(Covered::Whole);
    }
    // The name of an image has slashes.
    let image = request.path.strip_prefix("/images/")?;
    let image = ["/push", "/tag", "/json", "/get"].iter().find_map(|end| image.strip_suffix(end)).unwrap_or(image);
    let is_name = !matches!(image, "prune" | "create" | "load" | "search" | "json" | "get");
    (only(subjects.image) && is_name && is_image(subjects.image, Some(image), case)).then_some(Covered::Whole)
}

/// The object of this kind (`/volumes/`) that a request is about.
pub(super) fn object<'a>(request: &'a Request, kind: &str) -> Option<&'a str> {
    let name = request.path.strip_prefix(kind)?.split('/').next()?;
    (!matches!(name, "" | "prune" | "create" | "json")).then_some(name)
}

/// The label of a stack's services.
const STACK: &str = "com.docker.stack.namespace";

/// A label that compose or a stack gives. One that was typed, or stands in a file as a label, is anybody's.
pub(super) fn label<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    if request.parts.get(&format!("Labels/{name}")).is_some() || request.origins.iter().all(|it| it.place().is_none()) {
        return None;
    }
    let labels = match &request.body {
        Body::Container(body) => body.labels.as_ref(),
        Body::Service(body) => body.labels.as_ref(),
        _ => None,
    };
    labels?.get(name).map(String::as_str)
}

fn service_name(request: &Request) -> Option<&str> {
    match &request.body {
        Body::Service(body) => body.name.as_deref(),
        _ => None,
    }
}

/// Whether nothing is asked for, or the name fits.
fn is_one(globs: &Globs, name: Option<&str>) -> bool {
    globs.is_empty() || name.is_some_and(|name| globs.matching(name).is_some())
}

/// The same for an image. A pattern with a digest or an id is about content: what the engine holds under the name now.
fn is_image(globs: &Globs, image: Option<&str>, case: &Case) -> bool {
    if globs.is_empty() {
        return true;
    }
    let Some(image) = image.filter(|image| !image.is_empty()) else { return false };
    let (of_content, of_names): (Vec<&String>, Vec<&String>) =
        globs.0.iter().partition(|glob| glob.contains("sha256:"));
    let fits = |globs: &[&String], text: &str| globs.iter().any(|glob| fits_in_parts(glob, text));
    let Ok(named) = reference(image) else {
        // An id, or the beginning of one: no name fits it.
        let id = || match case.facts.image(image) {
            Lookup::Found(known) => known.id,
            _ => String::new(),
        };
        return !of_content.is_empty() && fits(&of_content, &id());
    };
    let both = |end: &str| [format!("{}{end}", named.familiar()), format!("{}{end}", named.name())];
    // Where a digest is named, docker takes no notice of the tag.
    let tag = named.tag_or_latest().filter(|_| named.digest.is_none());
    let names = both("").into_iter().chain(tag.iter().flat_map(|tag| both(&format!(":{tag}"))));
    if names.into_iter().any(|name| fits(&of_names, &name)) {
        return true;
    }
    if of_content.is_empty() {
        return false;
    }
    if let Some(digest) = &named.digest {
        return both(&format!("@{digest}")).iter().any(|name| fits(&of_content, name));
    }
    let Lookup::Found(known) = case.facts.image(image) else { return false };
    let digests = known.digests.iter().filter_map(|digest| digest.split_once('@')).flat_map(|(name, digest)| {
        let full = reference(name).map(|name| name.name()).unwrap_or_default();
        [format!("{name}@{digest}"), format!("{full}@{digest}")]
    });
    digests.chain([known.id.clone()]).any(|name| fits(&of_content, &name))
}

/// Whether a pattern fits a name part by part: a wildcard stands for nothing with a slash in it, so that `docker*` is no other registry.
fn fits_in_parts(glob: &str, name: &str) -> bool {
    let (globs, names): (Vec<&str>, Vec<&str>) = (glob.split('/').collect(), name.split('/').collect());
    globs.len() == names.len() && globs.iter().zip(names).all(|(glob, name)| Globs::fits(glob, name))
}

/// Whether a mount is what these subjects name.
fn is_named_mount(mount: &Mounted, subjects: &ExceptionSubjects, case: &Case) -> bool {
    let is_named = |path: &str| is_path(subjects.source, path, case);
    (subjects.source.is_empty() || mount.host_path().is_some_and(is_named)) && is_one(subjects.volume, mount.volume())
}

/// Whether a path of the host fits: what it is behind its links counts, and not how it is written.
fn is_path(globs: &Globs, path: &str, case: &Case) -> bool {
    let real = case.on_host(&clean(path));
    let is_real = |glob: &String| !glob.contains(['*', '?']) && case.on_host(&clean(glob)) == real;
    globs.0.iter().any(|glob| Globs::fits(glob, &real) || is_real(glob))
}
