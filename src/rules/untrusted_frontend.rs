//! The program that reads the Dockerfile.

use super::{Case, Class, Example, Finding, Rule};
use crate::grammar::values::reference;

pub static RULE: Rule = Rule {
    id: "untrusted-frontend",
    title: "another program reads the Dockerfile",
    class: Class::Outage,
    why: "The image that # syntax names is run by BuildKit to read this file: it decides what is built, and it is handed the \
          context, the secrets and the ssh agent of the build.",
    instead: "docker/dockerfile:1, or no syntax line at all",
    references: &["https://docs.docker.com/build/buildkit/frontend/"],
    fires: &["build --build-arg BUILDKIT_SYNTAX=example.com/frontend:1 ."],
    quiet: &["build --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1.19 .", "build ."],
    files: &[Example {
        name: "Dockerfile",
        bad: "# syntax=example.com/tools/frontend:latest\nFROM alpine:3.22\nUSER 10001\n",
        good: "# syntax=docker/dockerfile:1\nFROM alpine:3.22\nUSER 10001\n",
    }],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for build in case.builds() {
        if let Some((name, words)) = build.frontend.as_ref().filter(|(name, _)| !is_dockers(name)) {
            findings.push(RULE.found(words).titled(format!("{name} reads the Dockerfile")));
        }
        if let Some(file) = &build.dockerfile
            && let Some(syntax) = file.syntax.as_ref().filter(|syntax| !is_dockers(&syntax.text))
        {
            let title = format!("{} reads the Dockerfile", syntax.text);
            findings.push(RULE.found(&build.words).titled(title).in_file(file.place(&syntax.span)));
        }
    }
    findings
}

/// Docker's own frontends.
fn is_dockers(name: &str) -> bool {
    let known = |path: &str| path == "docker/dockerfile" || path.starts_with("docker/dockerfile-");
    reference(name.split_whitespace().next().unwrap_or_default())
        .is_ok_and(|parsed| known(&parsed.familiar()))
}
