//! What is careless in many services of one compose file is one finding that names them: nobody reads the same sentence nine times. Pure.

use crate::order::PutInOrder as _;
use std::collections::{BTreeMap, HashMap};

use super::{Level, Reported, digest};
use crate::files::yaml;
use crate::rules::Class;
use crate::text::named;

/// The services that a finding is about: one, or several that share the lines where it stands.
fn services_of(reported: &Reported) -> Vec<&str> {
    let shared = &reported.finding.services;
    if !shared.is_empty() {
        return shared.iter().map(String::as_str).collect();
    }
    let of = reported.finding.places.first().and_then(|place| place.of.as_deref());
    of.and_then(|of| of.strip_prefix("service ")).into_iter().collect()
}

/// How many services the file of a finding has.
fn services_in_file(reported: &Reported) -> Option<usize> {
    let text = &reported.finding.places.first()?.text;
    let root = yaml::read(text).ok()??;
    Some(root.get("services")?.entries().len())
}

/// Findings of one rule about several services of one file become one finding, in the place of the first: those of class hygiene that weigh
/// the same and are no errors, and no secrets. It is put together after a baseline has taken out what it knows, so a new service is named alone.
pub fn grouped(findings: Vec<Reported>) -> Vec<Reported> {
    of_services(same_sentences(findings))
}

/// So many lines are named; of more, the number.
const MOST_LINES: usize = 5;

/// The same sentence of such a rule about several lines of one file becomes one finding that names them, at the first.
fn same_sentences(findings: Vec<Reported>) -> Vec<Reported> {
    let mut known: HashMap<(String, &'static str, String, Level), usize> = HashMap::new();
    let mut kept: Vec<Reported> = Vec::new();
    let mut others: Vec<Vec<String>> = Vec::new();
    for reported in findings {
        if !reported.finding.rule.once_a_file || !services_of(&reported).is_empty() {
            kept.push(reported);
            others.push(Vec::new());
            continue;
        }
        let finding = &reported.finding;
        let key = (reported.path.clone(), finding.rule.id, finding.title.clone(), reported.level);
        let first = *known.entry(key).or_insert(kept.len());
        match (kept.get_mut(first), others.get_mut(first)) {
            (Some(one), Some(fingerprints)) => {
                one.finding.places.extend(reported.finding.places);
                fingerprints.push(reported.fingerprint);
            }
            _ => {
                kept.push(reported);
                others.push(Vec::new());
            }
        }
    }
    for (one, mut fingerprints) in kept.iter_mut().zip(others).filter(|(_, fingerprints)| !fingerprints.is_empty()) {
        let mut lines: Vec<usize> = one.finding.places.iter().skip(1).map(|place| place.start().0).collect();
        lines.dedup();
        let first = one.finding.places.first().map(|place| place.start().0);
        lines.retain(|line| Some(*line) != first);
        let shown: Vec<String> = lines.iter().take(MOST_LINES).map(usize::to_string).collect();
        let more = lines.len().saturating_sub(MOST_LINES);
        match (lines.len(), more) {
            (0, _) => {}
            (1, _) => one.finding.title.push_str(&format!(" (also line {})", shown.join(", "))),
            (_, 0) => one.finding.title.push_str(&format!(" (also lines {})", shown.join(", "))),
            _ => one.finding.title.push_str(&format!(" (also lines {} and {more} more)", shown.join(", "))),
        }
        fingerprints.push(one.fingerprint.clone());
        fingerprints.put_in_order();
        one.fingerprint = digest(&fingerprints.join(" "));
    }
    kept
}

/// One finding of what several services of a file have in common.
fn of_services(findings: Vec<Reported>) -> Vec<Reported> {
    let mut groups: BTreeMap<(String, &'static str, Level), Vec<usize>> = BTreeMap::new();
    for (at, reported) in findings.iter().enumerate() {
        let finding = &reported.finding;
        let is_careless = finding.class == Class::Hygiene && reported.level != Level::Error && !finding.rule.hides;
        if is_careless && !services_of(reported).is_empty() {
            groups.entry((reported.path.clone(), finding.rule.id, reported.level)).or_default().push(at);
        }
    }
    let mut findings: Vec<Option<Reported>> = findings.into_iter().map(Some).collect();
    for members in groups.into_values() {
        let mut services: Vec<String> = Vec::new();
        for reported in members.iter().filter_map(|at| findings.get(*at)?.as_ref()) {
            for name in services_of(reported) {
                if !services.iter().any(|known| known == name) {
                    services.push(name.to_owned());
                }
            }
        }
        if services.len() < 2 {
            continue;
        }
        let mut taken = members.iter().filter_map(|at| findings.get_mut(*at)?.take());
        let Some(mut one) = taken.next() else { continue };
        let mut fingerprints = vec![one.fingerprint.clone()];
        for mut other in taken {
            one.finding.places.append(&mut other.finding.places);
            fingerprints.push(other.fingerprint);
        }
        let of = services_in_file(&one).filter(|all| *all >= services.len());
        let number = match of {
            Some(all) if all == services.len() => format!("all {all}"),
            Some(all) => format!("{} of {all}", services.len()),
            None => services.len().to_string(),
        };
        let rule = one.finding.rule;
        let names = named(&services);
        one.finding.title = match rule.of_services {
            "" => format!("{number} services: {}: {names}", rule.title),
            what => format!("{number} services {what}: {names}"),
        };
        rule.why.clone_into(&mut one.finding.why);
        if let Some(place) = one.finding.places.first_mut() {
            place.of = None;
        }
        fingerprints.put_in_order();
        one.fingerprint = digest(&fingerprints.join(" "));
        one.services = services;
        if let Some(slot) = members.first().and_then(|at| findings.get_mut(*at)) {
            *slot = Some(one);
        }
    }
    findings.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::text::{Place, Text};
    use crate::lint::{PathRoot, reported};
    use crate::rules::{Finding, NO_MEMORY_LIMIT, rule};

    fn found(id: &str, text: &std::rc::Rc<Text>, service: &str) -> Finding {
        let start = text.text.find(&format!("  {service}:")).unwrap() + 2;
        let mut place = Place::new(text, start..start + service.len());
        place.of = Some(format!("service {service}"));
        let mut finding = rule(id).unwrap().found(&[]);
        finding.places.push(place);
        finding
    }

    #[test]
    fn services_of_one_file_are_one_finding() {
        let text = Text::new("compose.yaml", "services:\n  a: {}\n  b: {}\n  c: {}\n".to_owned());
        let other = Text::new("x/compose.yaml", text.text.clone());
        let all = |findings: Vec<Finding>| grouped(reported(findings, &PathRoot::default()));
        let limit = NO_MEMORY_LIMIT.id;
        let titles = |findings: &[Reported]| findings.iter().map(|it| it.finding.title.clone()).collect::<Vec<_>>();
        let two = all(vec![
            found(limit, &text, "a"),
            found("privileged", &text, "a"),
            found(limit, &text, "c"),
            found("privileged", &text, "b"),
            found(limit, &other, "a"),
            found("secret-in-env", &text, "a"),
            found("secret-in-env", &text, "b"),
        ]);
        assert_eq!(titles(&two).first().map(String::as_str), Some("2 of 3 services have no memory limit: a, c"));
        // What is grave, alone or a secret stays as it is.
        assert_eq!(two.len(), 6);
        let one = two.first().unwrap();
        assert_eq!((one.services.join(" "), one.finding.places.len()), ("a c".to_owned(), 2));
        let three = all(["a", "b", "c"].iter().map(|service| found(limit, &text, service)).collect());
        assert_eq!(titles(&three), ["all 3 services have no memory limit: a, b, c"]);
        // Services that share lines count one by one.
        let mut shared = found(limit, &text, "a");
        shared.services = vec!["a".to_owned(), "b".to_owned()];
        let both = all(vec![shared.clone(), found(limit, &text, "c")]);
        assert_eq!(titles(&both), ["all 3 services have no memory limit: a, b, c"]);
        assert_eq!(titles(&all(vec![shared])), ["2 of 3 services have no memory limit: a, b"]);
        // The order in which they were found changes nothing.
        let turned = all(["c", "b", "a"].iter().map(|service| found(limit, &text, service)).collect());
        assert_eq!(turned.first().unwrap().fingerprint, three.first().unwrap().fingerprint);
        assert_ne!(one.fingerprint, three.first().unwrap().fingerprint);
    }
}
