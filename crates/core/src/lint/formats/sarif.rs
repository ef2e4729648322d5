//! Findings as SARIF 2.1.0, for programs that show them next to the code.

use serde_json::{Value, json};

use super::message;
use crate::files::text::Place;
use crate::lint::{Level, PathRoot, Reported};
use crate::rules::{Confidence, RULES, Rule};

/// What relative addresses start at.
const ROOT: &str = "SRCROOT";

/// The report as SARIF 2.1.0, with addresses from the repository's root.
pub fn sarif(findings: &[Reported], paths: &PathRoot) -> Value {
    let is_used = |rule: &&&Rule| findings.iter().any(|reported| reported.finding.rule.id == rule.id);
    let used: Vec<&'static Rule> = RULES.iter().filter(is_used).copied().collect();
    let rules: Vec<Value> = used
        .iter()
        .map(|rule| {
            let mut entry = json!({
                "id": rule.id,
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": rule.why},
                "help": {"text": format!("{}\n\nInstead: {}", rule.why, rule.instead)},
                "defaultConfiguration": {"level": Level::of(rule.class).name()},
                "properties": {"class": rule.class.name(), "precision": precision(rule.confidence)},
            });
            let address = rule.references.iter().find(|reference| reference.starts_with("https://"));
            if let (Value::Object(entry), Some(address)) = (&mut entry, address) {
                entry.insert("helpUri".to_owned(), json!(address));
            }
            entry
        })
        .collect();
    let location = |place: &Place| {
        let ((line, column), (end_line, end_column)) = (place.start(), place.end());
        let end_column = end_column.max(column + usize::from(line == end_line));
        json!({"physicalLocation": {
            "artifactLocation": artifact(&paths.path(place.path())),
            "region": {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column},
        }})
    };
    let results: Vec<Value> = findings
        .iter()
        .map(|reported| {
            let places = &reported.finding.places;
            let mut result = json!({
                "ruleId": reported.finding.rule.id,
                "ruleIndex": used.iter().position(|rule| rule.id == reported.finding.rule.id),
                "level": reported.level.name(),
                "message": {"text": message(&reported.finding)},
                "locations": places.first().map(location).into_iter().collect::<Vec<_>>(),
                // GitHub knows a finding again by the first one alone.
                "partialFingerprints": {
                    "primaryLocationLineHash": format!("{}:1", reported.fingerprint),
                    "fender/v1": reported.fingerprint,
                },
            });
            if let (Value::Object(entry), true) = (&mut result, places.len() > 1) {
                let others: Vec<Value> = places.iter().skip(1).map(location).collect();
                entry.insert("relatedLocations".to_owned(), Value::Array(others));
            }
            result
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
            "originalUriBaseIds": {ROOT: {"description": {"text": "the root of the repository"}}},
            "results": results,
        }],
    })
}

/// How sure a rule is, in the words of GitHub's code scanning.
fn precision(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Possible => "medium",
        Confidence::Likely => "high",
        Confidence::Certain => "very-high",
    }
}

/// A path as the address of a file: relative ones start at the repository's root.
fn artifact(path: &str) -> Value {
    let is_absolute = path.starts_with('/');
    let mut uri = if is_absolute { "file://".to_owned() } else { String::new() };
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    if is_absolute { json!({"uri": uri}) } else { json!({"uri": uri, "uriBaseId": ROOT}) }
}
