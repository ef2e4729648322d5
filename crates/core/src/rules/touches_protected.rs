//! A container that could delete inside a protected volume.

use super::volume_writes::volume_writes;
use super::{COMMON, Case, Class, Confidence, Decided, Finding, Rule};
use crate::engine::Lookup;

pub static RULE: Rule = Rule {
    id: "touches-protected",
    title: "can delete data in a protected volume",
    class: Class::Loss,
    confidence: Confidence::Likely,
    why: "fender refuses to delete the volume itself. A command in a container that mounts the volume can still \
          delete the data in it.",
    instead: "mount it read-only if reading is enough: -v VOLUME:/path:ro",
    references: &[],
    fires: &[
        "run -v protected-data:/x alpine rm -rf /x/old",
        "run -v protected-data:/x alpine sh -c 'find /x -delete'",
        "run --volumes-from keeper alpine rm -rf /data/old",
        "exec keeper rm -rf /data/base",
        "cp compose.prod.yaml keeper:/data/x",
    ],
    quiet: &[
        "run -v protected-data:/x:ro alpine rm -rf /x",
        "run -v protected-data:/x postgres:16",
        "run -v other:/x alpine rm -rf /x",
        "run -v protected-data:/x alpine rm -rf /tmp/x",
        "exec keeper rm -rf /tmp/x",
        "exec plain rm -rf /data/x",
    ],
    check,
    decided: Decided::AlwaysNoted,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let found = volume_writes(case).into_iter().filter_map(|write| {
        let can = "This command can delete the data in it.";
        let text = match &write.volume {
            Ok(volume) => match case.facts.protected_volume(volume) {
                Lookup::Found(Some(why)) => format!("The volume {volume} is protected ({why}). {can}"),
                Lookup::Unknown(why) => {
                    format!("fender cannot tell whether the volume {volume} is protected: {why}. {can}")
                }
                Lookup::Found(None) | Lookup::Missing | Lookup::NoEngine => return None,
            },
            Err(why) => format!("{why}. One of them may be protected."),
        };
        Some(RULE.found(&write.origins).because(text))
    });
    found.collect()
}
