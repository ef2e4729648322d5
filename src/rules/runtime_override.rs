//! Another runtime than the engine's own.

use super::{Case, Class, Finding, Rule};

/// What the engine brings.
const OWN: &[&str] = &["runc", "io.containerd.runc.v2"];

pub static RULE: Rule = Rule {
    id: "runtime-override",
    title: "another runtime than the engine's own",
    class: Class::Outage,
    why: "The runtime builds the walls around the container: which ones there are depends on this program now.",
    instead: "the engine's default runtime; a sandbox such as gVisor (runsc) or Kata belongs into the policy as allowed",
    references: &["https://docs.docker.com/engine/daemon/alternative-runtimes/"],
    fires: &["run --runtime nvidia tools:1.4", "run --runtime=io.example.v1 tools:1.4"],
    quiet: &["run --runtime runc tools:1.4", "run --gpus all tools:1.4"],
    files: &[],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let chosen = case.workloads().iter().filter_map(|workload| workload.runtime.as_ref());
    chosen
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .map(|(name, words)| RULE.found(words).titled(format!("the runtime {name}")))
        .collect()
}
