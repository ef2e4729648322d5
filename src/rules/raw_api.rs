//! A pipe to the engine's API.

use super::{Case, Class, Finding, Rule};
use crate::effects::Deed;

pub static RULE: Rule = Rule {
    id: "raw-api",
    title: "a raw connection to the engine",
    class: Class::Escape,
    why: "Whatever is sent through this pipe reaches the engine unseen: fender judges commands, not what another program \
          writes there.",
    instead: "the docker command for what you want to do; docker's own ssh contexts need this on the far side, where the \
              policy may allow it",
    references: &["https://docs.docker.com/engine/security/protect-access/"],
    fires: &["system dial-stdio", "buildx dial-stdio"],
    quiet: &["system info", "system df"],
    files: &[],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    case.words_of_deed(&Deed::RawApi).map(|words| RULE.found(&words)).into_iter().collect()
}
