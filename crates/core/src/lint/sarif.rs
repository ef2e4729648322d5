//! Findings as SARIF 2.1.0, for programs that show them next to the code.

use serde_json::{Value, json};

use super::{Level, Report};
use crate::files::text::Place;
use crate::rules::{Finding, RULES, Rule};

/// The report as SARIF 2.1.0.
pub fn sarif(report: &Report) -> Value {
    let used: Vec<&'static Rule> =
        RULES.iter().copied().filter(|rule| report.findings.iter().any(|finding| finding.rule.id == rule.id)).collect();
    let rules: Vec<Value> = used
        .iter()
        .map(|rule| {
            let mut entry = json!({
                "id": rule.id,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.why},
                "help": {"text": format!("{}\n\nInstead: {}", rule.why, rule.instead)},
                "defaultConfiguration": {"level": Level::of(rule.class).name()},
                "properties": {"class": rule.class.name()},
            });
            let address = rule.references.iter().find(|reference| reference.starts_with("https://"));
            if let (Value::Object(entry), Some(address)) = (&mut entry, address) {
                entry.insert("helpUri".to_owned(), json!(address));
            }
            entry
        })
        .collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            let location = |place: &Place| {
                let ((line, column), (end_line, end_column)) = (place.start(), place.end());
                json!({"physicalLocation": {
                    "artifactLocation": {"uri": address(place.path())},
                    "region": {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column.max(column + usize::from(line == end_line))},
                }})
            };
            json!({
                "ruleId": finding.rule.id,
                "ruleIndex": used.iter().position(|rule| rule.id == finding.rule.id),
                "level": Level::of(finding.class).name(),
                "message": {"text": message(finding)},
                "locations": finding.places.first().into_iter().map(location).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "fender",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A path as the address of a file: relative ones stay so.
fn address(path: &str) -> String {
    let mut out = if path.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// What is wrong, why it matters, and what to do instead if the finding says so.
fn message(finding: &Finding) -> String {
    let text = format!("{}. {}", finding.title, finding.why);
    if finding.instead.is_empty() { text } else { format!("{text} Instead: {}", finding.instead) }
}
