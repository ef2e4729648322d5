//! Files of the host that a command overwrites.

use super::places::runs_the_host;
use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::grammar::values::clean;
use crate::lower::Effect;

pub static RULE: Rule = Rule {
    id: "writes-host-file",
    title: "writes a system file of the host",
    class: Class::Escape,
    confidence: Confidence::Likely,
    why: "The content comes from a container or an image. It replaces a file that decides who may log in to the \
          host or what runs on it.",
    instead: "write to a folder of your own, check the content, then move it",
    references: &["CVE-2019-14271", "https://docs.docker.com/reference/cli/docker/container/cp/"],
    fires: &[
        "cp web:/passwd /etc/passwd",
        "save -o /usr/bin/x alpine:3",
        "buildx build -o type=local,dest=/usr .",
        "cp web:/x /root/.ssh/authorized_keys",
        "buildx build --cache-to type=local,dest=/etc .",
        "buildx history export -o /etc/x",
        "checkpoint create --checkpoint-dir /etc/cron.d web one",
    ],
    quiet: &["cp web:/var/log/app.log ./logs", "save -o alpine.tar alpine:3", "cp web:/x -"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let home = case.home();
    let written = case.lowered.effects.iter().filter_map(|effect| match effect {
        Effect::WritesFile { path, origins } => Some((path, origins)),
        _ => None,
    });
    written
        .filter_map(|(path, origins)| {
            let absolute =
                if path.starts_with('/') { clean(path) } else { clean(&format!("{}/{path}", case.host.directory())) };
            let real = case.host.resolve(&absolute);
            let what = runs_the_host(&absolute, &home).or_else(|| runs_the_host(&real, &home))?;
            Some(RULE.found(origins).titled(format!("writes {what}")))
        })
        .collect()
}
