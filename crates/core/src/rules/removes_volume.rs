//! Volumes, removed by name or with a compose project.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::{Origin, PredictedOperation};
use crate::text::count;

pub static RULE: Rule = Rule {
    id: "removes-volume",
    title: "removes a volume and its data",
    class: Class::Loss,
    confidence: Confidence::Certain,
    why: "Services keep their data in volumes. Docker cannot restore a removed volume.",
    instead: "make a copy first: docker run --rm -v VOLUME:/v:ro alpine tar cz -C /v . > volume.tgz",
    references: &["docker/cli#1437", "docker/compose#6468"],
    fires: &["volume rm pg-data", "compose down -v", "compose rm -fsv db", "compose up -V", "volume remove a b"],
    quiet: &["compose down", "volume inspect pg-data", "compose --dry-run down -v", "compose down --volumes=false"],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let removed: Vec<&[Origin]> = case
        .requests()
        .filter(|request| request.is("DELETE", "/volumes/*"))
        .map(|request| request.origins.as_slice())
        .collect();
    let mut findings = Vec::new();
    if !removed.is_empty() {
        let title = format!(
            "removes {} and the data in {}",
            count(removed.len(), "volume"),
            if removed.len() == 1 { "it" } else { "them" }
        );
        findings.push(RULE.found(&removed.concat()).titled(title));
    }
    if let Some(origins) = case.origins_of_operation(&PredictedOperation::RemovesVolumes) {
        findings.push(RULE.found(&origins).titled("removes the project's volumes and the data in them"));
    }
    findings
}
