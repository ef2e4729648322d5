//! `ADD` where `COPY` says what is meant.

use super::{COMMON, Case, Class, Example, Finding, Rule};
use crate::files::dockerfile::{Directive, is_archive, is_remote};

pub static RULE: Rule = Rule {
    id: "add-instead-of-copy",
    title: "ADD of a plain file",
    class: Class::Hygiene,
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
            good: "FROM alpine:3.22\nADD https://example.com/tool.tar.gz /opt/\nADD rootfs.tar.xz /\nUSER 10001\n",
        },
    ],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for build in case.builds() {
        let Some(file) = build.file() else { continue };
        for instruction in build.needed.iter().flat_map(|stage| &file.stages[*stage].instructions) {
            if is_plain(&instruction.what) {
                findings.push(RULE.found(&build.words).in_file(file.place(&instruction.keyword)));
            }
        }
    }
    findings
}

/// `ADD` of files that `COPY` would bring to the same place.
pub fn is_plain(what: &Directive) -> bool {
    let Directive::Copy { is_add: true, sources, here, .. } = what else { return false };
    sources.len() + here > 0 && sources.iter().all(|source| !does_more(&source.text))
}

/// What is unpacked or downloaded, or may be.
fn does_more(source: &str) -> bool {
    is_remote(source) || source.contains(['$', '*', '?', '[']) || is_archive(source)
}
