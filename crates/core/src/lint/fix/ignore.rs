//! The ignore file, written or completed for what a build would send.

use std::collections::HashSet;

use super::{Choice, FileChange, Proposal};
use crate::files::ignore::with_lines;
use crate::host::Host;
use crate::lower::Build;
use crate::rules::RULES;

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
    let patterns = RULES.iter().filter_map(|rule| Some((rule.id, rule.ignored?)));
    let patterns: Vec<_> = patterns
        .flat_map(|(rule, ignored)| {
            ignored(build, &survey).into_iter().map(move |(pattern, grade)| (rule, pattern, grade))
        })
        .collect();
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
    let text = current.as_deref().unwrap_or_default();
    let there: HashSet<&str> = text.lines().map(str::trim).collect();
    let missing = patterns.into_iter().filter(|(_, pattern, _)| !there.contains(pattern.as_str()));
    let proposals: Vec<Proposal> = missing
        .map(|(rule, about, grade)| Proposal { rule, path: path.clone(), line: 0, grade, about, edits: Vec::new() })
        .collect();
    let chosen: Vec<String> =
        proposals.iter().filter(|proposal| choice.takes(proposal)).map(|proposal| proposal.about.clone()).collect();
    if chosen.is_empty() {
        return (None, proposals);
    }
    let after = with_lines(text, &chosen);
    let before = known.map_or(current, |change| change.before.clone());
    (Some(FileChange { path, before, after }), proposals)
}

/// A path below the working directory without it.
fn shown(path: &str, host: &dyn Host) -> String {
    let here = format!("{}/", host.directory());
    path.strip_prefix(&here).unwrap_or(path).to_owned()
}
