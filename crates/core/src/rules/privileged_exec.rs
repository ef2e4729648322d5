//! `exec --privileged`.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::{Body, PredictedOperation};

pub static RULE: Rule = Rule {
    id: "privileged-exec",
    title: "command runs with all privileges",
    class: Class::Escape,
    confidence: Confidence::Certain,
    why: "The command runs in the container with every capability, whatever the container itself was given. Such a \
          process can become root on the host.",
    instead: "exec without --privileged; add -u 0 if the command needs root in the container",
    references: &["CIS Docker Benchmark 5.23"],
    fires: &["exec --privileged web sh", "compose exec --privileged web sh"],
    quiet: &["exec -it web sh", "exec --privileged=false web sh", "exec web sh --privileged"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let asked = case.requests().filter_map(|request| match &request.body {
        Body::Exec(body) if body.privileged == Some(true) => Some(RULE.found(&request.origins_of("Privileged"))),
        _ => None,
    });
    asked
        .chain(case.origins_of_operation(&PredictedOperation::PrivilegedExec).map(|origins| RULE.found(&origins)))
        .collect()
}
