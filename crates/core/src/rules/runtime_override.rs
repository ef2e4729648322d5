//! Another runtime than the engine's own.

use super::{COMMON, Case, Class, Finding, Rule};

/// What the engine brings.
const OWN: &[&str] = &["runc", "io.containerd.runc.v2"];

pub static RULE: Rule = Rule {
    id: "runtime-override",
    title: "uses another OCI runtime",
    class: Class::Outage,
    why: "The OCI runtime sets up the container's isolation. Another runtime may isolate less.",
    instead: "the engine's default runtime; if you use a sandbox such as gVisor (runsc) or Kata, allow it in the \
          policy",
    references: &["https://docs.docker.com/engine/daemon/alternative-runtimes/"],
    fires: &["run --runtime nvidia tools:1.4", "run --runtime=io.example.v1 tools:1.4"],
    quiet: &["run --runtime runc tools:1.4", "run --gpus all tools:1.4"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let chosen = case.workloads().iter().filter_map(|workload| workload.runtime.as_ref());
    chosen
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .map(|(name, origins)| RULE.found(origins).titled(format!("uses the OCI runtime {name}")))
        .collect()
}
