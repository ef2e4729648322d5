//! A prune that takes only what is plainly left over.

use super::{COMMON, Case, Class, Finding, Rule};
use crate::lower::{Origins, PredictedOperation, in_order};

pub static RULE: Rule = Rule {
    id: "prune",
    title: "removes unused objects",
    class: Class::Outage,
    why: "Stopped containers are removed with the data in their own layers. Networks are removed that a stopped \
          container needs to start again.",
    instead: "look at docker system df -v first; narrow it with --filter until=… and label=…",
    references: &["https://docs.docker.com/engine/manage-resources/pruning/"],
    fires: &[
        "system prune",
        "container prune -f",
        "network prune",
        "image prune",
        "builder prune",
        "buildx prune",
        "buildx rm old",
    ],
    quiet: &["system df", "image ls --filter dangling=true"],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    // One complaint: where everything goes, or volumes, the rule about that says so.
    if !(super::prune_all::RULE.check)(case).is_empty() {
        return Vec::new();
    }
    let mut takes = Vec::new();
    let mut origins: Origins = Vec::new();
    for request in case.requests() {
        for (path, what) in [
            ("/containers/prune", "stopped containers"),
            ("/networks/prune", "unused networks"),
            ("/images/prune", "dangling images"),
            ("/build/prune", "unused build cache"),
        ] {
            if request.is("POST", path) {
                takes.push(what);
                origins.extend(request.origins.clone());
            }
        }
    }
    for (operation, what) in [
        (PredictedOperation::PrunesCache, "unused build cache"),
        (PredictedOperation::RemovesBuilder, "a builder and its cache"),
    ] {
        if let Some(these) = case.origins_of_operation(&operation) {
            takes.push(what);
            origins.extend(these);
        }
    }
    let origins = in_order(origins);
    if takes.is_empty() {
        Vec::new()
    } else {
        vec![RULE.found(&origins).titled(format!("removes {}", takes.join(", ")))]
    }
}
