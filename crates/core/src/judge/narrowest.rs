//! The narrowest exceptions after which nothing stops a command here any more: what the answer `a` to a question writes. Pure.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use super::exceptions::{label, mark, object};
use super::{Judgement, JudgementContext, deletions, judge_again};
use crate::grammar::values::{clean, reference};
use crate::lower::{Effect, Lowered, Request};
use crate::plan::compose::{PROJECT, SERVICE};
use crate::policy::{Action, Exception, Policy, parse_layer};
use crate::rules::{Case, Class, Finding};

/// An exception that is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProposedException {
    /// The rule's id.
    pub rule: &'static str,
    /// What it is for: keys of `[[allow]]` with their values, in the order in which they are written.
    pub keys: Vec<(&'static str, String)>,
}

impl ProposedException {
    /// As it stands in a policy file. `until` is the last day, `2027-02-25`.
    pub fn text(&self, reason: &str, until: &str) -> String {
        let mut out = format!("[[allow]]\nrule = {}\n", quoted(self.rule));
        for (key, value) in &self.keys {
            let _ = writeln!(out, "{key} = {}", quoted(value));
        }
        let _ = writeln!(out, "reason = {}\nuntil = {until}", quoted(reason));
        out
    }

    /// What it is for, for a person: `image traefik:3.1, source /var/run/docker.sock`.
    pub fn said(&self) -> String {
        let keys: Vec<String> = self.keys.iter().map(|(key, value)| format!("{key} {value}")).collect();
        keys.join(", ")
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

/// More parts of a command are not tried.
const MOST: usize = 64;

/// The exceptions after which this command runs here without a question, one for each thing that stops it. None where there are no such
/// exceptions in the caller's own file: what the system's file sets or locks, what waits for an answer, what is refused.
pub fn narrowest(
    words: &[OsString],
    judgement: &Judgement,
    context: &JudgementContext,
) -> Option<Vec<ProposedException>> {
    let is_excluded = |finding: &Finding| finding.unanswered || finding.image_unknown || finding.elsewhere.is_some();
    let asks = matches!(judgement.wanted, Action::Ask | Action::Type) && judgement.caller.can_answer();
    // Another user's policy, which root reads, is not written.
    let binds = context.policy.layers.iter().any(|layer| layer.is_others);
    if !asks || binds || judgement.stopping().any(|it| is_excluded(&it.finding)) {
        return None;
    }
    let offers = context.policy.offers();
    let of = |lowered: &Lowered| deletions(&judgement.invocation, lowered, &*judgement.facts, context.host);
    let all = || of(&judgement.lowered);
    let (target, facts) = (&judgement.target, &*judgement.facts);
    let case = Case::new(&judgement.lowered, target, facts, context.host, &offers, context.ids, &all);
    let named = named(judgement)?;
    let mut found: Vec<ProposedException> = Vec::new();
    for complaint in judgement.stopping() {
        let rule = complaint.finding.rule;
        let with_environment = |keys: &Vec<(&'static str, String)>| {
            let mut keys = keys.clone();
            keys.push(("environment", judgement.environment.name.clone()));
            ProposedException { rule: rule.id, keys }
        };
        let mut ways: Vec<ProposedException> = named.iter().map(with_environment).collect();
        if matches!(complaint.finding.class, Class::Outage | Class::Hygiene) {
            ways.push(with_environment(&vec![("command", judgement.invocation.canonical().to_owned())]));
        }
        let text: String = ways.iter().map(|way| way.text("proposed", "9999-12-31")).collect();
        let layer = parse_layer(Path::new("policy.toml"), false, &text).ok()?;
        let exceptions: Vec<Exception> = Exception::of(&layer).collect();
        let mut finding = [Finding { exceptions: Vec::new(), ..complaint.finding.clone() }];
        mark(&mut finding, &exceptions, &case, &of);
        let [Finding { exceptions: fitting, .. }] = &finding;
        let way = ways.get(*fitting.first()?)?;
        if !found.contains(way) {
            found.push(way.clone());
        }
    }
    // Together they have to be enough, for this caller and this engine.
    let text: String = found.iter().map(|way| way.text("proposed", "9999-12-31")).collect();
    let mut layers = context.policy.layers.clone();
    layers.push(parse_layer(Path::new("policy.toml"), false, &text).ok()?);
    let again = judge_again(words, judgement, context, &Policy { layers });
    (!found.is_empty() && again.wanted < Action::Ask).then_some(found)
}

/// What parts of the command can be named, the narrowest first. None where these are too many.
fn named(judgement: &Judgement) -> Option<Vec<Vec<(&'static str, String)>>> {
    let mut narrow: Vec<Vec<(&'static str, String)>> = Vec::new();
    let mut wide: Vec<Vec<(&'static str, String)>> = Vec::new();
    for effect in &judgement.lowered.effects {
        match effect {
            Effect::ReadsFile { path, .. } | Effect::WritesFile { path, .. } => {
                narrow.push(vec![("source", clean(path))])
            }
            Effect::Request(request) if effect.workload().is_none() => wide.extend(object_of(request)),
            _ => {}
        }
        let Some(workload) = effect.workload() else { continue };
        let of_service = match effect {
            Effect::Request(request) => service(request),
            _ => None,
        };
        let image = workload.image.as_deref().filter(|image| !image.is_empty());
        let image = image.map(|image| {
            let name = reference(image).map_or_else(|_| image.to_owned(), |name| name.familiar_with_tag());
            vec![("image", name)]
        });
        let Some(whose) = of_service.or(image) else { continue };
        for mount in &workload.mounts {
            let part = match (mount.host_path(), mount.volume()) {
                (Some(path), _) => ("source", clean(path)),
                (None, Some(volume)) => ("volume", volume.to_owned()),
                (None, None) => continue,
            };
            narrow.push(whose.iter().cloned().chain([part]).collect());
        }
        wide.push(whose);
    }
    narrow.extend(wide);
    // A letter that means more in a pattern cannot be named.
    narrow.retain(|keys| keys.iter().all(|(_, value)| !value.is_empty() && !value.contains(['*', '?'])));
    (narrow.len() <= MOST).then_some(narrow)
}

/// The volume or the container that a request is about.
fn object_of(request: &Request) -> Option<Vec<(&'static str, String)>> {
    let one = |key, kind| object(request, kind).map(|name| vec![(key, name.to_owned())]);
    one("volume", "/volumes/").or_else(|| one("container", "/containers/"))
}

/// The service of a compose project.
fn service(request: &Request) -> Option<Vec<(&'static str, String)>> {
    let label = |name| label(request, name).map(str::to_owned);
    Some(vec![("project", label(PROJECT)?), ("service", label(SERVICE)?)])
}
