//! Fixes what can be fixed in files, and changes no other byte of them. Pure: the result is the new texts.
//!
//! A fix is safe only if the files themselves show that the image works as before. A fix that depends on a guess about the program
//! is unsafe, and is made only if the caller asks for it. docs/decisions/0029 explains which fixes are safe.

mod ignore;

use crate::order::PutInOrder as _;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use crate::files::dockerfile::{self, Dockerfile, Given};
use crate::files::text::Text;
use crate::host::Host;
use crate::lower::Build;
use crate::plan::Facts;
pub use crate::rules::fix::{Choice, FileChange, Grade, Proposal};
use crate::rules::fix::{Fixing, TextEdit};
use crate::rules::{RULES, Rule};

/// The rules that have a fix in files.
pub fn fixed_rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied().filter(|rule| rule.dockerfile_fix.is_some() || rule.ignored.is_some())
}

/// What comes of it.
#[derive(Clone, Debug, Default)]
pub struct FixOutcome {
    /// Files to write, each with all of its fixes.
    pub changes: Vec<FileChange>,
    /// The fixes that the changes make.
    pub made: Vec<Proposal>,
    /// Fixes of the chosen rules that are unsafe and were not asked for.
    pub left: Vec<Proposal>,
    /// All that is in these lists.
    known: HashSet<Proposal>,
}

impl FixOutcome {
    fn sort(&mut self, proposals: Vec<Proposal>, choice: &Choice) {
        for proposal in proposals.into_iter().filter(|proposal| choice.names(proposal)) {
            if self.known.insert(proposal.clone()) {
                let list = if choice.takes(&proposal) { &mut self.made } else { &mut self.left };
                list.push(proposal);
            }
        }
    }
}

/// Every change that these builds allow.
pub fn changes(builds: &[Build], choice: &Choice, facts: &dyn Facts, host: &dyn Host) -> FixOutcome {
    let mut outcome = FixOutcome::default();
    let mut changes: BTreeMap<String, FileChange> = BTreeMap::new();
    for build in builds {
        let (change, proposals) = ignore::ignore_file(build, choice, changes.values(), host);
        outcome.sort(proposals, choice);
        if let Some(change) = change {
            changes.insert(change.path.clone(), change);
        }
    }
    let ignored: Vec<FileChange> = changes.values().cloned().collect();
    for builds in by_file(builds, host) {
        let Some(first) = builds.first() else { continue };
        let (Some(path), Some(file)) = (first.path.clone(), first.file()) else { continue };
        if changes.contains_key(&path) {
            continue;
        }
        let (after, proposals) = fixed(&builds, file, &ignored, choice, facts, host);
        outcome.sort(proposals, choice);
        if after != file.text.text {
            changes.insert(path.clone(), FileChange { path, before: Some(file.text.text.clone()), after });
        }
    }
    outcome.changes = changes.into_values().collect();
    outcome
}

/// The builds of each Dockerfile that can be written, whatever paths lead to it. The first one has the shortest path.
fn by_file<'a>(builds: &'a [Build], host: &dyn Host) -> Vec<Vec<&'a Build>> {
    let mut files: BTreeMap<String, Vec<&Build>> = BTreeMap::new();
    for build in builds {
        // Only a file of its own is written, never one that merely carries the text.
        let is_own = build.file().is_some_and(|file| build.problems.is_empty() && !file.text.is_carried());
        if let Some(path) = build.path.as_deref().filter(|_| is_own) {
            files.entry(host.resolve(path)).or_default().push(build);
        }
    }
    let mut files: Vec<Vec<&Build>> = files.into_values().collect();
    for builds in &mut files {
        builds.put_in_order_by_key(|build| build.path.as_ref().map(String::len));
    }
    // A file that was changed between two looks is not written at all.
    files.retain(|builds| {
        let text = |build: &&Build| build.file().map(|file| file.text.text.clone());
        builds.iter().all(|build| text(build) == builds.first().and_then(text))
    });
    files
}

/// One kind of mistake after the other, the file read again in between. Also every fix that was found.
fn fixed(
    builds: &[&Build],
    file: &Dockerfile,
    ignored: &[FileChange],
    choice: &Choice,
    facts: &dyn Facts,
    host: &dyn Host,
) -> (String, Vec<Proposal>) {
    // Each as it was read with its own build arguments, so that they can be told apart.
    let mut now: Vec<Build> = builds.iter().map(|build| (*build).clone()).collect();
    let mut text = file.text.text.clone();
    let mut all = Vec::new();
    let read = |text: &str| {
        let read = dockerfile::read(&Text::new(file.text.path.clone(), text.to_owned()), &Given::default());
        // What docker would not take is no fix.
        (read.problem().is_none() && read.stages.len() == file.stages.len()).then_some(Rc::new(read))
    };
    let Some(mut current) = read(&text) else { return (text, all) };
    let mut passes: Vec<_> = RULES.iter().filter_map(|rule| Some((*rule, rule.dockerfile_fix?))).collect();
    passes.put_in_order_by_key(|(_, fix)| fix.part);
    for (rule, fix) in passes {
        let each: Vec<Vec<Proposal>> = now
            .iter_mut()
            .map(|build| {
                build.dockerfile = Some(current.clone());
                let mut proposals =
                    (fix.propose)(&Fixing { rule: rule.id, build, file: &current, ignored, facts, host });
                // What a comment allows is not fixed.
                proposals
                    .retain(|it| !it.edits.first().is_some_and(|(span, _)| rule.is_allowed_at(&current.place(span))));
                proposals
            })
            .collect();
        let proposals = agreed(builds, &each, &current);
        let edits: Vec<TextEdit> =
            proposals.iter().filter(|it| choice.takes(it)).flat_map(|it| it.edits.clone()).collect();
        if !edits.is_empty() {
            let changed = apply(&text, edits);
            let Some(again) = read(&changed) else { continue };
            (text, current) = (changed, again);
        }
        all.extend(proposals);
    }
    (text, all)
}

/// What may be changed for all builds of one file: a fix that is right with one context or base may break the image with another.
/// Of those that would be built in the same way, one that proposes a fix is enough.
fn agreed(builds: &[&Build], each: &[Vec<Proposal>], file: &Dockerfile) -> Vec<Proposal> {
    let images = |build: &Build| -> Vec<String> {
        build.file().map(|file| file.stages.iter().map(|stage| stage.image.clone()).collect()).unwrap_or_default()
    };
    let folder = |build: &Build| build.context.as_ref().map(|context| context.folder.clone());
    let alike = |one: &Build, other: &Build| folder(one) == folder(other) && images(one) == images(other);
    let mut all: Vec<Proposal> = Vec::new();
    for (build, proposals) in builds.iter().zip(each) {
        for proposal in proposals {
            let place = proposal.edits.first().map_or(0, |(span, _)| span.start);
            let stage = file.stages.iter().rposition(|stage| stage.keyword.start <= place).unwrap_or(0);
            let mut grade = proposal.grade;
            let is_right = builds.iter().zip(each).all(|(other, proposals)| {
                let same = proposals.iter().find(|it| it.edits == proposal.edits);
                grade = same.map_or(grade, |same| same.grade.max(grade));
                same.is_some() || alike(build, other) || !other.needed.contains(&stage)
            });
            let meets = |(span, _): &TextEdit, (other, _): &TextEdit| span.start < other.end && other.start < span.end;
            let is_new = !all.iter().any(|known| {
                known.edits == proposal.edits
                    || known.edits.iter().any(|edit| proposal.edits.iter().any(|it| meets(edit, it)))
            });
            if is_right && is_new {
                all.push(Proposal { grade, ..proposal.clone() });
            }
        }
    }
    all
}

fn apply(text: &str, mut edits: Vec<TextEdit>) -> String {
    edits.put_in_order_by_key(|(span, _)| (span.start, span.end));
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (span, with) in edits {
        out.push_str(text.get(at..span.start).unwrap_or_default());
        out.push_str(&with);
        at = at.max(span.end);
    }
    out + text.get(at..).unwrap_or_default()
}
