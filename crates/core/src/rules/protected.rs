//! What was marked as never to be deleted.

use std::rc::Rc;

use super::{COMMON, Case, Class, Confidence, Decided, Finding, Rule};
use crate::api::EngineProblem;
use crate::plan::{ChangeKind, ChangeStep, ObjectKind, Protections};

pub static RULE: Rule = Rule {
    id: "protected",
    title: "deletes a protected object",
    class: Class::Loss,
    confidence: Confidence::Certain,
    why: "This object is marked as never to be deleted: by the label fender.protect, by a pattern in the policy, or \
          by fender protect. Deleting, replacing or renaming it, and giving its tag to another image, is refused in every \
          environment. A prune deletes the rest and skips it.",
    instead: "leave it out of the command. fender protect lists the locks, and fender unprotect removes one",
    references: &["moby/moby#45725"],
    fires: &[
        "volume rm protected-data",
        "rm -f protected-web",
        "compose -p protected down -v",
        "rename protected-web old",
    ],
    quiet: &["volume rm other-data", "volume inspect protected-data", "rename heavy old", "stop protected-web"],
    check,
    decided: Decided::AlwaysRefused,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let steps = case.steps_that_may_take();
    let deletes = case.deletes();
    if !deletes && steps.is_empty() {
        return Vec::new();
    }
    // The objects of the plan and those of the other changes need not be the same.
    let (mut goes, mut changes) = (None, None);
    if deletes {
        goes = Some(case.facts.protections_of(case.steps()));
    }
    if !steps.is_empty() {
        changes = Some(case.facts.protections());
    }
    for protections in [&goes, &changes].into_iter().flatten() {
        match protections {
            Ok(_) => {}
            // Docker will not reach it either.
            Err(EngineProblem::NoEngine(_) | EngineProblem::NotAllowed(_)) => return Vec::new(),
            Err(problem) => return vec![unknown(case, problem)],
        }
    }
    // A label of a service is seen with the service alone.
    let asks_services = steps.iter().any(ChangeStep::is_about_services);
    let is_any = |protections: &Option<Result<Rc<Protections>, EngineProblem>>| {
        protections.as_ref().is_some_and(|protections| protections.as_ref().is_ok_and(|it| !it.is_empty()))
    };
    let mut findings = Vec::new();
    if is_any(&goes) {
        match case.facts.plan(case.steps()) {
            // An engine that was there a moment ago may be there again in a moment.
            Err(problem) => return vec![unknown(case, &problem)],
            Ok(plan) if plan.unknown => return vec![unknown(case, &"the compose project cannot be read here")],
            Ok(plan) => {
                let refused: Vec<String> = plan.refused().map(|it| said(it.kind, &it.name, &it.reason)).collect();
                findings.extend(found(case, "deletes a protected object", &refused));
            }
        }
    }
    if is_any(&changes) || asks_services {
        match case.facts.changes(&steps) {
            Err(problem) => return vec![unknown(case, &problem)],
            Ok(changes) => {
                for (kinds, title) in [
                    (&[ChangeKind::Delete, ChangeKind::Replace][..], "removes or replaces a protected object"),
                    (&[ChangeKind::Rename, ChangeKind::Retag], "takes the name of a protected object"),
                    (&[ChangeKind::Update], "takes the tasks or the label of a protected service"),
                ] {
                    let of_kind = changes.iter().filter(|it| kinds.contains(&it.change));
                    let refused: Vec<String> = of_kind
                        .filter_map(|it| {
                            let said = said(it.kind, &it.name, it.protected.as_ref()?);
                            Some(if it.reason.is_empty() {
                                said
                            } else {
                                format!("{said} ({}: {})", it.change.verb(), it.reason)
                            })
                        })
                        .collect();
                    findings.extend(found(case, title, &refused));
                }
            }
        }
    }
    findings
}

fn said(kind: ObjectKind, name: &str, why: &str) -> String {
    format!("{} {name} is protected: {why}", kind.name())
}

fn found(case: &Case, title: &str, refused: &[String]) -> Option<Finding> {
    (!refused.is_empty()).then(|| RULE.found(&case.lowered.command).titled(title).because(refused.join("; ")))
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
