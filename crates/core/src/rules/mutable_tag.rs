//! An image whose name will mean another one tomorrow.

use super::fix::{DockerfileFix, DockerfilePart, Fixing, Grade, Proposal};
use super::{COMMON, Case, Class, Confidence, Edit, Example, Finding, Rule};
use crate::engine::Lookup;
use crate::files::dockerfile::{Directive, mounts};
use crate::grammar::values::{Reference, image_id, reference};
use crate::lower::Build;
use crate::text::part;

/// The rule.
pub static RULE: Rule = Rule {
    id: "mutable-tag",
    title: "a tag that can move",
    class: Class::Hygiene,
    confidence: Confidence::Likely,
    hadolint: &[("DL3006", has_no_tag), ("DL3007", is_latest)],
    of_services: "use a tag that moves",
    why: "After the next push to this tag, the same command starts another program, here or on the next host. Later \
          nobody can tell which version ran.",
    instead: "the tag of a version, or a digest: NAME@sha256:…",
    references: &[
        "CIS Docker Benchmark 4.2, 5.28",
        "https://docs.docker.com/build/building/best-practices/#pin-base-image-versions",
    ],
    fires: &[
        "run nginx",
        "run nginx:latest",
        "run node:lts-alpine",
        "run app:main",
        "create registry.example.com:5000/api",
        "service create nginx",
    ],
    quiet: &["run nginx:1.29.3", "run nginx@sha256:1111111111111111111111111111111111111111111111111111111111111111"],
    files: &[Example {
        name: "Dockerfile",
        bad: "FROM node\nCOPY --from=alpine:latest /etc/ssl /etc/ssl\nUSER node\n",
        good: "FROM node:24.11.1\nCOPY --from=alpine:3.22 /etc/ssl /etc/ssl\nUSER node\n",
    }],
    check,
    dockerfile_fix: Some(DockerfileFix { part: DockerfilePart::Base, propose: digests }),
    ..COMMON
};

/// Where a request names the image.
const IMAGE: &[&str] = &["/Image", "/TaskTemplate/ContainerSpec/Image"];

/// Whether an image has neither a tag nor a digest: what hadolint finds as DL3006.
fn has_no_tag(image: &str) -> bool {
    reference(image).is_ok_and(|parsed| parsed.tag.is_none() && parsed.digest.is_none())
}

/// Whether an image has the tag latest: what hadolint finds as DL3007.
fn is_latest(image: &str) -> bool {
    reference(image).is_ok_and(|parsed| parsed.tag.is_some_and(|tag| tag == "latest"))
}

/// Tags that a publisher moves to each new version, alone or before a variant: `lts-alpine`.
const MOVING: &[&str] = &[
    "latest",
    "lts",
    "main",
    "master",
    "trunk",
    "head",
    "nightly",
    "edge",
    "stable",
    "unstable",
    "oldstable",
    "testing",
    "rolling",
    "dev",
    "devel",
    "develop",
    "development",
    "staging",
    "production",
    "prod",
    "canary",
    "next",
    "beta",
    "alpha",
    "snapshot",
    "current",
    "mainline",
    "experimental",
    "insiders",
    "preview",
    "prerelease",
    "release",
];

/// Whether a tag is moved to each new version. One that also has a version, a date or a commit is not: `nightly-2025-01-31`.
fn moves(tag: &str) -> bool {
    let lower = tag.to_lowercase();
    let is_pinned = |part: &str| {
        let number = part.strip_prefix('v').unwrap_or(part);
        let is_commit = part.len() >= 7 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
        number.starts_with(|letter: char| letter.is_ascii_digit())
            || is_commit && part.bytes().any(|byte| byte.is_ascii_digit())
    };
    let begins = lower.split(['-', '_', '.']).next().is_some_and(|first| MOVING.contains(&first));
    let ends = lower.rsplit('-').next().is_some_and(|last| matches!(last, "latest" | "nightly" | "lts"));
    // A variant's own version does not hold the image's: `lts-alpine3.20`.
    (begins || ends) && !lower.split(['-', '_']).any(is_pinned)
}

/// How a name moves; None for one that does not.
fn moving(parsed: &Reference) -> Option<String> {
    let tag = parsed.tag_or_latest().filter(|tag| parsed.digest.is_none() && moves(tag))?;
    Some(match parsed.tag {
        Some(_) => format!("the tag {tag} moves"),
        None => "no tag: latest, which moves".to_owned(),
    })
}

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        let Some(name) = workload.image.as_deref().filter(|name| !name.is_empty() && !image_id(name)) else { continue };
        let Ok(parsed) = reference(name) else { continue };
        // Compose's own name for what it builds.
        let is_made_up = workload.image_origins == workload.origins
            && workload.origins.iter().any(|origin| origin.place().is_some());
        let Some(title) = moving(&parsed).filter(|_| !is_made_up) else { continue };
        let mut finding = RULE.found(&workload.image_origins).titled(title).about(workload);
        // The engine's own digest for it, where it came from a registry.
        if let Lookup::Found(image) = case.image(workload) {
            let prefix = format!("{}@", parsed.familiar());
            let digest = image.digests.iter().find(|digest| digest.starts_with(&prefix));
            if let Some(edit) = digest.and_then(|digest| Edit::replace(&workload.image_origins, digest.clone(), IMAGE))
            {
                finding = finding.edit(edit);
            }
        }
        findings.push(finding);
    }
    findings.extend(case.builds().flat_map(in_dockerfile));
    findings
}

/// Images that a Dockerfile builds from or copies from.
fn in_dockerfile(build: &Build) -> Vec<Finding> {
    let Some(file) = build.file() else { return Vec::new() };
    let mut images = Vec::new();
    for stage in file.stages_at(&build.needed) {
        if stage.parent.is_none() {
            images.push((stage.image.as_str(), &stage.base.span));
        }
        for instruction in &stage.instructions {
            if let Directive::Copy { from: Some(from), .. } = &instruction.what
                && file.find(&from.text).is_none()
            {
                images.push((from.text.as_str(), &from.span));
            }
        }
    }
    let mounted: Vec<(String, &std::ops::Range<usize>)> = file
        .instructions_of(&build.needed)
        .flat_map(|it| mounts(it).into_iter().map(move |mount| (mount, &it.keyword)))
        .filter_map(|(mount, span)| Some((mount.into_iter().find(|(key, _)| key == "from")?.1, span)))
        .filter(|(name, _)| file.find(name).is_none())
        .collect();
    images.extend(mounted.iter().map(|(name, span)| (name.as_str(), *span)));
    let moves = images.into_iter().filter(|(image, _)| !build.is_own(image) && !image.contains('$'));
    moves
        .filter_map(|(image, span)| {
            let parsed = reference(image).ok()?;
            let what = moving(&parsed)?;
            let mut place = file.place(span);
            if place.marked().contains('$') {
                place.meaning = Some(image.to_owned());
            }
            Some(RULE.found(&build.origins).titled(format!("{}: {what}", parsed.familiar())).in_file(place))
        })
        .collect()
}

/// The digest that the engine knows for a tag that moves.
fn digests(fixing: &Fixing) -> Vec<Proposal> {
    let (build, file) = (fixing.build, fixing.file);
    let mut proposals = Vec::new();
    for stage in file.stages_at(&build.needed).filter(|stage| stage.parent.is_none()) {
        let written = part(&file.text.text, stage.base.span.clone());
        if written.contains('$') || build.is_own(&stage.image) || fixing.is_allowed(&stage.base.span) {
            continue;
        }
        let Ok(parsed) = reference(&stage.image) else { continue };
        if moving(&parsed).is_none() {
            continue;
        }
        let Lookup::Found(image) = fixing.facts.image(&stage.image) else { continue };
        let prefix = format!("{}@", parsed.familiar());
        let Some(digest) = image.digests.iter().find_map(|digest| digest.strip_prefix(&prefix)) else { continue };
        let edit = (stage.base.span.clone(), format!("{written}@{digest}"));
        proposals.push(fixing.proposal(&stage.base.span, Grade::Safe, &[edit]));
    }
    proposals
}

#[cfg(test)]
mod tests {
    use super::moves;

    #[test]
    fn tags_that_move_and_tags_that_stay() {
        for tag in [
            "latest",
            "lts",
            "main",
            "nightly",
            "edge",
            "stable",
            "master",
            "dev",
            "develop",
            "canary",
            "next",
            "rolling",
            "unstable",
            "testing",
            "mainline",
            "latest-dev",
            "lts-alpine",
            "lts-slim-jdk21",
            "lts-alpine3.20",
            "stable-slim",
            "stable-alpine",
            "main-debug",
            "nightly-bookworm",
            "alpine-latest",
            "web-latest",
            "jdk-lts",
            "Latest",
            "HEAD",
        ] {
            assert!(moves(tag), "{tag}");
        }
        for tag in [
            "1.29.3",
            "22",
            "3.22",
            "v2.1",
            "24-alpine",
            "8-jdk-alpine",
            "bookworm",
            "bookworm-slim",
            "noble",
            "22.04",
            "nightly-2025-01-31",
            "nightly-20250131",
            "main-4f2a9c1",
            "main-4f2a9c1d8e",
            "edge-1.4.0",
            "stable-20250113-slim",
            "stable-v1.2",
            "2.0.0-beta",
            "1.0.0-rc1",
            "12.4.1-devel-ubuntu22.04",
            "20250101-latest",
            "mainframe",
            "devtools",
            "alpine",
            "nonroot",
            "jdk17",
            "developer",
        ] {
            assert!(!moves(tag), "{tag}");
        }
    }
}
