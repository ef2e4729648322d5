//! What the Dockerfile copies and the ignore file keeps from the builder.

use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::files::context::Survey;
use crate::files::dockerfile::{Directive, Instruction, Word, as_patterns, is_remote, mounts};

use crate::files::ignore::clean;

/// The rule.
pub static RULE: Rule = Rule {
    id: "copies-ignored-file",
    title: "copies what the ignore file excludes",
    class: Class::Hygiene,
    confidence: Confidence::Certain,
    buildkit: &["CopyIgnoredFile"],
    why: "The builder does not get what the ignore file excludes. It is not there to be copied, so the build fails at \
          this step.",
    instead: "do not exclude it, add an exception behind the pattern, or do not copy it",
    references: &["https://docs.docker.com/reference/build-checks/copy-ignored-file/"],
    fires: &["build examples/copies-ignored-file/0/bad"],
    quiet: &["build examples/copies-ignored-file/0/good"],
    files: &[Example { name: ".dockerignore", bad: "*\n", good: "*.md\n.git\n.env\nid_rsa\nnode_modules\n" }],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (build, survey) in case.contexts() {
        let (Some(survey), Some(file)) = (survey, build.file()) else { continue };
        let Some(ignore) = survey.ignore.as_ref().filter(|_| !survey.patterns.patterns.is_empty()) else { continue };
        let name = ignore.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        for instruction in file.instructions_of(&build.needed).filter(|it| !it.on_build) {
            for source in sources(instruction) {
                // What a variable stands for is one element of a path, or a part of one.
                let paths: Vec<String> = as_patterns(&source.text, file.escape).iter().map(|it| path_of(it)).collect();
                let Some(path) = paths.first().filter(|_| paths.iter().all(|path| is_excluded(path, survey))) else {
                    continue;
                };
                let keyword = file.text.text.get(instruction.keyword.clone()).unwrap_or_default().to_uppercase();
                let mut finding = RULE
                    .found(&build.origins)
                    .titled(format!("{keyword} of {}, which {name} excludes", source.text))
                    .weighed_as(Class::Outage)
                    .in_file(file.place(&source.span));
                if path.is_empty() {
                    "The ignore file excludes everything, so nothing is copied.".clone_into(&mut finding.why);
                    finding.instead = format!("add exceptions for what is needed to {name}: !src");
                } else if has_wildcard(&source.text) {
                    "The builder does not get what the ignore file excludes, so nothing that fits is copied."
                        .clone_into(&mut finding.why);
                } else if !has_wildcard(path) {
                    finding.instead = format!("add the line !{path} at the end of {name}, or do not copy it");
                }
                findings.push(finding);
            }
        }
    }
    findings
}

/// What an instruction takes from the context by name.
fn sources(instruction: &Instruction) -> Vec<Word> {
    let copied = match &instruction.what {
        Directive::Copy { from: None, sources, .. } => sources.clone(),
        _ => Vec::new(),
    };
    let bound = mounts(instruction).into_iter().filter_map(|mount| {
        let get =
            |wanted: &[&str]| mount.iter().find(|(key, _)| wanted.contains(&key.as_str())).map(|(_, value)| value);
        let is_bind = get(&["from"]).is_none() && get(&["type"]).is_none_or(|kind| kind == "bind");
        let text = get(&["source", "src"]).filter(|_| is_bind)?.clone();
        let (_, _, span) =
            instruction.flags.iter().find(|(name, value, _)| name == "mount" && value.contains(&text))?;
        Some(Word { text, span: span.clone() })
    });
    copied.into_iter().chain(bound).filter(|source| !is_remote(&source.text)).collect()
}

/// A source's path in the context; empty for the context itself.
fn path_of(source: &str) -> String {
    clean(&format!("/{source}")).trim_start_matches('/').to_owned()
}

fn has_wildcard(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Whether nothing of this path is sent, whatever lies there.
fn is_excluded(path: &str, survey: &Survey) -> bool {
    let patterns = &survey.patterns.patterns;
    if path.is_empty() {
        return !survey.patterns.has_exceptions
            && patterns.iter().any(|pattern| matches!(pattern.text.as_str(), "*" | "**" | "**/*"));
    }
    if !survey.patterns.matches_alone(path) {
        return false;
    }
    // An exception may be about something that lies in it; where it may, what lies there now would have to decide for later.
    let inside = format!("{path}/");
    let may_concern = |text: &str| {
        let plain = text.split(['*', '?', '[', '\\']).next().unwrap_or_default();
        text.starts_with(&inside)
            || plain.len() < text.len() && (inside.starts_with(plain) || plain.starts_with(&inside))
    };
    !patterns.iter().any(|pattern| pattern.is_exception && (has_wildcard(path) || may_concern(&pattern.text)))
}
