//! A pipe to the engine's API.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "raw-api",
    title: "raw connection to the engine's API",
    class: Class::Escape,
    confidence: Confidence::Likely,
    why: "A program can send any request through this connection. fender does not see these requests: it judges \
          commands only.",
    instead: "the docker command for what you want to do. An ssh:// context of docker needs this command on the \
          remote host: without a terminal it is a note there, unless the policy refuses it",
    references: &["https://docs.docker.com/engine/security/protect-access/"],
    fires: &["system dial-stdio", "buildx dial-stdio"],
    quiet: &["system info", "system df"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    // This is how an `ssh://` context of another machine arrives. Whoever may log in has a shell that may do the same.
    let piped = case.origins_of_operation(&PredictedOperation::DialStdio);
    let piped = piped.map(|origins| RULE.found(&origins).noted_for_scripts());
    case.origins_of_operation(&PredictedOperation::RawApi)
        .map(|origins| RULE.found(&origins))
        .into_iter()
        .chain(piped)
        .collect()
}
