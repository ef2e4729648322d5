//! Which fixes can be offered for a command that needs a question: only those that work on this engine. All of them together are
//! offered only if the fixed command, judged again, needs no question.

use crate::order::PutInOrder as _;
use std::ffi::OsString;

use super::ignoring::{IgnoreAddition, ignoring};
use super::narrowest::{ProposedException, narrowest};
use super::rewrite::rewrite;
use super::{Complaint, Judgement, JudgementContext, judge};
use crate::lower::lower;
use crate::policy::Action;
use crate::rules::{Class, Edit, Finding};

/// What can be offered.
#[derive(Clone, Debug, Default)]
pub struct Fixes {
    /// The complaints that a fix of their own clears, by their place in the judgement; the numbers shown are these plus one.
    pub numbered: Vec<usize>,
    /// The command with all of them that go together.
    pub joint: Option<Vec<OsString>>,
    /// Nothing is left to ask about the joint command.
    pub clears: bool,
    /// Rules that would still ask.
    pub left: Vec<&'static str>,
    /// Lines for ignore files, after which nothing stops the command as it was typed.
    pub ignored: Vec<IgnoreAddition>,
    /// Exceptions for the caller's own policy, after which nothing stops it.
    pub exceptions: Vec<ProposedException>,
}

impl Fixes {
    /// The command that the key `f` runs.
    pub fn all(&self) -> Option<&Vec<OsString>> {
        self.joint.as_ref().filter(|_| self.clears)
    }

    /// How many can be chosen by their numbers; a single one that clears everything is `f` alone.
    pub fn choices(&self) -> usize {
        if self.numbered.len() == 1 && self.clears { 0 } else { self.numbered.len() }
    }

    /// The number of a complaint's fix, where it has one.
    pub fn number(&self, judgement: &Judgement, complaint: &Complaint) -> Option<usize> {
        if self.choices() == 0 {
            return None;
        }
        let is_it = |at: &usize| judgement.complaints.get(*at).is_some_and(|it| std::ptr::eq(it, complaint));
        self.numbered.iter().position(is_it).map(|at| at + 1)
    }
}

/// What a question about this command offers: its fixes, and what its keys would write into ignore files and the caller's policy.
pub fn offered(words: &[OsString], judgement: &Judgement, context: &JudgementContext) -> Fixes {
    Fixes {
        ignored: ignoring(judgement, context.host),
        exceptions: narrowest(words, judgement, context).unwrap_or_default(),
        ..fixes(words, judgement, context)
    }
}

/// The fixes of what stops this command.
pub fn fixes(words: &[OsString], judgement: &Judgement, context: &JudgementContext) -> Fixes {
    // Another command in its place is no fix of this one.
    let fixable = |finding: &Finding| {
        !finding.edits.is_empty() && !finding.edits.iter().any(|edit| matches!(edit, Edit::Command { .. }))
    };
    let stops = |complaint: &Complaint| complaint.decision.action >= Action::Ask;
    let at = |wanted: &dyn Fn(&Complaint) -> bool| -> Vec<usize> {
        let all = judgement.complaints.iter().enumerate();
        all.filter(|(_, complaint)| stops(complaint) && wanted(complaint)).map(|(at, _)| at).collect()
    };
    let together = at(&|complaint| fixable(&complaint.finding) && !complaint.finding.only_alone);
    let numbered = at(&|complaint| fixable(&complaint.finding));
    if numbered.is_empty() {
        return Fixes::default();
    }
    let joint = changed(words, judgement, &together, context);
    let again = joint.as_ref().map(|joint| judge(joint, context));
    let still = again.as_ref().unwrap_or(judgement);
    let mut left: Vec<&'static str> = still.stopping().map(|complaint| complaint.finding.rule.id).collect();
    left.put_in_order();
    left.dedup();
    // Where the host or data are at stake all the same, a tidier command is no help.
    let is_severe = |complaint: &Complaint| complaint.finding.class.is_severe();
    if still.stopping().any(is_severe) || (joint.is_none() && numbered.len() == together.len()) {
        return Fixes { left, ..Fixes::default() };
    }
    Fixes { numbered, clears: joint.is_some() && left.is_empty(), joint, left, ..Fixes::default() }
}

/// The command with the fixes of these numbers, from 1 on.
pub fn chosen(
    words: &[OsString],
    judgement: &Judgement,
    fixes: &Fixes,
    numbers: &[usize],
    context: &JudgementContext,
) -> Option<Vec<OsString>> {
    let at: Option<Vec<usize>> =
        numbers.iter().map(|number| fixes.numbered.get(number.checked_sub(1)?).copied()).collect();
    changed(words, judgement, &at?, context)
}

/// Whether a command that was changed by some fixes may run without another question: nothing stops it but what was shown
/// before, and that gives nothing away and destroys nothing.
pub fn needs_no_second_question(before: &Judgement, after: &Judgement) -> bool {
    let shown = |complaint: &Complaint| before.stopping().any(|it| it.finding.rule.id == complaint.finding.rule.id);
    after.action <= Action::Ask
        && after
            .stopping()
            .all(|complaint| shown(complaint) && matches!(complaint.finding.class, Class::Outage | Class::Hygiene))
}

fn changed(
    words: &[OsString],
    judgement: &Judgement,
    at: &[usize],
    context: &JudgementContext,
) -> Option<Vec<OsString>> {
    let wanted: Option<Vec<&Finding>> = at.iter().map(|at| Some(&judgement.complaints.get(*at)?.finding)).collect();
    let typed = lower(&judgement.invocation, context.host);
    rewrite(&judgement.invocation, words, &typed, &wanted?, context.host)
}
