//! The policy files: `/etc/fender/policy.toml` and the user's own. Unknown keys, rules and presets are errors with
//! line and column, because a policy that is misread is worse than none.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::actions::{CallerFile, PresetFile};
use super::example::ExampleFile;
use super::exception_file::ExceptionFile;
use super::lint_file::LintFile;
use super::names::{Globs, PresetName, RuleId};
use super::place::EnginePlace;
use super::values::{HelpLine, KeptBytes, KeptTime, Memory, OfferedUser, Pids, RepeatNotes, Swap};
use super::{Action, preset, preset_names};
use crate::engine::Lookup;
use crate::rules::{Class, Rule};
use crate::text::did_you_mean;

/// One file, read.
#[derive(Clone, Debug, Default)]
pub struct PolicyLayer {
    /// The file's path.
    pub path: PathBuf,
    /// Whether it is the system's.
    pub is_system: bool,
    /// Whether it is another user's, read by root: it can only make a verdict stricter.
    pub is_others: bool,
    /// What it says.
    pub file: File,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl PolicyLayer {
    /// Whether a place is in this file.
    pub fn is_at(&self, source: &str) -> bool {
        source.rsplit_once(':').is_some_and(|(path, _)| Path::new(path) == self.path)
    }

    /// `path:line` of a byte in the file.
    pub fn at(&self, byte: usize) -> String {
        let line = self.lines.partition_point(|start| *start <= byte);
        format!("{}:{line}", self.path.display())
    }
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyProblem {
    /// The file's path.
    pub path: PathBuf,
    /// Line and column, counted from 1.
    pub at: Option<(usize, usize)>,
    /// What is wrong, for a person.
    pub reason: String,
}

impl std::error::Error for PolicyProblem {}

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

/// What a policy file says; docs/policy.md has its keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    /// The real client.
    pub docker: Option<Spanned<PathBuf>>,
    /// Notes are printed each time.
    pub repeat_notes: Option<Spanned<RepeatNotes>>,
    /// `[help]`.
    pub help: HelpFile,
    /// `[offer]`.
    pub offer: OfferFile,
    /// `[protect]`.
    pub protect: ProtectFile,
    /// `[trash]`.
    pub trash: TrashFile,
    /// `[presets.NAME]`.
    pub presets: BTreeMap<PresetName, PresetFile>,
    /// `[callers.NAME]`.
    pub callers: BTreeMap<String, Spanned<CallerFile>>,
    /// `[environments.NAME]`.
    pub environments: BTreeMap<String, Spanned<EnvironmentFile>>,
    /// `[rules]`: actions for every environment.
    pub rules: BTreeMap<RuleId, Spanned<Action>>,
    /// `[[allow]]`: exceptions.
    pub allow: Vec<Spanned<ExceptionFile>>,
    /// `[locks]`.
    pub locks: LocksFile,
    /// `[[example]]`: commands with the verdicts that are expected.
    pub example: Vec<Spanned<ExampleFile>>,
    /// `[lint]`.
    pub lint: LintFile,
}

/// What a refusal says besides, in the words of whoever wrote the policy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HelpFile {
    /// Whom to ask.
    pub text: Option<Spanned<HelpLine>>,
    /// Where to read more.
    pub url: Option<Spanned<HelpLine>>,
}

/// Values for the fixes that are offered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OfferFile {
    /// `--memory`.
    pub memory: Option<Spanned<Memory>>,
    /// `--memory-swap`.
    pub memory_swap: Option<Spanned<Swap>>,
    /// `--pids-limit`.
    pub pids_limit: Option<Spanned<Pids>>,
    /// `--user`.
    pub user: Option<Spanned<OfferedUser>>,
}

/// Patterns of what is never deleted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProtectFile {
    /// Names of containers.
    pub containers: Option<Spanned<Globs>>,
    /// Names of volumes.
    pub volumes: Option<Spanned<Globs>>,
    /// Names of images.
    pub images: Option<Spanned<Globs>>,
    /// Names of networks.
    pub networks: Option<Spanned<Globs>>,
    /// Names of services.
    pub services: Option<Spanned<Globs>>,
}

/// What no lower layer weakens, though this file does not set it: the preset's action is the least.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocksFile {
    /// Rules.
    pub rules: Option<Spanned<Vec<RuleId>>>,
    /// Classes of rules.
    pub classes: Option<Spanned<Vec<Class>>>,
}

impl LocksFile {
    /// Whether a finding of this rule and class is locked.
    pub fn holds(&self, rule: &Rule, class: Class) -> bool {
        let of_rule = self.rules.as_ref().is_some_and(|rules| rules.get_ref().iter().any(|it| it.name() == rule.id));
        of_rule || self.classes.as_ref().is_some_and(|classes| classes.get_ref().contains(&class))
    }

    /// Where it begins; None where it locks nothing.
    fn at(&self) -> Option<usize> {
        let rules = self.rules.as_ref().map(|rules| rules.span().start);
        rules.into_iter().chain(self.classes.as_ref().map(|classes| classes.span().start)).min()
    }
}

/// How much is kept of what is deleted, and how long.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrashFile {
    /// Bytes of all entries together; 0 keeps nothing.
    pub max: Option<Spanned<KeptBytes>>,
    /// Bytes of one object.
    pub each: Option<Spanned<KeptBytes>>,
    /// Seconds.
    pub keep: Option<Spanned<KeptTime>>,
}

/// Which engines an environment is about, and what holds there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EnvironmentFile {
    /// Names of contexts.
    pub context: Globs,
    /// Endpoints, such as `ssh://*`.
    pub host: Globs,
    /// Names of this machine.
    pub hostname: Globs,
    /// Ids of engines, as `docker info` prints them.
    pub engine: Globs,
    /// Labels of the engine, `key=value`.
    pub labels: Globs,
    /// The preset that it stands on.
    pub preset: Option<PresetName>,
    /// Actions for rules here.
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

    /// Whether it can fit any engine at all.
    pub fn has_patterns(&self) -> bool {
        let EnvironmentFile { context, host, hostname, engine, labels, preset: _, rules: _ } = self;
        [context, host, hostname, engine, labels].iter().any(|globs| !globs.0.is_empty())
    }

    /// The preset's name; `name` where none is set.
    pub fn preset_or(&self, name: &str) -> String {
        self.preset.as_ref().map_or_else(|| name.to_owned(), |preset| preset.name().to_owned())
    }
}

/// What serde says of a key or a word that it does not know, in fender's words and with the one that may have been meant. Every other
/// message stays as it is.
fn reworded(message: &str) -> String {
    let parts: Vec<&str> = message.split('`').collect();
    let [start @ ("unknown field " | "unknown variant "), typed, _, expected @ ..] = parts.as_slice() else {
        return message.to_owned();
    };
    // A key with such a quote in it cannot be told from the list of known ones.
    if expected.iter().skip(1).step_by(2).any(|between| !matches!(*between, "" | ", " | " or ")) {
        return message.to_owned();
    }
    let known: Vec<&str> = expected.iter().step_by(2).copied().collect();
    let only = format!("only {}", known.join(", "));
    let meant = did_you_mean(typed, known, &only);
    match *start {
        "unknown field " => format!("there is no key {typed:?} here: {meant}"),
        _ => format!("there is no value {typed:?} here: {meant}"),
    }
}

/// A file as TOML, with the place of what is wrong: a key, a rule or a value that does not exist. Also where each line begins.
pub(super) fn read_toml<T: serde::de::DeserializeOwned>(
    path: &Path,
    text: &str,
) -> Result<(T, Vec<usize>), PolicyProblem> {
    let mut lines = vec![0];
    lines.extend(text.match_indices('\n').map(|(at, _)| at + 1));
    match toml::from_str(text) {
        Ok(file) => Ok((file, lines)),
        Err(error) => {
            let at = error.span().map(|span| position(text, &lines, span.start));
            Err(PolicyProblem { path: path.to_path_buf(), at, reason: reworded(error.message()) })
        }
    }
}

/// Line and column of a byte, counted from 1.
fn position(text: &str, lines: &[usize], byte: usize) -> (usize, usize) {
    let line = lines.partition_point(|start| *start <= byte).max(1);
    let start = lines.get(line - 1).copied().unwrap_or_default();
    (line, text.get(start..byte).map_or(0, |before| before.chars().count()) + 1)
}

/// Reads one file's text.
pub fn parse(path: &Path, is_system: bool, text: &str) -> Result<PolicyLayer, PolicyProblem> {
    let (mut file, lines) = read_toml::<File>(path, text)?;
    let problem = |byte: Option<usize>, reason: String| PolicyProblem {
        path: path.to_path_buf(),
        at: byte.map(|byte| position(text, &lines, byte)),
        reason,
    };
    for (name, environment) in &file.environments {
        if preset(&environment.get_ref().preset_or(name)).is_none() {
            let known: Vec<&str> = preset_names().collect();
            let reason = format!("the environment {name:?} needs a preset: one of {}", known.join(", "));
            return Err(problem(Some(environment.span().start), reason));
        }
    }
    for (name, caller) in &file.callers {
        let reason = match caller.get_ref() {
            it if !it.has_patterns() => format!("the caller {name:?} needs a user or a program"),
            it => match it.program.0.iter().find(|path| !path.starts_with('/')) {
                Some(path) => format!("program = {path:?} is not an absolute path"),
                None => continue,
            },
        };
        return Err(problem(Some(caller.span().start), reason));
    }
    for exception in &file.allow {
        if let Some((at, reason)) = exception.get_ref().problem(exception.span().start) {
            return Err(problem(Some(at), reason));
        }
    }
    if let Some(at) = file.locks.at().filter(|_| !is_system) {
        return Err(problem(Some(at), "[locks] counts in the system's files only".to_owned()));
    }
    if let Some(docker) = file.docker.as_ref().filter(|docker| !docker.get_ref().is_absolute()) {
        let reason = format!("docker = {:?} is not an absolute path", docker.get_ref().display().to_string());
        return Err(problem(Some(docker.span().start), reason));
    }
    if let Some(memory) = &file.offer.memory {
        // Memory alone is the limit for swap too: what a file says of the one, it says of both.
        let of_memory = || {
            let Memory { text, bytes } = memory.get_ref().clone();
            Spanned::new(memory.span(), Swap { text, bytes })
        };
        let swap = file.offer.memory_swap.get_or_insert_with(of_memory);
        if !swap.get_ref().covers(memory.get_ref()) {
            let (swap, memory) = (&swap.get_ref().text, &memory.get_ref().text);
            let reason =
                format!("memory_swap = {swap:?} is less than memory = {memory:?}; it is the limit of both together");
            return Err(problem(file.offer.memory_swap.as_ref().map(|swap| swap.span().start), reason));
        }
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
            "p.toml:2:1: there is no rule \"privilegd\": did you mean privileged?"
        );
        for (text, said) in [
            ("[rules]\nzzz = \"ask\"\n", "p.toml:2:1: there is no rule \"zzz\": fender rules lists them"),
            ("[rules]\nprivileged = \"asks\"\n", "p.toml:2:14: there is no value \"asks\" here: did you mean ask?"),
            ("dokcer = \"/x\"\n", "p.toml:1:1: there is no key \"dokcer\" here: did you mean docker?"),
            ("[trash]\nkep = \"7d\"\n", "p.toml:2:1: there is no key \"kep\" here: did you mean keep?"),
            ("[trash]\nzzz = 1\n", "p.toml:2:1: there is no key \"zzz\" here: only max, each, keep"),
            ("[protect]\nvolume = [\"pg\"]\n", "p.toml:2:1: there is no key \"volume\" here: did you mean volumes?"),
            ("[offer]\nmemry = \"1g\"\n", "p.toml:2:1: there is no key \"memry\" here: did you mean memory?"),
            ("[presets.dev]\nescpe = \"ask\"\n", "p.toml:2:1: there is no key \"escpe\" here: did you mean escape?"),
            ("[presets.pord]\n", "p.toml:1:10: there is no preset \"pord\": did you mean prod?"),
            (
                "[environments.stage]\nconext = \"s*\"\n",
                "p.toml:2:1: there is no key \"conext\" here: did you mean context?",
            ),
            (
                "[environments.prod.rules]\nprun = \"ask\"\n",
                "p.toml:2:1: there is no rule \"prun\": did you mean prune?",
            ),
        ] {
            assert_eq!(problem(text), said);
        }
        assert!(problem("\"a`b\" = 1\n").contains("a`b"));
        assert!(problem("[environments.stage]\ncontext = \"s*\"\n").contains("needs a preset"));
        assert!(problem("[callers.x]\n[callers.x.rules]\nprune = \"ask\"\n").contains("needs a user or a program"));
        assert!(problem("[callers.x]\nprogram = \"make\"\n").contains("\"make\" is not an absolute path"));
        assert!(problem("[presets.prod.scripts]\nloss = \"ask\"\n").contains("did you mean script?"));
        assert!(problem("[offer]\nmemory = \"lots\"\n").starts_with("p.toml:2:10: invalid size"));
        assert!(problem("docker = \"docker\"\n").contains("p.toml:1:10: docker = \"docker\" is not an absolute path"));
        assert!(problem("[trash]\nmax = \"lots\"\n").starts_with("p.toml:2:7: \"lots\" is not a size"));
        assert!(problem("[trash]\nkeep = \"7\"\n").contains("is not a time"));
        for none in ["0d", "00w", "0s"] {
            let said = problem(&format!("[trash]\nkeep = \"{none}\"\n"));
            assert!(said.starts_with("p.toml:2:8:") && said.contains("write max = 0"), "{said}");
        }
    }

    #[test]
    fn what_would_undo_the_fix_is_no_offer() {
        for user in [
            "root",
            "0",
            "0:0",
            "root:root",
            "root:1000",
            "0:5",
            "00",
            "+0",
            "-0",
            " root",
            "0 ",
            "",
            ":",
            ":1000",
            "000:7",
        ] {
            let said = problem(&format!("# a comment\n[offer]\nuser = \"{user}\"\n"));
            assert!(said.starts_with("p.toml:3:8: user = "), "{user:?}: {said}");
        }
        for wrong in ["a:b:c", "a b", "1000:", "1000: 5"] {
            assert!(problem(&format!("[offer]\nuser = \"{wrong}\"\n")).contains("is not a user"), "{wrong}");
        }
        for memory in ["0", "0m", "0b", "1", "1024", "5m", "6143k"] {
            for key in ["memory", "memory_swap"] {
                let said = problem(&format!("[offer]\n{key} = \"{memory}\"\n"));
                assert!(said.starts_with("p.toml:2:") && said.contains("cannot be offered"), "{key} {memory}: {said}");
            }
        }
        assert!(problem("[offer]\nmemory = \"-1\"\n").starts_with("p.toml:2:10:"), "only swap can be without a limit");
        for limit in ["0", "-1", "-512"] {
            assert!(problem(&format!("[offer]\npids_limit = {limit}\n")).contains("sets no limit"), "{limit}");
        }
        assert!(problem("[offer]\nmemory = \"2g\"\nmemory_swap = \"1g\"\n").starts_with("p.toml:3:15: memory_swap"));
        let fine = "[offer]\nmemory = \"6m\"\nmemory_swap = \"-1\"\npids_limit = 1\nuser = \"app:0\"\n";
        parse(Path::new("p.toml"), false, fine).unwrap();
    }

    #[test]
    fn sizes_of_the_trash() {
        let text = "[trash]\nmax = \"10GB\"\neach = 0\nkeep = \"7d\"\n";
        let trash = parse(Path::new("p.toml"), false, text).unwrap().file.trash;
        let bytes = |set: Option<Spanned<KeptBytes>>| set.map(|set| set.into_inner().0);
        assert_eq!((bytes(trash.max), bytes(trash.each)), (Some(10_000_000_000), Some(0)));
        assert_eq!(trash.keep.map(|set| set.into_inner().0), Some(604_800));
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
