//! A pipe to the engine's API.

use super::{COMMON, Case, Class, Finding, Rule};
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "raw-api",
    title: "raw connection to the engine's API",
    class: Class::Escape,
    why: "A program can send any request through this connection. fender does not see these requests: it judges \
          commands only.",
    instead: "the docker command for what you want to do. An ssh:// context of docker needs this command on the \
          remote host: allow it there in the policy",
    references: &["https://docs.docker.com/engine/security/protect-access/"],
    fires: &["system dial-stdio", "buildx dial-stdio"],
    quiet: &["system info", "system df"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    case.origins_of_operation(&PredictedOperation::RawApi).map(|origins| RULE.found(&origins)).into_iter().collect()
}
