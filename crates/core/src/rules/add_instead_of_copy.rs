//! `ADD` where `COPY` says what is meant.

use super::fix::{DockerfileFix, DockerfilePart, Fixing, Grade, Proposal};
use super::{COMMON, Case, Class, Confidence, Example, Finding, Rule};
use crate::files::dockerfile::{Directive, Instruction, Word, is_archive, is_remote};
use crate::files::ignore::clean;
use crate::files::magic::{ENOUGH, is_archive as is_archive_by_content};
use crate::host::Host;
use crate::lower::Build;

/// The rule.
pub static RULE: Rule = Rule {
    id: "add-instead-of-copy",
    title: "ADD of a plain file",
    class: Class::Hygiene,
    confidence: Confidence::Certain,
    hadolint: &[("DL3020", |marked| !is_remote(marked))],
    why: "ADD unpacks archives and downloads URLs. If the file is replaced by an archive, the image gets other \
          content. COPY always copies.",
    instead: "COPY",
    references: &["https://docs.docker.com/build/building/best-practices/#add-or-copy", "CIS Docker Benchmark 4.9"],
    fires: &["build examples/add-instead-of-copy/0/bad"],
    quiet: &["build examples/add-instead-of-copy/0/good"],
    files: &[
        Example {
            name: "Dockerfile",
            bad: "FROM alpine:3.22\nADD server.conf /etc/\nUSER 10001\n",
            good: "FROM alpine:3.22\nCOPY server.conf /etc/\nUSER 10001\n",
        },
        Example {
            name: "Dockerfile",
            bad: "FROM alpine:3.22\nADD [\"src\", \"/src\"]\nUSER 10001\n",
            good: "FROM alpine:3.22\nADD --checksum=sha256:2222222222222222222222222222222222222222222222222222222222222222 https://example.com/tool.tar.gz /opt/\nADD rootfs.tar.xz /\nUSER 10001\n",
        },
        Example {
            name: "Dockerfile",
            bad: "FROM alpine:3.22\nADD https://example.com/tool /usr/local/bin/\nUSER 10001\n",
            good: "FROM alpine:3.22\nADD --checksum=sha256:2222222222222222222222222222222222222222222222222222222222222222 https://example.com/tool /usr/local/bin/\nUSER 10001\n",
        },
    ],
    check,
    dockerfile_fix: Some(DockerfileFix { part: DockerfilePart::Instruction, propose: as_copy }),
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for build in case.builds() {
        let Some(file) = build.file() else { continue };
        for instruction in file.instructions_of(&build.needed) {
            if is_plain(build, instruction, case.host) != Some(false) && is_written_plainly(&instruction.what) {
                findings.push(RULE.found(&build.origins).in_file(file.place(&instruction.keyword)));
            }
            for source in unchecked(instruction) {
                let mut finding = RULE.found(&build.origins).titled("ADD of a URL without --checksum");
                finding.why =
                    "The server can send another file tomorrow, and the image then has it. Nothing compares what was \
                               downloaded with what was meant."
                        .to_owned();
                finding.instead = "ADD --checksum=sha256:…, with the digest of the file that was checked".to_owned();
                findings.push(finding.in_file(file.place(&source.span)));
            }
        }
    }
    findings
}

/// What `ADD` downloads without being told its digest. Git's own addresses name a commit, and a digest of a file says nothing of them.
fn unchecked(instruction: &Instruction) -> Vec<&Word> {
    let Directive::Copy { is_add: true, sources, .. } = &instruction.what else { return Vec::new() };
    if instruction.flags.iter().any(|(name, _, _)| name == "checksum") {
        return Vec::new();
    }
    let is_file = |source: &&Word| {
        let lower = source.text.to_lowercase();
        let path = lower.split(['#', '?']).next().unwrap_or_default();
        (lower.starts_with("http://") || lower.starts_with("https://")) && !path.trim_end_matches('/').ends_with(".git")
    };
    sources.iter().filter(is_file).collect()
}

/// `ADD` of files that by their names `COPY` would bring to the same place.
fn is_written_plainly(what: &Directive) -> bool {
    let Directive::Copy { is_add: true, sources, here, .. } = what else { return false };
    (!sources.is_empty() || !here.is_empty()) && sources.iter().all(|source| !does_more(&source.text))
}

/// Whether `COPY` would do the same: false where a flag, a name or the first bytes of a file say that `ADD` does more, None
/// where a file cannot be looked at.
pub fn is_plain(build: &Build, instruction: &Instruction, host: &dyn Host) -> Option<bool> {
    const OF_BOTH: &[&str] = &["chown", "chmod", "link", "exclude"];
    let Directive::Copy { sources, .. } = &instruction.what else { return Some(false) };
    let flags = instruction.flags.iter().all(|(name, _, _)| OF_BOTH.contains(&name.as_str()));
    if !flags || !is_written_plainly(&instruction.what) {
        return Some(false);
    }
    let Some(context) = &build.context else { return None };
    let folder = context.folder.trim_end_matches('/');
    let mut known = true;
    for source in sources {
        let inside = clean(&format!("/{}", source.text)).trim_start_matches('/').to_owned();
        let path = format!("{folder}/{inside}");
        // A link may lead docker to another file than this host.
        let direct = format!("{}/{inside}", host.resolve(&context.folder).trim_end_matches('/'));
        if host.resolve(&path) != direct.trim_end_matches('/') {
            known = false;
        } else if host.is_directory(&path) {
            // What lies in a folder is not unpacked.
            continue;
        }
        match host.start(&path, ENOUGH) {
            Ok(start) if is_archive_by_content(&start) => return Some(false),
            Ok(_) => {}
            Err(_) => known = false,
        }
    }
    known.then_some(true)
}

/// What is unpacked or downloaded, or may be.
fn does_more(source: &str) -> bool {
    is_remote(source) || source.contains(['$', '*', '?', '[']) || is_archive(source)
}

/// `COPY` in its place, where it does the same.
fn as_copy(fixing: &Fixing) -> Vec<Proposal> {
    fixing
        .instructions()
        .filter(|instruction| !instruction.on_build)
        .filter(|instruction| matches!(&instruction.what, Directive::Copy { is_add: true, .. }))
        .filter(|instruction| !fixing.is_allowed(&instruction.keyword))
        .filter(|instruction| is_plain(fixing.build, instruction, fixing.host) == Some(true))
        .map(|instruction| {
            let edit = (instruction.keyword.clone(), "COPY".to_owned());
            fixing.proposal(&instruction.keyword, Grade::Safe, &[edit])
        })
        .collect()
}
