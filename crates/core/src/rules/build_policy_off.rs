//! A build without the policy for its sources.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "build-policy-off",
    title: "builds without the policy for its sources",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "The build policy decides which images, repositories and addresses a build may use. With disabled=true no policy applies, and \
          with reset=true the project's own policy does not.",
    instead: "add the missing source to the policy's file",
    references: &["https://docs.docker.com/reference/cli/docker/buildx/build/"],
    fires: &[
        "buildx build --policy disabled=true .",
        "buildx build --policy filename=p.rego,disabled=1 .",
        "buildx build --policy reset=true,filename=mine.rego .",
        "buildx bake --policy disabled=true",
    ],
    quiet: &["buildx build --policy filename=p.rego .", "buildx build --policy disabled=false .", "buildx build ."],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let off = case.origins_of_operation(&PredictedOperation::BuildPolicyOff);
    off.map(|origins| RULE.found(&origins)).into_iter().collect()
}
