//! What a build sends and had better not.

use super::{COMMON, Case, Class, Example, Finding, Rule};
use crate::files::context::{ContextEntry, Survey};
use crate::files::dockerfile::Directive;
use crate::files::text::Place;
use crate::lower::Build;
use crate::text::{bytes, count};

/// The rule.
pub static RULE: Rule = Rule {
    id: "build-context-leak",
    title: "secrets in the build context",
    class: Class::Escape,
    why: "What is sent can end up in a layer of the image or in the engine's build cache. Everybody who can pull the \
          image or build on this engine can then read it, even if a later step deletes the file.",
    instead: "exclude it in .dockerignore; pass a secret that a step needs with docker build --secret and RUN \
          --mount=type=secret",
    references: &[
        "https://docs.docker.com/build/concepts/context/#dockerignore-files",
        "https://docs.docker.com/build/building/secrets/",
    ],
    fires: &["build examples/build-context-leak/0/bad"],
    quiet: &["build examples/build-context-leak/0/good"],
    files: &[Example { name: ".dockerignore", bad: "*.md\n", good: "*.md\n.git\n.env\n*.pem\nid_rsa\nnode_modules\n" }],
    check,
    ..COMMON
};

/// Folders that a command can make again are not reported below this size, in bytes.
const WORTH_A_WORD: u64 = 1_000_000;

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (build, survey) in case.contexts() {
        let Some(survey) = survey else { continue };
        let place = copying(build);
        let add = |findings: &mut Vec<Finding>, finding: Finding| {
            findings.push(match &place {
                Some(place) => finding.in_file(place.clone()),
                None => Finding { note_only: true, ..finding },
            });
        };
        if !survey.secrets.is_empty() {
            let mut finding = RULE.found(&build.origins).titled(named(&survey.secrets));
            finding.why = format!("{} {}", RULE.why, how_large(survey));
            finding.instead = format!(
                "in .dockerignore: {}; what a step needs comes with docker build --secret and RUN --mount=type=secret",
                list(&survey.secrets.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>())
            );
            add(&mut findings, finding);
            if let Some(last) = findings.last_mut() {
                last.note_only = false;
            }
        }
        let needless: Vec<ContextEntry> = survey
            .needless()
            .into_iter()
            .filter(|entry| {
                entry.path.ends_with(".git/") || entry.path.ends_with("node_modules/") || entry.size >= WORTH_A_WORD
            })
            .collect();
        if needless.is_empty() {
            continue;
        }
        let size: u64 = needless.iter().map(|entry| entry.size).sum();
        let names: Vec<&str> = needless.iter().map(|entry| entry.path.trim_end_matches('/')).collect();
        let file = if survey.ignore.is_some() { "" } else { ", and there is no ignore file" };
        let mut finding = RULE.found(&build.origins).titled(format!("sends {} ({}){file}", list(&names), human(size)));
        finding.class = Class::Hygiene;
        finding.why = format!(
            "It is read and sent for each build, a change in it rebuilds everything, and .git contains everything that was ever committed. {}",
            how_large(survey)
        );
        finding.instead = format!("in .dockerignore: {}", list(&names));
        add(&mut findings, finding);
    }
    findings
}

fn human(size: u64) -> String {
    bytes(i64::try_from(size).unwrap_or(i64::MAX))
}

/// The first few of some names.
fn list(names: &[&str]) -> String {
    let shown = names.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    if names.len() > 5 { format!("{shown} and {} more", names.len() - 5) } else { shown }
}

fn named(secrets: &[(String, String)]) -> String {
    match secrets {
        [(path, what)] => format!("sends {path}: {what}"),
        several => {
            let names: Vec<&str> = several.iter().map(|(path, _)| path.as_str()).collect();
            format!("sends {}: {}", count(several.len(), "secret"), list(&names))
        }
    }
}

/// Its size, and the ten entries that make it.
fn how_large(survey: &Survey) -> String {
    let largest: Vec<String> = survey
        .largest(10)
        .iter()
        .map(|entry| format!("{} {}", entry.path.trim_end_matches('/'), human(entry.size)))
        .collect();
    format!("{} in {} would be sent: {}.", human(survey.bytes), count(survey.files.len(), "file"), largest.join(", "))
}

/// The instruction that takes the most: the first broad copy.
fn copying(build: &Build) -> Option<Place> {
    let file = build.file()?;
    let copies = build.needed.iter().flat_map(|stage| &file.stages[*stage].instructions).filter(
        |instruction| matches!(&instruction.what, Directive::Copy { from: None, sources, .. } if !sources.is_empty()),
    );
    let broad = |instruction: &&crate::files::dockerfile::Instruction| matches!(&instruction.what, Directive::Copy { sources, .. } if sources.iter().any(|source| matches!(source.text.trim_end_matches('/'), "." | "")));
    let all: Vec<_> = copies.collect();
    let chosen = all.iter().copied().find(broad).or_else(|| all.first().copied())?;
    Some(file.place(&chosen.span))
}
