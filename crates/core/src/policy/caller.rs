//! Who runs a command: a person, a script or an agent. The edge finds out once; here it only decides which actions apply.

use serde::{Deserialize, Serialize};

use super::Action;

/// The kinds of callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CallerKind {
    /// Somebody at a terminal, who can answer a question.
    Person,
    /// A program without a terminal: cron, CI, a deployment.
    Script,
    /// A coding agent, by the variables that it sets. It is judged at least as strictly as the two others, and answers nothing.
    Agent,
}

impl CallerKind {
    /// All of them.
    pub const ALL: [CallerKind; 3] = [CallerKind::Person, CallerKind::Script, CallerKind::Agent];

    /// Its name in policies, options and JSON.
    pub fn name(self) -> &'static str {
        match self {
            CallerKind::Person => "person",
            CallerKind::Script => "script",
            CallerKind::Agent => "agent",
        }
    }

    /// Whether this caller can answer a question.
    pub fn can_answer(self) -> bool {
        self == CallerKind::Person
    }

    /// The action that is left of one for this caller: a question that nobody can answer is a refusal.
    pub fn limited(self, action: Action) -> Action {
        match action {
            Action::Ask | Action::Type if !self.can_answer() => Action::Refuse,
            action => action,
        }
    }
}

/// The caller of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The kind of caller.
    pub kind: CallerKind,
    /// The name of the user that runs it; the number of one without a name.
    pub user: String,
    /// The path of the program that started docker; empty where it is not known.
    pub program: String,
    /// The names of the groups of that user and of the process, as far as a policy asks.
    pub groups: Vec<String>,
}

impl Caller {
    /// A caller that no table of a policy knows by its user or program.
    pub fn of(kind: CallerKind) -> Caller {
        Caller { kind, user: String::new(), program: String::new(), groups: Vec::new() }
    }

    /// The ways in which it is judged, of which the strictest applies. An agent is every kind of caller at once, with and without
    /// the tables for its user and program: what marks it as one can only make a verdict stricter.
    pub(super) fn views(&self) -> Vec<View<'_>> {
        match self.kind {
            CallerKind::Agent => {
                let of = |named| CallerKind::ALL.map(|kind| View { kind, named });
                of(None).into_iter().chain(of(Some(self))).collect()
            }
            kind => vec![View { kind, named: Some(self) }],
        }
    }
}

/// One way in which a caller is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    /// The column of the presets.
    pub kind: CallerKind,
    /// Whose user and program are looked up in the policy's tables for callers.
    pub named: Option<&'a Caller>,
}
