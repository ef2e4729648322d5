//! Stopped containers, removed.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::{Origin, PredictedOperation};
use crate::text::count;

pub static RULE: Rule = Rule {
    id: "removes-container",
    title: "removes a container",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "The container's settings, its log and the data in its own layer are removed with it.",
    instead: "docker commit saves the layer, docker inspect the settings, docker logs the log",
    references: &["https://docs.docker.com/reference/cli/docker/container/rm/"],
    fires: &["rm web", "container remove a b", "compose rm web"],
    quiet: &["stop web", "rm -f web", "ps -a", "compose up --remove-orphans"],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let removed: Vec<&[Origin]> = case
        .requests()
        .filter(|request| request.is("DELETE", "/containers/*") && request.value("force").is_none())
        .filter(|request| !request.path.contains("/checkpoints/"))
        .map(|request| request.origins.as_slice())
        .collect();
    let mut findings = Vec::new();
    if !removed.is_empty() {
        findings.push(RULE.found(&removed.concat()).titled(format!("removes {}", count(removed.len(), "container"))));
    }
    if let Some(origins) = case.origins_of_operation(&PredictedOperation::RemovesContainers) {
        findings.push(RULE.found(&origins).titled("removes the project's containers"));
    }
    findings
}
