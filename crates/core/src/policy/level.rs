//! How much a finding weighs in a report about files.

use serde::Deserialize;

use super::Action;
use crate::rules::Class;

/// How much a finding weighs, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Careless defaults.
    Note,
    /// Outages.
    Warning,
    /// Losses and escapes.
    Error,
}

impl Level {
    /// All of them, the heaviest first.
    pub const ALL: [Level; 3] = [Level::Error, Level::Warning, Level::Note];

    /// The level of a class.
    pub fn of(class: Class) -> Level {
        match class {
            Class::Hygiene => Level::Note,
            Class::Outage => Level::Warning,
            Class::Loss | Class::Escape => Level::Error,
        }
    }

    /// Its name in SARIF and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Level::Note => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

/// What a configuration says about a rule: its level, or that nothing is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LevelSetting {
    /// Nothing is reported.
    Off,
    /// [`Level::Note`].
    Note,
    /// [`Level::Warning`].
    Warning,
    /// [`Level::Error`].
    Error,
}

impl LevelSetting {
    /// The level of a finding; None where it is not reported.
    pub fn level(self) -> Option<Level> {
        match self {
            LevelSetting::Off => None,
            LevelSetting::Note => Some(Level::Note),
            LevelSetting::Warning => Some(Level::Warning),
            LevelSetting::Error => Some(Level::Error),
        }
    }
}

impl From<Action> for LevelSetting {
    /// What an action of a policy means in a report: what would ask is a warning, what would need a name or be refused is an error.
    fn from(action: Action) -> LevelSetting {
        match action {
            Action::Allow => LevelSetting::Off,
            Action::Note => LevelSetting::Note,
            Action::Fix | Action::Ask => LevelSetting::Warning,
            Action::Type | Action::Refuse => LevelSetting::Error,
        }
    }
}
