//! Fixes what can be fixed in files, and changes no other byte of them. Pure: the result is the new texts.
//!
//! A fix is safe only if the files themselves show that the image works as before. A fix that depends on a guess about the program
//! is unsafe, and is made only if the caller asks for it. docs/decisions/0029 explains which fixes are safe.

mod exec_form;
mod ignore;
mod order;
mod places;
mod proposal;
mod user;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::engine::Lookup;
use crate::files::dockerfile::{self, Directive, Dockerfile, Given};
use crate::files::text::Text;
use crate::grammar::values::reference;
use crate::host::Host;
use crate::lower::Build;
use crate::plan::Facts;
use crate::rules::{
    ADD_INSTEAD_OF_COPY, BUILD_CONTEXT_LEAK, CACHE_BUSTING_ORDER, MUTABLE_TAG, PID1_SIGNALS, ROOT_USER, Rule,
    copies_plainly,
};
use places::{allowed, instructions, is_windows, line_end, official, whole_lines};
use proposal::TextEdit;
pub use proposal::{Choice, FileChange, Grade, Proposal};

/// The rules that have a fix in files.
pub static FIXED: &[&Rule] =
    &[&ADD_INSTEAD_OF_COPY, &BUILD_CONTEXT_LEAK, &CACHE_BUSTING_ORDER, &MUTABLE_TAG, &PID1_SIGNALS, &ROOT_USER];

/// What comes of it.
#[derive(Clone, Debug, Default)]
pub struct FixOutcome {
    /// Files to write, each with all of its fixes.
    pub changes: Vec<FileChange>,
    /// The fixes that the changes make.
    pub made: Vec<Proposal>,
    /// Fixes of the chosen rules that are unsafe and were not asked for.
    pub left: Vec<Proposal>,
}

impl FixOutcome {
    fn sort(&mut self, proposals: Vec<Proposal>, choice: &Choice) {
        for proposal in proposals.into_iter().filter(|proposal| choice.names(proposal)) {
            let list = if choice.takes(&proposal) { &mut self.made } else { &mut self.left };
            if !list.contains(&proposal) {
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
    for build in builds {
        let Some(file) = build.file().filter(|_| build.problem.is_none()) else { continue };
        // Only a file of its own is written, never one that merely carries the text.
        let Some(path) = build.path.clone().filter(|_| !file.text.is_carried()) else { continue };
        if changes.contains_key(&path) {
            continue;
        }
        let (after, proposals) = fixed(build, file, &ignored, choice, facts, host);
        outcome.sort(proposals, choice);
        if after != file.text.text {
            changes.insert(path.clone(), FileChange { path, before: Some(file.text.text.clone()), after });
        }
    }
    outcome.changes = changes.into_values().collect();
    outcome
}

/// One kind of mistake after the other, the file read again in between. Also every fix that was found.
fn fixed(
    build: &Build,
    file: &Dockerfile,
    ignored: &[FileChange],
    choice: &Choice,
    facts: &dyn Facts,
    host: &dyn Host,
) -> (String, Vec<Proposal>) {
    let mut build = build.clone();
    let mut text = file.text.text.clone();
    let mut all = Vec::new();
    type Pass<'a> = &'a dyn Fn(&Build, &Dockerfile) -> Vec<Proposal>;
    let copies: Pass = &|build, file| copies(build, file, host);
    let exec_form: Pass = &|build, file| exec_form::exec_form(build, file, facts, host);
    let order: Pass = &|build, file| order::order(build, file, ignored, host);
    let user: Pass = &|build, file| user::user(build, file, facts, host);
    let digests: Pass = &|build, file| digests(build, file, facts);
    let read = |text: &str| {
        let read = dockerfile::read(&Text::new(file.text.path.clone(), text.to_owned()), &Given::default());
        // What docker would not take is no fix.
        (read.problem.is_none() && read.stages.len() == file.stages.len()).then_some(Rc::new(read))
    };
    let Some(mut current) = read(&text) else { return (text, all) };
    for pass in [copies, exec_form, order, user, digests] {
        build.dockerfile = Some(current.clone());
        let proposals = pass(&build, &current);
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

fn apply(text: &str, mut edits: Vec<TextEdit>) -> String {
    edits.sort_by_key(|(span, _)| span.start);
    let mut out = text.to_owned();
    for (span, with) in edits.into_iter().rev() {
        out.replace_range(span, &with);
    }
    out
}

/// `ADD` of plain files.
fn copies(build: &Build, file: &Dockerfile, host: &dyn Host) -> Vec<Proposal> {
    instructions(build, file)
        .filter(|instruction| !instruction.on_build)
        .filter(|instruction| matches!(&instruction.what, Directive::Copy { is_add: true, .. }))
        .filter(|instruction| !allowed(file, &instruction.keyword, ADD_INSTEAD_OF_COPY.id))
        .filter(|instruction| copies_plainly(build, instruction, host) == Some(true))
        .map(|instruction| {
            let edit = (instruction.keyword.clone(), "COPY".to_owned());
            let line = file.text.position(instruction.keyword.start).0;
            Proposal::new(ADD_INSTEAD_OF_COPY.id, &file.text.path, line, Grade::Safe, &[edit])
        })
        .collect()
}

/// The digest that the engine knows for a tag that moves.
fn digests(build: &Build, file: &Dockerfile, facts: &dyn Facts) -> Vec<Proposal> {
    let mut proposals = Vec::new();
    for stage in build.needed.iter().map(|stage| &file.stages[*stage]).filter(|stage| stage.parent.is_none()) {
        let written = &file.text.text[stage.base.span.clone()];
        if written.contains('$') || build.is_own(&stage.image) || allowed(file, &stage.base.span, MUTABLE_TAG.id) {
            continue;
        }
        let Ok(parsed) = reference(&stage.image) else { continue };
        if parsed.digest.is_some() || parsed.tag_or_latest() != Some("latest") {
            continue;
        }
        let Lookup::Found(image) = facts.image(&stage.image) else { continue };
        let prefix = format!("{}@", parsed.familiar());
        let Some(digest) = image.digests.iter().find_map(|digest| digest.strip_prefix(&prefix)) else { continue };
        let edit = (stage.base.span.clone(), format!("{written}@{digest}"));
        let line = file.text.position(stage.base.span.start).0;
        proposals.push(Proposal::new(MUTABLE_TAG.id, &file.text.path, line, Grade::Safe, &[edit]));
    }
    proposals
}
