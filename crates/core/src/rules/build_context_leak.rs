//! What a build sends and had better not.

use std::borrow::Cow;
use std::path::Path;

use super::fix::Grade;
use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::files::context::{ContextEntry, Survey};
use crate::files::dockerfile::Directive;
use crate::files::ignore::{Matcher, clean};
use crate::files::text::Place;
use crate::lower::Build;
use crate::order::PutInOrder as _;
use crate::text::{bytes, count};

/// The rule.
pub static RULE: Rule = Rule {
    id: "build-context-leak",
    title: "secrets in the build context",
    class: Class::Escape,
    confidence: Confidence::Likely,
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
    ignored: Some(new_patterns),
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
            let paths: Vec<&str> = survey.secrets.iter().map(|(path, _)| path.as_str()).collect();
            let mut finding =
                RULE.found(&build.origins).titled(named(&survey.secrets)).about_subject(&paths.join("\n"));
            finding.why = format!("{} {}", RULE.why, how_large(survey));
            finding.instead = format!(
                "in {}: {}; what a step needs comes with docker build --secret and RUN --mount=type=secret",
                ignore_file(survey),
                list(&paths)
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
        finding.subject = Some(names.join("\n"));
        finding.why = format!(
            "It is read and sent for each build, a change in it rebuilds everything, and .git contains everything that was ever committed. {}",
            how_large(survey)
        );
        finding.instead = format!("in {}: {}", ignore_file(survey), list(&names));
        add(&mut findings, finding);
    }
    findings
}

/// The name of the ignore file that decides.
fn ignore_file(survey: &Survey) -> Cow<'_, str> {
    let name = survey.ignore.as_deref().and_then(Path::file_name);
    name.map_or(Cow::Borrowed(".dockerignore"), |name| name.to_string_lossy())
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
    format!("{} in {} would be sent: {}.", human(survey.bytes()), count(survey.paths.len(), "file"), largest.join(", "))
}

/// The instruction that takes the most: the first broad copy.
fn copying(build: &Build) -> Option<Place> {
    let file = build.file()?;
    let copies = file.instructions_of(&build.needed).filter(
        |instruction| matches!(&instruction.what, Directive::Copy { from: None, sources, .. } if !sources.is_empty()),
    );
    let broad = |instruction: &&crate::files::dockerfile::Instruction| matches!(&instruction.what, Directive::Copy { sources, .. } if sources.iter().any(|source| matches!(source.text.trim_end_matches('/'), "." | "")));
    let all: Vec<_> = copies.collect();
    let chosen = all.iter().copied().find(broad).or_else(|| all.first().copied())?;
    Some(file.place(&chosen.span))
}

/// Folders in which only a tool's own cache or an editor's settings lie: no image needs them, and what needs a cache makes
/// it again.
const NEEDED_BY_NOBODY: &[&str] = &["__pycache__", ".pytest_cache", ".mypy_cache", ".idea", ".vscode"];

/// Whether leaving this pattern out of the context cannot break a build. A key, an environment file, `vendor`, `dist` or
/// `.git` may be what a `COPY . .` is there for.
fn grade(pattern: &str) -> Grade {
    let name = pattern.rsplit('/').next().unwrap_or(pattern);
    if NEEDED_BY_NOBODY.contains(&name) { Grade::Safe } else { Grade::Unsafe }
}

/// What is to be ignored: secrets, and what is made again; never what the Dockerfile copies by name.
fn new_patterns(build: &Build, survey: &Survey) -> Vec<(String, Grade)> {
    let sources: Vec<String> = build
        .file()
        .into_iter()
        .flat_map(|file| file.instructions_of(&build.needed))
        .filter_map(|instruction| match &instruction.what {
            Directive::Copy { from: None, sources, .. } => Some(sources),
            _ => None,
        })
        .flatten()
        .map(|source| clean(&format!("/{}", source.text)).trim_start_matches('/').to_owned())
        .filter(|source| !matches!(source.as_str(), "" | "*"))
        .collect();
    let is_named = |path: &str| {
        let path = path.trim_end_matches('/');
        sources.iter().any(|source| {
            let one = Matcher::new(&[(0, source.clone())]).unwrap_or_default();
            one.matches_alone(path) || source.starts_with(&format!("{path}/"))
        })
    };
    let mut patterns: Vec<String> = survey.secrets.iter().map(|(path, _)| path.clone()).collect();
    patterns.extend(survey.needless().into_iter().map(|entry| entry.path.trim_end_matches('/').to_owned()));
    patterns.retain(|path| !is_named(path));
    let mut patterns: Vec<String> = patterns.iter().filter_map(|path| literal(path)).collect();
    // One line for the same name in many folders.
    for name in ["node_modules", "__pycache__"] {
        if patterns.iter().filter(|pattern| pattern.rsplit('/').next() == Some(name)).count() > 1 {
            patterns.retain(|pattern| pattern.rsplit('/').next() != Some(name));
            patterns.push(format!("**/{name}"));
        }
    }
    patterns.put_in_order();
    patterns.dedup();
    let graded = patterns.into_iter().map(|pattern| {
        let grade = grade(&pattern);
        (pattern, grade)
    });
    graded.collect()
}

/// A pattern that matches this path and nothing else; None where there is none.
fn literal(path: &str) -> Option<String> {
    // An exclamation mark at the start would be an exception, whatever stands before it.
    if path.starts_with('!') || path.contains(['\n', '\r']) || path.trim() != path {
        return None;
    }
    let mut out = if path.starts_with('#') { "./".to_owned() } else { String::new() };
    for letter in path.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_for_paths() {
        assert_eq!(literal("a/[b]*").as_deref(), Some("a/\\[b\\]\\*"));
        assert_eq!(literal("#a").as_deref(), Some("./#a"));
        assert_eq!(literal("!a"), None);
    }
}
