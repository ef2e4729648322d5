//! `--sysctl`.

use super::{Case, Class, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "kernel-setting",
    title: "changes a setting of the kernel",
    class: Class::Outage,
    why: "The setting holds for everything that shares the container's network or memory view, and with the host's network \
          for the host.",
    instead: "leave it, unless the program's own documents ask for this value",
    references: &["https://docs.docker.com/reference/cli/docker/container/run/#sysctl"],
    fires: &["run --sysctl net.ipv4.ip_forward=1 tools:1.4", "create --sysctl kernel.shmmax=1 tools:1.4"],
    quiet: &["run --shm-size 1g tools:1.4"],
    files: &[],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let changed = case.workloads().iter().flat_map(|workload| &workload.sysctls);
    changed.map(|(key, words)| RULE.found(words).titled(format!("sets {key}"))).collect()
}
