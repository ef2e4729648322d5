//! What was marked as never to be deleted.

use super::{COMMON, Case, Class, Decided, Finding, Rule};
use crate::api::EngineProblem;

pub static RULE: Rule = Rule {
    id: "protected",
    title: "deletes a protected object",
    class: Class::Loss,
    why: "This object is marked as never to be deleted: by the label fender.protect, by a pattern in the policy, or \
          by fender protect. Deleting it is refused in every environment. A prune deletes the rest and skips it.",
    instead: "leave it out of the command. fender protect lists the locks, and fender unprotect removes one",
    references: &["moby/moby#45725"],
    fires: &["volume rm protected-data", "rm -f protected-web", "compose -p protected down -v"],
    quiet: &["volume rm other-data", "volume inspect protected-data"],
    check,
    decided: Decided::AlwaysRefused,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    if !case.deletes() {
        return Vec::new();
    }
    let protections = match case.facts.protections() {
        Ok(protections) => protections,
        // Docker will not reach it either.
        Err(EngineProblem::NoEngine(_) | EngineProblem::NotAllowed(_)) => return Vec::new(),
        Err(problem) => return vec![unknown(case, &problem)],
    };
    if protections.is_empty() {
        return Vec::new();
    }
    let plan = match case.facts.plan(case.steps()) {
        Ok(plan) => plan,
        // An engine that was there a moment ago may be there again in a moment.
        Err(problem) => return vec![unknown(case, &problem)],
    };
    if plan.unknown {
        return vec![unknown(case, &"the compose project cannot be read here")];
    }
    let refused: Vec<String> =
        plan.refused().map(|it| format!("{} {} is protected: {}", it.kind.name(), it.name, it.reason)).collect();
    if refused.is_empty() {
        return Vec::new();
    }
    vec![RULE.found(&case.lowered.command).titled("deletes a protected object").because(refused.join("; "))]
}

/// The engine does not say what is protected, so nothing counts as unprotected.
fn unknown(case: &Case, problem: &dyn std::fmt::Display) -> Finding {
    let mut finding = RULE
        .found(&case.lowered.command)
        .titled("may delete a protected object")
        .because(format!("fender cannot tell what is protected here: {problem}."));
    finding.unanswered = true;
    finding.instead = "run it again when this can be read; docker info shows whether the engine answers".to_owned();
    finding
}
