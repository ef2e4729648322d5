//! A command in a container that deletes or overwrites what is in a named volume.

use super::volume_writes::{COPIES, volume_writes};
use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::plan::inventory::is_anonymous_name;

pub static RULE: Rule = Rule {
    id: "overwrites-volume",
    title: "deletes or overwrites data in a named volume",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "fender keeps what docker deletes, and not what a command in a container deletes or overwrites: fender undo cannot bring it back. \
          A program that uses the volume at the same time may fail.",
    instead: "mount it read-only if reading is enough (-v VOLUME:/path:ro); a copy first: \
              docker run --rm -v VOLUME:/v:ro IMAGE tar -C /v -c . > VOLUME.tar",
    references: &["https://docs.docker.com/engine/storage/volumes/"],
    fires: &[
        "run --rm -v pg:/x alpine rm -rf /x/old",
        "run --rm -v pg:/x alpine sh -c 'cd /x && : > log'",
        "run --rm --volumes-from plain alpine find /data -delete",
        "exec plain rm -rf /data/base",
        "exec plain sh -c 'mv /data/* /tmp'",
        "cp compose.prod.yaml plain:/data/x",
        "compose exec db rm -rf /data/base",
    ],
    quiet: &[
        "run --rm -v pg:/x:ro alpine rm -rf /x/old",
        "run --rm -v pg:/x alpine ls /x",
        "run --rm -v pg:/x alpine rm -rf /tmp/old",
        "run -d -v pg:/x alpine sh -c 'rm -f /x/lock; exec server'",
        "exec plain rm -rf /tmp/cache",
        "exec plain ls /data",
        "cp compose.prod.yaml plain:/etc/x",
        "cp plain:/data/x .",
    ],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let writes = volume_writes(case).into_iter().filter(|write| write.one_off);
    let found = writes.filter_map(|write| {
        let finding = RULE.found(&write.origins).without_notes();
        let does = if write.program == COPIES { "overwrites" } else { "deletes or overwrites" };
        Some(match write.volume {
            Ok(volume) if is_anonymous_name(&volume) => return None,
            Ok(volume) => finding.titled(format!("{} {does} data in the volume {volume}", write.program)),
            Err(why) => {
                let title = format!("{} may delete or overwrite data in a named volume", write.program);
                finding.titled(title).because(format!("{why}."))
            }
        })
    });
    found.collect()
}
