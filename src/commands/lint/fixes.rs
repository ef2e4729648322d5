//! What `fender lint --fix` says: the difference, and what was fixed and what was not.

use std::fmt::Write as _;

use similar::DiffTag;
use similar::algorithms::{Capture, Replace, myers};

use crate::ui::screen::{Screen, shown};
use fender_core::lint::fix::{FileChange, FixOutcome, Proposal};

/// `root-user Dockerfile:3`, one line for each fix.
pub fn each(proposals: &[Proposal]) -> String {
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
pub fn summary(outcome: &FixOutcome, wanted: bool, only_shown: bool, written: bool, failed: bool) -> String {
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
pub fn difference(change: &FileChange, screen: &Screen) -> String {
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
