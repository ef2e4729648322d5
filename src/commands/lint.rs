//! `fender lint`: finds and fixes problems in Dockerfiles, ignore files, compose and bake files.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stderr, stdin, stdout};
use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use similar::DiffTag;
use similar::algorithms::{Capture, Replace, myers};

use crate::engine::Offline;
use crate::environment::caller;
use crate::environment::collect::collect;
use crate::environment::host::Surroundings;
use crate::environment::policy::read_layers;
use crate::environment::replace::replace;
use crate::exit::{DONE, FAILED, FailureKind, Running};
use crate::failure::Failure;
use crate::session;
use crate::ui::question::Question;
use crate::ui::report;
use crate::ui::screen::{Screen, shown};
use crate::ui::snippet;
use fender_core::lint::fix::{Choice, FileChange, FixOutcome, Proposal, changes, fixed_rules};
use fender_core::lint::sarif::sarif;
use fender_core::lint::{Level, Report, lint};
use fender_core::plan::Facts;
use fender_core::policy::Policy;
use fender_core::rules::{Finding, rule};
use fender_core::text::{count, did_you_mean};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LintFormat {
    Text,
    Json,
    Sarif,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Least {
    Note,
    Warning,
    Error,
}

#[derive(Args, Debug)]
pub struct Lint {
    /// How to print it
    #[arg(long, value_enum, default_value = "text")]
    format: LintFormat,
    /// Exit with code 1 for findings at or above this level: note (careless defaults), warning, error (escape and loss)
    #[arg(long, value_enum, default_value = "note")]
    level: Least,
    /// Write safe fixes, for all rules or for these; on a terminal it asks first
    #[arg(long, value_name = "RULE,…", num_args = 0..=1, require_equals = true, default_missing_value = "", value_delimiter = ',')]
    fix: Option<Vec<String>>,
    /// With --fix or --diff: also the fixes that may break the image
    #[arg(long)]
    unsafe_fixes: bool,
    /// Show what --fix would change, and write nothing
    #[arg(long)]
    diff: bool,
    /// Files, or folders to search
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
        fixed.sort_unstable();
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

    fn linted(&self) -> Result<(String, u8), Failure> {
        let choice = self.choice()?;
        let user = |error: anyhow::Error| Failure::new(FailureKind::User, error);
        let policy = Policy { layers: read_layers()? };
        let files = collect(&self.paths).map_err(user)?;
        // An engine is asked for digests, users and entry points of images alone.
        let facts: Box<dyn Facts> = match choice {
            Some(_) => Box::new(session::engine_here(&policy)),
            None => Box::new(Offline { printer: session::printer(&policy) }),
        };
        let screen = Screen::new(stdout().is_terminal());
        let host = Surroundings { assume_terminal: true };
        let mut report = lint(&files, &*facts, &host);
        let mut failed: Vec<(anyhow::Error, Vec<Proposal>)> = Vec::new();
        let mut outcome = changes(&report.builds, &choice.clone().unwrap_or_default(), &*facts, &host);
        let mut out = String::new();
        let mut written = false;
        if choice.is_some() {
            let difference: String = outcome.changes.iter().map(|change| difference(change, &screen)).collect();
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
            let offline = Offline { printer: session::printer(&policy) };
            report = lint(&collect(&self.paths).map_err(user)?, &offline, &host);
        }
        match self.format {
            LintFormat::Text => {
                let summary = summary(&outcome, choice.is_some(), self.diff, written, !failed.is_empty());
                out.push_str(&as_text(&report, &summary, &screen));
            }
            LintFormat::Json => out.push_str(&format!("{:#}\n", as_json(&report, &outcome, written))),
            LintFormat::Sarif => out.push_str(&format!("{:#}\n", sarif(&report))),
        }
        if !failed.is_empty() {
            // What was done is said all the same.
            for (problem, lost) in failed {
                let _ = write!(stderr(), "fender: {}\n{}", shown(&format!("{problem:#}")), each(&lost));
            }
            return Ok((out, FailureKind::User.code(Running::Own)));
        }
        let least = match self.level {
            Least::Note => Level::Note,
            Least::Warning => Level::Warning,
            Least::Error => Level::Error,
        };
        let found = report.findings.iter().any(|finding| Level::of(finding.class) >= least);
        Ok((out, if found { FAILED } else { DONE }))
    }
}

/// `root-user Dockerfile:3`, one line for each fix.
fn each(proposals: &[Proposal]) -> String {
    let line = |proposal: &Proposal| {
        let place = if proposal.line > 0 {
            format!("{}:{}", proposal.path, proposal.line)
        } else {
            format!("{}: {}", proposal.path, proposal.about)
        };
        format!("  {:<20} {}\n", proposal.rule, shown(&place))
    };
    proposals.iter().map(line).collect()
}

/// What was fixed and what was not.
fn summary(outcome: &FixOutcome, wanted: bool, only_shown: bool, written: bool, failed: bool) -> String {
    let mut out = String::new();
    let fixes = |proposals: &[Proposal]| match proposals.len() {
        1 => "1 fix".to_owned(),
        number => format!("{number} fixes"),
    };
    if !wanted {
        if !outcome.made.is_empty() {
            let _ = writeln!(out, "{} can be written safely: fender lint --fix", fixes(&outcome.made));
        }
        if !outcome.left.is_empty() {
            let _ = writeln!(
                out,
                "{} may break the image: fender lint --diff --unsafe-fixes shows them",
                fixes(&outcome.left)
            );
        }
        return out;
    }
    if outcome.made.is_empty() {
        out.push_str(if failed { "nothing written\n" } else { "no safe fix\n" });
    } else {
        let what = match (only_shown, written) {
            (true, _) => "shown, not written",
            (false, true) => "written",
            (false, false) => "not written",
        };
        let _ = write!(out, "{} {what}\n{}", fixes(&outcome.made), each(&outcome.made));
    }
    if !outcome.left.is_empty() {
        let _ = write!(
            out,
            "{} not written: may break the image (--unsafe-fixes)\n{}",
            fixes(&outcome.left),
            each(&outcome.left)
        );
    }
    out
}

/// Lines of context around a change.
const CONTEXT: usize = 2;

/// As `diff -u` shows it.
fn difference(change: &FileChange, screen: &Screen) -> String {
    let before: Vec<&str> = change.before.as_deref().unwrap_or_default().lines().collect();
    let after: Vec<&str> = change.after.lines().collect();
    let mut captured = Replace::new(Capture::new());
    // Capturing cannot fail.
    let _ = myers::diff(&mut captured, &before, 0..before.len(), &after, 0..after.len());
    let old = if change.before.is_some() { change.path.as_str() } else { "/dev/null" };
    let mut out = format!("{}\n{}\n", shown(&format!("--- {old}")), shown(&format!("+++ {}", change.path)));
    for group in captured.into_inner().into_grouped_ops(CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let range = |start: usize, end: usize| format!("{},{}", start + usize::from(end > start), end - start);
        let (olds, news) = (
            range(first.old_range().start, last.old_range().end),
            range(first.new_range().start, last.new_range().end),
        );
        let _ = writeln!(out, "@@ -{olds} +{news} @@");
        for operation in &group {
            let is_same = operation.tag() == DiffTag::Equal;
            for line in &before[operation.old_range()] {
                let sign = if is_same { ' ' } else { '-' };
                let line = format!("{sign}{}", with_tabs(line.trim_end_matches('\r')));
                let _ = writeln!(out, "{}", if is_same { line } else { screen.dim(&line) });
            }
            for line in after[operation.new_range()].iter().filter(|_| !is_same) {
                let _ = writeln!(out, "{}", screen.good(&format!("+{}", with_tabs(line.trim_end_matches('\r')))));
            }
        }
    }
    out.push('\n');
    out
}

/// A line of a file for the terminal: escaped but for its tabs.
fn with_tabs(line: &str) -> String {
    line.split('\t').map(shown).collect::<Vec<_>>().join("\t")
}

fn as_text(report: &Report, summary: &str, screen: &Screen) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        let level = Level::of(finding.class).name();
        let id = finding.rule.id;
        let line = screen.filled(&format!("{level}  {id}  "), &report::titled(finding));
        out.push_str(&line.replacen(id, &screen.marked(id), 1));
        out.push_str(&report::places(finding, screen));
        if finding.instead.trim() != "" {
            out.push_str(&screen.dim(&screen.filled("    instead  ", &shown(&finding.instead))));
        }
        out.push('\n');
    }
    let files = count(report.files, "file");
    match report.findings.len() {
        0 => {
            let _ = writeln!(out, "{files}, no problems");
        }
        number => {
            let _ = writeln!(out, "{} in {files}", count(number, "problem"));
        }
    }
    out.push_str(summary);
    out
}

fn as_json(report: &Report, outcome: &FixOutcome, written: bool) -> Value {
    let one = |finding: &Finding| {
        let mut place = snippet::as_json(&finding.places[0]);
        let Value::Object(entry) = &mut place else { return place };
        for (key, value) in [
            ("rule", json!(finding.rule.id)),
            ("class", json!(finding.class.name())),
            ("level", json!(Level::of(finding.class).name())),
            ("title", json!(finding.title)),
            ("why", json!(finding.why)),
            ("instead", json!(finding.instead)),
        ] {
            entry.insert(key.to_owned(), value);
        }
        if finding.rule.hides {
            entry.insert("meaning".to_owned(), Value::Null);
            entry.insert("text".to_owned(), Value::Null);
        }
        place
    };
    let fix = |proposal: &Proposal, written: bool| {
        let line = (proposal.line > 0).then_some(proposal.line);
        json!({
            "rule": proposal.rule, "path": proposal.path, "line": line, "about": proposal.about,
            "grade": proposal.grade.name(), "written": written,
        })
    };
    let fixes = outcome.made.iter().map(|it| fix(it, written)).chain(outcome.left.iter().map(|it| fix(it, false)));
    json!({
        "files": report.files, "findings": report.findings.iter().map(one).collect::<Vec<_>>(),
        "fixes": fixes.collect::<Vec<_>>(),
    })
}
