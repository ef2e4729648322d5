//! No replica left.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "scales-to-zero",
    title: "stops all replicas of a service",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "The service is still listed, but no container answers for it. Clients get errors.",
    instead: "scale to the number of replicas that it should have; docker service ls shows the current number",
    references: &["https://docs.docker.com/reference/cli/docker/service/scale/"],
    fires: &[
        "service scale web=0",
        "service update --replicas 0 web",
        "compose up --scale web=0",
        "compose scale web=0",
    ],
    quiet: &["service scale web=3", "compose up --scale web=2"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    case.origins_of_operation(&PredictedOperation::ScalesToZero)
        .map(|origins| RULE.found(&origins))
        .into_iter()
        .collect()
}
