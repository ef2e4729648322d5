//! The ignore file, written or completed for what a build would send.

use super::{Choice, FileChange, Grade, Proposal};
use crate::files::context::Survey;
use crate::files::dockerfile::Directive;
use crate::files::ignore::Matcher;
use crate::host::Host;
use crate::lower::Build;
use crate::rules::BUILD_CONTEXT_LEAK;

/// Folders in which only a tool's own cache or an editor's settings lie: no image needs them, and what needs a cache makes
/// it again.
const NEEDED_BY_NOBODY: &[&str] = &["__pycache__", ".pytest_cache", ".mypy_cache", ".idea", ".vscode"];

/// Whether leaving this pattern out of the context cannot break a build. A key, an environment file, `vendor`, `dist` or
/// `.git` may be what a `COPY . .` is there for.
fn grade(pattern: &str) -> Grade {
    let name = pattern.rsplit('/').next().unwrap_or(pattern);
    if NEEDED_BY_NOBODY.contains(&name) { Grade::Safe } else { Grade::Unsafe }
}

/// What could be added, and with the chosen ones the new ignore file.
pub(super) fn ignore_file<'a>(
    build: &Build,
    choice: &Choice,
    before: impl Iterator<Item = &'a FileChange>,
    host: &dyn Host,
) -> (Option<FileChange>, Vec<Proposal>) {
    let nothing = (None, Vec::new());
    let Some(wanted) = build.context.as_ref() else { return nothing };
    let Ok(survey) = host.survey(wanted) else { return nothing };
    let patterns = new_patterns(build, &survey);
    let folder = wanted.folder.trim_end_matches('/');
    let path = match &survey.ignore {
        Some(path) => shown(path.to_string_lossy().as_ref(), host),
        None if folder == "." || folder.is_empty() => ".dockerignore".to_owned(),
        None => format!("{folder}/.dockerignore"),
    };
    let path = shown(&path, host);
    let known = before.into_iter().find(|change| change.path == path);
    let current = match known {
        Some(change) => Some(change.after.clone()),
        None if host.exists(&path) => match host.read(&path).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
            Some(text) => Some(text),
            // What cannot be read is not written over.
            None => return nothing,
        },
        None => None,
    };
    let mut after = current.clone().unwrap_or_default();
    let end = if after.contains("\r\n") { "\r\n" } else { "\n" };
    let missing = patterns.iter().filter(|pattern| !after.lines().any(|line| line.trim() == pattern.as_str()));
    let proposals: Vec<Proposal> = missing
        .map(|pattern| Proposal::new(BUILD_CONTEXT_LEAK.id, &path, 0, grade(pattern), &[]).about(pattern))
        .collect();
    let chosen: Vec<String> =
        proposals.iter().filter(|proposal| choice.takes(proposal)).map(|proposal| proposal.about.clone()).collect();
    if chosen.is_empty() {
        return (None, proposals);
    }
    if !after.is_empty() && !after.ends_with('\n') {
        after.push_str(end);
    }
    for pattern in chosen {
        after.push_str(&pattern);
        after.push_str(end);
    }
    let before = known.map_or(current, |change| change.before.clone());
    (Some(FileChange { path, before, after }), proposals)
}

/// A path below the working directory without it.
fn shown(path: &str, host: &dyn Host) -> String {
    let here = format!("{}/", host.directory());
    path.strip_prefix(&here).unwrap_or(path).to_owned()
}

/// What is to be ignored: secrets, and what is made again; never what the Dockerfile copies by name.
fn new_patterns(build: &Build, survey: &Survey) -> Vec<String> {
    let sources: Vec<String> = build
        .file()
        .into_iter()
        .flat_map(|file| build.needed.iter().flat_map(|stage| &file.stages[*stage].instructions))
        .filter_map(|instruction| match &instruction.what {
            Directive::Copy { from: None, sources, .. } => Some(sources),
            _ => None,
        })
        .flatten()
        .map(|source| crate::files::ignore::clean(&format!("/{}", source.text)).trim_start_matches('/').to_owned())
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
    patterns.sort();
    patterns.dedup();
    patterns
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
