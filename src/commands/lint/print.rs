//! What `fender lint` prints of its findings: for a person, and as JSON.

use fender_core::order::PutInOrder as _;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::ui::report;
use crate::ui::screen::{Screen, shown};
use crate::ui::snippet;
use fender_core::lint::fix::{FixOutcome, Proposal};
use fender_core::lint::{BaselineEntry, Level, Reported};
use fender_core::text::count;

/// How many findings there are of each level: `2 errors, 1 note`.
pub fn levels<'a>(findings: impl Iterator<Item = &'a Reported>) -> String {
    let mut counts: BTreeMap<Reverse<Level>, usize> = BTreeMap::new();
    for reported in findings {
        *counts.entry(Reverse(reported.level)).or_default() += 1;
    }
    let parts: Vec<String> = counts.iter().map(|(level, number)| count(*number, level.0.name())).collect();
    parts.join(", ")
}

/// What was found and is not reported.
#[derive(Debug, Default)]
pub struct Quieted {
    /// How many findings the baseline knows.
    pub known: usize,
    /// What the baseline knows and is not there any more; None without a baseline.
    pub stale: Option<Vec<BaselineEntry>>,
    /// How many findings are about what did not change.
    pub unchanged: usize,
    /// How many files the configuration excludes.
    pub excluded: usize,
}

impl Quieted {
    fn text(&self) -> String {
        let mut parts = Vec::new();
        if self.known > 0 {
            parts.push(format!("{} in the baseline", self.known));
        }
        if self.unchanged > 0 {
            parts.push(format!("{} on lines that did not change", self.unchanged));
        }
        if self.excluded > 0 {
            parts.push(format!("{} excluded", count(self.excluded, "file")));
        }
        if parts.is_empty() { String::new() } else { format!("; not shown: {}", parts.join(", ")) }
    }
}

/// The last line of every report: how many problems, of which levels, in how many files, and how many are not shown.
pub fn last_line(findings: &[Reported], files: usize, quieted: &Quieted) -> String {
    let (files, quieted_text) = (count(files, "file"), quieted.text());
    let new = if quieted.known + quieted.unchanged > 0 { "new " } else { "" };
    match findings.len() {
        0 => format!("{files}, no {new}problems{quieted_text}\n"),
        number => format!("{} in {files}: {}{quieted_text}\n", count(number, "problem"), levels(findings.iter())),
    }
}

/// The findings of each file, the heaviest first, and the files with the heaviest findings first.
fn by_file(findings: &[Reported]) -> Vec<(&str, Vec<&Reported>)> {
    let mut files: BTreeMap<&str, Vec<&Reported>> = BTreeMap::new();
    for reported in findings {
        let path = reported.finding.places.first().map_or(reported.path.as_str(), |place| place.path());
        files.entry(path).or_default().push(reported);
    }
    let mut files: Vec<(&str, Vec<&Reported>)> = files.into_iter().collect();
    for (_, findings) in &mut files {
        // Of one level they stay in the order of their lines.
        findings.put_in_order_by_key(|reported| Reverse(reported.level));
    }
    files.put_in_order_by_key(|(_, findings)| Reverse(findings.first().map(|reported| reported.level)));
    files
}

/// Every finding with its line, what to do instead, grouped by file.
pub fn as_text(findings: &[Reported], screen: &Screen) -> String {
    let mut out = String::new();
    for (path, findings) in by_file(findings) {
        let _ = writeln!(out, "{}  {}\n", screen.bold(&shown(path)), levels(findings.iter().copied()));
        for reported in findings {
            let finding = &reported.finding;
            let id = finding.rule.id;
            let line = screen.filled(&format!("{}  {id}  ", reported.level.name()), &report::titled(finding));
            out.push_str(&line.replacen(id, &screen.marked(id), 1));
            out.push_str(&report::places(finding, screen));
            if finding.instead.trim() != "" {
                out.push_str(&screen.dim(&screen.filled("    instead  ", &shown(&finding.instead))));
            }
            out.push('\n');
        }
    }
    out
}

/// One line for each finding, in the form that editors and other programs read.
pub fn as_lines(findings: &[Reported]) -> String {
    let mut out = String::new();
    for reported in by_file(findings).into_iter().flat_map(|(_, findings)| findings) {
        let place = reported.finding.places.first().map(|place| shown(&place.name())).unwrap_or_default();
        let title = report::titled(&reported.finding);
        let _ = writeln!(out, "{place}: {} {}: {title}", reported.level.name(), reported.finding.rule.id);
    }
    out
}

/// How many findings each rule has, at which level and in how many files; the heaviest first. Then what only the baseline has.
pub fn summary(findings: &[Reported], quieted: &Quieted) -> String {
    let mut rules: BTreeMap<(Reverse<Level>, &str), Vec<&str>> = BTreeMap::new();
    for reported in findings {
        rules.entry((Reverse(reported.level), reported.finding.rule.id)).or_default().push(&reported.path);
    }
    let mut rows: Vec<_> = rules.into_iter().collect();
    rows.put_in_order_by_key(|((level, _), paths)| (*level, Reverse(paths.len())));
    let mut out = String::new();
    for ((level, rule), paths) in rows {
        let files = paths.iter().collect::<BTreeSet<_>>().len();
        let _ = writeln!(out, "{:<8} {rule:<26} {:>5} in {}", level.0.name(), paths.len(), count(files, "file"));
    }
    let stale = quieted.stale.as_deref().unwrap_or_default();
    for entry in stale {
        let _ = writeln!(out, "{:<8} {:<26}   not found any more in {}", "stale", entry.rule, shown(&entry.path));
    }
    if !stale.is_empty() {
        let number = stale.len();
        let entries = if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") };
        let _ = writeln!(out, "{entries} of the baseline can go: --write-baseline writes it again");
    }
    out
}

/// All findings and fixes as JSON.
pub fn as_json(findings: &[Reported], files: usize, quieted: &Quieted, outcome: &FixOutcome, written: bool) -> Value {
    let one = |reported: &Reported| {
        let finding = &reported.finding;
        let mut place = finding.places.first().map_or_else(|| json!({}), snippet::as_json);
        let Value::Object(entry) = &mut place else { return place };
        for (key, value) in [
            ("rule", json!(finding.rule.id)),
            ("class", json!(finding.class.name())),
            ("level", json!(reported.level.name())),
            ("title", json!(finding.title)),
            ("why", json!(finding.why)),
            ("instead", json!(finding.instead)),
            ("confidence", json!(finding.rule.confidence.name())),
            ("fingerprint", json!(reported.fingerprint)),
            ("services", json!(reported.services)),
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
    let of_level = |level: Level| findings.iter().filter(|reported| reported.level == level).count();
    let mut rules: BTreeMap<&str, usize> = BTreeMap::new();
    for reported in findings {
        *rules.entry(reported.finding.rule.id).or_default() += 1;
    }
    json!({
        "files": files, "findings": findings.iter().map(one).collect::<Vec<_>>(),
        "fixes": fixes.collect::<Vec<_>>(),
        "summary": {
            "errors": of_level(Level::Error), "warnings": of_level(Level::Warning), "notes": of_level(Level::Note),
            "rules": rules, "unchanged": quieted.unchanged,
        },
        "baseline": quieted.stale.as_ref().map(|stale| json!({
            "known": quieted.known, "stale": stale.iter().map(stale_entry).collect::<Vec<_>>(),
        })),
    })
}

fn stale_entry(entry: &BaselineEntry) -> Value {
    json!({"rule": entry.rule, "path": entry.path, "fingerprint": entry.fingerprint})
}
