//! The built-in actions of each environment.

use super::{Action, CallerKind};
use crate::rules::{Class, Decided, Rule};

/// One action for each class of rules, for each kind of caller.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    pub name: &'static str,
    person: Column,
    script: Column,
}

/// One action for each class of rules.
#[derive(Clone, Copy, Debug)]
struct Column {
    escape: Action,
    loss: Action,
    outage: Action,
    hygiene: Action,
}

impl Preset {
    /// The action for a class, before it is known whether the caller can answer ([`CallerKind::limited`]). An agent has a person's.
    pub fn action(&self, class: Class, caller: CallerKind) -> Action {
        let column = match caller {
            CallerKind::Person | CallerKind::Agent => self.person,
            CallerKind::Script => self.script,
        };
        match class {
            Class::Escape => column.escape,
            Class::Loss => column.loss,
            Class::Outage => column.outage,
            Class::Hygiene => column.hygiene,
        }
    }
}

const DEV: Column = Column { escape: Action::Ask, loss: Action::Ask, outage: Action::Note, hygiene: Action::Note };
const CI: Column = Column { escape: Action::Ask, loss: Action::Note, outage: Action::Note, hygiene: Action::Note };
const PROD: Column = Column { escape: Action::Refuse, loss: Action::Type, outage: Action::Ask, hygiene: Action::Ask };

static PRESETS: [Preset; 3] = [
    Preset { name: "dev", person: DEV, script: DEV },
    Preset { name: "ci", person: CI, script: CI },
    // A deployment that stops half-way is worse than one with careless defaults.
    Preset { name: "prod", person: PROD, script: Column { outage: Action::Note, hygiene: Action::Note, ..PROD } },
];

/// The preset of this name.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// The names of all presets.
pub fn preset_names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|preset| preset.name)
}

/// The action of a rule that has one everywhere: what is protected stays, whatever environment and files say.
pub fn always(rule: &Rule) -> Option<Action> {
    match rule.decided {
        Decided::AlwaysRefused => Some(Action::Refuse),
        Decided::AlwaysNoted => Some(Action::Note),
        Decided::ByPolicy => None,
    }
}
