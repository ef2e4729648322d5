//! A context, removed.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "removes-context",
    title: "removes a context and its TLS keys",
    class: Class::Loss,
    confidence: Confidence::Likely,
    why: "A context holds the endpoint of an engine and the TLS keys for it. There may be no other copy of the \
          keys.",
    instead: "docker context export NAME saves a copy",
    references: &["https://docs.docker.com/engine/manage-resources/contexts/"],
    fires: &["context rm prod-web", "context rm -f a b"],
    quiet: &["context ls", "context export prod-web"],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    case.origins_of_operation(&PredictedOperation::RemovesContext)
        .map(|origins| RULE.found(&origins))
        .into_iter()
        .collect()
}
