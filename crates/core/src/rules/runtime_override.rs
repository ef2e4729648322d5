//! Another runtime than the engine's own, or another cgroup than one below the engine's.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::grammar::values::clean;
use crate::lower::{Origins, PredictedOperation};

/// What the engine brings.
const OWN: &[&str] = &["runc", "io.containerd.runc.v2"];

pub static RULE: Rule = Rule {
    id: "runtime-override",
    title: "uses another OCI runtime, or the root cgroup",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "The OCI runtime sets up the container's isolation. Another runtime may isolate less.",
    instead: "the engine's default runtime; if you use a sandbox such as gVisor (runsc) or Kata, allow it in the \
          policy",
    references: &["https://docs.docker.com/engine/daemon/alternative-runtimes/"],
    fires: &[
        "run --runtime nvidia tools:1.4",
        "run --runtime=io.example.v1 tools:1.4",
        "run --cgroup-parent / tools:1.4",
        "run --cgroup-parent=/./.. tools:1.4",
        "buildx build --cgroup-parent / .",
    ],
    quiet: &["run --runtime runc tools:1.4", "run --gpus all tools:1.4", "run --cgroup-parent batch tools:1.4"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let chosen = case.workloads().iter().filter_map(|workload| workload.runtime.as_ref());
    let runtimes = chosen
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        .map(|(name, origins)| RULE.found(origins).titled(format!("uses the OCI runtime {name}")));
    let parents = case.workloads().iter().filter_map(|workload| workload.cgroup_parent.clone());
    let built = case.requests().filter(|request| request.is("POST", "/build"));
    let built = built
        .filter_map(|request| Some((request.value("cgroupparent")?.to_owned(), request.origins_of("cgroupparent"))));
    let planned = case.operations().filter_map(|(operation, origins)| match operation {
        PredictedOperation::BuildCgroup(name) => Some((name.clone(), origins.clone())),
        _ => None,
    });
    let all = parents.chain(built).chain(planned).filter(|(name, _)| is_root(name));
    runtimes.chain(all.map(|(_, origins)| in_root_cgroup(&origins))).collect()
}

/// Whether it is the cgroup above all others: runc cleans the path, and systemd calls its slice `-.slice`.
fn is_root(name: &str) -> bool {
    !name.is_empty() && (clean(&format!("/{name}")) == "/" || name == "-.slice")
}

fn in_root_cgroup(origins: &Origins) -> Finding {
    RULE.found(origins)
        .titled("puts the container beside the engine's own cgroup, at the root")
        .because(
            "Limits that apply to the engine's cgroup, and with it to all containers, do not apply to this one. It competes with \
             the services of the host.",
        )
}
