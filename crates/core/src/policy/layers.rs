//! A user's file can make the system's file stricter, never weaker, for every key.
//!
//! A key is one of three: a value, of which the stricter one applies ([`Stricter`]); a part of the action for a finding, which
//! [`super::Policy::decide`] limits as a whole; or a pattern that protects more. [`Values::of`] names every key of a file, so
//! that a new key does not compile until it is one of these.

use std::collections::BTreeSet;

use std::path::PathBuf;

use toml::Spanned;

use super::file::{File, HelpFile, OfferFile, PolicyLayer, TrashFile};
use super::values::{RepeatNotes, Stricter};
use super::{Action, Caller, CallerKind, Decision, Environment, Policy, preset, preset_names};
use crate::rules::{Class, RULES, Rule, rule};

/// One key, or a table of them, in both files.
trait Key {
    /// What holds where the system's file has this and the user's that.
    fn bounded(&self, user: &Self) -> Self;

    /// What of the user's does not hold: the key's name, the place in the user's file, and why.
    fn overruled(&self, user: &Self, name: &str, out: &mut Vec<(String, usize, &'static str)>);
}

impl<T: Stricter + Clone> Key for Option<Spanned<T>> {
    fn bounded(&self, user: &Option<Spanned<T>>) -> Option<Spanned<T>> {
        match (self, user) {
            (Some(system), Some(user)) if !user.get_ref().is_as_strict_as(system.get_ref()) => Some(system.clone()),
            (system, user) => user.clone().or_else(|| system.clone()),
        }
    }

    fn overruled(&self, user: &Option<Spanned<T>>, name: &str, out: &mut Vec<(String, usize, &'static str)>) {
        if let (Some(system), Some(user)) = (self, user)
            && !user.get_ref().is_as_strict_as(system.get_ref())
        {
            out.push((name.to_owned(), user.span().start, T::RULE));
        }
    }
}

/// `trash.max`.
fn joined(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

/// A table of keys. It names all of its fields: one that is left out does not compile.
macro_rules! table {
    ($table:ident { $($field:ident),* }) => {
        impl Key for $table {
            fn bounded(&self, user: &$table) -> $table {
                let $table { $($field),* } = self;
                $table { $($field: $field.bounded(&user.$field)),* }
            }

            fn overruled(&self, user: &$table, name: &str, out: &mut Vec<(String, usize, &'static str)>) {
                let $table { $($field),* } = self;
                $($field.overruled(&user.$field, &joined(name, stringify!($field)), out);)*
            }
        }
    };
}

table!(OfferFile { memory, memory_swap, pids_limit, user });
table!(TrashFile { max, each, keep });
table!(HelpFile { text, url });

/// The keys that are values.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// The real client.
    pub docker: Option<Spanned<PathBuf>>,
    /// Whether the same note is printed each time.
    pub repeat_notes: Option<Spanned<RepeatNotes>>,
    /// `[help]`.
    pub help: HelpFile,
    /// `[offer]`.
    pub offer: OfferFile,
    /// `[trash]`.
    pub trash: TrashFile,
}

table!(Values { docker, repeat_notes, help, offer, trash });

impl Values {
    /// The values of one file.
    fn of(file: &File) -> Values {
        // What is protected adds up (`Policy::protected`); presets, callers, environments and rules have their part in an action,
        // and the action is bounded (`Policy::decide`); what `[lint]` says is bounded where it is read (`Policy::lint_level`). Examples
        // decide nothing. An exception lifts an action, and what it lifts is bounded too; only a system's file has locks.
        let File {
            docker,
            repeat_notes,
            help,
            offer,
            trash,
            protect: _,
            presets: _,
            callers: _,
            environments: _,
            rules: _,
            allow: _,
            locks: _,
            example: _,
            lint: _,
        } = file;
        Values {
            docker: docker.clone(),
            repeat_notes: repeat_notes.clone(),
            help: help.clone(),
            offer: offer.clone(),
            trash: trash.clone(),
        }
    }
}

/// A key of a file that changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithoutEffect {
    /// `path:line`.
    pub source: String,
    /// As it stands in the file, with its tables: `rules.protected`.
    pub key: String,
    /// Why, and what holds instead.
    pub why: String,
}

impl Policy {
    /// The values that hold.
    pub fn values(&self) -> Values {
        // What root reads of another user can forbid, but names no program and no value.
        let own = self.layers.iter().filter(|layer| !layer.is_others);
        let of = |is_system: bool| {
            let layers = own.clone().filter(move |layer| layer.is_system == is_system);
            layers.fold(Values::default(), |values, layer| values.bounded(&Values::of(&layer.file)))
        };
        of(true).bounded(&of(false))
    }

    /// The keys of all files that change nothing, in their order.
    pub fn without_effect(&self) -> Vec<WithoutEffect> {
        let mut found = Vec::new();
        for layer in &self.layers {
            self.fixed_actions(layer, &mut found);
        }
        let has_system = self.layers.iter().any(|layer| layer.is_system);
        for user in self.layers.iter().filter(|layer| has_system && !layer.is_system && !layer.is_others) {
            for system in self.layers.iter().filter(|layer| layer.is_system) {
                let mut keys = Vec::new();
                Values::of(&system.file).overruled(&Values::of(&user.file), "", &mut keys);
                found.extend(keys.into_iter().map(|(key, at, why)| WithoutEffect {
                    source: user.at(at),
                    key,
                    why: format!("{} sets it, and {why}", system.path.display()),
                }));
            }
            self.overruled_actions(user, &mut found);
            found.extend(self.overruled_lint(user));
        }
        found
    }

    /// Actions for rules that have the same action everywhere.
    fn fixed_actions(&self, layer: &PolicyLayer, found: &mut Vec<WithoutEffect>) {
        for (table, id, action, at) in actions_of_rules(layer) {
            let Some(fixed) = rule(id).and_then(preset::always).filter(|fixed| *fixed != action) else { continue };
            found.push(WithoutEffect {
                source: layer.at(at),
                key: format!("{table}.{id}"),
                why: format!("no policy changes this rule: its action is always {fixed}"),
            });
        }
    }

    /// Actions of a user's file that are weaker than the system's wherever they would count.
    fn overruled_actions(&self, user: &PolicyLayer, found: &mut Vec<WithoutEffect>) {
        let everybody = self.known_callers();
        for (table, id, action, at) in actions_of_rules(user) {
            let Some(rule) = rule(id).filter(|rule| preset::always(rule).is_none()) else { continue };
            let in_table = |kind: &str| {
                table
                    .strip_prefix(kind)
                    .and_then(|rest| rest.strip_prefix('.'))
                    .and_then(|rest| rest.strip_suffix(".rules"))
            };
            let (only, caller) = (in_table("environments"), in_table("callers"));
            let without = self.without(user, |file| match (only, caller) {
                (Some(name), _) => {
                    if let Some(it) = file.environments.get_mut(name) {
                        it.get_mut().rules.remove(id);
                    }
                }
                (None, Some(name)) => {
                    if let Some(it) = file.callers.get_mut(name) {
                        it.get_mut().rules.remove(id);
                    }
                }
                (None, None) => drop(file.rules.remove(id)),
            });
            let table_of = caller.and_then(|name| user.file.callers.get(name)).map(Spanned::get_ref);
            let about = |caller: &Caller| table_of.is_none_or(|table| table.fits(caller));
            let key = format!("{table}.{id}");
            found.extend(self.overruled_action(
                user,
                &without,
                SetAction { rules: &[rule], action, key, at },
                &|it| only.is_none_or(|name| name == it.name),
                &those(&everybody, &about),
            ));
        }
        for (preset, classes) in &user.file.presets {
            for kind in [None].into_iter().chain(CallerKind::ALL.map(Some)) {
                for class in Class::ALL {
                    let set = match kind {
                        None => classes.get(class),
                        Some(kind) => classes.of(kind).get(class),
                    };
                    let Some(set) = set else { continue };
                    let without = self.without(user, |file| {
                        if let Some(classes) = file.presets.get_mut(preset.name()) {
                            *classes.get_mut(kind, class) = None;
                        }
                    });
                    let table = kind.map_or_else(String::new, |kind| format!(".{}", kind.name()));
                    let key = format!("presets.{}{table}.{}", preset.name(), class.name());
                    let callers = those(&everybody, &|caller| {
                        kind.is_none_or(|kind| kind == caller.kind || caller.kind == CallerKind::Agent)
                    });
                    let counts = |it: &Environment| preset.is(&it.preset);
                    let (rules, at) = (&of_class(class), set.span().start);
                    let set = SetAction { rules, action: *set.get_ref(), key, at };
                    found.extend(self.overruled_action(user, &without, set, &counts, &callers));
                }
            }
        }
        for (name, caller) in &user.file.callers {
            for (preset, classes) in &caller.get_ref().presets {
                for class in Class::ALL {
                    let Some(set) = classes.get(class) else { continue };
                    let without = self.without(user, |file| {
                        if let Some(classes) =
                            file.callers.get_mut(name).and_then(|it| it.get_mut().presets.get_mut(preset.name()))
                        {
                            *classes.get_mut(class) = None;
                        }
                    });
                    let key = format!("callers.{name}.presets.{}.{}", preset.name(), class.name());
                    let callers = those(&everybody, &|it| caller.get_ref().fits(it));
                    let counts = |it: &Environment| preset.is(&it.preset);
                    let (rules, at) = (&of_class(class), set.span().start);
                    let set = SetAction { rules, action: *set.get_ref(), key, at };
                    found.extend(self.overruled_action(user, &without, set, &counts, &callers));
                }
            }
        }
    }

    /// Every caller that some table of these files tells from others, of every kind. None where these are more than can be tried.
    fn known_callers(&self) -> Vec<Caller> {
        let tables = || self.layers.iter().flat_map(|layer| layer.file.callers.values().map(Spanned::get_ref));
        // A pattern fits itself.
        let mut users: BTreeSet<&str> = tables().flat_map(|it| it.user.0.iter().map(String::as_str)).collect();
        let mut programs: BTreeSet<&str> = tables().flat_map(|it| it.program.0.iter().map(String::as_str)).collect();
        users.insert("");
        programs.insert("");
        if users.len() * programs.len() > MOST_CALLERS {
            return Vec::new();
        }
        let of = |kind, user: &str, program: &str| Caller {
            user: user.to_owned(),
            program: program.to_owned(),
            ..Caller::of(kind)
        };
        let pairs = users.iter().flat_map(|user| programs.iter().map(move |program| (*user, *program)));
        pairs.flat_map(|(user, program)| CallerKind::ALL.map(|kind| of(kind, user, program))).collect()
    }

    /// The same policy with a change in one file.
    fn without(&self, changed: &PolicyLayer, change: impl Fn(&mut File)) -> Policy {
        let layers = self.layers.iter().cloned().map(|mut layer| {
            if layer.path == changed.path {
                change(&mut layer.file);
            }
            layer
        });
        Policy { layers: layers.collect() }
    }

    /// One action of a user's file, if the system's is stricter wherever it would count and nothing changes without it.
    fn overruled_action(
        &self,
        user: &PolicyLayer,
        without: &Policy,
        set: SetAction,
        counts: &dyn Fn(&Environment) -> bool,
        callers: &[Caller],
    ) -> Option<WithoutEffect> {
        // One name may have another preset in another file.
        let mut kinds: BTreeSet<(String, String)> =
            preset_names().map(|name| (name.to_owned(), name.to_owned())).collect();
        for (name, it) in self.layers.iter().flat_map(|layer| &layer.file.environments) {
            kinds.insert((name.clone(), it.get_ref().preset_or(name)));
        }
        let kind = |(name, preset)| Environment { name, preset, because: String::new(), source: None, open: false };
        let environments: Vec<Environment> = kinds.into_iter().map(kind).collect();
        let mut by: Option<Decision> = None;
        for own in environments.iter().filter(|own| counts(own)) {
            // The user's file may put an engine where the system's alone does not.
            let moves = user.file.environments.get(own.name.as_str()).is_some_and(|it| it.get_ref().has_patterns());
            for system in environments.iter().filter(|system| moves || system == &own) {
                for rule in set.rules {
                    let of = |layers: &[PolicyLayer]| {
                        let alone = layers.iter().all(|layer| layer.is_system);
                        vec![if alone { system.clone() } else { own.clone() }]
                    };
                    for caller in callers {
                        let holds = self.bounded(rule, rule.class, caller, &of);
                        let own_word = holds.source.as_ref().is_some_and(|source| user.is_at(source));
                        if own_word
                            || holds.action <= set.action
                            || without.bounded(rule, rule.class, caller, &of).action != holds.action
                        {
                            return None;
                        }
                        by.get_or_insert(holds);
                    }
                }
            }
        }
        let holds = by?;
        let by = holds.source.unwrap_or_else(|| "the preset of this environment".to_owned());
        let why = format!("{by} says {}, and a user's file can only be stricter", holds.action);
        Some(WithoutEffect { source: user.at(set.at), key: set.key, why })
    }
}

/// So many callers are tried for each line, of each kind.
const MOST_CALLERS: usize = 64;

/// Those of the callers about whom something is.
fn those(callers: &[Caller], about: &dyn Fn(&Caller) -> bool) -> Vec<Caller> {
    callers.iter().filter(|caller| about(caller)).cloned().collect()
}

/// One action that a file sets.
struct SetAction<'a> {
    /// The rules that it is for.
    rules: &'a [&'a Rule],
    action: Action,
    /// As it stands in the file, with its tables.
    key: String,
    /// The byte at which it stands.
    at: usize,
}

/// The rules of a class whose action a policy decides.
fn of_class(class: Class) -> Vec<&'static Rule> {
    RULES.iter().copied().filter(|it| it.class == class && preset::always(it).is_none()).collect()
}

/// The actions that a file sets for rules: the table, the rule, the action and the place.
fn actions_of_rules(layer: &PolicyLayer) -> Vec<(String, &str, Action, usize)> {
    let everywhere = layer.file.rules.iter().map(|(id, set)| ("rules".to_owned(), id, set));
    let in_environments = layer.file.environments.iter().flat_map(|(name, it)| {
        it.get_ref().rules.iter().map(move |(id, set)| (format!("environments.{name}.rules"), id, set))
    });
    let of_callers = layer.file.callers.iter().flat_map(|(name, it)| {
        it.get_ref().rules.iter().map(move |(id, set)| (format!("callers.{name}.rules"), id, set))
    });
    let all = everywhere.chain(in_environments).chain(of_callers);
    all.map(|(table, id, set)| (table, id.name(), *set.get_ref(), set.span().start)).collect()
}
