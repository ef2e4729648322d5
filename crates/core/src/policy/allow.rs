//! Which lines, in which files, allow a rule where it stops a command.

use std::path::Path;

use super::{
    Action, Caller, CallerKind, EnginePlace, Environment, Policy, PolicyLayer, environment, parse_layer, preset,
    toml_key,
};
use crate::rules::Rule;

/// Lines of one policy file that allow a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowingLines {
    /// For the system's file; else for the caller's own.
    pub is_system: bool,
    /// The table and the key.
    pub text: String,
}

impl Policy {
    /// The fewest lines after which a rule is allowed in an environment; None where no lines of these files allow it, because
    /// another user's file binds root. `place` is the engine, if it is known that this environment holds there: the system's file by
    /// itself may know it under another name.
    pub fn allowing(
        &self,
        rule: &Rule,
        environment: &Environment,
        place: Option<&EnginePlace>,
    ) -> Option<Vec<AllowingLines>> {
        let (system, _) = self.system_and_own();
        let theirs = place.filter(|_| !system.is_empty()).map(|place| environment::of(&system, place));
        let mut ways: Vec<Vec<(bool, &Environment)>> = vec![vec![(false, environment)], vec![(true, environment)]];
        ways.extend(theirs.iter().map(|theirs| vec![(true, theirs)]));
        ways.push(vec![(true, environment), (false, environment)]);
        ways.extend(theirs.iter().map(|theirs| vec![(true, theirs), (false, environment)]));
        let allows = |way: &[(bool, &Environment)], place: Option<&EnginePlace>| {
            let with = Policy { layers: self.with(rule, way) };
            let person = Caller::of(CallerKind::Person);
            let decision = match place {
                Some(place) => with.decide(rule, rule.class, place, &person),
                None => with.decide_in(rule, rule.class, environment, &person),
            };
            decision.action == Action::Allow
        };
        // Where it is not known which engine this is, no lines allow anything there: what holds once it is known is shown.
        let found = ways
            .iter()
            .find(|way| place.is_some() && allows(way, place))
            .or_else(|| ways.iter().find(|way| allows(way, None)));
        found.map(|way| {
            way.iter()
                .map(|(is_system, environment)| AllowingLines {
                    is_system: *is_system,
                    text: self.lines(rule, environment, *is_system),
                })
                .collect()
        })
    }

    /// The layers with lines that allow a rule, each in its file.
    fn with(&self, rule: &Rule, way: &[(bool, &Environment)]) -> Vec<PolicyLayer> {
        let of = |wanted: bool| {
            let added = way.iter().filter(move |(is_system, _)| *is_system == wanted);
            added.filter_map(move |(is_system, environment)| {
                let text = format!("{}{}", defined(environment), allowed(rule, environment));
                parse_layer(Path::new("policy.toml"), *is_system, &text).ok()
            })
        };
        let there = |wanted: bool| self.layers.iter().filter(move |layer| layer.is_system == wanted).cloned();
        there(true).chain(of(true)).chain(there(false)).chain(of(false)).collect()
    }

    /// The lines as they are written into a file: an environment that it does not have needs its preset.
    fn lines(&self, rule: &Rule, environment: &Environment, is_system: bool) -> String {
        let mut own = self.layers.iter().filter(|layer| layer.is_system == is_system && !layer.is_others);
        let known = preset(&environment.name).is_some()
            || own.any(|layer| layer.file.environments.contains_key(&environment.name));
        let definition = if known { String::new() } else { defined(environment) };
        definition + &allowed(rule, environment)
    }
}

fn defined(environment: &Environment) -> String {
    format!("[environments.{}]\npreset = {:?}\n", toml_key(&environment.name), environment.preset)
}

fn allowed(rule: &Rule, environment: &Environment) -> String {
    format!("[environments.{}.rules]\n{} = \"allow\"\n", toml_key(&environment.name), rule.id)
}
