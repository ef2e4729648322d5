//! A container whose log grows until the disk is full.

use super::{COMMON, Case, Class, Confidence, Edit, Finding, Rule};
use crate::engine::Lookup;
use crate::lower::{Workload, fields};

/// The driver that writes files without a limit unless one is set.
const UNLIMITED: &str = "json-file";

pub static RULE: Rule = Rule {
    id: "unlimited-log",
    title: "the log has no size limit",
    class: Class::Hygiene,
    confidence: Confidence::Possible,
    of_services: "have no limit for their logs",
    why: "The json-file driver keeps all output of the container in one file, which grows until the container is removed. A full disk \
          stops every container of the host.",
    instead: "--log-opt max-size=10m, or --log-driver local, which limits by itself; log-opts in the engine's daemon.json for all new containers",
    references: &["https://docs.docker.com/engine/logging/configure/"],
    fires: &[
        "run -d -m 1g --log-driver json-file safe:1",
        "run -d -m 1g --log-driver json-file --log-opt max-file=3 safe:1",
        "run -d -m 1g --log-driver json-file --log-opt max-size=-1 safe:1",
    ],
    quiet: &[
        "run -d -m 1g --log-driver json-file --log-opt max-size=10m safe:1",
        "run -d -m 1g --log-driver local safe:1",
        "run -d -m 1g safe:1",
        "run --rm -m 1g --log-driver json-file safe:1",
        "run -d -m 1g --log-driver journald safe:1",
    ],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    // A container in the foreground is somebody's to watch; the services of a file run for long. What a swarm's service logs, its own
    // template says.
    let of_file = |workload: &Workload| workload.origins.iter().any(|origin| origin.place().is_some());
    let stays = case.whole_workloads().filter(|workload| !workload.service && (workload.detached || of_file(workload)));
    let unlimited = stays.filter(|workload| !workload.log.limited && driver(case, &workload.log.driver) == UNLIMITED);
    unlimited
        .map(|workload| {
            let log = &workload.log;
            let origins = if log.origins.is_empty() { &workload.origins } else { &log.origins };
            let mut found = RULE.found(origins).about(workload);
            if of_file(workload) {
                found.instead = "logging with the option max-size, such as {options: {max-size: 10m}}, or with driver: local, which limits by itself"
                    .to_owned();
                return found;
            }
            // An option that was typed would be replaced by this one.
            if log.has_options { found } else { found.edit(Edit::set(&fields::LOG, Some("max-size=10m".to_owned()))) }
        })
        .collect()
}

/// The driver that is used: the one that is named, or the engine's. Without an engine there is none; one that does not answer has docker's own
/// default.
fn driver(case: &Case, named: &str) -> String {
    if !named.is_empty() {
        return named.to_owned();
    }
    match case.facts.engine() {
        Lookup::Found(engine) => engine.log_driver,
        Lookup::Unknown(_) => UNLIMITED.to_owned(),
        Lookup::NoEngine | Lookup::Missing => String::new(),
    }
}
