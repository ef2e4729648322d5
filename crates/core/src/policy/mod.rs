//! What is done about a finding, where: rule × environment → action. Pure: whoever judges
//! reads the files. Layers merge in one place, [`Policy::decide`].

mod environment;
mod file;
mod preset;

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use environment::{EnginePlace, Environment, words_of_production};
pub use file::{PolicyLayer, PolicyProblem, parse as parse_layer};
pub use preset::{preset, preset_names};

use crate::plan::ObjectKind;
use crate::plan::protect::ProtectPattern;
use crate::rules::{Class, Offers, Rule};

/// What happens when a rule finds something, from the mildest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Allow,
    /// A line, and on.
    Note,
    /// Rewritten, shown, and on.
    Fix,
    /// y/N.
    Ask,
    /// The engine's name has to be typed.
    Type,
    Refuse,
}

impl Action {
    pub const ALL: [Action; 6] = [Action::Allow, Action::Note, Action::Fix, Action::Ask, Action::Type, Action::Refuse];

    /// One step milder, along the actions of the presets.
    pub fn milder(self) -> Action {
        match self {
            Action::Allow | Action::Note => Action::Allow,
            Action::Fix | Action::Ask => Action::Note,
            Action::Type => Action::Ask,
            Action::Refuse => Action::Type,
        }
    }

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

/// The action for one finding, and what decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub action: Action,
    /// File and line, where a policy file set it.
    pub source: Option<String>,
    /// Nothing that makes a finding milder goes below this: what the engine's labels would say is not known.
    pub least: Action,
}

impl Decision {
    /// What a preset says.
    fn preset(action: Action) -> Decision {
        Decision { action, source: None, least: Action::Allow }
    }
}

/// How much of what is deleted is kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrashLimits {
    /// Bytes of all entries together; 0 keeps nothing.
    pub max: u64,
    /// Bytes of one object.
    pub each: u64,
    /// Seconds.
    pub keep: u64,
}

impl Default for TrashLimits {
    fn default() -> TrashLimits {
        TrashLimits { max: 10_000_000_000, each: 2_000_000_000, keep: 7 * 86_400 }
    }
}

/// The built-in presets with the files' layers on top: the system's first, the user's last.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    pub layers: Vec<PolicyLayer>,
}

impl Policy {
    /// The real client, where a file names it; the system's word counts first.
    pub fn client(&self) -> Option<PathBuf> {
        self.own_layers().find_map(|layer| layer.file.docker.clone())
    }

    /// Without what root reads of another user: that can forbid, but names no program, no place and no value.
    fn own_layers(&self) -> impl Iterator<Item = &PolicyLayer> {
        self.layers.iter().filter(|layer| !layer.is_others)
    }

    /// How the trash is kept: the user's word over the system's.
    pub fn trash(&self) -> TrashLimits {
        let mut trash = TrashLimits::default();
        for layer in self.own_layers() {
            let file = &layer.file.trash;
            trash.max = file.max.unwrap_or(trash.max);
            trash.each = file.each.unwrap_or(trash.each);
            trash.keep = file.keep.unwrap_or(trash.keep);
        }
        trash
    }

    /// What the files protect: all of them together.
    pub fn protected(&self) -> Vec<ProtectPattern> {
        let mut patterns = Vec::new();
        for layer in &self.layers {
            let file = &layer.file.protect;
            let kinds = [
                (ObjectKind::Container, &file.containers),
                (ObjectKind::Volume, &file.volumes),
                (ObjectKind::Image, &file.images),
                (ObjectKind::Network, &file.networks),
            ];
            for (kind, globs) in kinds {
                let Some(globs) = globs else { continue };
                let source = layer.at(globs.span().start);
                let of_kind = globs.get_ref().0.iter();
                patterns.extend(of_kind.map(|glob| ProtectPattern {
                    kind,
                    glob: glob.clone(),
                    source: source.clone(),
                }));
            }
        }
        patterns
    }

    pub fn offers(&self) -> Offers {
        let mut offers = Offers::default();
        for layer in self.own_layers() {
            let file = &layer.file.offer;
            if let Some(memory) = &file.memory {
                offers.memory.clone_from(memory);
                offers.memory_swap.clone_from(memory);
            }
            if let Some(swap) = &file.memory_swap {
                offers.memory_swap.clone_from(swap);
            }
            offers.pids_limit = file.pids_limit.unwrap_or(offers.pids_limit);
            offers.user = file.user.clone().or(offers.user);
        }
        offers
    }

    /// The environment of an engine.
    pub fn environment(&self, place: &EnginePlace) -> Environment {
        environment::of(&self.layers, place)
    }

    /// Whether a file's environments look at the engine's labels or its id.
    pub fn looks_at_labels(&self) -> bool {
        self.layers.iter().any(|layer| layer.file.environments.values().any(|it| it.get_ref().asks_the_engine()))
    }

    /// What the files and presets say about a rule in an environment. What the system's file sets, the user's can make
    /// stricter, never weaker.
    pub fn decide(&self, rule: &Rule, class: Class, place: &EnginePlace) -> Decision {
        if let Some(action) = preset::always(rule) {
            return Decision::preset(action);
        }
        // More than one environment is possible only where it is not known which engine this is.
        let decisions = |layers: &[PolicyLayer]| -> Vec<(Decision, bool)> {
            let possible = environment::possible(layers, place);
            let decided = possible.iter().map(|environment| {
                let (decision, set) = self.decide_by(layers, rule, class, environment);
                (decision, set || environment.source.is_some())
            });
            decided.collect()
        };
        let strictest = |decisions: Vec<Decision>| decisions.into_iter().max_by_key(|decision| decision.action);
        let all = decisions(&self.layers).into_iter().map(|(decision, _)| decision).collect();
        let mut all = strictest(all).unwrap_or(Decision::preset(Action::Refuse));
        // Labels that are not known could make it production: what hands the host over or destroys data is never a note.
        let open = || environment::possible(&self.layers, place).iter().any(|environment| environment.open);
        if matches!(class, Class::Escape | Class::Loss) && all.action < Action::Ask && open() {
            let production = self.decide_by(&self.layers, rule, class, &environment::production()).0;
            all.least = production.action.min(Action::Ask);
            all.action = all.action.max(all.least);
        } else if matches!(class, Class::Escape | Class::Loss) && open() {
            all.least = all.action.min(Action::Ask);
        }
        let system: Vec<PolicyLayer> = self.layers.iter().filter(|layer| layer.is_system).cloned().collect();
        if system.is_empty() || system.len() == self.layers.len() {
            return all;
        }
        let bound = decisions(&system).into_iter().filter(|(_, bound)| *bound).map(|(decision, _)| decision).collect();
        match strictest(bound) {
            Some(theirs) if theirs.action > all.action => theirs,
            _ => all,
        }
    }

    /// The same for an environment that is named, as `explain --environment` does.
    pub fn decide_in(&self, rule: &Rule, class: Class, environment: &Environment) -> Decision {
        if let Some(action) = preset::always(rule) {
            return Decision::preset(action);
        }
        self.decide_by(&self.layers, rule, class, environment).0
    }

    /// The environment with this name: one of a file's, or a preset's.
    pub fn named(&self, name: &str) -> Option<Environment> {
        environment::named(&self.layers, name)
    }

    /// The decision, and whether a file set it.
    fn decide_by(
        &self,
        layers: &[PolicyLayer],
        rule: &Rule,
        class: Class,
        environment: &Environment,
    ) -> (Decision, bool) {
        let action = preset(&environment.preset).map_or(Action::Ask, |preset| preset.action(class));
        let mut decision = Decision::preset(action);
        let mut set = false;
        for layer in layers {
            let said = [
                layer.file.presets.get(environment.preset.as_str()).and_then(|classes| classes.get(class)),
                layer.file.rules.get(rule.id),
                layer.file.environments.get(&environment.name).and_then(|it| it.get_ref().rules.get(rule.id)),
            ];
            for spanned in said.into_iter().flatten() {
                decision =
                    Decision { source: Some(layer.at(spanned.span().start)), ..Decision::preset(*spanned.get_ref()) };
                set = true;
            }
        }
        (decision, set)
    }
}
