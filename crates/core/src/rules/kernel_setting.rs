//! `--sysctl`.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "kernel-setting",
    title: "changes a kernel setting",
    class: Class::Outage,
    confidence: Confidence::Certain,
    why: "The setting applies to all containers that share this network or IPC namespace. With the host's network \
          it applies to the host.",
    instead: "leave it out, unless the documentation of the program asks for this value",
    references: &["https://docs.docker.com/reference/cli/docker/container/run/#sysctl"],
    fires: &["run --sysctl net.ipv4.ip_forward=1 tools:1.4", "create --sysctl kernel.shmmax=1 tools:1.4"],
    quiet: &["run --shm-size 1g tools:1.4"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        for (key, origins) in &workload.sysctls {
            let found = RULE.found(origins).titled(format!("sets {key}"));
            // It is the container's own network that gets the setting.
            let own = key.starts_with("net.") && workload.has_own_network();
            findings.push(if own { found.at_most_noted() } else { found });
        }
    }
    findings
}
