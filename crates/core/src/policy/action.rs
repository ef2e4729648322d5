//! What can be done about a finding.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What happens when a rule finds something, from the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is run, and nothing is said.
    Allow,
    /// A line, and on.
    Note,
    /// Rewritten, shown, and on.
    Fix,
    /// y/N.
    Ask,
    /// The engine's name has to be typed.
    Type,
    /// It is not run.
    Refuse,
}

impl Action {
    /// All of them, from the mildest to the strictest.
    pub const ALL: [Action; 6] = [Action::Allow, Action::Note, Action::Fix, Action::Ask, Action::Type, Action::Refuse];

    /// One step less strict, along the actions of the presets.
    pub fn less_strict(self) -> Action {
        match self {
            Action::Allow | Action::Note => Action::Allow,
            Action::Fix | Action::Ask => Action::Note,
            Action::Type => Action::Ask,
            Action::Refuse => Action::Type,
        }
    }

    /// Its name in policies and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Action::Allow => "allow",
            Action::Note => "note",
            Action::Fix => "fix",
            Action::Ask => "ask",
            Action::Type => "type",
            Action::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
