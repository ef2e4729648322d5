//! The action for a finding: rule × environment × caller → action. Pure: the caller
//! reads the files. Layers merge in one place, [`Policy::decide`].

mod action;
mod actions;
mod allow;
mod caller;
mod environment;
mod example;
mod exception;
mod exception_file;
mod file;
mod layers;
mod level;
mod lint;
mod lint_file;
mod names;
mod place;
mod preset;
mod values;

use std::path::PathBuf;

pub use action::Action;
pub use actions::{CallerFile, ClassActions, PresetFile};
pub use allow::AllowingLines;
use caller::View;
pub use caller::{Caller, CallerKind};
pub use environment::{Environment, strictness, words_of_production};
pub use example::ExampleFile;
pub use exception::{AllowedBy, Exception, ExceptionConditions, ExceptionSubjects};
pub use exception_file::{ExceptionFile, date_of};
pub use file::{
    EnvironmentFile, File, HelpFile, LocksFile, OfferFile, PolicyLayer, PolicyProblem, ProtectFile, TrashFile,
    parse as parse_layer,
};
pub use layers::{Values, WithoutEffect};
pub use level::{Level, LevelSetting};
pub use lint::RepositoryConfig;
pub use lint_file::{LintFile, LintPathsFile, PathPatterns};
pub use names::Globs;
pub use place::{EnginePlace, is_ci};
pub use preset::{preset, preset_names};
use values::Memory;

use toml::Spanned;

use crate::plan::ObjectKind;
use crate::plan::protect::ProtectPattern;
use crate::rules::{Class, Offers, Rule};

/// The action for one finding, and what decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The action.
    pub action: Action,
    /// The question that became a refusal because this caller cannot answer it.
    pub question: Option<Action>,
    /// File and line, where a policy file set it.
    pub source: Option<String>,
    /// The least strict action that is possible, because the engine's labels are not known.
    pub least: Action,
    /// The exception that allows it, or did until it ended.
    pub exception: Option<AllowedBy>,
}

impl Decision {
    /// What a preset says.
    pub fn preset(action: Action) -> Decision {
        Decision { action, question: None, source: None, least: Action::Allow, exception: None }
    }

    /// The same for a caller who can answer, or cannot.
    pub fn limited(self, caller: CallerKind) -> Decision {
        let action = caller.limited(self.action);
        let question = self.question.or(Some(self.action).filter(|before| *before != action));
        Decision { action, question, ..self }
    }

    /// The action before it was known whether the caller can answer.
    pub fn wanted(&self) -> Action {
        self.question.unwrap_or(self.action)
    }

    /// Whether an answer would not change it: a policy or a preset refuses it.
    pub fn is_refused(&self) -> bool {
        self.wanted() == Action::Refuse
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
    /// The policy files, the system's first.
    pub layers: Vec<PolicyLayer>,
}

impl Policy {
    /// The real client, where a file names it; the system's word counts first.
    pub fn client(&self) -> Option<PathBuf> {
        self.values().docker.map(Spanned::into_inner)
    }

    /// Whether the same note is printed each time, and not once a day.
    pub fn repeats_notes(&self) -> bool {
        self.values().repeat_notes.is_some_and(|repeat| repeat.get_ref().0)
    }

    /// What a refusal says besides; None where no file says anything.
    pub fn help(&self) -> Option<String> {
        let HelpFile { text, url } = self.values().help;
        let lines: Vec<String> = [text, url].into_iter().flatten().map(|line| line.into_inner().0).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    /// Whether any file has a table or an exception for a caller by its user or program.
    pub fn knows_callers(&self) -> bool {
        let names_user = |it: &ExceptionFile| !it.user.is_empty();
        self.layers.iter().any(|layer| !layer.file.callers.is_empty()) || self.has_exception(names_user)
    }

    /// Whether any exception names a group.
    pub fn knows_groups(&self) -> bool {
        self.has_exception(|it| !it.group.is_empty())
    }

    /// How the trash is kept: what keeps more and longer holds.
    pub fn trash(&self) -> TrashLimits {
        let (set, built_in) = (self.values().trash, TrashLimits::default());
        TrashLimits {
            max: set.max.map_or(built_in.max, |max| max.get_ref().0),
            each: set.each.map_or(built_in.each, |each| each.get_ref().0),
            keep: set.keep.map_or(built_in.keep, |keep| keep.get_ref().0),
        }
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
                (ObjectKind::Service, &file.services),
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

    /// The examples of all files, each with its place (`path:line`).
    pub fn examples(&self) -> impl Iterator<Item = (String, &ExampleFile)> {
        let of = |layer: &PolicyLayer, example: &Spanned<ExampleFile>| layer.at(example.span().start);
        let layers = self.layers.iter();
        layers.flat_map(move |layer| layer.file.example.iter().map(move |it| (of(layer, it), it.get_ref())))
    }

    /// The values that fixes offer.
    pub fn offers(&self) -> Offers {
        let (set, built_in) = (self.values().offer, Offers::default());
        let swap = set.memory_swap.as_ref().map(Spanned::get_ref);
        let memory = set.memory.map_or_else(|| Memory::built_in(&built_in.memory), Spanned::into_inner);
        // The engine takes no limit of memory above the one of both together.
        let memory = match swap {
            Some(swap) if !swap.covers(&memory) => swap.text.clone(),
            _ => memory.text,
        };
        Offers {
            memory_swap: swap.map_or_else(|| memory.clone(), |swap| swap.text.clone()),
            memory,
            pids_limit: set.pids_limit.map_or(built_in.pids_limit, |limit| limit.get_ref().0),
            user: set.user.map(|user| user.into_inner().0),
        }
    }

    /// The layers that bind: the system's, and those without what root reads of another user.
    fn system_and_own(&self) -> (Vec<PolicyLayer>, Vec<PolicyLayer>) {
        let of =
            |wanted: &dyn Fn(&PolicyLayer) -> bool| self.layers.iter().filter(|layer| wanted(layer)).cloned().collect();
        (of(&|layer| layer.is_system), of(&|layer| !layer.is_others))
    }

    /// The environment of an engine: the strictest of what the system's file makes of it, the caller's and, for root, the
    /// other user's whose home it has.
    pub fn environment(&self, place: &EnginePlace) -> Environment {
        let (system, own) = self.system_and_own();
        let mut strictest = environment::of(&own, place);
        let theirs = (!system.is_empty()).then(|| environment::of(&system, place)).filter(binds);
        let others = (own.len() < self.layers.len()).then(|| environment::of(&self.layers, place));
        for other in theirs.into_iter().chain(others) {
            if environment::strictness(&other.preset) > environment::strictness(&strictest.preset) {
                strictest = other;
            }
        }
        strictest
    }

    /// Every environment that an engine may belong to, for any of the files: an exception for one holds only where it is the only one.
    pub fn environments(&self, place: &EnginePlace) -> Vec<Environment> {
        let (system, own) = self.system_and_own();
        let mut all = environment::all_possible(&own, place);
        if !system.is_empty() {
            all.extend(environment::all_possible(&system, place).into_iter().filter(binds));
        }
        all
    }

    /// The exceptions of the files that bind the caller, the system's first.
    pub fn exceptions(&self) -> impl Iterator<Item = Exception> {
        self.layers.iter().filter(|layer| !layer.is_others).flat_map(Exception::of)
    }

    /// Whether there is an exception about which something is.
    pub fn has_exception(&self, about: impl Fn(&ExceptionFile) -> bool) -> bool {
        self.layers.iter().flat_map(|layer| &layer.file.allow).any(|it| about(it.get_ref()))
    }

    /// What is left of the decision on a finding that an exception allows. One of the system's (`by_system`) lifts everything but what the caller's own
    /// files set; another lifts nothing that binds it: what the system's files set and lock, and what they make of the engine.
    pub fn decide_excepted(
        &self,
        rule: &Rule,
        class: Class,
        at: &DecidedAt,
        caller: &Caller,
        by_system: bool,
    ) -> Decision {
        if let Some(action) = preset::always(rule) {
            return Decision::preset(action);
        }
        let (system, _) = self.system_and_own();
        let users: Vec<PolicyLayer> = self.layers.iter().filter(|layer| !layer.is_system).cloned().collect();
        let possible = |layers: &[PolicyLayer]| match at {
            DecidedAt::Environment(environment) => vec![(*environment).clone()],
            DecidedAt::Place(place) => environment::all_possible(layers, place),
        };
        let decided = caller.views().into_iter().flat_map(|view| match by_system {
            true => self.decided_by(&users, &self.layers, rule, class, view, &possible, |_, set| set),
            false => self.bound_by(&system, rule, class, view, &possible),
        });
        decided.max_by_key(|decision| decision.action).unwrap_or(Decision::preset(Action::Allow))
    }

    /// Whether a file's environments look at the engine's labels or its id.
    pub fn looks_at_labels(&self) -> bool {
        self.layers.iter().any(|layer| layer.file.environments.values().any(|it| it.get_ref().asks_the_engine()))
    }

    /// What the files and presets say about a rule in an environment. What the system's file sets, the user's can make
    /// stricter, never weaker. A question stays one, whoever the caller is: [`Decision::limited`].
    pub fn decide(&self, rule: &Rule, class: Class, place: &EnginePlace, caller: &Caller) -> Decision {
        if let Some(action) = preset::always(rule) {
            return Decision::preset(action);
        }
        // More than one environment is possible only where it is not known which engine this is.
        let mut holds = self.bounded(rule, class, caller, &|layers| environment::possible(layers, place));
        // Labels that are not known could make it production, so an escape or a loss is never a note.
        let is_open = |layers: &[PolicyLayer]| environment::possible(layers, place).iter().any(|it| it.open);
        let (system, own) = self.system_and_own();
        // The caller's file cannot close for the system's what is open there, nor another user's for the caller's.
        let open = || is_open(&own) || !system.is_empty() && is_open(&system) || is_open(&self.layers);
        if class.is_severe() && open() {
            let production = self.bounded(rule, class, caller, &|_| vec![environment::production()]);
            holds.least = holds.action.max(production.action).min(Action::Ask);
            holds.action = holds.action.max(holds.least);
        }
        holds
    }

    /// The same for an environment that is named, as `explain --environment` does.
    pub fn decide_in(&self, rule: &Rule, class: Class, environment: &Environment, caller: &Caller) -> Decision {
        if let Some(action) = preset::always(rule) {
            return Decision::preset(action);
        }
        self.bounded(rule, class, caller, &|_| vec![environment.clone()])
    }

    /// The strictest of what the caller's files say, of what the system's says and sets, and, for root, of what the other
    /// user's file whose home it has makes of it.
    fn bounded(
        &self,
        rule: &Rule,
        class: Class,
        caller: &Caller,
        possible: &dyn Fn(&[PolicyLayer]) -> Vec<Environment>,
    ) -> Decision {
        let views = caller.views().into_iter().map(|view| self.bounded_as(rule, class, view, possible));
        views.max_by_key(|decision| decision.action).unwrap_or(Decision::preset(Action::Refuse))
    }

    fn bounded_as(
        &self,
        rule: &Rule,
        class: Class,
        view: View,
        possible: &dyn Fn(&[PolicyLayer]) -> Vec<Environment>,
    ) -> Decision {
        let (system, own) = self.system_and_own();
        let all = |layers: &[PolicyLayer]| self.decided_by(layers, layers, rule, class, view, possible, |_, _| true);
        let strictest = |decisions: Vec<Decision>| decisions.into_iter().max_by_key(|decision| decision.action);
        let mut holds = strictest(all(&own)).unwrap_or(Decision::preset(Action::Refuse));
        let bound = strictest(self.bound_by(&system, rule, class, view, possible));
        let others = if own.len() < self.layers.len() { strictest(all(&self.layers)) } else { None };
        for theirs in bound.into_iter().chain(others) {
            if theirs.action > holds.action {
                holds = theirs;
            }
        }
        holds
    }

    /// What the system's files say that binds every other file: what they set, what they lock, and what they make of the engine.
    fn bound_by(
        &self,
        system: &[PolicyLayer],
        rule: &Rule,
        class: Class,
        view: View,
        possible: &dyn Fn(&[PolicyLayer]) -> Vec<Environment>,
    ) -> Vec<Decision> {
        if system.is_empty() {
            return Vec::new();
        }
        let is_locked = system.iter().any(|layer| layer.file.locks.holds(rule, class));
        let counts = |environment: &Environment, set: bool| set || is_locked || binds(environment);
        self.decided_by(system, system, rule, class, view, possible, counts)
    }

    /// What some files say in each environment that the engine may belong to by these or others; `counts` chooses among them by the
    /// environment and whether a file set it.
    #[allow(clippy::too_many_arguments)] // The parts of one question.
    fn decided_by(
        &self,
        layers: &[PolicyLayer],
        knowing: &[PolicyLayer],
        rule: &Rule,
        class: Class,
        view: View,
        possible: &dyn Fn(&[PolicyLayer]) -> Vec<Environment>,
        counts: impl Fn(&Environment, bool) -> bool,
    ) -> Vec<Decision> {
        let decided = possible(knowing).into_iter().filter_map(|environment| {
            let (decision, set) = self.decide_by(layers, rule, class, &environment, view);
            counts(&environment, set).then_some(decision)
        });
        decided.collect()
    }

    /// The names of all environments: the presets', then those of the files.
    pub fn environment_names(&self) -> Vec<String> {
        let mut names: Vec<String> = preset_names().map(str::to_owned).collect();
        for name in self.layers.iter().flat_map(|layer| layer.file.environments.keys()) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
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
        view: View,
    ) -> (Decision, bool) {
        let action = preset(&environment.preset).map_or(Action::Ask, |preset| preset.action(class, view.kind));
        let mut decision = Decision::preset(action);
        let mut set = false;
        for layer in layers {
            let classes = layer.file.presets.get(environment.preset.as_str());
            let said = [
                classes.and_then(|classes| classes.get(class)),
                classes.and_then(|classes| classes.of(view.kind).get(class)),
                layer.file.rules.get(rule.id),
                layer.file.environments.get(&environment.name).and_then(|it| it.get_ref().rules.get(rule.id)),
                // Of several tables that fit the caller, the strictest applies.
                layer
                    .file
                    .callers
                    .values()
                    .map(Spanned::get_ref)
                    .filter(|table| view.named.is_some_and(|caller| table.fits(caller)))
                    .filter_map(|table| table.action(rule.id, class, &environment.preset))
                    .max_by_key(|action| *action.get_ref()),
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

/// Where a decision holds.
pub enum DecidedAt<'a> {
    /// On an engine.
    Place(&'a EnginePlace<'a>),
    /// In an environment that was named.
    Environment(&'a Environment),
}

/// Whether an environment that was found with the system's file alone holds whatever the user's says: the file assigned
/// it, or it is production by its name.
fn binds(environment: &Environment) -> bool {
    environment.source.is_some() || environment.preset == "prod"
}

/// A name as a key in a table's heading: quoted where it has other letters than a bare key may have.
pub fn toml_key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if bare { name.to_owned() } else { format!("{name:?}") }
}
