//! Building from a place that changes.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "remote-context",
    title: "builds from a remote address",
    class: Class::Outage,
    confidence: Confidence::Certain,
    why: "The build uses the content that is there at that moment. Its steps run on this engine, and the next build \
          can get other content from the same address.",
    instead: "clone the repository, read the Dockerfile and build the folder, or name a commit: URL#COMMIT",
    references: &["https://docs.docker.com/build/concepts/context/#remote-context"],
    fires: &[
        "build https://example.com/a/b.git",
        "buildx build git@example.com:a/b.git",
        "buildx bake https://example.com/a/b.git",
    ],
    quiet: &[
        "build .",
        "buildx build ./app",
        "build https://example.com/a/b.git#0123456789abcdef0123456789abcdef01234567",
    ],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let remote = case.operations().filter_map(|(operation, origins)| match operation {
        PredictedOperation::RemoteContext(place) if !is_pinned(place) => {
            Some(RULE.found(origins).titled(format!("builds from a remote address: {place}")))
        }
        _ => None,
    });
    remote.collect()
}

/// `URL#COMMIT[:folder]` with a whole commit.
fn is_pinned(place: &str) -> bool {
    place.split_once('#').is_some_and(|(_, after)| {
        let commit = after.split(':').next().unwrap_or_default();
        matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| b.is_ascii_hexdigit())
    })
}
