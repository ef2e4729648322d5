//! A container that could delete inside a protected volume.

use super::{COMMON, Case, Class, Decided, Finding, Rule};
use crate::engine::Lookup;
use crate::lower::workload::MountKind;

pub static RULE: Rule = Rule {
    id: "touches-protected",
    title: "can delete data in a protected volume",
    class: Class::Loss,
    why: "fender refuses to delete the volume itself. A command in a container that mounts the volume can still \
          delete the data in it.",
    instead: "mount it read-only if reading is enough: -v VOLUME:/path:ro",
    references: &[],
    fires: &[
        "run -v protected-data:/x alpine rm -rf /x/old",
        "run -v protected-data:/x alpine sh -c 'find /x -delete'",
    ],
    quiet: &[
        "run -v protected-data:/x:ro alpine rm -rf /x",
        "run -v protected-data:/x postgres:16",
        "run -v other:/x alpine rm -rf /x",
    ],
    check,
    decided: Decided::AlwaysNoted,
    ..COMMON
};

/// Programs that delete or overwrite files.
const DELETES: &[&str] = &["rm", "-delete", "dd", "truncate", "shred", "wipefs", "unlink", "rmdir", "mkfs", "rsync"];

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        let words = workload.entrypoint.iter().flatten().chain(&workload.command);
        let deletes = words
            .flat_map(|word| word.split(|letter: char| letter.is_whitespace() || ";&|()".contains(letter)))
            .any(|word| {
                let program = word.rsplit('/').next().unwrap_or(word);
                DELETES.contains(&program) || program.starts_with("mkfs.")
            });
        if !deletes {
            continue;
        }
        for mount in workload.mounts.iter().filter(|mount| mount.kind == MountKind::Volume && !mount.read_only) {
            let volume = &mount.source;
            let text = match case.facts.protected_volume(volume) {
                Lookup::Found(Some(why)) => {
                    format!("The volume {volume} is protected ({why}). This command can delete the data in it.")
                }
                Lookup::Unknown(why) => format!(
                    "fender cannot tell whether the volume {volume} is protected: {why}. This command can delete the data in it."
                ),
                Lookup::Found(None) | Lookup::Missing | Lookup::NoEngine => continue,
            };
            findings.push(RULE.found(&mount.origins).because(text));
        }
    }
    findings
}
