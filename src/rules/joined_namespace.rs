//! A container in another one's view.

use super::{Case, Class, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "joined-namespace",
    title: "shares another container's view",
    class: Class::Outage,
    why: "It sees and reaches whatever the other container does, on its localhost too, and it stops working when the other \
          one is removed.",
    instead: "a network of their own for both",
    references: &["https://docs.docker.com/engine/network/#container-networks"],
    fires: &["run --network container:web tools:1.4", "run --pid container:web tools:1.4", "run --ipc=container:web tools:1.4"],
    quiet: &["run --network front tools:1.4", "run --ipc private tools:1.4"],
    files: &[],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        let mut joined = Vec::new();
        if let Some(name) = workload.network_mode.strip_prefix("container:") {
            joined.push(("network", name, &workload.network_words));
        }
        for (what, mode, words) in &workload.namespaces {
            if let Some(name) = mode.strip_prefix("container:") {
                joined.push((*what, name, words));
            }
        }
        for (what, name, words) in joined {
            findings.push(RULE.found(words).titled(format!("shares the {what} of the container {name}")));
        }
    }
    findings
}
