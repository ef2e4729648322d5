//! Containers removed whether they run or not.

use super::by_id::running;
use super::{COMMON, Case, Class, Confidence, Finding, Rule, removes_container};
use crate::lower::{Origin, Origins, PredictedOperation, Request};
use crate::plan::{Item, ObjectKind};
use crate::text::{count, named};

pub static RULE: Rule = Rule {
    id: "removes-running",
    title: "removes running containers",
    class: Class::Outage,
    confidence: Confidence::Likely,
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
    let requests: Vec<&Request> = case
        .requests()
        .filter(|request| request.is("DELETE", "/containers/*") && request.value("force") == Some("1"))
        .collect();
    let forced: Vec<&[Origin]> = requests.iter().map(|request| request.origins.as_slice()).collect();
    let operation = case.origins_of_operation(&PredictedOperation::RemovesRunning);
    if forced.is_empty() && operation.is_none() {
        return Vec::new();
    }
    // What runs is known from the plan, which is made for these commands anyway.
    let runs = |item: &&Item| !matches!(item.mark.as_str(), "created" | "exited" | "dead");
    let none_runs = case.known_plan().is_some_and(|plan| plan.of(ObjectKind::Container).find(runs).is_none());
    let mut findings = Vec::new();
    if none_runs {
        let found = |origins: &[Origin], title: String| removes_container::RULE.found(origins).titled(title);
        if !forced.is_empty() {
            findings.push(found(&forced.concat(), format!("removes {}", count(forced.len(), "container"))));
        }
        findings.extend(operation.map(|origins| found(&origins, "removes the project's containers".to_owned())));
        return findings;
    }
    if !forced.is_empty() {
        let title = format!("removes {}, also while running", count(forced.len(), "container"));
        findings.push(by_id(case, &requests).unwrap_or_else(|| RULE.found(&forced.concat()).titled(title)));
    }
    if let Some(origins) = operation {
        findings.push(RULE.found(&origins).titled("stops and removes the project's containers"));
    }
    findings
}

/// As many running containers may be given by id.
const FEW: usize = 3;

/// Many running containers, given by ids as `docker ps -q` prints them: nobody reads in the command what goes.
fn by_id(case: &Case, requests: &[&Request]) -> Option<Finding> {
    if requests.len() <= FEW {
        return None;
    }
    let typed = requests.iter().filter_map(|request| request.object("/containers/", ""));
    let mut stopped = running(case, typed);
    stopped.retain(|container| container.by_id);
    if stopped.len() <= FEW {
        return None;
    }
    let origins: Origins = requests.iter().flat_map(|request| request.origins.clone()).collect();
    let names: Vec<&str> = stopped.iter().map(|container| container.name.as_str()).collect();
    let title = format!("removes {} given by id: {}", count(stopped.len(), "running container"), named(&names));
    Some(RULE.found(&origins).titled(title).of_class(Class::Loss))
}
