//! A secret in a container's environment.

use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::files::dockerfile::Directive;
use crate::files::secrets::is_secret_name;
use crate::lower::{Build, Origins};

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
        "run -e KEY=AKIAIOSFODNN7EXAMPLE safe:1",
    ],
    quiet: &[
        "run -e POSTGRES_PASSWORD_FILE=/run/secrets/pg safe:1",
        "run -e MODE=production safe:1",
        "run -e MYSQL_ALLOW_EMPTY_PASSWORD=yes safe:1",
        "run -e PASSWORD= safe:1",
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
        let secret = |(name, value, _): &&(String, String, Origins)| is_secret(name, value);
        // What a file brought has no word of its own here.
        let typed = workload.env.iter().filter(secret).filter(|(_, _, origins)| *origins != workload.origins);
        let (mut names, mut origins): (Vec<&str>, Origins) = (Vec::new(), Vec::new());
        for (name, _, these) in typed {
            names.push(name);
            origins.extend(these.iter().cloned());
        }
        if !names.is_empty() {
            findings.push(
                RULE.found(&origins)
                    .titled(format!("secret in the environment variable {}", crate::text::named(&names)))
                    .about(workload),
            );
        }
    }
    findings.extend(case.builds().flat_map(in_dockerfile));
    findings
}

/// `ENV` of a Dockerfile: its value is in the image.
fn in_dockerfile(build: &Build) -> Vec<Finding> {
    let Some(file) = build.file() else { return Vec::new() };
    let mut findings = Vec::new();
    for instruction in file.instructions_of(&build.needed) {
        let Directive::Env(list) = &instruction.what else { continue };
        for (name, value) in list {
            let value = value.trim_matches(['"', '\'']);
            let sure = is_secret(&name.text, value) && !value.starts_with('$');
            if !sure && !is_named_like_one(&name.text) {
                continue;
            }
            let title = format!("secret in the image's environment variable {}", name.text);
            let finding = RULE.found(&build.origins).titled(title).in_file(file.place(&name.span));
            findings.push(if sure { finding.stops_build() } else { finding });
        }
    }
    findings
}

/// What BuildKit's check SecretsUsedInArgOrEnv goes by.
pub fn is_named_like_one(name: &str) -> bool {
    const TOKENS: &[&str] =
        &["apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"];
    let lower = name.to_lowercase();
    let parts: Vec<&str> = lower.split('_').collect();
    // The name of a file is no secret; BuildKit says so of it all the same.
    let is_place = matches!(parts.last(), Some(&("file" | "path" | "dir")));
    is_secret_name(name) || !is_place && parts.iter().any(|part| TOKENS.contains(part)) && !parts.contains(&"public")
}

/// Judged by the name and by what the value looks like.
pub fn is_secret(name: &str, value: &str) -> bool {
    if value.is_empty() || value.starts_with("/run/secrets/") {
        return false;
    }
    let looks =
        ["AKIA", "ASIA", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk_live_", "-----BEGIN "];
    if looks.iter().any(|start| value.starts_with(start)) {
        return true;
    }
    is_secret_name(name)
        && !matches!(value.to_lowercase().as_str(), "true" | "false" | "yes" | "no" | "on" | "off" | "0" | "1")
}
