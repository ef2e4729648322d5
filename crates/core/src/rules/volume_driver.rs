//! Volumes of another driver than the engine's own.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::{Body, Origin};

pub static RULE: Rule = Rule {
    id: "volume-driver",
    title: "uses another volume driver",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "The driver decides where the data is stored, often on another machine. If the driver is not available, \
          the container hangs or fails to start.",
    instead: "the local driver; it can also mount NFS and CIFS",
    references: &["https://docs.docker.com/engine/extend/legacy_plugins/#volume-plugins"],
    fires: &[
        "volume create -d rexray/ebs v",
        "run --volume-driver=vieux/sshfs -v v:/x tools:1.4",
        "run --mount source=v,target=/x,volume-driver=nfs tools:1.4",
    ],
    quiet: &["volume create v", "volume create --driver local v", "run -v v:/x tools:1.4"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let foreign = |name: &str| !name.is_empty() && name != "local";
    let found = |name: &str, origins: &[Origin]| RULE.found(origins).titled(format!("uses the volume driver {name}"));
    let mut findings = Vec::new();
    for workload in case.workloads() {
        if let Some((name, origins)) = workload.volume_driver.as_ref().filter(|(name, _)| foreign(name)) {
            findings.push(found(name, origins));
        }
        for mount in workload.mounts.iter().filter(|mount| foreign(&mount.driver)) {
            findings.push(found(&mount.driver, &mount.origins));
        }
    }
    for request in case.requests() {
        if let Body::Volume(body) = &request.body
            && let Some(name) = body.driver.as_deref().filter(|name| foreign(name))
        {
            findings.push(found(name, &request.origins_of("Driver")));
        }
    }
    findings
}
