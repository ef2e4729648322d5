//! A command that a later one of the same stage replaces.

use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::files::dockerfile::{Dockerfile, Instruction};

/// The rule.
pub static RULE: Rule = Rule {
    id: "replaced-command",
    title: "a command that a later one replaces",
    class: Class::Hygiene,
    confidence: Confidence::Certain,
    hadolint: &[
        ("DL4003", |marked| is(marked, "CMD")),
        ("DL4004", |marked| is(marked, "ENTRYPOINT")),
        ("DL3012", |marked| is(marked, "HEALTHCHECK")),
    ],
    buildkit: &["MultipleInstructionsDisallowed"],
    why: "A stage has one CMD, one ENTRYPOINT and one HEALTHCHECK: the last one. The earlier ones have no effect, and \
          who reads the file may take them for what runs.",
    instead: "keep only the last one, or put both commands into one script",
    references: &["https://docs.docker.com/reference/build-checks/multiple-instructions-disallowed/"],
    fires: &["build examples/replaced-command/0/bad"],
    quiet: &["build examples/replaced-command/0/good"],
    files: &[
        Example {
            name: "Dockerfile",
            bad: "FROM alpine:3.22\nUSER 10001\nCMD [\"migrate\"]\nCMD [\"serve\"]\n",
            good: "FROM alpine:3.22\nUSER 10001\nCMD [\"serve\"]\n",
        },
        Example {
            name: "Dockerfile",
            bad: "FROM alpine:3.22\nUSER 10001\nENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]\n",
            good: "FROM alpine:3.22 AS one\nUSER 10001\nENTRYPOINT [\"a\"]\nFROM one\nENTRYPOINT [\"b\"]\n",
        },
    ],
    check,
    ..COMMON
};

const ONCE: &[&str] = &["CMD", "ENTRYPOINT", "HEALTHCHECK"];

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for build in case.builds() {
        let Some(file) = build.file() else { continue };
        for stage in file.stages_at(&build.needed) {
            for name in ONCE {
                let all: Vec<&Instruction> =
                    stage.instructions.iter().filter(|it| !it.on_build && is(keyword(file, it), name)).collect();
                let Some((last, replaced)) = all.split_last() else { continue };
                let line = file.place(&last.keyword).start().0;
                for instruction in replaced {
                    // Hadolint points at each one that comes later, and its comments stand there.
                    let mut finding = RULE
                        .found(&build.origins)
                        .titled(format!("{name} has no effect: line {line} has another one"))
                        .weighed_as(Class::Outage)
                        .in_file(file.place(&instruction.keyword));
                    finding.places.push(file.place(&last.keyword));
                    findings.push(finding);
                }
            }
        }
    }
    findings
}

/// Whether a text begins with this keyword.
fn is(text: &str, keyword: &str) -> bool {
    text.split_whitespace().next().is_some_and(|first| first.eq_ignore_ascii_case(keyword))
}

fn keyword<'a>(file: &'a Dockerfile, instruction: &Instruction) -> &'a str {
    file.text.text.get(instruction.keyword.clone()).unwrap_or_default()
}
