//! Names in a policy file: patterns for names, the ids of rules and the names of presets.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use wildmatch::WildMatch;

use super::{preset, preset_names};
use crate::rules::{rule, unknown_rule};
use crate::text::did_you_mean;

/// One glob or a list of them; `*` and `?` stand for anything.
#[derive(Clone, Debug, Default)]
pub struct Globs(pub Vec<String>);

impl Globs {
    /// Whether it has no pattern.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first pattern that fits a text; none fits an empty one.
    pub fn matching(&self, text: &str) -> Option<&str> {
        self.0.iter().find(|glob| Globs::fits(glob, text)).map(String::as_str)
    }

    /// Whether a pattern fits a text that is not empty.
    pub fn fits(glob: &str, text: &str) -> bool {
        !text.is_empty() && WildMatch::new(glob).matches(text)
    }
}

impl<'de> Deserialize<'de> for Globs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Globs, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a pattern or a list of patterns")]
        enum Either {
            One(String),
            Many(Vec<String>),
        }
        Ok(Globs(match Either::deserialize(deserializer)? {
            Either::One(glob) => vec![glob],
            Either::Many(globs) => globs,
        }))
    }
}

/// The id of a rule that exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleId(String);

impl RuleId {
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for RuleId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for RuleId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RuleId, D::Error> {
        let id = String::deserialize(deserializer)?;
        match rule(&id) {
            Some(_) => Ok(RuleId(id)),
            None => Err(D::Error::custom(unknown_rule(&id))),
        }
    }
}

/// The name of a preset that exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PresetName(String);

impl PresetName {
    pub fn name(&self) -> &str {
        &self.0
    }

    pub fn is(&self, name: &str) -> bool {
        self.0 == name
    }
}

impl std::borrow::Borrow<str> for PresetName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for PresetName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PresetName, D::Error> {
        let name = String::deserialize(deserializer)?;
        match preset(&name) {
            Some(_) => Ok(PresetName(name)),
            None => {
                let known: Vec<&str> = preset_names().collect();
                let only = format!("only {}", known.join(", "));
                let meant = did_you_mean(&name, known, &only);
                Err(D::Error::custom(format!("there is no preset {name:?}: {meant}")))
            }
        }
    }
}
