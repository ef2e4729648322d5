//! Stopping without the time to end.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::{Origins, PredictedOperation, Request, in_order};
use crate::plan::ChangeStep;
use crate::plan::request_changes::RequestChange;
use crate::plan::swarm_changes::drains;
use crate::text::{count, named};

pub static RULE: Rule = Rule {
    id: "stops-containers",
    title: "kills containers without a grace period",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "A killed program cannot save its data or finish its work. A database has to run its recovery at the next \
          start.",
    instead: "docker stop sends SIGTERM and waits 10 s; -t sets another grace period",
    references: &["https://docs.docker.com/reference/cli/docker/container/stop/"],
    fires: &[
        "kill web",
        "stop -t 0 web",
        "kill -s KILL web",
        "stop --signal KILL web",
        "restart -t 0 web",
        "compose kill",
        "compose stop -t 0",
        "node update --availability drain n1",
    ],
    quiet: &["stop web", "kill -s HUP web", "stop -t 30 web", "restart web"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut origins: Origins = Vec::new();
    let mut asked: Origins = Vec::new();
    for request in case.requests() {
        if asks_to_end(request) {
            asked.extend(request.origins.clone());
            asked.extend(request.origins_of("signal"));
        } else if kills(request) {
            origins.extend(request.origins.clone());
            for part in ["t", "signal"] {
                let these = request.origins_of(part);
                if these != request.origins {
                    origins.extend(these);
                }
            }
        }
        if drains(request) {
            let finding = RULE
                .found(&request.origins_of("Availability"))
                .titled("stops all tasks on the node; the swarm starts them on other nodes");
            findings.push(match stopped_tasks(case, request) {
                Some(tasks) => finding.because(tasks),
                None => finding,
            });
        }
    }
    origins.extend(case.origins_of_operation(&PredictedOperation::KillsContainers).unwrap_or_default());
    let origins = in_order(origins);
    if !origins.is_empty() {
        findings.push(RULE.found(&origins));
    }
    let asked = in_order(asked);
    if !asked.is_empty() {
        let title = "sends the signal that asks the program to end";
        findings.push(RULE.found(&asked).titled(title).at_most_noted());
    }
    findings
}

/// The tasks that stop with a node that is drained, in one sentence; None where the engine does not say it.
fn stopped_tasks(case: &Case, request: &Request) -> Option<String> {
    let name = request.object("/nodes/", "/update")?.to_owned();
    let steps = [ChangeStep::Request(RequestChange::DrainsNode { name })];
    let tasks = case.facts.changes(&steps).ok()?;
    let said: Vec<String> = tasks
        .iter()
        .map(|it| match &it.protected {
            Some(why) => format!("{} (of a protected service: {why})", it.name),
            None => it.name.clone(),
        })
        .collect();
    Some(match said.as_slice() {
        [] => "no task runs on this node now".to_owned(),
        tasks => format!("{} on this node: {}", count(tasks.len(), "task"), named(tasks)),
    })
}

/// Whether the request sends what `docker stop` sends: the program can save its data and ends when it has.
fn asks_to_end(request: &Request) -> bool {
    let signal = request.value("signal").unwrap_or_default().to_uppercase();
    let name = signal.strip_prefix("SIG").unwrap_or(&signal);
    request.is("POST", "/containers/*/kill") && matches!(name, "TERM" | "15" | "INT" | "2")
}

/// Whether the request ends containers without a grace period.
pub fn kills(request: &Request) -> bool {
    let signal = request.value("signal").unwrap_or_default();
    let killed = request.is("POST", "/containers/*/kill") && ends_it(signal);
    let stopped = request.is("POST", "/containers/*/stop") || request.is("POST", "/containers/*/restart");
    killed || (stopped && (request.value("t") == Some("0") || is_kill(signal)))
}

fn is_kill(signal: &str) -> bool {
    let upper = signal.to_uppercase();
    matches!(upper.strip_prefix("SIG").unwrap_or(&upper), "KILL" | "9")
}

/// Whether the signal ends a program that does nothing about it.
fn ends_it(signal: &str) -> bool {
    let upper = signal.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    !matches!(
        name,
        "HUP"
            | "1"
            | "USR1"
            | "10"
            | "USR2"
            | "12"
            | "WINCH"
            | "28"
            | "CONT"
            | "18"
            | "CHLD"
            | "17"
            | "URG"
            | "23"
            | "0"
    )
}
