//! A secret in a container's environment.

use crate::order::PutInOrder as _;
use std::collections::HashSet;

use super::secrets::{of_origins, titled, weighed};
use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::files::dockerfile::{CommandForm, Directive};
use crate::files::ignore::Matcher;
use crate::files::script_secrets::{in_script, in_words};
use crate::files::secret_names::{is_about_secrets, is_everybodys, is_name_of_account, is_placeholder, is_secret_name};
use crate::files::secret_values::{Certainty, Secret, of_variable};
use crate::files::text::{Place, Text};
use crate::lower::{Build, Effect, Origin, Origins, Workload};
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
    findings.extend(in_env_files(case));
    findings
}

/// So many bytes of a file with variables are read.
const LARGEST_ENV_FILE: usize = 256 * 1024;

/// The files that compose's `env_file` names, where they lie beside the project and no `.gitignore` keeps them out of the repository.
/// Such a file is where secrets belong, but not in a repository, and only what is certain to be one is said.
fn in_env_files(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for effect in &case.lowered.effects {
        let Effect::ReadsFile { path, origins } = effect else { continue };
        let place = origins.iter().find_map(Origin::place);
        let of_service = place.filter(|place| place.of.as_deref().is_some_and(|of| of.starts_with("service ")));
        let Some(named) = of_service else { continue };
        let folder = named.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        let is_beside = path.strip_prefix(folder).is_some_and(|rest| folder.is_empty() || rest.starts_with('/'));
        if !is_beside || path.split('/').any(|part| part == "..") || is_kept_out(case, path) {
            continue;
        }
        let Some(text) =
            case.host.start(path, LARGEST_ENV_FILE).ok().and_then(|bytes| Text::from_bytes(path, bytes).ok())
        else {
            continue;
        };
        let mut start = 0;
        for line in text.text.split_inclusive('\n') {
            let at = start;
            start += line.len();
            let Some((name, value)) = line.trim().split_once('=').filter(|(name, _)| !name.starts_with('#')) else {
                continue;
            };
            let name = name.trim_start_matches("export ").trim();
            let Some(secret) = of_variable(name, value).filter(|it| it.certainty == Certainty::Certain) else {
                continue;
            };
            let title = titled(format!("secret in a file with variables, in {name}"), &secret);
            let span = at..at + line.trim_end().len();
            let finding = RULE.found(origins).titled(title).in_file(Place::new(&text, span));
            findings.push(finding.weighed_as(Class::Loss));
        }
    }
    findings
}

/// Whether git leaves the file out, as the `.gitignore` in its folder or in one above says. Of their patterns, those count that
/// docker's own know as well.
fn is_kept_out(case: &Case, path: &str) -> bool {
    let (mut folder, mut below) = match path.rsplit_once('/') {
        Some((folder, name)) => (folder.to_owned(), name.to_owned()),
        None => (String::new(), path.to_owned()),
    };
    loop {
        let ignore = if folder.is_empty() { ".gitignore".to_owned() } else { format!("{folder}/.gitignore") };
        if let Ok(bytes) = case.host.read(&ignore) {
            let text = String::from_utf8_lossy(&bytes);
            let patterns: Vec<(usize, String)> = text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .map(|line| {
                    let (sign, pattern) = line.strip_prefix('!').map_or(("", line), |rest| ("!", rest));
                    let bare = pattern.trim_end_matches('/');
                    let anywhere = if bare.contains('/') { "" } else { "**/" };
                    (1, format!("{sign}{anywhere}{}", bare.trim_start_matches('/')))
                })
                .collect();
            if Matcher::new(&patterns).is_ok_and(|matcher| matcher.matches_file(&below, None)) {
                return true;
            }
        }
        let git = if folder.is_empty() { ".git".to_owned() } else { format!("{folder}/.git") };
        if folder.is_empty() || case.host.exists(&git) {
            return false;
        }
        let (above, name) = folder.rsplit_once('/').map_or(("", folder.as_str()), |(above, name)| (above, name));
        below = format!("{name}/{below}");
        folder = above.to_owned();
    }
}

/// The variables of a container: one finding for those that are equally sure.
fn in_environment(workload: &Workload) -> Vec<Finding> {
    // What a file brought has no word of its own here.
    let typed = workload.env.iter().filter(|(_, _, origins)| *origins != workload.origins);
    let accounts: HashSet<&str> = workload
        .env
        .iter()
        .filter(|(name, _, _)| is_name_of_account(name))
        .map(|(_, value, _)| value.as_str())
        .collect();
    let judged = |name: &str, value: &str, origins: &Origins| {
        let mut secret = of_origins(name, value, origins)?;
        let is_in_file = origins.iter().any(|origin| origin.place().is_some());
        // What everybody tries first keeps nobody out, and nobody who sets up a local database means it to.
        if is_in_file && secret.certainty == Certainty::Doubtful && is_everybodys(name, value, &accounts) {
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
            Directive::Label(list) => {
                findings.extend(list.iter().filter_map(|(name, value)| {
                    let secret = of_variable(&name.text, value.trim_matches(['"', '\'']))?;
                    let title = titled(format!("secret in the image's label {}", name.text), &secret);
                    let finding = RULE.found(&build.origins).titled(title).in_file(file.place(&name.span));
                    Some(weighed(finding, secret.certainty))
                }));
                continue;
            }
            Directive::Cmd(command) | Directive::Entrypoint(command) | Directive::Healthcheck(command) => {
                let whose = match &instruction.what {
                    Directive::Healthcheck(_) => "health check",
                    _ => "command",
                };
                let secret = match command {
                    CommandForm::Exec(words, _) => in_words(words),
                    CommandForm::Shell(script, _) => in_script(script),
                };
                if let Some(secret) = secret {
                    let title = format!("secret in the image's {whose}: {}", secret.what);
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
