//! Pointing later commands at another engine.

use super::{COMMON, Case, Class, Confidence, Elsewhere, Finding, Rule};
use crate::lower::{PredictedOperation, Redirected, Redirection};
use crate::target::Target;
use crate::text::named;

pub static RULE: Rule = Rule {
    id: "context-switch",
    title: "redirects later docker commands to another engine",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "The current context is stored in a file, not in this shell. Docker commands in all other terminals go to \
          the new engine too.",
    instead: "docker --context NAME for one command, or export DOCKER_CONTEXT=NAME in this shell",
    references: &["https://docs.docker.com/engine/manage-resources/contexts/"],
    fires: &["context use staging", "context update staging --docker host=tcp://x", "buildx use farm"],
    quiet: &[
        "context ls",
        "context show",
        "--context staging ps",
        "context use default",
        "context update staging --description x",
    ],
    check,
    said_in_full: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (operation, origins) in case.operations() {
        let PredictedOperation::Redirects(redirection) = operation else { continue };
        let Redirection { what, from, to, overridden } = &**redirection;
        let whole: Vec<String> = to.iter().map(|target| place(target, what)).collect();
        let there = named(&whole);
        let elsewhere = Elsewhere { from: from.clone(), to: to.clone() };
        let moves = from.as_ref().is_none_or(|from| {
            to.iter().any(|to| to.unclear.is_some() || to.host != from.host || to.context != from.context)
        });
        if moves {
            let (title, why, instead) = match what {
                Redirected::Context(_) => {
                    (format!("later docker commands in all terminals go to {there}"), RULE.why, RULE.instead)
                }
                Redirected::ChangedContext { name, is_used: true } => (
                    format!("the context {name} is in use: later docker commands go to {there}"),
                    RULE.why,
                    "docker context create with another name",
                ),
                Redirected::ChangedContext { name, is_used: false } => (
                    format!("commands with the context {name} go to {there}"),
                    "Scripts and people who name this context reach another engine without a change of theirs.",
                    "docker context create with another name",
                ),
                Redirected::Builder(name) => (
                    format!("later builds go to the builder {name}: {there}"),
                    "The current builder is stored in a file, not in this shell. Builds in all other terminals go to the new builder too.",
                    "docker buildx build --builder NAME for one build",
                ),
                Redirected::OneBuild(name) => (
                    format!("this goes to the builder {name}: {there}"),
                    "The command runs on another engine than the one that docker commands reach here: it uses that engine's processors, disk \
                     and network, and its build cache.",
                    "leave out --builder for the engine that docker commands reach here",
                ),
            };
            let mut found = RULE.found(origins).titled(title).because(why);
            instead.clone_into(&mut found.instead);
            found.elsewhere = Some(elsewhere);
            findings.push(if matches!(what, Redirected::OneBuild(_)) { found.less_strict() } else { found });
        }
        if let (Redirected::Context(name), Some((variable, value))) = (what, overridden) {
            let title = format!(
                "{variable} is set in this shell and wins over the context {name}: commands here go to {value}"
            );
            let mut found = RULE.found(origins).titled(title).at_most_noted();
            found.instead = format!("unset {variable}, or docker --context {name}");
            findings.push(found.because("The variable counts before the context that the configuration names. Other terminals may go elsewhere than this one."));
        }
    }
    findings
}

/// `staging (tcp://staging.example.com:2376)`.
fn place(target: &Target, what: &Redirected) -> String {
    let address = match (&target.unclear, target.host.as_str()) {
        (Some(_), _) => "an engine that is not known",
        (None, "") => "an engine that is not known",
        (None, address) => address,
    };
    let is_named = !matches!(what, Redirected::ChangedContext { .. }) && !target.context.is_empty();
    if is_named { format!("{} ({address})", target.context) } else { address.to_owned() }
}
