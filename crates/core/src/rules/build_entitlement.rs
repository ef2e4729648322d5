//! What a build may do on the host.

use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::lower::Build;
use crate::lower::PredictedOperation;

pub static RULE: Rule = Rule {
    id: "build-entitlement",
    title: "build steps get more rights than a container",
    class: Class::Escape,
    confidence: Confidence::Certain,
    why: "security.insecure gives --privileged to each RUN that asks for it, network.host gives the host's network, \
          and device gives the host's devices.",
    instead: "build without it; run what needs these privileges in a container that you start for this purpose",
    references: &["https://docs.docker.com/reference/cli/docker/buildx/build/#allow"],
    fires: &[
        "buildx build --allow security.insecure .",
        "buildx bake --allow network.host",
        "buildx bake --allow 'fs=*'",
    ],
    quiet: &["buildx build .", "buildx bake --allow fs.read=./shared"],
    files: &[Example {
        name: "Dockerfile",
        bad: "# syntax=docker/dockerfile:1-labs\nFROM alpine:3.22\nRUN --security=insecure mount -t tmpfs none /mnt\nUSER 10001\n",
        good: "FROM alpine:3.22\nRUN mkdir -p /mnt\nUSER 10001\n",
    }],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let allowed = case.operations().filter_map(|(operation, origins)| match operation {
        PredictedOperation::BuildEntitlement(name) if is_dangerous(name) => {
            Some(RULE.found(origins).titled(format!("gives the build the entitlement {name}")))
        }
        _ => None,
    });
    allowed.chain(case.builds().flat_map(in_dockerfile)).collect()
}

/// `RUN --security=insecure` and `RUN --network=host`.
fn in_dockerfile(build: &Build) -> Vec<Finding> {
    let Some(file) = build.file() else { return Vec::new() };
    let instructions = file.instructions_of(&build.needed);
    let asked = instructions.flat_map(|it| &it.flags).filter(|(name, value, _)| {
        matches!((name.as_str(), value.as_str()), ("security", "insecure") | ("network", "host"))
    });
    asked
        .map(|(name, _, span)| {
            let title = if name == "security" { "a step with all privileges" } else { "a step in the host's network" };
            RULE.found(&build.origins).titled(title).in_file(file.place(span)).stops_build()
        })
        .collect()
}

fn is_dangerous(name: &str) -> bool {
    match name.split_once('=') {
        Some((kind, place)) if kind.starts_with("fs") => matches!(place, "*" | "/"),
        _ => ["security.insecure", "network.host", "device"].iter().any(|known| name.starts_with(known)),
    }
}
