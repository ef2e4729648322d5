//! A complaint: a finding with the decision about it. And the deletions of a command.

use crate::grammar::parse::Invocation;
use crate::host::Host;
use crate::lower::Lowered;
use crate::plan::{Facts, Step, steps};
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
    steps(invocation, lowered, host, &|| facts.project(invocation, host))
}
