//! Records of finished builds, removed.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "removes-build-records",
    title: "removes records of finished builds",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "A record holds a build's log, its inputs and its attestations. Without it nobody can tell later from what an image was built.",
    instead: "docker buildx history export -o FILE saves records first",
    references: &["https://docs.docker.com/reference/cli/docker/buildx/history/rm/"],
    fires: &["buildx history rm --all", "buildx history rm abc123"],
    quiet: &["buildx history ls", "buildx history export -o builds.dockerbuild"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let removed = case.origins_of_operation(&PredictedOperation::RemovesBuildRecords);
    removed.map(|origins| RULE.found(&origins)).into_iter().collect()
}
