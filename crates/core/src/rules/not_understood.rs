//! Words that the tables do not know.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::Typed;

/// The rule.
pub static RULE: Rule = Rule {
    id: "not-understood",
    title: "arguments that fender does not know",
    class: Class::Outage,
    confidence: Confidence::Certain,
    why: "fender knows docker 23 to 29. These arguments may be a typing error, which docker will report. They may \
          also belong to a newer docker, and then fender cannot tell what they would do.",
    instead: "docker COMMAND --help shows what your docker knows; a newer fender may know it too",
    references: &[],
    fires: &[
        "run --shiny tools:1.4",
        "contianer ls",
        "run --mount type=bind,src=/srv,dst=/s,shiny=1 tools:1.4",
        "image shine",
    ],
    quiet: &["run tools:1.4 --shiny", "ps"],
    check,
    once_a_file: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let Some(refusal) = case.lowered.refusal.as_ref().filter(|refusal| refusal.unknown) else { return Vec::new() };
    let origins = refusal.word.map(|word| word.origins()).unwrap_or_default();
    vec![RULE.found(&origins).titled(format!("docker may report: {}", refusal.text.trim_start_matches("docker: ")))]
}
