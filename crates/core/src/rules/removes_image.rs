//! Images that a command removes.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::{Origin, PredictedOperation};
use crate::plan::ObjectKind;
use crate::text::count;

pub static RULE: Rule = Rule {
    id: "removes-image",
    title: "removes an image",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "An image that was built here, or whose tag has moved in the registry, cannot be pulled again. A container \
          that needs it then fails to start.",
    instead: "check with docker image inspect whether it has a repository digest; docker save makes a copy",
    references: &["https://docs.docker.com/reference/cli/docker/image/rm/"],
    fires: &["rmi app:1", "image rm -f app:1 app:2", "compose down --rmi all"],
    quiet: &["images", "image inspect app:1"],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let removed: Vec<&[Origin]> = case
        .requests()
        .filter(|request| request.is("DELETE", "/images/*"))
        .map(|request| request.origins.as_slice())
        .collect();
    let operation = case.origins_of_operation(&PredictedOperation::RemovesImages);
    if removed.is_empty() && operation.is_none() {
        return Vec::new();
    }
    // An image with several names loses one of them, and stays.
    if case.known_plan().is_some_and(|plan| plan.of(ObjectKind::Image).next().is_none()) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if !removed.is_empty() {
        findings.push(RULE.found(&removed.concat()).titled(format!("removes {}", count(removed.len(), "image"))));
    }
    if let Some(origins) = operation {
        findings.push(RULE.found(&origins).titled("removes the project's images"));
    }
    findings
}
