//! Secrets of the host, sent away.

use super::places::holds_secrets;
use super::{Case, Class, Finding, Rule};
use crate::effects::Effect;
use crate::grammar::values::clean;

pub static RULE: Rule = Rule {
    id: "reads-host-file",
    title: "secrets of the host sent along",
    class: Class::Escape,
    why: "What is copied into a container, an image, a secret or a config is out of the host's hands: everybody who can \
          read there can read it.",
    instead: "copy the one file that is needed; keep keys and credentials where they are",
    references: &["https://docs.docker.com/build/building/secrets/"],
    fires: &["cp /etc/shadow web:/tmp/", "cp /root/.ssh web:/tmp/", "build /etc", "secret create s /etc/ssh/sshd_config"],
    quiet: &["cp ./app.conf web:/etc/", "build .", "cp web:/var/log/app.log ."],
    files: &[],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let home = case.home();
    let read = case.lowered.effects.iter().filter_map(|effect| match effect {
        Effect::ReadsFile { path, words } => Some((path, words)),
        _ => None,
    });
    read.filter_map(|(path, words)| {
        let written = if path.starts_with('/') { clean(path) } else { clean(&format!("{}/{path}", case.host.directory())) };
        let real = case.host.resolve(&written);
        let what = holds_secrets(&written, &home).or_else(|| holds_secrets(&real, &home))?;
        Some(RULE.found(words).titled(what))
    })
    .collect()
}
