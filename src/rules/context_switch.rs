//! Pointing every terminal at another engine.

use super::{Case, Class, Finding, Rule};
use crate::effects::Deed;

pub static RULE: Rule = Rule {
    id: "context-switch",
    title: "changes the engine of every open terminal",
    class: Class::Outage,
    why: "The choice is kept in a file, not in this shell: a docker command typed in another window from now on goes to \
          another engine than the one its reader has in mind.",
    instead: "docker --context NAME for one command, or export DOCKER_CONTEXT=NAME in this shell",
    references: &["https://docs.docker.com/engine/manage-resources/contexts/"],
    fires: &["context use staging", "context update staging --docker host=tcp://x"],
    quiet: &["context ls", "context show", "--context staging ps"],
    files: &[],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    case.words_of_deed(&Deed::SwitchesContext).map(|words| RULE.found(&words)).into_iter().collect()
}
