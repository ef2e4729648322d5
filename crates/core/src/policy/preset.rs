//! The built-in actions of each environment.

use super::Action;
use crate::rules::{Class, Decided, Rule};

/// One action for each class of rules.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    pub name: &'static str,
    escape: Action,
    loss: Action,
    outage: Action,
    hygiene: Action,
}

impl Preset {
    pub fn action(&self, class: Class) -> Action {
        match class {
            Class::Escape => self.escape,
            Class::Loss => self.loss,
            Class::Outage => self.outage,
            Class::Hygiene => self.hygiene,
        }
    }
}

static PRESETS: [Preset; 3] = [
    Preset { name: "dev", escape: Action::Ask, loss: Action::Ask, outage: Action::Note, hygiene: Action::Note },
    Preset { name: "ci", escape: Action::Ask, loss: Action::Note, outage: Action::Note, hygiene: Action::Note },
    Preset { name: "prod", escape: Action::Refuse, loss: Action::Type, outage: Action::Ask, hygiene: Action::Ask },
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
