//! Actions for classes in a policy file: of a preset, for one kind of caller, and for a caller that is known by its user or program.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::names::{Globs, PresetName, RuleId};
use super::{Action, Caller, CallerKind};
use crate::rules::Class;

/// One action for each class of rules.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassActions {
    /// The action for class escape.
    pub escape: Option<Spanned<Action>>,
    /// The action for class loss.
    pub loss: Option<Spanned<Action>>,
    /// The action for class outage.
    pub outage: Option<Spanned<Action>>,
    /// The action for class hygiene.
    pub hygiene: Option<Spanned<Action>>,
}

impl ClassActions {
    /// The place for a class's action.
    pub fn get_mut(&mut self, class: Class) -> &mut Option<Spanned<Action>> {
        match class {
            Class::Escape => &mut self.escape,
            Class::Loss => &mut self.loss,
            Class::Outage => &mut self.outage,
            Class::Hygiene => &mut self.hygiene,
        }
    }

    /// The action for a class, where the file sets one.
    pub fn get(&self, class: Class) -> Option<&Spanned<Action>> {
        match class {
            Class::Escape => self.escape.as_ref(),
            Class::Loss => self.loss.as_ref(),
            Class::Outage => self.outage.as_ref(),
            Class::Hygiene => self.hygiene.as_ref(),
        }
    }
}

/// The actions of one preset: for everybody, and for one kind of caller. The classes stand here again because serde loses the places of a
/// table that it flattens.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PresetFile {
    /// The action for class escape.
    pub escape: Option<Spanned<Action>>,
    /// The action for class loss.
    pub loss: Option<Spanned<Action>>,
    /// The action for class outage.
    pub outage: Option<Spanned<Action>>,
    /// The action for class hygiene.
    pub hygiene: Option<Spanned<Action>>,
    /// For a person.
    pub person: ClassActions,
    /// For a script.
    pub script: ClassActions,
    /// For an agent.
    pub agent: ClassActions,
}

impl PresetFile {
    /// The place for the action of a class, for everybody or for one kind of caller.
    pub fn get_mut(&mut self, caller: Option<CallerKind>, class: Class) -> &mut Option<Spanned<Action>> {
        match (caller, class) {
            (Some(CallerKind::Person), class) => self.person.get_mut(class),
            (Some(CallerKind::Script), class) => self.script.get_mut(class),
            (Some(CallerKind::Agent), class) => self.agent.get_mut(class),
            (None, Class::Escape) => &mut self.escape,
            (None, Class::Loss) => &mut self.loss,
            (None, Class::Outage) => &mut self.outage,
            (None, Class::Hygiene) => &mut self.hygiene,
        }
    }

    /// The action for a class that holds for everybody, where the file sets one.
    pub fn get(&self, class: Class) -> Option<&Spanned<Action>> {
        match class {
            Class::Escape => self.escape.as_ref(),
            Class::Loss => self.loss.as_ref(),
            Class::Outage => self.outage.as_ref(),
            Class::Hygiene => self.hygiene.as_ref(),
        }
    }

    /// What holds for one kind of caller.
    pub fn of(&self, caller: CallerKind) -> &ClassActions {
        match caller {
            CallerKind::Person => &self.person,
            CallerKind::Script => &self.script,
            CallerKind::Agent => &self.agent,
        }
    }
}

/// A caller that the policy knows by its user or its program, and what holds for it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallerFile {
    /// Names of users.
    pub user: Globs,
    /// Paths of the programs that start docker.
    pub program: Globs,
    /// Actions for classes, in each preset.
    pub presets: BTreeMap<PresetName, ClassActions>,
    /// Actions for rules.
    pub rules: BTreeMap<RuleId, Spanned<Action>>,
}

impl CallerFile {
    /// Whether this table is about a caller: each key that is set has a pattern that fits.
    pub fn fits(&self, caller: &Caller) -> bool {
        let fits = |globs: &Globs, text: &str| globs.0.is_empty() || globs.matching(text).is_some();
        self.has_patterns() && fits(&self.user, &caller.user) && fits(&self.program, &caller.program)
    }

    /// What it says about a rule; a rule's own line comes before its class.
    pub fn action(&self, rule: &str, class: Class, preset: &str) -> Option<&Spanned<Action>> {
        self.rules.get(rule).or_else(|| self.presets.get(preset).and_then(|classes| classes.get(class)))
    }

    /// Whether it can fit any caller at all.
    pub(super) fn has_patterns(&self) -> bool {
        !self.user.0.is_empty() || !self.program.0.is_empty()
    }
}
