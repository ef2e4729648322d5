//! Who belongs to the swarm, and who leads it.

use serde_json::Value;

use super::{COMMON, Case, Class, Confidence, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "swarm-membership",
    title: "changes the members of the swarm",
    class: Class::Loss,
    confidence: Confidence::Likely,
    why: "A manager that leaves no longer votes. With too few managers the swarm accepts no changes. When the last \
          manager leaves, all services, secrets and configs are lost.",
    instead: "docker node update --availability drain first, then demote; check docker node ls after each step",
    references: &["https://docs.docker.com/engine/swarm/admin_guide/"],
    fires: &[
        "swarm leave --force",
        "swarm leave",
        "node rm worker-1",
        "node demote manager-2",
        "swarm init --force-new-cluster",
    ],
    quiet: &["node ls", "swarm init", "swarm join-token worker", "node promote worker-1"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let changes = case.requests().filter_map(|request| {
        // Written out for these few requests alone: a body may be large.
        let says = |key: &str, value: Value| request.body_json().get(key) == Some(&value);
        let what = if request.is("POST", "/swarm/leave") {
            "this node leaves the swarm"
        } else if request.is("DELETE", "/nodes/*") {
            "removes a node from the swarm"
        } else if request.is("POST", "/nodes/*/update") && says("Role", "worker".into()) {
            "demotes a manager to a worker"
        } else if request.is("POST", "/swarm/init") && says("ForceNewCluster", true.into()) {
            "creates a new swarm with this node as its only member"
        } else {
            return None;
        };
        let origins = if request.is("POST", "/swarm/init") {
            request.origins_of("ForceNewCluster")
        } else {
            request.origins.clone()
        };
        Some(RULE.found(&origins).titled(what))
    });
    changes.collect()
}
