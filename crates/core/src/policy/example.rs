//! Examples in a policy file: a command, and what the policy is expected to do with it. They decide nothing; `fender policy test` runs them.

use serde::Deserialize;

use super::action::Action;
use super::caller::{Caller, CallerKind};
use super::names::RuleId;

/// One `[[example]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExampleFile {
    /// The command, as a shell would be given it.
    pub run: String,
    /// The environment's name; `dev` where none is set.
    pub environment: Option<String>,
    /// The kind of caller.
    pub caller: Option<CallerKind>,
    /// The user's name, for tables of callers and exceptions.
    pub user: Option<String>,
    /// The program that starts docker, for tables of callers.
    pub program: Option<String>,
    /// The names of the user's groups, for exceptions.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The action that is expected.
    pub expect: Action,
    /// A rule that has to be among those with this action.
    pub because_rule: Option<RuleId>,
}

impl ExampleFile {
    /// The environment's name.
    pub fn environment(&self) -> &str {
        self.environment.as_deref().unwrap_or("dev")
    }

    /// Who runs it; `kind` where the example does not say.
    pub fn caller(&self, kind: CallerKind) -> Caller {
        let text = |set: &Option<String>| set.clone().unwrap_or_default();
        Caller {
            kind: self.caller.unwrap_or(kind),
            user: text(&self.user),
            program: text(&self.program),
            groups: self.groups.clone(),
        }
    }

    /// The id of the rule that has to be a reason.
    pub fn because_rule(&self) -> Option<&str> {
        self.because_rule.as_ref().map(RuleId::name)
    }
}
