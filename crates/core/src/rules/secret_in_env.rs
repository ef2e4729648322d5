//! A secret in a container's environment.

use crate::order::PutInOrder as _;

use super::secrets::{of_origins, titled, weighed};
use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::files::dockerfile::{CommandForm, Directive};
use crate::files::script_secrets::{in_script, in_words};
use crate::files::secret_names::{is_about_secrets, is_everybodys, is_placeholder, is_secret_name};
use crate::files::secret_values::{Certainty, Secret, of_variable};
use crate::lower::{Build, Origin, Origins, Workload};
use crate::text::named;

pub static RULE: Rule = Rule {
    id: "secret-in-env",
    title: "secret in an environment variable",
    class: Class::Hygiene,
    confidence: Confidence::Likely,
    buildkit: &["SecretsUsedInArgOrEnv"],
    why: "Everybody who may run docker inspect can read it, and every child process inherits it. The shell's \
          history and crash reports can contain it.",
    instead: "a file: NAME_FILE if the image supports it, a mounted file, or docker secret",
    references: &[
        "https://docs.docker.com/engine/swarm/secrets/",
        "https://docs.docker.com/reference/build-checks/secrets-used-in-arg-or-env/",
    ],
    fires: &[
        "run -e POSTGRES_PASSWORD=hunter2 safe:1",
        "run --env API_TOKEN=abc safe:1",
        "run -e AWS_SECRET_ACCESS_KEY=x safe:1",
        "run -e KEY=AKIAIOSFODNN7ABCDEFG safe:1",
        "run -e DATABASE_URL=postgres://app:hunter2@db/x safe:1",
        "run safe:1 redis-server --requirepass hunter2",
    ],
    quiet: &[
        "run -e POSTGRES_PASSWORD_FILE=/run/secrets/pg safe:1",
        "run -e MODE=production safe:1",
        "run -e MYSQL_ALLOW_EMPTY_PASSWORD=yes safe:1",
        "run -e PASSWORD= safe:1",
        "run -e API_KEY_RATE_LIMIT=5 safe:1",
        "run -e DATABASE_URL=postgres://app@db/x safe:1",
    ],
    files: &[Example {
        name: "Dockerfile",
        bad: "FROM alpine:3.22\nENV API_TOKEN=0123456789abcdef\nUSER 10001\n",
        good: "FROM alpine:3.22\nENV API_TOKEN_FILE=/run/secrets/api\nUSER 10001\n",
    }],
    check,
    hides: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        findings.extend(in_environment(workload));
        let secret = in_words(&workload.command).filter(|_| !workload.command.is_empty());
        // What is filled in where the file is used is not written down.
        let is_filled =
            workload.command_origins.iter().filter_map(Origin::place).any(|place| place.marked().contains('$'));
        if let Some(secret) = secret.filter(|secret| !is_filled || secret.certainty == Certainty::Certain) {
            let title = format!("secret in the container's command: {}", secret.what);
            let finding = RULE.found(&workload.command_origins).titled(title).about(workload);
            findings.push(weighed(finding, secret.certainty));
        }
    }
    findings.extend(case.builds().flat_map(in_dockerfile));
    findings
}

/// The variables of a container: one finding for those that are equally sure.
fn in_environment(workload: &Workload) -> Vec<Finding> {
    // What a file brought has no word of its own here.
    let typed = workload.env.iter().filter(|(_, _, origins)| *origins != workload.origins);
    let others = || workload.env.iter().map(|(name, value, _)| (name.as_str(), value.as_str()));
    let judged = |name: &str, value: &str, origins: &Origins| {
        let mut secret = of_origins(name, value, origins)?;
        let is_in_file = origins.iter().any(|origin| origin.place().is_some());
        // What everybody tries first keeps nobody out, and nobody who sets up a local database means it to.
        if is_in_file && secret.certainty == Certainty::Doubtful && is_everybodys(name, value, others()) {
            secret = Secret { what: "a default that everybody knows", certainty: Certainty::WellKnown };
        }
        Some(secret)
    };
    let mut found: Vec<(&str, Secret, &Origins)> = typed
        .filter_map(|(name, value, origins)| Some((name.as_str(), judged(name, value, origins)?, origins)))
        .collect();
    found.put_in_order_by(|one, other| other.1.certainty.cmp(&one.1.certainty));
    let alike = found.chunk_by(|one, other| one.1.certainty == other.1.certainty);
    alike
        .filter_map(|secrets| {
            let (_, first, _) = secrets.first()?;
            let names: Vec<&str> = secrets.iter().map(|(name, _, _)| *name).collect();
            let title = format!("secret in the environment variable {}", named(&names));
            let title = if secrets.len() == 1 { titled(title, first) } else { title };
            let origins: Origins = secrets.iter().flat_map(|(_, _, origins)| origins.iter().cloned()).collect();
            Some(weighed(RULE.found(&origins).titled(title).about(workload), first.certainty))
        })
        .collect()
}

/// `ENV` of a Dockerfile, whose value is in the image, and what it starts.
fn in_dockerfile(build: &Build) -> Vec<Finding> {
    let Some(file) = build.file() else { return Vec::new() };
    let mut findings = Vec::new();
    for instruction in file.instructions_of(&build.needed) {
        let list = match &instruction.what {
            Directive::Env(list) => list,
            Directive::Cmd(command) | Directive::Entrypoint(command) => {
                let secret = match command {
                    CommandForm::Exec(words, _) => in_words(words),
                    CommandForm::Shell(script, _) => in_script(script),
                };
                if let Some(secret) = secret {
                    let title = format!("secret in the image's command: {}", secret.what);
                    let finding = RULE.found(&build.origins).titled(title).in_file(file.place(&instruction.keyword));
                    findings.push(weighed(finding, secret.certainty));
                }
                continue;
            }
            _ => continue,
        };
        for (name, value) in list {
            let value = value.trim_matches(['"', '\'']);
            let secret = of_variable(&name.text, value);
            // BuildKit goes by the name alone. What stands for a secret is none here.
            let is_named =
                is_named_like_one(&name.text) && (!is_placeholder(value) || value.len() == 1 || value.starts_with('$'));
            if secret.is_none() && !is_named {
                continue;
            }
            let title = format!("secret in the image's environment variable {}", name.text);
            let finding = RULE.found(&build.origins).in_file(file.place(&name.span));
            findings.push(match secret {
                Some(secret) => weighed(finding.titled(titled(title, &secret)), secret.certainty),
                None => finding.titled(title),
            });
        }
    }
    findings
}

/// What BuildKit's check SecretsUsedInArgOrEnv goes by, without names that say that no secret is in it.
pub fn is_named_like_one(name: &str) -> bool {
    const TOKENS: &[&str] =
        &["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
    let lower = name.to_lowercase();
    let mut parts = lower.split('_');
    is_secret_name(name) || !is_about_secrets(name) && parts.any(|part| TOKENS.contains(&part))
}

/// Whether a variable with this value keeps a secret that is written down.
pub fn is_secret(name: &str, value: &str) -> bool {
    of_variable(name, value).is_some_and(|secret| secret.certainty != Certainty::FromEnvironment)
}
