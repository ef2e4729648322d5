//! Volumes without a name, removed with their container or by a prune.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::engine::Lookup;
use crate::lower::{Origins, in_order};

pub static RULE: Rule = Rule {
    id: "removes-anonymous-volumes",
    title: "removes anonymous volumes",
    class: Class::Loss,
    confidence: Confidence::Likely,
    why: "If an image declares a volume and nothing is mounted there, docker creates an anonymous volume for the \
          data. It is often the only copy.",
    instead: "look at Mounts in docker inspect CONTAINER first; without -v the volumes are kept",
    references: &["https://docs.docker.com/engine/storage/volumes/#remove-anonymous-volumes"],
    fires: &["rm -v web", "rm -fv web", "volume prune", "system prune --volumes", "volume prune -f"],
    quiet: &["rm web", "rm -f web", "system prune"],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut origins: Origins = Vec::new();
    for request in case.requests() {
        let with_container = request.is("DELETE", "/containers/*") && request.value("v") == Some("1");
        if with_container && holds_some(case, request.object("/containers/", "").unwrap_or_default()) {
            origins.extend(request.origins_of("v"));
            origins.extend(request.origins.clone());
        }
        if request.is("POST", "/volumes/prune") {
            // With `all`, or below API 1.42, it is prune-all's.
            let named_too = request.value("filters").is_some_and(|filters| filters.contains("\"all\""));
            if !named_too && !super::prune_all::takes_named_volumes(case) {
                origins.extend(request.origins_of("all"));
            }
        }
    }
    let origins = in_order(origins);
    if origins.is_empty() { Vec::new() } else { vec![RULE.found(&origins)] }
}

/// Whether the container has a volume; true where the engine does not tell.
fn holds_some(case: &Case, name: &str) -> bool {
    match case.facts.container(name) {
        Lookup::Found(container) => container.mounts.iter().any(|mount| mount.volume.is_some()),
        Lookup::Missing => false,
        Lookup::NoEngine | Lookup::Unknown(_) => true,
    }
}
