//! A complaint: a finding with the decision about it. And the deletions of a command.

use std::rc::Rc;

use crate::engine::Lookup;
use crate::grammar::parse::Invocation;
use crate::host::Host;
use crate::lower::Lowered;
use crate::plan::changes::{change_steps, unknown_changes};
use crate::plan::{ChangeStep, Facts, Step, steps};
use crate::policy::Decision;
use crate::rules::Finding;

/// A finding and what is done about it.
#[derive(Clone, Debug)]
pub struct Complaint {
    /// What was found.
    pub finding: Finding,
    /// What the policy says about it.
    pub decision: Decision,
}

/// The deletions of a command, in docker's order; none where it deletes nothing that a plan covers.
pub fn deletions(invocation: &Invocation, lowered: &Lowered, facts: &dyn Facts, host: &dyn Host) -> Vec<Step> {
    if !crate::plan::deletes(lowered) {
        return Vec::new();
    }
    let project = || facts.project(invocation, host);
    let preview = || match project() {
        // Of a project that the engine does not know, nothing can be replaced or removed.
        Lookup::Found(project) if facts.project_holds_anything(&project.name) == Lookup::Found(false) => {
            Lookup::Found(Rc::default())
        }
        _ => facts.preview(invocation, host),
    };
    steps(invocation, lowered, host, &project, &preview)
}

/// What a command changes besides what it deletes; none for one that only reads.
pub fn change_steps_of(
    invocation: &Invocation,
    lowered: &Lowered,
    facts: &dyn Facts,
    host: &dyn Host,
) -> Vec<ChangeStep> {
    change_steps(invocation, lowered, &|| facts.project(invocation, host), &|| facts.preview(invocation, host))
}

/// Why it is not known what a command of compose changes; None where it is.
pub fn unknown_changes_of(invocation: &Invocation, facts: &dyn Facts, host: &dyn Host) -> Option<String> {
    unknown_changes(invocation, &|| facts.preview(invocation, host))
}
