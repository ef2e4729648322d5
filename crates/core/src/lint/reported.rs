//! A finding with everything that a report says of it: its level, its path from the repository's root, and a fingerprint by which it is
//! known again. Pure.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::extent::content;
use crate::policy::Level;
use crate::rules::Finding;

/// Where paths are named from.
#[derive(Clone, Debug, Default)]
pub struct PathRoot {
    /// The working directory, absolute: relative paths start there.
    pub directory: String,
    /// The repository's root, absolute; the working directory where there is none.
    pub root: String,
}

impl PathRoot {
    /// A path from the repository's root, empty for the root itself; absolute where it lies outside.
    pub fn path(&self, path: &str) -> String {
        let whole = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.directory) };
        let whole = clean(&whole);
        let root = clean(&self.root);
        match whole.strip_prefix(&root) {
            Some(inside) if root == "/" => inside.to_owned(),
            Some(inside) if inside.is_empty() || inside.starts_with('/') => inside.trim_start_matches('/').to_owned(),
            _ => whole,
        }
    }
}

/// An absolute path without `.`, `..` and empty names.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// A finding as it is reported.
#[derive(Clone, Debug)]
pub struct Reported {
    /// The finding; it has a place.
    pub finding: Finding,
    /// How much it weighs here.
    pub level: Level,
    /// Its file, from the repository's root.
    pub path: String,
    /// By which it is known again after lines were moved: 32 hexadecimal digits.
    pub fingerprint: String,
    /// The services of a compose file that it is about, where it stands for findings about several.
    pub services: Vec<String>,
}

/// The findings with their levels by class, in their order. The fingerprint is made of the rule, the path, the content of the place and
/// a number among equal ones; not of line numbers and texts of rules.
pub fn reported(findings: Vec<Finding>, paths: &PathRoot) -> Vec<Reported> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut known: HashMap<String, String> = HashMap::new();
    let one = |finding: Finding| {
        let place = finding.places.first();
        let named = place.map_or("", |place| place.path());
        let path = known.entry(named.to_owned()).or_insert_with(|| paths.path(named)).clone();
        let content = place.map_or_else(String::new, |place| content(place, finding.rule.hides));
        let subject = finding.subject.as_deref().unwrap_or_default();
        let key = [finding.rule.id, &path, &content, subject].join("\0");
        let number = seen.entry(key.clone()).or_default();
        *number += 1;
        let fingerprint = digest(&format!("{key}\0{number}"));
        Reported {
            level: Level::of(finding.weighed_as.unwrap_or(finding.class)),
            path,
            fingerprint,
            services: Vec::new(),
            finding,
        }
    };
    findings.into_iter().map(one).collect()
}

/// The first 32 hexadecimal digits of a text's SHA-256.
pub fn digest(text: &str) -> String {
    let sum = Sha256::digest(text.as_bytes());
    sum.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_repository() {
        let paths = |directory: &str, root: &str, path: &str| {
            PathRoot { directory: directory.to_owned(), root: root.to_owned() }.path(path)
        };
        assert_eq!(paths("/r/a", "/r", "Dockerfile"), "a/Dockerfile");
        assert_eq!(paths("/r/a", "/r", "./b//../Dockerfile"), "a/Dockerfile");
        assert_eq!(paths("/r/a", "/r", "../Dockerfile"), "Dockerfile");
        assert_eq!(paths("/r/a", "/r", "/r/x"), "x");
        assert_eq!(paths("/r/a", "/r", "/other/x"), "/other/x");
        assert_eq!(paths("/ra", "/r", "x"), "/ra/x");
        assert_eq!((paths("/r", "/r", "."), paths("/r/a", "/r", "..")), (String::new(), String::new()));
        assert_eq!(paths("/a", "/", "x"), "a/x");
    }
}
