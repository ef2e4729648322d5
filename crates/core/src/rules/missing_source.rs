//! A path of the host that is mounted and is not there.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::workload::MountKind;

pub static RULE: Rule = Rule {
    id: "missing-source",
    title: "mounts a path of the host that does not exist",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "The engine creates an empty folder there, owned by root, and mounts it. The program finds a folder where it expects a file, or \
          starts without its data.",
    instead: "check the path; --mount type=bind,src=PATH,dst=PATH ends with an error if the source does not exist",
    references: &["https://docs.docker.com/engine/storage/bind-mounts/#syntax"],
    fires: &["run -v /srv/missing/conf.yml:/etc/c.yml safe:1", "create -v ./missing/data:/data:ro safe:1"],
    quiet: &[
        "run -v /srv/app/conf.yml:/etc/c.yml safe:1",
        "run --mount type=bind,src=/srv/missing/conf.yml,dst=/etc/c.yml safe:1",
        "run -v missing:/data safe:1",
        "-H tcp://h.example.com run -v /srv/missing/conf.yml:/etc/c.yml safe:1",
    ],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    // Paths of another machine cannot be looked at from here.
    if !case.target.is_local() {
        return Vec::new();
    }
    let mounts = case.workloads().iter().flat_map(|workload| &workload.mounts);
    let missing = mounts
        .filter(|mount| mount.kind == MountKind::Bind && mount.makes_source && case.host.is_missing(&mount.source));
    missing
        .map(|mount| {
            let title = format!("{} does not exist; the engine will create an empty folder there", mount.source);
            RULE.found(&mount.origins).titled(title)
        })
        .collect()
}
