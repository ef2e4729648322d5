//! The policy files: `/etc/fender/policy.toml` and the user's own. Unknown keys, rules and presets are errors with
//! line and column: a guard that misreads its orders is worse than none.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use toml::Spanned;
use wildmatch::WildMatch;

use super::environment::EnginePlace;
use super::{Action, preset, preset_names};
use crate::engine::Lookup;
use crate::rules::{Class, rule};

/// One file, read.
#[derive(Clone, Debug, Default)]
pub struct PolicyLayer {
    pub path: PathBuf,
    pub is_system: bool,
    /// Whether it is another user's, read by root: it can only make a verdict stricter.
    pub is_others: bool,
    pub file: File,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl PolicyLayer {
    /// `path:line` of a byte in the file.
    pub fn at(&self, byte: usize) -> String {
        let line = self.lines.partition_point(|start| *start <= byte);
        format!("{}:{line}", self.path.display())
    }
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyProblem {
    pub path: PathBuf,
    /// Line and column, counted from 1.
    pub at: Option<(usize, usize)>,
    pub reason: String,
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self.at {
            Some((line, column)) => write!(formatter, "{}:{line}:{column}: {}", self.path.display(), self.reason),
            // What is wrong with an owner or a mode names the place itself.
            None if self.reason.contains(&*self.path.to_string_lossy()) => formatter.write_str(&self.reason),
            None => write!(formatter, "{}: {}", self.path.display(), self.reason),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// The real client.
    pub docker: Option<PathBuf>,
    pub offer: OfferFile,
    pub protect: ProtectFile,
    pub trash: TrashFile,
    pub presets: BTreeMap<PresetName, ClassActions>,
    pub environments: BTreeMap<String, Spanned<EnvironmentFile>>,
    pub rules: BTreeMap<RuleId, Spanned<Action>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OfferFile {
    #[serde(deserialize_with = "size")]
    pub memory: Option<String>,
    #[serde(deserialize_with = "size")]
    pub memory_swap: Option<String>,
    pub pids_limit: Option<i64>,
    pub user: Option<String>,
}

/// Patterns of what is never deleted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProtectFile {
    pub containers: Option<Spanned<Globs>>,
    pub volumes: Option<Spanned<Globs>>,
    pub images: Option<Spanned<Globs>>,
    pub networks: Option<Spanned<Globs>>,
}

/// How much is kept of what is deleted, and how long.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrashFile {
    /// Bytes of all entries together; 0 keeps nothing.
    #[serde(deserialize_with = "trash_size")]
    pub max: Option<u64>,
    /// Bytes of one object.
    #[serde(deserialize_with = "trash_size")]
    pub each: Option<u64>,
    /// Seconds.
    #[serde(deserialize_with = "days")]
    pub keep: Option<u64>,
}

/// `10GB`, or a number of bytes; the units are docker's own when it prints sizes, in steps of 1000.
fn trash_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a size such as \"10GB\", or a number of bytes")]
    enum Either {
        Number(u64),
        Text(String),
    }
    let text = match Either::deserialize(deserializer)? {
        Either::Number(number) => return Ok(Some(number)),
        Either::Text(text) => text,
    };
    let at = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let factor = match text[at..].trim().to_ascii_lowercase().trim_end_matches('b') {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        "ki" => 1024.0,
        "mi" => 1_048_576.0,
        "gi" => 1_073_741_824.0,
        "ti" => 1_099_511_627_776.0,
        _ => return Err(D::Error::custom(format!("{text:?} is not a size, such as \"10GB\""))),
    };
    let number: f64 =
        text[..at].parse().map_err(|_| D::Error::custom(format!("{text:?} is not a size, such as \"10GB\"")))?;
    Ok(Some((number * factor) as u64))
}

/// `7d`, `12h`.
fn days<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || D::Error::custom(format!("{text:?} is not a time, such as \"7d\" or \"12h\""));
    let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?);
    let seconds = match unit {
        "w" => 604_800,
        "d" => 86_400,
        "h" => 3600,
        "m" => 60,
        "s" => 1,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds)).map(Some).ok_or_else(wrong)
}

/// A size as docker takes it.
fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match crate::grammar::values::swap(&text) {
        Ok(_) => Ok(Some(text)),
        Err(error) => Err(D::Error::custom(error)),
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassActions {
    escape: Option<Spanned<Action>>,
    loss: Option<Spanned<Action>>,
    outage: Option<Spanned<Action>>,
    hygiene: Option<Spanned<Action>>,
}

impl ClassActions {
    pub fn get(&self, class: Class) -> Option<&Spanned<Action>> {
        match class {
            Class::Escape => self.escape.as_ref(),
            Class::Loss => self.loss.as_ref(),
            Class::Outage => self.outage.as_ref(),
            Class::Hygiene => self.hygiene.as_ref(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnvironmentFile {
    context: Globs,
    host: Globs,
    hostname: Globs,
    /// Ids of engines, as `docker info` prints them.
    engine: Globs,
    pub labels: Globs,
    preset: Option<PresetName>,
    pub rules: BTreeMap<RuleId, Spanned<Action>>,
}

impl EnvironmentFile {
    /// Why this environment fits, if one of its globs does.
    pub fn fits(&self, place: &EnginePlace) -> Option<String> {
        if let Some(glob) = self.context.matching(&place.context) {
            return Some(format!("the context {} fits {glob:?}", place.context));
        }
        if let Some(glob) = self.host.0.iter().find(|glob| place.is_at(glob)) {
            return Some(format!("the endpoint {} fits {glob:?}", place.host));
        }
        if let Some(glob) = self.hostname.matching(&place.hostname) {
            return Some(format!("this machine's name {} fits {glob:?}", place.hostname));
        }
        if !self.engine.0.is_empty()
            && let Lookup::Found(id) = place.id()
            && let Some(glob) = self.engine.matching(id)
        {
            return Some(format!("the engine's id {id} fits {glob:?}"));
        }
        if self.labels.0.is_empty() {
            return None;
        }
        place.labels().known().iter().find_map(|label| {
            self.labels.matching(label).map(|glob| format!("the engine's label {label} fits {glob:?}"))
        })
    }

    /// Whether the engine's own answer decides whether it fits.
    pub fn asks_the_engine(&self) -> bool {
        !self.labels.0.is_empty() || !self.engine.0.is_empty()
    }

    /// What is not known of the engine that could make it fit, where something is not.
    pub fn may_fit(&self, place: &EnginePlace) -> Option<String> {
        if !self.engine.0.is_empty() {
            match place.id() {
                Lookup::Found(_) | Lookup::NoEngine => {}
                Lookup::Missing => return Some("the engine does not say its id".to_owned()),
                Lookup::Unknown(why) => return Some(format!("the engine's id is not known: {why}")),
            }
        }
        if self.labels.0.is_empty() {
            return None;
        }
        place.labels().open().map(|why| format!("the engine's labels are not known: {why}"))
    }

    pub fn preset_or(&self, name: &str) -> String {
        self.preset.as_ref().map_or_else(|| name.to_owned(), |preset| preset.0.clone())
    }
}

/// One glob or a list of them; `*` and `?` stand for anything.
#[derive(Clone, Debug, Default)]
pub struct Globs(pub Vec<String>);

impl Globs {
    fn matching(&self, text: &str) -> Option<&str> {
        self.0.iter().find(|glob| !text.is_empty() && WildMatch::new(glob).matches(text)).map(String::as_str)
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
            None => Err(D::Error::custom(format!("there is no rule {id:?}: fender rules lists them"))),
        }
    }
}

/// The name of a preset that exists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PresetName(String);

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
                Err(D::Error::custom(format!("there is no preset {name:?}, only {}", known.join(", "))))
            }
        }
    }
}

/// Reads one file's text.
pub fn parse(path: &Path, is_system: bool, text: &str) -> Result<PolicyLayer, PolicyProblem> {
    let mut lines = vec![0];
    lines.extend(text.match_indices('\n').map(|(at, _)| at + 1));
    let position = |byte: usize| {
        let line = lines.partition_point(|start| *start <= byte).max(1);
        (line, text.get(lines[line - 1]..byte).map_or(0, |before| before.chars().count()) + 1)
    };
    let problem = |byte: Option<usize>, reason: String| PolicyProblem {
        path: path.to_path_buf(),
        at: byte.map(position),
        reason,
    };
    let file: File = toml::from_str(text)
        .map_err(|error| problem(error.span().map(|span| span.start), error.message().to_owned()))?;
    for (name, environment) in &file.environments {
        if preset(&environment.get_ref().preset_or(name)).is_none() {
            let known: Vec<&str> = preset_names().collect();
            let reason = format!("the environment {name:?} needs a preset: one of {}", known.join(", "));
            return Err(problem(Some(environment.span().start), reason));
        }
    }
    if let Some(docker) = file.docker.as_ref().filter(|docker| !docker.is_absolute()) {
        let reason = format!("docker = {:?} is not an absolute path", docker.display().to_string());
        return Err(problem(text.find("docker"), reason));
    }
    Ok(PolicyLayer { path: path.to_path_buf(), is_system, is_others: false, file, lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        parse(Path::new("p.toml"), false, text).unwrap_err().to_string()
    }

    #[test]
    fn problems_have_a_position() {
        assert_eq!(
            problem("[rules]\nprivilegd = \"ask\"\n"),
            "p.toml:2:1: there is no rule \"privilegd\": fender rules lists them"
        );
        assert!(problem("[rules]\nprivileged = \"aks\"\n").starts_with("p.toml:2:14: unknown variant `aks`"));
        assert!(problem("dokcer = \"/x\"\n").starts_with("p.toml:1:1: unknown field `dokcer`"));
        assert!(problem("[environments.stage]\ncontext = \"s*\"\n").contains("needs a preset"));
        assert!(problem("[offer]\nmemory = \"lots\"\n").starts_with("p.toml:2:10: invalid size"));
        assert!(problem("docker = \"docker\"\n").contains("not an absolute path"));
        assert!(problem("[trash]\nmax = \"lots\"\n").starts_with("p.toml:2:7: \"lots\" is not a size"));
        assert!(problem("[trash]\nkeep = \"7\"\n").contains("is not a time"));
        assert!(problem("[protect]\nvolume = [\"pg\"]\n").contains("unknown field `volume`"));
    }

    #[test]
    fn sizes_of_the_trash() {
        let text = "[trash]\nmax = \"10GB\"\neach = 0\nkeep = \"7d\"\n";
        let trash = parse(Path::new("p.toml"), false, text).unwrap().file.trash;
        assert_eq!((trash.max, trash.each, trash.keep), (Some(10_000_000_000), Some(0), Some(604_800)));
    }

    #[test]
    fn globs_fit() {
        let text = "[environments.stage]\npreset = \"prod\"\ncontext = [\"stage-*\"]\nhost = \"tcp://10.0.*\"\n";
        let layer = parse(Path::new("p.toml"), false, text).unwrap();
        let environment = layer.file.environments["stage"].get_ref();
        let place = |context: &str, host: &str| {
            EnginePlace::new(context, host, "", "m", false, || crate::engine::Labels::NoEngine)
        };
        assert!(environment.fits(&place("stage-1", "")).is_some());
        assert!(environment.fits(&place("x", "tcp://10.0.0.1:2376")).is_some());
        assert!(environment.fits(&place("x", "unix:///s")).is_none());
    }
}
