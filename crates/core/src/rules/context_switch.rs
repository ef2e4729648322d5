//! Pointing every terminal at another engine.

use super::{COMMON, Case, Class, Finding, Rule};
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "context-switch",
    title: "redirects later docker commands to another engine",
    class: Class::Outage,
    why: "The current context is stored in a file, not in this shell. Docker commands in all other terminals go to \
          the new engine too.",
    instead: "docker --context NAME for one command, or export DOCKER_CONTEXT=NAME in this shell",
    references: &["https://docs.docker.com/engine/manage-resources/contexts/"],
    fires: &["context use staging", "context update staging --docker host=tcp://x"],
    quiet: &["context ls", "context show", "--context staging ps"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    case.origins_of_operation(&PredictedOperation::SwitchesContext)
        .map(|origins| RULE.found(&origins))
        .into_iter()
        .collect()
}
