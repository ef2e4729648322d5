//! A prune that takes only what is plainly left over.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::{Origins, PredictedOperation, in_order};

pub static RULE: Rule = Rule {
    id: "prune",
    title: "removes unused objects",
    class: Class::Outage,
    confidence: Confidence::Certain,
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
    // A builder is made anew in a second, and its cache by the next build.
    let builder = case.origins_of_operation(&PredictedOperation::RemovesBuilder);
    let builder = builder.map(|origins| RULE.found(&origins).titled("removes a builder and its cache").at_most_noted());
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
    if let Some(these) = case.origins_of_operation(&PredictedOperation::PrunesCache) {
        takes.push("unused build cache");
        origins.extend(these);
    }
    let origins = in_order(origins);
    let pruned = (!takes.is_empty()).then(|| RULE.found(&origins).titled(format!("removes {}", takes.join(", "))));
    pruned.into_iter().chain(builder).collect()
}
