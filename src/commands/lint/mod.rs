//! `fender lint`: finds and fixes problems in Dockerfiles, ignore files, compose and bake files.

mod config;
mod fixes;
mod known;
mod print;
mod typed;

use fender_core::order::PutInOrder as _;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{IsTerminal, Write, stderr, stdin, stdout};
use std::path::Path;

use clap::{Args, ValueEnum};

use crate::engine::Offline;
use crate::environment::caller;
use crate::environment::collect::{Collected, collect};
use crate::environment::host::Surroundings;
use crate::environment::policy::read_layers;
use crate::environment::replace::replace;
use crate::environment::repository;
use crate::exit::{DONE, FAILED, FailureKind, Running};
use crate::failure::Failure;
use crate::session;
use crate::ui::question::Question;
use crate::ui::screen::{Screen, shown};
use config::{ConfigSource, Configs};
use fender_core::host::Host;
use fender_core::lint::fix::{Choice, FixOutcome, Proposal, changes, fixed_rules};
use fender_core::lint::formats::checkstyle::checkstyle;
use fender_core::lint::formats::github::github;
use fender_core::lint::formats::gitlab::gitlab;
use fender_core::lint::formats::sarif::sarif;
use fender_core::lint::{
    BaselineEntry, FileKind, Level, Looking, PathRoot, Report, Reported, SOME_HOME, grouped, lint, reported,
};
use fender_core::lower::Build;
use fender_core::plan::Facts;
use fender_core::policy::{Policy, PolicyProblem};
use fender_core::rules::{rule, unknown_rule};
use fender_core::text::{count, did_you_mean};
use known::{BaselineFile, Since};
use print::Quieted;
use typed::{FactsWithTyped, TypedFile, WithTyped};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LintFormat {
    Text,
    Json,
    Sarif,
    Github,
    Gitlab,
    Checkstyle,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Least {
    Note,
    Warning,
    Error,
}

#[derive(Args, Debug)]
pub struct Lint {
    /// How to print it: for a person, or for another program
    #[arg(long, value_enum, default_value = "text")]
    format: LintFormat,
    /// Only findings of these rules
    #[arg(long, value_name = "RULE,…", value_delimiter = ',')]
    rule: Vec<String>,
    /// No findings of these rules
    #[arg(long, value_name = "RULE,…", value_delimiter = ',')]
    ignore: Vec<String>,
    /// One line for each finding
    #[arg(long, short)]
    quiet: bool,
    /// How many findings each rule has; with another format than text on standard error, in text instead of the findings
    #[arg(long)]
    summary: bool,
    /// Exit with code 1 for findings at or above this level: note (careless defaults), warning, error (escape and loss)
    #[arg(long, value_enum, default_value = "note")]
    level: Least,
    /// Take the configuration from this file, and not from .fender.toml
    #[arg(long, value_name = "FILE", conflicts_with = "no_config")]
    config: Option<String>,
    /// Read no .fender.toml; policies still apply
    #[arg(long)]
    no_config: bool,
    /// Report what comments in the files allow, too
    #[arg(long)]
    no_inline_allow: bool,
    /// Report no findings that this file knows; it is written by --write-baseline
    #[arg(long, value_name = "FILE")]
    baseline: Option<String>,
    /// Write all findings into the file of --baseline, and report none
    #[arg(long, requires = "baseline", conflicts_with_all = ["rule", "ignore", "since", "fix", "diff"])]
    write_baseline: bool,
    /// Only findings about files and lines that changed since this revision of the git repository
    #[arg(long, value_name = "REV")]
    since: Option<String>,
    /// Write safe fixes, for all rules or for these; on a terminal it asks first
    #[arg(long, value_name = "RULE,…", num_args = 0..=1, require_equals = true, default_missing_value = "", value_delimiter = ',')]
    fix: Option<Vec<String>>,
    /// With --fix or --diff: also the fixes that may break the image
    #[arg(long)]
    unsafe_fixes: bool,
    /// Show what --fix would change, and write nothing
    #[arg(long)]
    diff: bool,
    /// With - as the only PATH: the name of the file that standard input holds
    #[arg(long = "path", value_name = "NAME")]
    name: Option<String>,
    /// Files, or folders to search; - for standard input
    #[arg(default_value = ".", value_name = "PATH")]
    paths: Vec<String>,
}

impl Lint {
    pub fn run(self) -> Result<u8, Failure> {
        let (text, code) = self.linted()?;
        stdout().write_all(text.as_bytes())?;
        Ok(code)
    }

    /// Which fixes are wanted; None where only findings are.
    fn choice(&self) -> Result<Option<Choice>, Failure> {
        if self.fix.is_none() && !self.diff {
            return match self.unsafe_fixes {
                true => Err(Failure::user("--unsafe-fixes needs --fix, which writes, or --diff, which only shows")),
                false => Ok(None),
            };
        }
        let named: BTreeSet<String> =
            self.fix.iter().flatten().map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect();
        let mut fixed: Vec<&str> = fixed_rules().map(|rule| rule.id).collect();
        fixed.put_in_order();
        for id in &named {
            if !fixed.contains(&id.as_str()) {
                return Err(Failure::user(match rule(id) {
                    Some(_) => format!("{id} has no fix in files; rules with a fix: {}", fixed.join(", ")),
                    None => {
                        let meant = did_you_mean(id, fixed.iter().copied(), &format!("only {}", fixed.join(", ")));
                        format!("there is no rule {id:?} with a fix: {meant}")
                    }
                }));
            }
        }
        Ok(Some(Choice { with_unsafe: self.unsafe_fixes, rules: (!named.is_empty()).then_some(named) }))
    }

    /// Refuses rules that do not exist.
    fn check_rules(&self) -> Result<(), Failure> {
        match self.rule.iter().chain(&self.ignore).find(|id| rule(id.trim()).is_none()) {
            Some(id) => Err(Failure::user(unknown_rule(id.trim()))),
            None => Ok(()),
        }
    }

    /// What standard input holds, if it is linted.
    fn typed(&self) -> Result<Option<TypedFile>, Failure> {
        let is_typed = self.paths.iter().any(|path| path == "-");
        if !is_typed {
            return match self.name {
                Some(_) => Err(Failure::user("--path names what is on standard input: fender lint - --path NAME")),
                None => Ok(None),
            };
        }
        if self.paths.len() > 1 {
            return Err(Failure::user("- stands for standard input and cannot be linted together with other paths"));
        }
        if self.fix.is_some() || self.diff {
            return Err(Failure::user("what is on standard input cannot be fixed: name the file"));
        }
        TypedFile::read(self.name.as_deref()).map(Some).map_err(|error| Failure::new(FailureKind::User, error))
    }

    /// Whether a finding of a rule is wanted on this command line.
    fn names(&self, id: &str) -> bool {
        let is_in = |ids: &[String]| ids.iter().any(|it| it.trim() == id);
        (self.rule.is_empty() || is_in(&self.rule)) && !is_in(&self.ignore)
    }

    /// The same fixes, but for the rules that are not wanted here.
    fn restricted(&self, choice: Choice) -> Choice {
        if self.rule.is_empty() && self.ignore.is_empty() {
            return choice;
        }
        let named = |id: &&str| self.names(id) && choice.rules.as_ref().is_none_or(|rules| rules.contains(*id));
        let rules = fixed_rules().map(|rule| rule.id).filter(named).map(str::to_owned).collect();
        Choice { rules: Some(rules), ..choice }
    }

    /// Whether a finding of a baseline would be found here if it were still there: by its rule, and by where its file is.
    fn looked_for(&self, entry: &BaselineEntry, paths: &PathRoot) -> bool {
        let is_below = |folder: &String| {
            let folder = paths.path(self.name.as_ref().filter(|_| folder == "-").unwrap_or(folder));
            let is_everything = folder.is_empty() && !entry.path.starts_with('/');
            let rest = entry.path.strip_prefix(&folder);
            is_everything || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || folder == "/")
        };
        self.names(&entry.rule) && self.paths.iter().any(is_below)
    }

    /// The findings that the baseline does not know and that are about what changed, and how many are left out for which reason.
    fn new_ones(
        &self,
        mut findings: Vec<Reported>,
        baseline: Option<&BaselineFile>,
        since: Option<Since>,
        paths: &PathRoot,
    ) -> anyhow::Result<(Vec<Reported>, Quieted)> {
        let mut quieted = Quieted::default();
        if let Some(baseline) = baseline {
            let stale = baseline.known.stale(&findings, |entry| self.looked_for(entry, paths));
            quieted.stale = Some(stale.cloned().collect());
            let before = findings.len();
            findings.retain(|it| !baseline.known.has(it));
            quieted.known = before - findings.len();
        }
        if let Some(mut since) = since {
            let mut changed = Vec::new();
            for reported in findings {
                if since.concerns(&reported, paths)? {
                    changed.push(reported);
                } else {
                    quieted.unchanged += 1;
                }
            }
            findings = changed;
        }
        Ok((findings, quieted))
    }

    /// The findings that are wanted, with their levels.
    fn wanted(&self, report: Report, configs: &Configs) -> Result<Vec<Reported>, PolicyProblem> {
        let report = if self.no_inline_allow { report.without_allowances() } else { report };
        let mut findings = Vec::new();
        for mut it in reported(report.findings, &configs.paths) {
            let named = it.finding.places.first().map_or("", |place| place.path()).to_owned();
            if !self.names(it.finding.rule.id) || configs.excludes(&named)? {
                continue;
            }
            if let Some(level) = configs.level(&it.finding, &named)? {
                it.level = level;
                findings.push(it);
            }
        }
        Ok(findings)
    }

    /// Where the configuration comes from.
    fn source(&self) -> ConfigSource {
        match &self.config {
            Some(file) => ConfigSource::File(file.into()),
            None if self.no_config => ConfigSource::Nowhere,
            None => ConfigSource::Upward,
        }
    }

    /// Every fix that is wanted: builds of files for which the configuration says the same are looked at together.
    fn fixed(
        &self,
        report: &Report,
        choice: Option<&Choice>,
        configs: &Configs,
        facts: &dyn Facts,
        host: &dyn Host,
    ) -> Result<FixOutcome, PolicyProblem> {
        let wanted = self.restricted(choice.cloned().unwrap_or_default());
        let mut groups: BTreeMap<(bool, Vec<&'static str>), Vec<Build>> = BTreeMap::new();
        for build in &report.builds {
            let path = build.path.as_deref().unwrap_or_default();
            if configs.excludes(path)? {
                continue;
            }
            let mut off = Vec::new();
            for rule in fixed_rules() {
                if configs.level(&rule.found(&[]), path)?.is_none() {
                    off.push(rule.id);
                }
            }
            groups.entry((configs.fixes_unsafely(path)?, off)).or_default().push(build.clone());
        }
        let mut all = FixOutcome::default();
        for ((with_unsafe, off), builds) in groups {
            let mut choice = wanted.clone();
            choice.with_unsafe |= with_unsafe && (self.fix.is_some() || self.diff);
            if !off.is_empty() {
                let rules = choice.rules.unwrap_or_else(|| fixed_rules().map(|rule| rule.id.to_owned()).collect());
                choice.rules = Some(rules.into_iter().filter(|id| !off.contains(&id.as_str())).collect());
            }
            let outcome = changes(&builds, &choice, facts, host);
            // One file may be a part of builds in several groups: it is changed once.
            let is_new = |path: &str| !all.changes.iter().any(|change| change.path == path);
            let (changed, made): (Vec<_>, Vec<_>) = (
                outcome.changes.into_iter().filter(|change| is_new(&change.path)).collect(),
                outcome.made.into_iter().filter(|fix| is_new(&fix.path)).collect(),
            );
            all.changes.extend(changed);
            all.made.extend(made);
            all.left.extend(outcome.left);
        }
        all.changes.put_in_order_by(|one, other| one.path.cmp(&other.path));
        Ok(all)
    }

    fn linted(&self) -> Result<(String, u8), Failure> {
        let choice = self.choice()?;
        self.check_rules()?;
        let typed = self.typed()?;
        let user = |error: anyhow::Error| Failure::new(FailureKind::User, error);
        let policy = Policy { layers: read_layers()? };
        let surroundings = Surroundings { assume_terminal: true };
        let offline = Offline { printer: session::printer(&policy).with_home(SOME_HOME) };
        let with_typed = typed
            .as_ref()
            .map(|file| (WithTyped { inner: &surroundings, file }, FactsWithTyped { inner: &offline, file }));
        let Collected { files: all, real } = match &typed {
            Some(file) => Collected { files: vec![(file.path.clone(), file.kind)], real: Vec::new() },
            None => collect(&self.paths).map_err(user)?,
        };
        let configs = Configs::new(&self.source(), policy.clone(), path_root(&all)).map_err(unusable)?;
        let paths = &configs.paths;
        let (mut files, mut excluded) = (Vec::new(), 0);
        for file in all {
            if configs.excludes(&file.0).map_err(unusable)? {
                excluded += 1;
            } else {
                files.push(file);
            }
        }
        let host = with_typed.as_ref().map_or(&surroundings as &dyn Host, |(host, _)| host);
        // An engine is asked for digests, users and entry points of images alone.
        let facts: Box<dyn Facts + '_> = match (&choice, &with_typed) {
            (Some(_), _) => {
                Box::new(session::engine_here(&policy).with_printer(session::printer(&policy).with_home(SOME_HOME)))
            }
            (None, Some((_, facts))) => Box::new(FactsWithTyped { ..*facts }),
            (None, None) => Box::new(Offline { printer: session::printer(&policy).with_home(SOME_HOME) }),
        };
        let screen = Screen::new(stdout().is_terminal());
        // What cannot be used is said before anything is read or written.
        let read = |path: &String| BaselineFile::read(path, self.write_baseline);
        let baseline = self.baseline.as_ref().map(read).transpose().map_err(user)?;
        let since = self.since.as_ref().map(|revision| Since::new(paths, revision)).transpose().map_err(user)?;
        let looking = Looking::new(host).with_real(&real);
        let mut report = lint(&files, &*facts, &looking);
        let mut failed: Vec<(anyhow::Error, Vec<Proposal>)> = Vec::new();
        let mut outcome = self.fixed(&report, choice.as_ref(), &configs, &*facts, &looking).map_err(unusable)?;
        let mut out = String::new();
        let mut written = false;
        if choice.is_some() {
            let difference: String = outcome.changes.iter().map(|it| fixes::difference(it, &screen)).collect();
            let writes = !self.diff && !outcome.changes.is_empty();
            if writes && self.format == LintFormat::Text && stdout().is_terminal() && stdin().is_terminal() {
                let what = count(outcome.changes.len(), "file");
                let question = Question::yes_or_no(&format!("Write these changes to {what}?")).text(difference.clone());
                written = question.ask(&screen, caller::kind()).is_ok_and(|answer| answer.is_yes());
            } else {
                written = writes;
                if self.format == LintFormat::Text {
                    out.push_str(&difference);
                }
            }
        }
        if written {
            for change in &outcome.changes {
                let before = change.before.as_ref().map(String::as_bytes);
                if let Err(problem) = replace(Path::new(&change.path), before, change.after.as_bytes()) {
                    // The fixes of this file are not made; the others are.
                    let (lost, made) = outcome.made.drain(..).partition(|fix| fix.path == change.path);
                    outcome.made = made;
                    failed.push((problem, lost));
                }
            }
            // The files are others now.
            report = lint(&files, &offline, &Looking::new(host).with_real(&real));
        }
        let number = report.files;
        let findings = self.wanted(report, &configs).map_err(unusable)?;
        if let (true, Some(baseline)) = (self.write_baseline, &baseline) {
            let said = baseline.write(&findings, &|entry| self.looked_for(entry, paths)).map_err(user)?;
            if self.format == LintFormat::Text {
                return Ok((said, DONE));
            }
            let _ = stderr().write_all(said.as_bytes());
            return Ok((String::new(), DONE));
        }
        let (findings, mut quieted) = self.new_ones(findings, baseline.as_ref(), since, paths).map_err(user)?;
        quieted.excluded = excluded;
        let findings = grouped(findings);
        match self.format {
            LintFormat::Text => {
                match (self.summary, self.quiet) {
                    (true, _) => out.push_str(&print::summary(&findings, &quieted)),
                    (false, true) => out.push_str(&print::as_lines(&findings)),
                    (false, false) => out.push_str(&print::as_text(&findings, &screen)),
                }
                if choice.is_some() || !self.quiet && !self.summary {
                    let fixes = fixes::summary(&outcome, choice.is_some(), self.diff, written, !failed.is_empty());
                    out.push_str(&fixes);
                }
                out.push_str(&print::last_line(&findings, number, &quieted));
            }
            LintFormat::Json => {
                out.push_str(&format!("{:#}\n", print::as_json(&findings, number, &quieted, &outcome, written)));
            }
            LintFormat::Sarif => out.push_str(&format!("{:#}\n", sarif(&findings, paths))),
            LintFormat::Gitlab => out.push_str(&format!("{:#}\n", gitlab(&findings))),
            LintFormat::Github => out.push_str(&github(&findings)),
            LintFormat::Checkstyle => out.push_str(&checkstyle(&findings)),
        }
        if self.summary && self.format != LintFormat::Text {
            let text = print::summary(&findings, &quieted) + &print::last_line(&findings, number, &quieted);
            let _ = stderr().write_all(text.as_bytes());
        }
        if !failed.is_empty() {
            // What was done is said all the same.
            for (problem, lost) in failed {
                let _ = write!(stderr(), "fender: {}\n{}", shown(&format!("{problem:#}")), fixes::each(&lost));
            }
            return Ok((out, FailureKind::User.code(Running::Own)));
        }
        let least = match self.level {
            Least::Note => Level::Note,
            Least::Warning => Level::Warning,
            Least::Error => Level::Error,
        };
        let found = findings.iter().any(|it| it.level >= least);
        Ok((out, if found { FAILED } else { DONE }))
    }
}

/// A configuration that cannot be used: it is no policy.
fn unusable(problem: PolicyProblem) -> Failure {
    Failure::new(FailureKind::User, problem)
}

/// Where reports name paths from: the root of the repository that the working directory is in, else of the first file's, else the
/// working directory.
fn path_root(files: &[(String, FileKind)]) -> PathRoot {
    let directory = env::current_dir().unwrap_or_else(|_| Path::new("/").to_path_buf());
    let first = files.first().map(|(path, _)| directory.join(path));
    let of_first = || first.as_deref().and_then(Path::parent).and_then(repository::root);
    let root = repository::root(&directory).or_else(of_first).unwrap_or_else(|| directory.clone());
    let text = |path: &Path| path.to_string_lossy().into_owned();
    PathRoot { directory: text(&directory), root: text(&root) }
}
