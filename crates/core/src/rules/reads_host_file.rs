//! Secrets of the host, sent away.

use super::places::holds_secrets;
use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::grammar::values::clean;
use crate::lower::Effect;

/// The rule.
pub static RULE: Rule = Rule {
    id: "reads-host-file",
    title: "secrets of the host are copied",
    class: Class::Escape,
    confidence: Confidence::Likely,
    why: "A secret that is copied into a container, an image, a swarm secret or a config can be read by everybody \
          who can read that object.",
    instead: "copy only the one file that is needed; leave keys and credentials on the host",
    references: &["https://docs.docker.com/build/building/secrets/"],
    fires: &[
        "cp /etc/shadow web:/tmp/",
        "cp /root/.ssh web:/tmp/",
        "build /etc",
        "secret create s /etc/ssh/sshd_config",
    ],
    quiet: &["cp ./app.conf web:/etc/", "build .", "cp web:/var/log/app.log ."],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let home = case.home();
    let read = case.lowered.effects.iter().filter_map(|effect| match effect {
        Effect::ReadsFile { path, origins } => Some((path, origins)),
        _ => None,
    });
    read.filter_map(|(path, origins)| {
        let written =
            if path.starts_with('/') { clean(path) } else { clean(&format!("{}/{path}", case.host.directory())) };
        let real = case.host.resolve(&written);
        let what = holds_secrets(&written, &home).or_else(|| holds_secrets(&real, &home))?;
        Some(RULE.found(origins).titled(format!("copies {what}")))
    })
    .collect()
}
