//! A secret as a build argument.

use super::secret_in_env::is_named_like_one;
use std::collections::HashSet;

use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::files::dockerfile::Directive;
use crate::files::secrets::is_secret_name;
use crate::lower::Build;
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "secret-in-build-arg",
    title: "secret in a build argument",
    class: Class::Hygiene,
    confidence: Confidence::Likely,
    buildkit: &["SecretsUsedInArgOrEnv"],
    why: "A build argument is stored in the image's history. Everybody who can pull the image can read it with \
          docker history.",
    instead: "docker build --secret id=NAME,src=FILE and RUN --mount=type=secret,id=NAME",
    references: &[
        "https://docs.docker.com/build/building/secrets/",
        "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/",
    ],
    fires: &[
        "build --build-arg NPM_TOKEN=abc .",
        "buildx build --build-arg DB_PASSWORD=x .",
        "compose build --build-arg API_KEY=x",
    ],
    quiet: &["build --build-arg VERSION=1.2 .", "buildx build --secret id=npm,src=token.txt ."],
    files: &[Example {
        name: "Dockerfile",
        bad: "FROM node:24.11.1\nARG NPM_TOKEN\nRUN npm config set //registry.npmjs.org/:_authToken $NPM_TOKEN\nUSER node\n",
        good: "FROM node:24.11.1\nRUN --mount=type=secret,id=npm,target=/root/.npmrc npm ci\nUSER node\n",
    }],
    check,
    hides: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for request in case.requests().filter(|request| request.is("POST", "/build")) {
        for (part, origins) in request.parts.iter() {
            if let Some(name) = part.strip_prefix("buildargs/").filter(|name| is_secret_name(name)) {
                findings.push(RULE.found(origins).titled(format!("secret in the build argument {name}")));
            }
        }
    }
    for (operation, origins) in case.operations() {
        if let PredictedOperation::BuildArgument(name) = operation
            && is_secret_name(name)
        {
            findings.push(RULE.found(origins).titled(format!("secret in the build argument {name}")));
        }
    }
    findings.extend(case.builds().flat_map(in_dockerfile));
    findings
}

/// `ARG` of a Dockerfile.
fn in_dockerfile(build: &Build) -> Vec<Finding> {
    let Some(file) = build.file() else { return Vec::new() };
    let stages = file.instructions_of(&build.needed);
    let declared = file
        .globals
        .iter()
        .chain(stages)
        .filter_map(|it| if let Directive::Arg(list) = &it.what { Some(list) } else { None });
    let (mut findings, mut names) = (Vec::new(), HashSet::new());
    for (name, _) in declared.flatten().filter(|(name, _)| is_named_like_one(&name.text)) {
        let title = format!("secret in the build argument {}", name.text);
        if names.insert(name.text.as_str()) {
            findings.push(RULE.found(&build.origins).titled(title).in_file(file.place(&name.span)));
        }
    }
    findings
}
