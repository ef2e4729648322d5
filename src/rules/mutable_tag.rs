//! An image whose name will mean another one tomorrow.

use super::{Case, Class, Edit, Finding, Rule};
use crate::facts::Known;
use crate::grammar::values::{image_id, reference};

pub static RULE: Rule = Rule {
    id: "mutable-tag",
    title: "a tag that moves",
    class: Class::Hygiene,
    why: "The same command starts another program after the next push, here or on the next host, and nobody can say which \
          one ran.",
    instead: "a version's tag, or the digest: NAME@sha256:…",
    references: &["CIS Docker Benchmark 4.2, 5.28", "https://docs.docker.com/build/building/best-practices/#pin-base-image-versions"],
    fires: &["run nginx", "run nginx:latest", "create registry.example.com:5000/api", "service create nginx"],
    quiet: &["run nginx:1.29.3", "run nginx@sha256:1111111111111111111111111111111111111111111111111111111111111111"],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        let Some(name) = workload.image.as_deref().filter(|name| !name.is_empty() && !image_id(name)) else { continue };
        let Ok(parsed) = reference(name) else { continue };
        if parsed.digest.is_some() || parsed.tag_or_latest() != Some("latest") {
            continue;
        }
        let title = if parsed.tag.is_some() { "the tag latest moves" } else { "no tag: latest, which moves" };
        let mut finding = RULE.found(&workload.image_words).titled(title).about(workload);
        // The engine's own digest for it, where it came from a registry.
        if let Known::Is(image) = case.image(workload) {
            let prefix = format!("{}@", parsed.familiar());
            if let (Some(digest), [word]) = (image.digests.iter().find(|digest| digest.starts_with(&prefix)), workload.image_words.as_slice()) {
                finding = finding.edit(Edit::Replace { word: *word, from: 0, with: digest.clone() });
            }
        }
        findings.push(finding);
    }
    findings
}
