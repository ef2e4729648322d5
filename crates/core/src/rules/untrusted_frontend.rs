//! The program that reads the Dockerfile.

use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::grammar::values::reference;

pub static RULE: Rule = Rule {
    id: "untrusted-frontend",
    title: "an image decides how the Dockerfile is read",
    class: Class::Outage,
    confidence: Confidence::Certain,
    why: "BuildKit runs the image that is named by # syntax to read this file. That image decides what is built and \
          gets the build's context, its secrets and its ssh agent.",
    instead: "docker/dockerfile:1, or no syntax line",
    references: &["https://docs.docker.com/build/buildkit/frontend/"],
    fires: &["build --build-arg BUILDKIT_SYNTAX=example.com/frontend:1 ."],
    quiet: &["build --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1.19 .", "build ."],
    files: &[Example {
        name: "Dockerfile",
        bad: "# syntax=example.com/tools/frontend:latest\nFROM alpine:3.22\nUSER 10001\n",
        good: "# syntax=docker/dockerfile:1\nFROM alpine:3.22\nUSER 10001\n",
    }],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for build in case.builds() {
        if let Some((name, origins)) = build.frontend.as_ref().filter(|(name, _)| !is_dockers(name)) {
            findings.push(RULE.found(origins).titled(format!("the image {name} decides how the Dockerfile is read")));
        }
        if let Some(file) = &build.dockerfile
            && let Some(syntax) = file.syntax.as_ref().filter(|syntax| !is_dockers(&syntax.text))
        {
            let title = format!("the image {} decides how the Dockerfile is read", syntax.text);
            findings.push(RULE.found(&build.origins).titled(title).in_file(file.place(&syntax.span)));
        }
    }
    findings
}

/// Docker's own frontends.
fn is_dockers(name: &str) -> bool {
    let known = |path: &str| path == "docker/dockerfile" || path.starts_with("docker/dockerfile-");
    reference(name.split_whitespace().next().unwrap_or_default()).is_ok_and(|parsed| known(&parsed.familiar()))
}
