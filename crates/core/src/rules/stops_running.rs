//! Stopping what runs, with a grace period.

use super::by_id::{running, with_start};
use super::stops_containers::kills;
use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::{Origins, PredictedOperation};
use crate::text::{count, named};

pub static RULE: Rule = Rule {
    id: "stops-running",
    title: "stops running containers",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "What the containers serve is not there until they run again. With ids from docker ps a command stops whatever runs at that \
          moment, also what somebody else started.",
    instead: "name the containers: docker stop web; docker ps --filter shows which ones a filter finds",
    references: &["https://docs.docker.com/reference/cli/docker/container/stop/"],
    fires: &[
        "stop 0123456789ab 123456789abc",
        "restart serving",
        "pause serving web",
        "compose stop",
        "compose restart web",
    ],
    quiet: &["stop heavy", "kill web", "unpause web", "compose start"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (end, how) in [("/stop", "stops"), ("/restart", "restarts"), ("/pause", "pauses")] {
        let of_kind = |request: &&crate::lower::Request| {
            request.method == "POST" && request.object("/containers/", end).is_some() && !kills(request)
        };
        let requests: Vec<_> = case.requests().filter(of_kind).collect();
        let typed = requests.iter().filter_map(|request| request.object("/containers/", end));
        let stopped = running(case, typed);
        let origins: Origins = requests.iter().flat_map(|request| request.origins.clone()).collect();
        findings.extend(match stopped.as_slice() {
            [] => None,
            [one] => Some(RULE.found(&origins).titled(format!("{how} {}", with_start(one))).less_strict()),
            several => {
                let names: Vec<&str> = several.iter().map(|container| container.name.as_str()).collect();
                let title = format!("{how} {}: {}", count(several.len(), "running container"), named(&names));
                let found = RULE.found(&origins).titled(title);
                let by_id = several.iter().filter(|container| container.by_id).count();
                Some(if by_id > 1 { found } else { found.without_notes() })
            }
        });
    }
    for (operation, origins) in case.operations() {
        let PredictedOperation::StopsServices { how, services } = operation else { continue };
        findings.push(match services.as_slice() {
            [one] => RULE.found(origins).titled(format!("{how} the service {one}")).less_strict(),
            [] => RULE.found(origins).titled(format!("{how} all containers of the project")).without_notes(),
            several => RULE.found(origins).titled(format!("{how} the services {}", named(several))).without_notes(),
        });
    }
    findings
}
