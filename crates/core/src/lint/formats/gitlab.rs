//! GitLab's code quality report.

use serde_json::{Value, json};

use super::message;
use crate::lint::Reported;
use crate::policy::Level;

/// The report: a list with one entry for each finding.
pub fn gitlab(findings: &[Reported]) -> Value {
    let one = |reported: &Reported| {
        let place = reported.finding.places.first();
        let (begin, end) = place.map_or((1, 1), |place| (place.start().0, place.end().0));
        json!({
            "description": message(&reported.finding),
            "check_name": reported.finding.rule.id,
            "fingerprint": reported.fingerprint,
            "severity": match reported.level {
                Level::Error => "critical",
                Level::Warning => "major",
                Level::Note => "info",
            },
            "location": {"path": reported.path, "lines": {"begin": begin, "end": end}},
        })
    };
    Value::Array(findings.iter().map(one).collect())
}
