//! A base image that has a name only if the caller gives one.

use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};

/// The rule.
pub static RULE: Rule = Rule {
    id: "no-default-image",
    title: "the base image has no default",
    class: Class::Hygiene,
    confidence: Confidence::Possible,
    buildkit: &["InvalidDefaultArgInFrom"],
    why: "Without --build-arg the variables in FROM are empty, and what is left is not the name of an image. Then nothing \
          can be built: not by whoever tries docker build ., and not by a tool that looks for newer base images.",
    instead: "a default for the argument: ARG NAME=value before FROM",
    references: &["https://docs.docker.com/reference/build-checks/invalid-default-arg-in-from/"],
    fires: &["build examples/no-default-image/0/bad"],
    quiet: &["build examples/no-default-image/0/good"],
    files: &[Example {
        name: "Dockerfile",
        bad: "ARG VERSION\nFROM alpine:${VERSION}\nUSER 10001\n",
        good: "ARG VERSION=3.22\nFROM alpine:${VERSION}\nUSER 10001\n",
    }],
    check,
    ..COMMON
};

/// So many stages of one file are looked at.
const MOST: usize = 64;

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for build in case.builds() {
        let Some(file) = build.file() else { continue };
        for it in file.warnings.no_default.iter().take(MOST).filter(|it| build.needed.contains(&it.stage)) {
            // Where no ARG has the name, `undefined-variable` says so.
            if file.warnings.unset.iter().any(|unset| unset.stage.is_none() && unset.at == it.at) {
                continue;
            }
            let Some(stage) = file.stages.get(it.stage) else { continue };
            let mut finding = RULE.found(&build.origins).in_file(file.place(&stage.base.span));
            if it.is_refused {
                finding = finding.titled(format!("without --build-arg there is no image {}", stage.base.text));
                // A script may give what a Dockerfile alone does not show. A compose or bake file shows everything that is given.
                if build.origins.iter().any(|origin| origin.place().is_some()) {
                    finding = finding.weighed_as(Class::Outage);
                }
            }
            findings.push(finding);
        }
    }
    findings
}
