//! Services, stacks, secrets and configs, removed.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "removes-swarm-object",
    title: "removes an object of the swarm",
    class: Class::Loss,
    confidence: Confidence::Likely,
    why: "A removed service loses its settings and its history on every node. A removed secret cannot be read back \
          from the swarm.",
    instead: "save the output of docker service inspect first; scale to 0 to stop a service for some time",
    references: &["https://docs.docker.com/engine/swarm/services/"],
    fires: &[
        "service rm web",
        "stack rm shop",
        "stack down shop",
        "secret rm s",
        "config rm c",
        "stack deploy --prune -c stack.yaml shop",
    ],
    quiet: &["service ls", "stack services shop", "secret ls"],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let kinds = [("/services/*", "a service"), ("/secrets/*", "a secret"), ("/configs/*", "a config")];
    let mut findings = Vec::new();
    for (pattern, what) in kinds {
        for finding in RULE.one_for(case, "DELETE", pattern) {
            findings.push(finding.titled(format!("removes {what} from the swarm")));
        }
    }
    if let Some(origins) =
        case.origins_of_operations(|operation| matches!(operation, PredictedOperation::RemovesStack(_)))
    {
        findings.push(RULE.found(&origins).titled("removes a stack: its services, networks, secrets and configs"));
    }
    if let Some(origins) = case.origins_of_operations(|it| matches!(it, PredictedOperation::RemovesServices(_))) {
        findings.push(RULE.found(&origins).titled("removes the services that are no longer in the file"));
    }
    findings
}
