//! A compose project that is named and that the engine does not have.

use super::{COMMON, Case, Class, Confidence, Decided, Finding, Rule};
use crate::lower::PredictedOperation;
use crate::text::named;

pub static RULE: Rule = Rule {
    id: "unknown-project",
    title: "names a project of which the engine has nothing",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "Compose ends without an error where the engine has no container, network or volume of the project, so a misspelt name looks like \
          success.",
    instead: "docker compose ls -a lists the projects of this engine",
    references: &["https://docs.docker.com/reference/cli/docker/compose/ls/"],
    fires: &["compose -p typo down -v", "compose --project-name typo stop"],
    quiet: &["compose -p shop stop", "compose -p typo up -d", "compose down"],
    check,
    decided: Decided::AlwaysNoted,
    said_in_full: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let unknown = case.operations().filter_map(|(operation, origins)| match operation {
        PredictedOperation::NamesNoProject { name, others } => Some((name, others, origins)),
        _ => None,
    });
    unknown
        .map(|(name, others, origins)| {
            let there = if others.len() == 1 { "there is" } else { "there are" };
            RULE.found(origins).titled(format!("no project {name} here; {there}: {}", named(others)))
        })
        .collect()
}
