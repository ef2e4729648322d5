//! Limits of a container that exists, made lower.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::engine::{Lookup, nano_cpus};
use crate::lower::Body;
use crate::text::bytes;

pub static RULE: Rule = Rule {
    id: "lowers-limits",
    title: "gives a container a lower limit while it runs",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "The limit applies at once. If the program uses more memory than the new limit, the kernel kills it. With too few \
          processes it can start no new ones; with a small part of a CPU it answers so late that its health check fails.",
    instead: "docker stats shows what the container uses now; set a limit above it",
    references: &["https://docs.docker.com/reference/cli/docker/container/update/"],
    fires: &[
        "update --memory 8m web",
        "update -m 100m --memory-swap 100m web",
        "update --pids-limit 5 web",
        "update --cpus 0.01 web",
        "update --cpu-quota 1000 web",
    ],
    quiet: &[
        "update --memory 1g limited",
        "update --restart always web",
        "update --cpus 2 web",
        "update --cpu-shares 512 web",
    ],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for request in case.requests() {
        let Body::Update(body) = &request.body else { continue };
        let (memory, processes) = (body.memory.unwrap_or(0), body.pids_limit.unwrap_or(0));
        let cpus = nano_cpus(body.nano_cpus.unwrap_or(0), body.cpu_quota.unwrap_or(0), body.cpu_period.unwrap_or(0));
        if memory <= 0 && processes <= 0 && cpus <= 0 {
            continue;
        }
        let now = match request.object("/containers/", "/update").map(|name| case.facts.container(name)) {
            Some(Lookup::Found(now)) => Some(now),
            _ => None,
        };
        if now.as_ref().is_some_and(|now| !now.running) {
            continue;
        }
        let is_lower = |new: i64, old: Option<i64>| new > 0 && old.is_none_or(|old| old <= 0 || new < old);
        let name = now.as_ref().map_or("a container", |now| now.name.as_str());
        if is_lower(memory, now.as_ref().map(|now| now.memory)) {
            let title = format!("limits the memory of {name} to {} while it runs", bytes(memory));
            findings.push(RULE.found(&request.origins_of("Memory")).titled(title));
        }
        if is_lower(processes, now.as_ref().map(|now| now.pids_limit)) {
            let title = format!("limits {name} to {processes} processes while it runs");
            findings.push(RULE.found(&request.origins_of("PidsLimit")).titled(title));
        }
        // Without a limit before, how many CPUs there are is not known: one or more is enough for most programs.
        let before = now.as_ref().map_or(0, |now| now.nano_cpus);
        if cpus > 0 && cpus < if before > 0 { before } else { ONE_CPU } {
            let title = format!("limits {name} to {} of a CPU while it runs", part_of_a_cpu(cpus));
            findings.push(RULE.found(&request.origins_of("NanoCpus")).titled(title));
        }
    }
    findings
}

/// In billionths.
const ONE_CPU: i64 = 1_000_000_000;

/// `1 %`, `0.2 %`, `150 %`.
fn part_of_a_cpu(nano_cpus: i64) -> String {
    let thousandths = nano_cpus / 1_000_000;
    match (thousandths / 10, thousandths % 10) {
        (0, 0) => "less than 0.1 %".to_owned(),
        (whole, 0) => format!("{whole} %"),
        (whole, part) => format!("{whole}.{part} %"),
    }
}
