//! Annotations of GitHub Actions: workflow commands, one a line.

use super::message;
use crate::lint::Reported;
use crate::policy::Level;

/// One `::error …::…` line for each finding.
pub fn github(findings: &[Reported]) -> String {
    findings.iter().map(annotation).collect()
}

fn annotation(reported: &Reported) -> String {
    let Some(place) = reported.finding.places.first() else { return String::new() };
    let command = match reported.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let ((line, column), (end_line, end_column)) = (place.start(), place.end());
    // GitHub takes columns only for what stands on one line.
    let end = match line == end_line && end_column > column {
        true => format!(",col={column},endColumn={end_column}"),
        false => format!(",endLine={end_line}"),
    };
    format!(
        "::{command} file={},line={line}{end},title={}::{}\n",
        property(&reported.path),
        property(&format!("fender {}", reported.finding.rule.id)),
        data(&message(&reported.finding)),
    )
}

/// Text of a command, as actions/toolkit `packages/core/src/command.ts` escapes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property: what ends a property is escaped, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_command_early() {
        assert_eq!(data("50 %\r\n::error::x"), "50 %25%0D%0A::error::x");
        assert_eq!(property("a,line=1:b\n%"), "a%2Cline=1%3Ab%0A%25");
    }
}
