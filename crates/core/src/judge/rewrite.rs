//! The command with its findings fixed. The rewrite is checked by lowering the changed arguments: only the fields
//! that the edits name may differ, or there is no rewrite.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::ops::Range;

use serde_json::Value;

use crate::grammar::parse::Invocation;
use crate::host::Host;
use crate::lower::{Effect, Lowered, Request, lower, read, tell};
use crate::rules::{Edit, Finding};

/// The words after all edits of these findings; None where nothing is to be changed or a change would do more than it says.
pub fn rewrite(
    invocation: &Invocation,
    words: &[OsString],
    lowered: &Lowered,
    findings: &[&Finding],
    host: &dyn Host,
) -> Option<Vec<OsString>> {
    let mut seen = HashSet::new();
    let edits: Vec<&Edit> =
        findings.iter().flat_map(|finding| &finding.edits).filter(|edit| seen.insert(*edit)).collect();
    if edits.is_empty() {
        return None;
    }
    if let Some(Edit::Command { words: command }) = edits.iter().find(|edit| matches!(edit, Edit::Command { .. })) {
        let first = *invocation.named_by.first()?;
        return Some(words.iter().take(first).cloned().chain(command.iter().map(OsString::from)).collect());
    }
    let changed = apply(invocation, words, &edits)?;
    let texts: Vec<String> = changed.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let again = lower(&read(&texts, host), host);
    only_as_said(lowered, &again, &edits).then_some(changed)
}

fn apply(invocation: &Invocation, words: &[OsString], edits: &[&Edit]) -> Option<Vec<OsString>> {
    let mut changed: Vec<OsString> = words.to_vec();
    let mut added: Vec<OsString> = Vec::new();
    let put = |changed: &mut Vec<OsString>, position: usize, bytes: Option<Range<usize>>, with: &str| {
        let argument = changed.get_mut(position)?;
        // An argument that is not UTF-8 stays as it is, and so there is no rewrite.
        let text = argument.to_str()?;
        let (before, after) = match bytes {
            Some(bytes) => (text.get(..bytes.start)?, text.get(bytes.end..)?),
            None => ("", ""),
        };
        *argument = format!("{before}{with}{after}").into();
        Some(())
    };
    for edit in edits {
        match edit {
            Edit::Replace { position, bytes, with, .. } => put(&mut changed, *position, bytes.clone(), with)?,
            Edit::Set { flag, value, .. } => match (invocation.last(flag), value) {
                (Some(set), _) if set.at.is_some() => {
                    let (position, from) = set.at?;
                    let bytes = from..from + set.value.len();
                    put(&mut changed, position, Some(bytes), value.as_deref().unwrap_or("true"))?;
                }
                (_, Some(value)) => added.extend([format!("--{flag}").into(), value.into()]),
                (_, None) => added.push(format!("--{flag}").into()),
            },
            Edit::Command { .. } => {}
        }
    }
    // The last one wins: behind every flag that was typed.
    let at = invocation.flags_end.min(changed.len());
    changed.splice(at..at, added);
    Some(changed)
}

/// The parts of the request's body that an edit may change.
fn may_change(edit: &Edit) -> &'static [&'static str] {
    match edit {
        Edit::Set { field, .. } => field.pointers,
        Edit::Replace { changes, .. } => changes,
        Edit::Command { .. } => &[],
    }
}

fn only_as_said(before: &Lowered, after: &Lowered, edits: &[&Edit]) -> bool {
    if after.refusal.is_some() || before.effects.len() != after.effects.len() {
        return false;
    }
    let allowed: BTreeSet<&str> = edits.iter().flat_map(|edit| may_change(edit)).copied().collect();
    before.effects.iter().zip(&after.effects).all(|pair| match pair {
        (Effect::Request(one), Effect::Request(other)) => same_but_for(one, other, &allowed),
        (one, other) => said(one) == said(other),
    })
}

fn said(effect: &Effect) -> Option<String> {
    tell(effect)
}

fn same_but_for(one: &Request, other: &Request, allowed: &BTreeSet<&str>) -> bool {
    // A pull names the image that the create names.
    let query = one.query == other.query || (one.path == "/images/create" && allowed.contains("/Image"));
    // Of a published port only the address may change.
    let ports = one.ports.same(&other.ports, allowed.contains("/HostConfig/PortBindings"));
    one.method == other.method && one.path == other.path && query && ports && {
        let mut changes = Vec::new();
        differences(&one.body_without_ports(), &other.body_without_ports(), String::new(), &mut changes);
        changes.iter().all(|pointer| allowed.iter().any(|allowed| is_below(pointer, allowed)))
    }
}

fn is_below(pointer: &str, allowed: &str) -> bool {
    match pointer.strip_prefix(allowed) {
        // Of a published port only the address may change.
        Some(rest) if allowed.ends_with("/PortBindings") => rest.ends_with("/HostIp"),
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// The pointers at which two bodies differ.
fn differences(one: &Value, other: &Value, pointer: String, changes: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let (left, right) = (left.get(key).unwrap_or(&Value::Null), right.get(key).unwrap_or(&Value::Null));
                differences(left, right, format!("{pointer}/{key}"), changes);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (at, (left, right)) in left.iter().zip(right).enumerate() {
                differences(left, right, format!("{pointer}/{at}"), changes);
            }
        }
        _ if one == other => {}
        _ => changes.push(pointer),
    }
}

/// docker also asks before a prune. The person has answered already, so `--force` is added and docker does not ask again.
pub fn asked_once(invocation: &Invocation, mut words: Vec<OsString>) -> Vec<OsString> {
    let prunes = invocation.canonical().ends_with(" prune");
    if prunes && invocation.command.is_some_and(|command| command.long("force").is_some()) && !invocation.on("force") {
        let at = invocation.flags_end.min(words.len());
        words.insert(at, "--force".into());
    }
    words
}
