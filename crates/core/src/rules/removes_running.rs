//! Containers removed whether they run or not.

use super::{COMMON, Case, Class, Finding, Rule};
use crate::lower::{Origin, PredictedOperation};
use crate::text::count;

pub static RULE: Rule = Rule {
    id: "removes-running",
    title: "removes running containers",
    class: Class::Outage,
    why: "A running container is killed without a grace period. Then it is removed with everything that was written \
          to its own layer.",
    instead: "docker stop, then docker rm",
    references: &["https://docs.docker.com/reference/cli/docker/container/rm/"],
    fires: &["rm -f web", "compose down", "compose rm -s", "container rm --force a b"],
    quiet: &["rm web", "stop web", "compose stop"],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let forced: Vec<&[Origin]> = case
        .requests()
        .filter(|request| request.is("DELETE", "/containers/*") && request.value("force") == Some("1"))
        .map(|request| request.origins.as_slice())
        .collect();
    let mut findings = Vec::new();
    if !forced.is_empty() {
        let title = format!("removes {}, also while running", count(forced.len(), "container"));
        findings.push(RULE.found(&forced.concat()).titled(title));
    }
    if let Some(origins) = case.origins_of_operation(&PredictedOperation::RemovesRunning) {
        findings.push(RULE.found(&origins).titled("stops and removes the project's containers"));
    }
    findings
}
