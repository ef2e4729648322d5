//! A builder that is started.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "starts-builder",
    title: "starts a builder",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "A builder of the driver docker-container is a container with all privileges that keeps running on this engine, with its own \
          cache. Builds in it can use all memory and disk space of the host.",
    instead: "docker buildx inspect without --bootstrap only shows the builder",
    references: &["https://docs.docker.com/build/builders/drivers/docker-container/"],
    fires: &["buildx inspect --bootstrap", "buildx create --name b --bootstrap"],
    quiet: &["buildx inspect", "buildx ls", "buildx create --name b", "buildx inspect --bootstrap=false"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let started = case.origins_of_operation(&PredictedOperation::StartsBuilder);
    started.map(|origins| RULE.found(&origins)).into_iter().collect()
}
