//! A volume that would be made new, although one with nearly the same name is there.

use std::collections::HashSet;

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::engine::Lookup;
use crate::lower::workload::MountKind;
use crate::lower::{Body, Origins, Request};

pub static RULE: Rule = Rule {
    id: "similar-volume",
    title: "makes a new, empty volume although one with a similar name exists",
    class: Class::Outage,
    confidence: Confidence::Possible,
    why: "The engine makes a volume that is not there, without a word. The program starts with no data, and what it writes goes into the \
          new volume.",
    instead: "check the name: docker volume ls; if a new one is meant: docker volume create NAME first",
    references: &["https://docs.docker.com/engine/storage/volumes/"],
    fires: &[
        "run -v app_pgdta:/data safe:1",
        "run --mount source=pgdata,target=/data safe:1",
        "create -v app-pgdata:/data safe:1",
    ],
    quiet: &[
        "run -v app_pgdata:/data safe:1",
        "run -v reports:/data safe:1",
        "run -v app_pgdata2:/data safe:1",
        "run -v /data safe:1",
    ],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let by_compose: HashSet<&str> = case.requests().filter_map(made_by_compose).collect();
    let mut wanted: Vec<(&str, Origins)> = Vec::new();
    for mount in case.workloads().iter().flat_map(|workload| &workload.mounts) {
        let named = mount.kind == MountKind::Volume && !mount.source.is_empty();
        if named && !wanted.iter().any(|(name, _)| *name == mount.source) {
            wanted.push((&mount.source, mount.origins.clone()));
        }
    }
    if wanted.is_empty() {
        return Vec::new();
    }
    // A hint needs an answer: who does not know the engine's volumes knows of none with a similar name.
    let Lookup::Found(known) = case.facts.volume_names() else { return Vec::new() };
    let mut findings = Vec::new();
    for (name, origins) in wanted.into_iter().filter(|(name, _)| !known.iter().any(|known| known == name)) {
        let similar = known.iter().filter(|known| is_similar(name, known, by_compose.contains(name)));
        if let Some(closest) = similar.min_by_key(|known| strsim::damerau_levenshtein(name, known)) {
            let title = format!("the volume {name} does not exist and is made empty; there is {closest}");
            let mut found = RULE.found(&origins).titled(title);
            found.instead = format!("{closest} for its data; docker volume create {name} first, if a new one is meant");
            findings.push(found);
        }
    }
    findings
}

/// The volume that a compose project makes for itself.
fn made_by_compose(request: &Request) -> Option<&str> {
    match &request.body {
        Body::Volume(volume) if request.is("POST", "/volumes/create") => volume.name.as_deref(),
        _ => None,
    }
}

/// Shorter names are too often similar by chance.
const SHORTEST: usize = 4;

fn is_similar(name: &str, known: &str, by_compose: bool) -> bool {
    // An anonymous volume's name is 64 digits.
    let is_id = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if name.len() < SHORTEST || is_id(name) || is_id(known) {
        return false;
    }
    if by_compose {
        // Another project has volumes of the same names on purpose.
        return match (name.split_once('_'), known.split_once('_')) {
            (Some((project, own)), Some((other, theirs))) => project == other && is_misspelt(own, theirs),
            _ => false,
        };
    }
    // Compose puts the project's name in front.
    let with_project = known.strip_suffix(name).is_some_and(|project| project.len() > 1 && project.ends_with('_'));
    with_project || is_misspelt(name, known)
}

/// Whether a few letters are wrong. Names that differ in their numbers belong to a series.
fn is_misspelt(name: &str, known: &str) -> bool {
    let without = |text: &str, drop: fn(&char) -> bool| {
        text.to_lowercase().chars().filter(|letter| !drop(letter)).collect::<String>()
    };
    let digits: fn(&char) -> bool = char::is_ascii_digit;
    if without(name, digits) == without(known, digits) && name.to_lowercase() != known.to_lowercase() {
        return false;
    }
    let separators: fn(&char) -> bool = |letter| matches!(letter, '-' | '_' | '.');
    if without(name, separators) == without(known, separators) {
        return true;
    }
    let wrong = strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    wrong <= if name.len().min(known.len()) >= 8 { 2 } else { 1 } && name.len().min(known.len()) >= SHORTEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names() {
        for (name, known, similar) in [
            ("app_pgdta", "app_pgdata", true),
            ("app-pgdata", "app_pgdata", true),
            ("App_pgdata", "app_pgdata", true),
            ("pgdata", "app_pgdata", true),
            ("app_data1", "app_data2", false),
            ("data", "date", true),
            ("db", "dc", false),
            ("pg17", "pg18", false),
            ("cache", "reports", false),
            ("app_test_data", "app_data", false),
        ] {
            assert_eq!(is_similar(name, known, false), similar, "{name} {known}");
        }
        assert!(is_similar("app_pgdta", "app_pgdata", true));
        assert!(!is_similar("apq_pgdata", "app_pgdata", true), "another project");
        assert!(!is_similar("shop-b_data", "shop_data", true), "another project");
    }
}
