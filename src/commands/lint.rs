//! `fender lint`: what is wrong in Dockerfiles, ignore files, compose and bake files, and what can be mended.

use std::fmt::Write as _;
use std::fs;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use similar::DiffTag;
use similar::algorithms::{Capture, Replace, myers};

use crate::engine::Offline;
use crate::environment::collect::collect;
use crate::environment::host::Surroundings;
use crate::environment::policy::read_layers;
use crate::session;
use crate::ui::report;
use crate::ui::screen::{Screen, shown};
use crate::ui::snippet;
use fender_core::lint::fix::{FileChange, changes};
use fender_core::lint::sarif::sarif;
use fender_core::lint::{Level, Report, lint};
use fender_core::plan::Facts;
use fender_core::policy::Policy;
use fender_core::rules::Finding;
use fender_core::text::count;

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
    /// End with code 1 for findings from this level on: note (careless defaults), warning, error (escapes and losses)
    #[arg(long, value_enum, default_value = "note")]
    level: Least,
    /// Mend what can be mended, showing the difference
    #[arg(long)]
    fix: bool,
    /// Files, or folders with files below
    #[arg(default_value = ".", value_name = "PATH")]
    paths: Vec<String>,
}

impl Lint {
    pub fn run(self) -> u8 {
        match self.linted() {
            Ok((text, code)) => {
                if stdout().write_all(text.as_bytes()).is_err() {
                    return super::USAGE;
                }
                code
            }
            Err(problem) => {
                let _ = writeln!(stderr(), "fender: {problem}");
                super::USAGE
            }
        }
    }

    fn linted(&self) -> Result<(String, u8), String> {
        let policy =
            Policy { layers: read_layers().map_err(|problem| format!("the policy cannot be read: {problem}"))? };
        let files = collect(&self.paths)?;
        // An engine is asked for digests alone.
        let facts: Box<dyn Facts> = match self.fix {
            true => Box::new(session::engine_here(&policy)),
            false => Box::new(Offline { printer: session::printer(&policy) }),
        };
        let screen = Screen::new(stdout().is_terminal());
        let host = Surroundings { assume_terminal: true };
        let mut report = lint(&files, &*facts, &host);
        let mut out = String::new();
        if self.fix {
            let made = changes(&report.builds, &*facts, &host);
            for change in &made {
                write(change)?;
                if self.format == LintFormat::Text {
                    out.push_str(&difference(change, &screen));
                }
            }
            if !made.is_empty() {
                let offline = Offline { printer: session::printer(&policy) };
                report = lint(&collect(&self.paths)?, &offline, &host);
            }
        }
        match self.format {
            LintFormat::Text => {
                // What --fix would do is counted, not shown.
                let mendable = if self.fix { 0 } else { changes(&report.builds, &*facts, &host).len() };
                out.push_str(&as_text(&report, mendable, &screen));
            }
            LintFormat::Json => out.push_str(&format!("{:#}\n", as_json(&report))),
            LintFormat::Sarif => out.push_str(&format!("{:#}\n", sarif(&report))),
        }
        let least = match self.level {
            Least::Note => Level::Note,
            Least::Warning => Level::Warning,
            Least::Error => Level::Error,
        };
        let found = report.findings.iter().any(|finding| Level::of(finding.class) >= least);
        Ok((out, u8::from(found)))
    }
}

/// A file in its place at once, with the rights it had.
fn write(change: &FileChange) -> Result<(), String> {
    let path = Path::new(&change.path);
    let failed = |error: std::io::Error| format!("{}: {error}", change.path);
    // What a link leads to is written, not the link.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let beside = real.with_file_name(format!(".{name}.fender-{}", std::process::id()));
    fs::write(&beside, &change.after).map_err(failed)?;
    if let Ok(known) = fs::metadata(&real) {
        let _ = fs::set_permissions(&beside, known.permissions());
    }
    fs::rename(&beside, &real).map_err(|error| {
        let _ = fs::remove_file(&beside);
        failed(error)
    })
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
                let line = shown(&format!("{sign}{}", line.trim_end_matches('\r')));
                let _ = writeln!(out, "{}", if is_same { line } else { screen.dim(&line) });
            }
            for line in after[operation.new_range()].iter().filter(|_| !is_same) {
                let _ = writeln!(out, "{}", screen.good(&shown(&format!("+{}", line.trim_end_matches('\r')))));
            }
        }
    }
    out.push('\n');
    out
}

fn as_text(report: &Report, mendable: usize, screen: &Screen) -> String {
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
    if report.findings.is_empty() {
        let _ = writeln!(out, "{files}, nothing to mend");
        return out;
    }
    let mends = if mendable > 0 { "; fender lint --fix mends what it can".to_owned() } else { String::new() };
    let _ = writeln!(out, "{} in {files}{mends}", count(report.findings.len(), "thing"));
    out
}

fn as_json(report: &Report) -> Value {
    let one = |finding: &Finding| {
        let mut place = snippet::as_json(&finding.places[0]);
        let entry = place.as_object_mut().expect("a place is an object");
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
        if finding.rule.id.starts_with("secret-") {
            entry.insert("meaning".to_owned(), Value::Null);
            entry.insert("text".to_owned(), Value::Null);
        }
        place
    };
    json!({"files": report.files, "findings": report.findings.iter().map(one).collect::<Vec<_>>()})
}
