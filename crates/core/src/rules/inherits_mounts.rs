//! `--volumes-from`: judged by what the other container mounts, where the engine can tell.

use super::docker_socket::leads_to_engine;
use super::host_mount;
use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::engine::Lookup;
use crate::lower::Origin;

pub static RULE: Rule = Rule {
    id: "inherits-mounts",
    title: "takes the mounts of another container",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "Everything that the other container mounts is mounted here under the same paths. The command does not \
          show what that is.",
    instead: "mount the one volume that is needed: -v VOLUME:/path",
    references: &["https://docs.docker.com/reference/cli/docker/container/run/#volumes-from"],
    fires: &["run --volumes-from web tools:1.4", "create --volumes-from web:ro tools:1.4"],
    quiet: &["run -v data:/data tools:1.4", "run --volumes-from plain tools:1.4"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        for (typed, origins) in &workload.volumes_from {
            let name = typed.split(':').next().unwrap_or(typed);
            let same = case.makes_container(name);
            let mild = |finding: Finding| {
                // What the other service mounts is in the same files, and judged there.
                if same && *finding.rule == RULE && finding.class == Class::Outage {
                    finding.at_most_noted()
                } else {
                    finding
                }
            };
            findings.extend(judged(case, typed, origins).into_iter().map(mild));
        }
    }
    findings
}

fn judged(case: &Case, typed: &str, origins: &[Origin]) -> Vec<Finding> {
    let (name, mode) = typed.split_once(':').unwrap_or((typed, ""));
    let container = match case.facts.container(name) {
        Lookup::Found(container) => container,
        // Docker will say that it is not there.
        Lookup::Missing => return Vec::new(),
        // What it mounts may be the engine's socket.
        Lookup::Unknown(why) => {
            let text = format!("{} fender cannot tell which mounts these are: {why}.", RULE.why);
            return vec![Finding { class: Class::Escape, ..RULE.found(origins).because(text) }];
        }
        Lookup::NoEngine => {
            return vec![
                RULE.found(origins).because(format!("{} The engine did not answer which mounts it has.", RULE.why)),
            ];
        }
    };
    let mut findings = Vec::new();
    for mount in container.mounts.iter().filter(|mount| mount.volume.is_none()) {
        let through = |rule: &'static Rule, what: String| {
            rule.found(origins).titled(format!("{what}, through the mounts of the container {name}"))
        };
        if leads_to_engine(case, &mount.source) {
            findings.push(through(&super::docker_socket::RULE, "container gets the engine's API socket".to_owned()));
        } else if let Some(what) = host_mount::problem(case, &mount.source, mode == "ro" || !mount.writable) {
            findings.push(through(&host_mount::RULE, format!("mounts {what}")));
        }
    }
    findings
}
