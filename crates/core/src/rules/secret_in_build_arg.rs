//! A secret as a build argument.

use super::secret_in_env::is_named_like_one;
use super::secrets::{of_origins, titled, weighed};
use std::collections::HashSet;

use serde_json::Value;

use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::files::dockerfile::Directive;
use crate::files::secret_names::{is_placeholder, is_secret_name};
use crate::files::secret_values::{Certainty, of_variable};
use crate::lower::{Build, Origins, PredictedOperation};

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
        let sent = request.query.iter().find(|(name, _)| name == "buildargs").map(|(_, sent)| sent.as_str());
        let values: Value = sent.and_then(|sent| serde_json::from_str(sent).ok()).unwrap_or_default();
        for (part, origins) in request.parts.iter() {
            if let Some(name) = part.strip_prefix("buildargs/") {
                findings.extend(given(name, values.get(name).and_then(Value::as_str), origins));
            }
        }
    }
    for (operation, origins) in case.operations() {
        if let PredictedOperation::BuildArgument { name, value } = operation {
            findings.extend(given(name, value.as_deref(), origins));
        }
    }
    findings.extend(case.builds().flat_map(in_dockerfile));
    findings
}

/// Arguments that every build knows, and that docker keeps out of the image's history.
fn is_proxy(name: &str) -> bool {
    ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"].contains(&name.to_lowercase().as_str())
}

/// An argument that a command or a file gives to a build. It is in the image's history, so what is certain to be a secret is asked about.
fn given(name: &str, value: Option<&str>, origins: &Origins) -> Option<Finding> {
    if is_proxy(name) {
        return None;
    }
    let title = format!("secret in the build argument {name}");
    let finding = RULE.found(origins);
    match of_origins(name, value.unwrap_or_default(), origins) {
        Some(secret) => {
            let finding = weighed(finding.titled(titled(title, &secret)), secret.certainty);
            Some(if secret.certainty == Certainty::Certain { finding.at_least_asked() } else { finding })
        }
        // Without a value it is the one of the environment.
        None if is_secret_name(name) && value.is_none_or(str::is_empty) => Some(finding.titled(title)),
        None => None,
    }
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
    for (name, value) in declared.flatten() {
        let value = value.as_deref().map(|value| value.trim_matches(['"', '\''])).filter(|value| !value.is_empty());
        let secret = value.and_then(|value| of_variable(&name.text, value));
        let is_named =
            is_named_like_one(&name.text) && value.is_none_or(|value| !is_placeholder(value) || value.len() == 1);
        if secret.is_none() && !is_named || !names.insert(name.text.as_str()) {
            continue;
        }
        let title = format!("secret in the build argument {}", name.text);
        let finding = RULE.found(&build.origins).in_file(file.place(&name.span));
        findings.push(match secret {
            Some(secret) => weighed(finding.titled(titled(title, &secret)), secret.certainty),
            None => finding.titled(title),
        });
    }
    findings
}
