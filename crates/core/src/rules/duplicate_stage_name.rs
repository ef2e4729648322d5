//! Two stages of one name.

use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};

/// The rule.
pub static RULE: Rule = Rule {
    id: "duplicate-stage-name",
    title: "two stages of one name",
    class: Class::Hygiene,
    confidence: Confidence::Certain,
    hadolint: &[("DL3024", |_| true)],
    buildkit: &["DuplicateStageName"],
    why: "A name means the stage that had it last: FROM and COPY --from above the second one take the first stage, those \
          below it and --target take the second. Who reads the file may take one for the other.",
    instead: "another name for one of them",
    references: &["https://docs.docker.com/reference/build-checks/duplicate-stage-name/"],
    fires: &["build examples/duplicate-stage-name/0/bad"],
    quiet: &["build examples/duplicate-stage-name/0/good"],
    files: &[Example {
        name: "Dockerfile",
        bad: "FROM alpine:3.22 AS build\nUSER 10001\nFROM debian:13.1 AS build\nUSER 10001\n",
        good: "FROM alpine:3.22 AS build\nUSER 10001\nFROM debian:13.1 AS test\nUSER 10001\n",
    }],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for build in case.builds() {
        let Some(file) = build.file() else { continue };
        let mut first: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
        for stage in &file.stages {
            let Some(name) = stage.name.as_deref() else { continue };
            let line = file.place(&stage.keyword).start().0;
            let Some(other) = first.insert(name, line) else { continue };
            let finding = RULE.found(&build.origins).titled(format!("the stage of line {other} is called {name}, too"));
            findings.push(finding.weighed_as(Class::Outage).in_file(file.place(&stage.keyword)));
        }
    }
    findings
}
