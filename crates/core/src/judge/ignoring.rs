//! What can be excluded in ignore files so that nothing stops a build any more. Pure: the result is the new texts.

use std::collections::BTreeSet;

use super::Judgement;
use crate::files::context::Survey;
use crate::files::ignore::{self, Matcher, with_lines};
use crate::host::Host;
use crate::lower::{Build, Effect};
use crate::policy::Action;
use crate::rules::Rule;

/// Lines that are added to the end of one ignore file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreAddition {
    /// The file that decides what is sent: `.dockerignore` of the context, or that of the Dockerfile alone.
    pub path: String,
    /// The file as it was read for the judgement; None where there is none yet.
    pub before: Option<String>,
    /// The file with its new lines.
    pub after: String,
    /// The new lines.
    pub lines: Vec<String>,
}

/// The lines after which nothing stops this command. None where something else stops it, or where what is sent is copied by its
/// name, so that the build would fail.
pub fn ignoring(judgement: &Judgement, host: &dyn Host) -> Vec<IgnoreAddition> {
    found(judgement, host).unwrap_or_default()
}

fn found(judgement: &Judgement, host: &dyn Host) -> Option<Vec<IgnoreAddition>> {
    let stopping: Vec<_> = judgement.stopping().collect();
    let is_about_context = |rule: &Rule| rule.ignored.is_some();
    if judgement.wanted >= Action::Refuse || !stopping.iter().all(|it| is_about_context(it.finding.rule)) {
        return None;
    }
    let wanted: BTreeSet<&str> =
        stopping.iter().filter_map(|it| it.finding.subject.as_deref()).flat_map(str::lines).collect();
    // A path below the working directory is shown without it.
    let here = format!("{}/", host.directory());
    let rules: Vec<&'static Rule> = stopping.iter().map(|it| it.finding.rule).collect();
    let mut additions: Vec<IgnoreAddition> = Vec::new();
    for effect in &judgement.lowered.effects {
        let Effect::Builds(build) = effect else { continue };
        if build.is_refused {
            continue;
        }
        let Some(request) = &build.context else { continue };
        let Ok(survey) = host.survey(request) else { return None };
        let is_sent = |path: &&&str| {
            let below = format!("{path}/");
            let at = survey.paths.partition_point(|known| known.as_str() < below.as_str());
            survey.holds(path) || survey.paths.get(at).is_some_and(|known| known.starts_with(&below))
        };
        let sent: Vec<&str> = wanted.iter().filter(is_sent).copied().collect();
        if sent.is_empty() {
            continue;
        }
        let path = survey.ignore.clone().unwrap_or_else(|| survey.root.join(".dockerignore"));
        let path = path.to_str()?;
        let path = path.strip_prefix(&here).unwrap_or(path).to_owned();
        let known = additions.iter().position(|it| it.path == path);
        let before = match known.and_then(|at| additions.get(at)) {
            Some(known) => Some(known.after.clone()),
            None => survey.ignore_text.as_ref().map(|text| String::from_utf8(text.to_vec())).transpose().ok()?,
        };
        let lines = new_lines(&rules, build, &survey, &sent);
        let after = with_lines(before.as_deref().unwrap_or_default(), &lines);
        let matcher = Matcher::new(&ignore::read(after.as_bytes()).ok()?).ok()?;
        if !sent.iter().all(|path| matcher.matches_alone(path)) {
            return None;
        }
        match known.and_then(|at| additions.get_mut(at)) {
            Some(known) => {
                known.after = after;
                known.lines.extend(lines);
            }
            None => additions.push(IgnoreAddition { path, before, after, lines }),
        }
    }
    additions.retain(|it| !it.lines.is_empty());
    Some(additions)
}

/// The patterns that the rules propose for these paths.
fn new_lines(rules: &[&'static Rule], build: &Build, survey: &Survey, sent: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for ignored in rules.iter().filter_map(|rule| rule.ignored) {
        for (pattern, _) in ignored(build, survey) {
            let one = Matcher::new(&[(0, pattern.clone())]).unwrap_or_default();
            if sent.iter().any(|path| one.matches_alone(path)) && !lines.contains(&pattern) {
                lines.push(pattern);
            }
        }
    }
    lines
}
