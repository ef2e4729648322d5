//! `[lint]` of a policy, and the `.fender.toml` that a repository brings along. Pure.
//!
//! A repository's file governs `fender lint` alone. It is of another type than a policy's file and is never a layer of a policy: nothing
//! that judges a command can read it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::file::{PolicyProblem, read_toml};
use super::lint_file::LintFile;
use super::{Level, LevelSetting, Policy, PolicyLayer, WithoutEffect};
use crate::rules::Finding;

/// What a repository's `.fender.toml` may hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RepositoryFile {
    lint: LintFile,
}

/// A repository's `.fender.toml`.
#[derive(Clone, Debug, Default)]
pub struct RepositoryConfig {
    /// The file's path.
    pub path: PathBuf,
    /// What it says.
    pub lint: LintFile,
}

impl RepositoryConfig {
    /// Reads the file's text. Unknown keys, rules and levels are errors with their place.
    pub fn parse(path: &Path, text: &str) -> Result<RepositoryConfig, PolicyProblem> {
        let (file, _) = read_toml::<RepositoryFile>(path, text)?;
        Ok(RepositoryConfig { path: path.to_path_buf(), lint: file.lint })
    }
}

impl PolicyLayer {
    /// What this policy says of a rule in a file: its `[lint]`, else the action that it has for the rule everywhere.
    fn lint_setting(&self, rule: &str, path: &str) -> Option<LevelSetting> {
        let action = || self.file.rules.get(rule).map(|action| LevelSetting::from(*action.get_ref()));
        self.file.lint.setting(rule, path).or_else(action)
    }
}

impl Policy {
    /// The level of a finding in a file; None where it is not reported. `in_policy` is the file's path from the repository's root, which
    /// patterns of a policy are for; `in_repository` is its path from the folder of the repository's own file, and that file.
    ///
    /// The repository's file comes before the user's policy, and that before the system's. What the system's policy sets, and for root what
    /// another user's does, can only be raised.
    pub fn lint_level(
        &self,
        finding: &Finding,
        in_policy: &str,
        in_repository: Option<(&RepositoryConfig, &str)>,
    ) -> Option<Level> {
        let rule = finding.rule.id;
        let of = |wanted: &dyn Fn(&PolicyLayer) -> bool| {
            let layers = self.layers.iter().filter(|layer| wanted(layer));
            layers.filter_map(|layer| layer.lint_setting(rule, in_policy)).max()
        };
        let system = of(&|layer| layer.is_system);
        let own = of(&|layer| !layer.is_system && !layer.is_others);
        let others = of(&|layer| layer.is_others);
        let repository = in_repository.and_then(|(config, path)| config.lint.setting(rule, path));
        let built_in = LevelSetting::from(Level::of(finding.weighed_as.unwrap_or(finding.class)));
        let base = repository.or(own).or(system).unwrap_or(built_in);
        [Some(base), system, others].into_iter().flatten().max().and_then(LevelSetting::level)
    }

    /// Whether a file is not linted, with the same paths. Where the system's policy excludes something, a user's policy excludes nothing more.
    pub fn lint_excludes(&self, in_policy: &str, in_repository: Option<(&RepositoryConfig, &str)>) -> bool {
        let binds = self.layers.iter().any(|layer| layer.is_system && layer.file.lint.exclude.is_some());
        let layers = self.layers.iter().filter(|layer| layer.is_system || !layer.is_others && !binds);
        let by_repository = in_repository.is_some_and(|(config, path)| config.lint.excludes(path));
        by_repository || layers.into_iter().any(|layer| layer.file.lint.excludes(in_policy))
    }

    /// Whether `--fix` writes unsafe fixes without being told to on the command line. If the system's policy says no, nothing changes that.
    pub fn lint_fixes_unsafely(&self, repository: Option<&RepositoryConfig>) -> bool {
        let said = |lint: &LintFile| lint.unsafe_fixes.as_ref().map(|set| *set.get_ref());
        let of = |is_system: bool| {
            let layers = self.layers.iter().filter(move |layer| layer.is_system == is_system && !layer.is_others);
            layers.filter_map(|layer| said(&layer.file.lint)).next()
        };
        let (system, own) = (of(true), of(false));
        system != Some(false) && repository.and_then(|config| said(&config.lint)).or(own).or(system).unwrap_or(false)
    }
}

impl Policy {
    /// The keys of a user's `[lint]` that the system's policy overrules.
    pub(super) fn overruled_lint(&self, user: &PolicyLayer) -> Vec<WithoutEffect> {
        let mut found = Vec::new();
        let mut say = |at: usize, key: String, why: String| {
            found.push(WithoutEffect { source: user.at(at), key, why });
        };
        for system in self.layers.iter().filter(|layer| layer.is_system) {
            let (theirs, own) = (&system.file.lint, &user.file.lint);
            let path = system.path.display();
            for (id, set) in &own.rules {
                // A table for some paths may say less there.
                let is_in_paths = theirs.paths.iter().any(|table| table.get_ref().rules.contains_key(id));
                let holds = system.lint_setting(id.name(), "").filter(|holds| holds > set.get_ref() && !is_in_paths);
                if holds.is_some() {
                    let key = format!("lint.rules.{}", id.name());
                    say(set.span().start, key, format!("{path} says more, and a user's file can only be stricter"));
                }
            }
            if let (Some(_), Some(set)) = (&theirs.exclude, &own.exclude) {
                say(
                    set.span().start,
                    "lint.exclude".to_owned(),
                    format!("{path} sets it, and the system's value applies"),
                );
            }
            if let (Some(theirs), Some(set)) = (&theirs.unsafe_fixes, &own.unsafe_fixes)
                && *set.get_ref()
                && !theirs.get_ref()
            {
                let why = format!("{path} says false, and a user's file can only be stricter");
                say(set.span().start, "lint.unsafe-fixes".to_owned(), why);
            }
        }
        found
    }
}

impl From<Level> for LevelSetting {
    fn from(level: Level) -> LevelSetting {
        match level {
            Level::Note => LevelSetting::Note,
            Level::Warning => LevelSetting::Warning,
            Level::Error => LevelSetting::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> RepositoryConfig {
        RepositoryConfig::parse(Path::new(".fender.toml"), text).unwrap()
    }

    #[test]
    fn problems_have_a_position() {
        for (text, said) in [
            ("[lnt]\n", ".fender.toml:1:2: there is no key \"lnt\" here: did you mean lint?"),
            ("[lint]\nexlude = []\n", ".fender.toml:2:1: there is no key \"exlude\" here: did you mean exclude?"),
            (
                "[lint]\nunsafe_fixes = true\n",
                ".fender.toml:2:1: there is no key \"unsafe_fixes\" here: did you mean unsafe-fixes?",
            ),
            (
                "[lint.rules]\nroot-usr = \"off\"\n",
                ".fender.toml:2:1: there is no rule \"root-usr\": did you mean root-user?",
            ),
            (
                "[lint.rules]\nroot-user = \"eror\"\n",
                ".fender.toml:2:13: there is no value \"eror\" here: did you mean error?",
            ),
            (
                "[lint.rules]\nroot-user = \"ask\"\n",
                ".fender.toml:2:13: there is no value \"ask\" here: only off, note, warning, error",
            ),
            ("[[lint.paths]]\nmach = \"a\"\n", ".fender.toml:2:1: there is no key \"mach\" here: did you mean match?"),
            ("[[lint.paths]]\nrules = {}\n", ".fender.toml:1:1: missing field `match`"),
            (
                "[[lint.paths]]\nmatch = \"a\"\n[lint.paths.rules]\nzzz = \"off\"\n",
                ".fender.toml:4:1: there is no rule \"zzz\": fender rules lists them",
            ),
            ("[lint]\nexclude = [\"a\", \"[\"]\n", ".fender.toml:2:11: \"[\": syntax error in pattern"),
            ("[lint]\nexclude = \"\"\n", ".fender.toml:2:11: \"\" is not a pattern"),
            ("[lint]\nexclude = 1\n", ".fender.toml:2:11: expected a pattern or a list of patterns"),
            ("[rules]\nroot-user = \"allow\"\n", ".fender.toml:1:2: there is no key \"rules\" here: only lint"),
            ("docker = \"/x\"\n", ".fender.toml:1:1: there is no key \"docker\" here: only lint"),
        ] {
            let problem = RepositoryConfig::parse(Path::new(".fender.toml"), text).unwrap_err().to_string();
            assert_eq!(problem, said, "{text}");
        }
    }

    #[test]
    fn the_last_table_that_fits_decides() {
        let config = parse(
            "[lint]\nexclude = [\"tests/**\", \"!tests/keep/**\"]\n[lint.rules]\nroot-user = \"warning\"\n\
             [[lint.paths]]\nmatch = \"examples/**\"\nrules = { root-user = \"off\" }\n\
             [[lint.paths]]\nmatch = [\"examples/a/**\", \"**/Dockerfile.dev\"]\n[lint.paths.rules]\nroot-user = \"error\"\n",
        );
        let setting = |path: &str| config.lint.setting("root-user", path);
        assert_eq!(setting("Dockerfile"), Some(LevelSetting::Warning));
        assert_eq!(setting("examples/b/c/Dockerfile"), Some(LevelSetting::Off));
        assert_eq!(setting("examples/a/Dockerfile"), Some(LevelSetting::Error));
        assert_eq!(setting("x/y/Dockerfile.dev"), Some(LevelSetting::Error));
        assert_eq!(config.lint.setting("pid1-signals", "Dockerfile"), None);
        let excludes = |path: &str| config.lint.excludes(path);
        assert!(excludes("tests/a/Dockerfile") && !excludes("tests/keep/Dockerfile") && !excludes("a/tests/x"));
    }
}
