//! The keys of `[lint]`, in a policy and in a repository's `.fender.toml`. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use toml::Spanned;

use super::level::LevelSetting;
use super::names::RuleId;
use crate::files::ignore::Matcher;

/// `[lint]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LintFile {
    /// Files that are not linted.
    pub exclude: Option<Spanned<PathPatterns>>,
    /// Levels of rules.
    pub rules: BTreeMap<RuleId, Spanned<LevelSetting>>,
    /// Levels of rules in some files.
    pub paths: Vec<Spanned<LintPathsFile>>,
    /// Whether `--fix` writes unsafe fixes, too.
    #[serde(rename = "unsafe-fixes")]
    pub unsafe_fixes: Option<Spanned<bool>>,
}

/// `[[lint.paths]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LintPathsFile {
    /// Which files these are.
    #[serde(rename = "match")]
    pub files: PathPatterns,
    /// Levels of rules there.
    #[serde(default)]
    pub rules: BTreeMap<RuleId, Spanned<LevelSetting>>,
}

/// One pattern for paths or a list of them, as an ignore file has them.
#[derive(Clone, Debug, Default)]
pub struct PathPatterns(Matcher);

impl PathPatterns {
    /// Whether a path fits, from the folder that the patterns are for.
    pub fn fit(&self, path: &str) -> bool {
        self.0.matches_alone(path)
    }
}

impl<'de> Deserialize<'de> for PathPatterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PathPatterns, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a pattern or a list of patterns")]
        enum Either {
            One(String),
            Many(Vec<String>),
        }
        let patterns = match Either::deserialize(deserializer)? {
            Either::One(pattern) => vec![pattern],
            Either::Many(patterns) => patterns,
        };
        let numbered: Vec<(usize, String)> = patterns.into_iter().map(|pattern| (0, pattern)).collect();
        if let Some((_, empty)) = numbered.iter().find(|(_, pattern)| pattern.trim().is_empty()) {
            return Err(D::Error::custom(format!("{empty:?} is not a pattern")));
        }
        Matcher::new(&numbered).map(PathPatterns).map_err(|problem| D::Error::custom(problem.reason))
    }
}

impl LintFile {
    /// What it says of a rule in a file; of several tables whose patterns fit, the last one that names the rule.
    pub fn setting(&self, rule: &str, path: &str) -> Option<LevelSetting> {
        let of_paths = self.paths.iter().rev().map(Spanned::get_ref).filter(|table| table.files.fit(path));
        let set = of_paths.filter_map(|table| table.rules.get(rule)).next().or_else(|| self.rules.get(rule));
        set.map(|set| *set.get_ref())
    }

    /// Whether a file is not to be linted.
    pub fn excludes(&self, path: &str) -> bool {
        self.exclude.as_ref().is_some_and(|patterns| patterns.get_ref().fit(path))
    }
}
