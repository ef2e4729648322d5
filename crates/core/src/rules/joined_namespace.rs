//! A container in another one's view.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "joined-namespace",
    title: "shares a namespace of another container",
    class: Class::Outage,
    confidence: Confidence::Certain,
    why: "The container sees and reaches what the other container does, including services on its localhost. It \
          stops working if the other container is removed.",
    instead: "a network that both containers are connected to",
    references: &["https://docs.docker.com/engine/network/#container-networks"],
    fires: &[
        "run --network container:web tools:1.4",
        "run --pid container:web tools:1.4",
        "run --ipc=container:web tools:1.4",
    ],
    quiet: &["run --network front tools:1.4", "run --ipc private tools:1.4"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        let mut joined = Vec::new();
        if let Some(name) = workload.network_mode.strip_prefix("container:") {
            joined.push(("network", name, &workload.network_origins));
        }
        for (what, mode, origins) in &workload.namespaces {
            if let Some(name) = mode.strip_prefix("container:") {
                joined.push((*what, name, origins));
            }
        }
        for (what, name, origins) in joined {
            let found = RULE.found(origins).titled(format!("shares the {what} of the container {name}"));
            // Services of one project are started, replaced and removed together, and what this one may do is in the same files.
            findings.push(if case.makes_container(name) { found.at_most_noted() } else { found });
        }
    }
    findings
}
