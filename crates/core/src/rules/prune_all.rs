//! Everything unused, gone.

use super::{COMMON, Case, Class, Confidence, Edit, Finding, Rule};
use crate::engine::Lookup;
use crate::grammar::values::duration;
use crate::lower::{Origins, PredictedOperation, Request, in_order};
use crate::plan::ObjectKind;

pub static RULE: Rule = Rule {
    id: "prune-all",
    title: "removes everything that is not in use now",
    class: Class::Loss,
    confidence: Confidence::Certain,
    why: "Not used by a running container does not mean not needed. It can include images that exist only on this \
          engine, the volume of a service that is stopped for the night, and build cache.",
    instead: "prune without -a and without named volumes, or narrow it with --filter until=… and label=…",
    references: &["https://docs.docker.com/engine/manage-resources/pruning/", "moby/moby#30623"],
    fires: &[
        "system prune -a",
        "image prune --all -f",
        "volume prune -a",
        "builder prune -a",
        "system prune -a --volumes --force",
        "buildx prune --all",
        "volume prune --filter all=true",
    ],
    quiet: &["image prune", "container prune", "system prune -f", "image prune -a=false"],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut takes: Vec<String> = Vec::new();
    let mut origins: Origins = Vec::new();
    let mut old = true;
    let mut add = |what: &str, request: &Request| {
        old &= is_old(&filters(request));
        takes.push(what.to_owned());
        origins.extend(request.origins_of("all"));
    };
    for request in case.requests() {
        let filters = filters(request);
        if request.is("POST", "/images/prune") && has(&filters, "dangling", &["false", "0", "f", "F", "False", "FALSE"])
        {
            add("every image that no container uses", request);
        } else if request.is("POST", "/volumes/prune") {
            if has(&filters, "all", &["true", "1", "t", "T", "True", "TRUE"]) {
                add("every volume that no container uses, named ones too", request);
            } else if takes_named_volumes(case) {
                add("every volume that no container uses, named ones too (always so with this API version)", request);
            }
        } else if request.is("POST", "/build/prune") && request.value("all") == Some("1") && has_cache(case) {
            add("all build cache", request);
        }
    }
    if let Some(operation) = case.origins_of_operation(&PredictedOperation::PrunesAllCache) {
        takes.push("all build cache".to_owned());
        old = false;
        origins.extend(operation);
    }
    if takes.is_empty() {
        return Vec::new();
    }
    let origins = in_order(origins);
    let mut finding = RULE.found(&origins).titled(format!("removes {}", takes.join(", ")));
    if old {
        finding = finding.without_typing();
    }
    let prunes = |path: &str| case.requests().any(|request| request.is("POST", path));
    if prunes("/containers/prune") && prunes("/images/prune") {
        // In place of docker system prune only dangling images: the part of it that takes nothing anybody can name.
        finding = finding.edit(Edit::Command { words: vec!["image".to_owned(), "prune".to_owned()] });
    }
    vec![finding]
}

/// Below API 1.42 `volume prune` takes named volumes; the version in force is the lower one of client and engine.
pub fn takes_named_volumes(case: &Case) -> bool {
    match case.facts.api_version() {
        Lookup::Found(version) => version < (1, 42),
        Lookup::Unknown(_) => true,
        Lookup::Missing | Lookup::NoEngine => false,
    }
}

/// Whether there is build cache to remove, or may be.
fn has_cache(case: &Case) -> bool {
    case.known_plan().is_none_or(|plan| plan.of(ObjectKind::BuildCache).next().is_some())
}

/// A day, in nanoseconds.
const DAY: i64 = 24 * 3600 * 1_000_000_000;

/// Whether all that a request takes has not been used for a day or more.
fn is_old(filters: &serde_json::Value) -> bool {
    let ages = filters.get("until").and_then(|until| until.as_object());
    ages.is_some_and(|ages| !ages.is_empty() && ages.keys().all(|age| duration(age).is_ok_and(|age| age >= DAY)))
}

fn filters(request: &Request) -> serde_json::Value {
    request.value("filters").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn has(filters: &serde_json::Value, name: &str, values: &[&str]) -> bool {
    filters.get(name).is_some_and(|filter| values.iter().any(|value| filter.get(*value).is_some()))
}
