//! A plugin of the client that fender does not know.

use super::{COMMON, Case, Class, Finding, Rule};
use crate::lower::Effect;

pub static RULE: Rule = Rule {
    id: "unknown-program",
    title: "a program that fender does not know",
    class: Class::Outage,
    why: "This docker command starts a plugin of the client. fender does not know what the plugin does with these \
          arguments and cannot judge it.",
    instead: "read the plugin's --help; allow it in the policy if you trust it",
    references: &["https://docs.docker.com/engine/cli/plugins/"],
    fires: &["scout cves app:1"],
    quiet: &["compose ps", "buildx ls"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let programs = case.lowered.effects.iter().filter_map(|effect| match effect {
        Effect::Runs(runs) if !runs.known => Some(runs),
        _ => None,
    });
    programs
        .map(|runs| {
            RULE.found(&runs.origins).titled(format!("runs the plugin {}, which fender does not know", runs.program))
        })
        .collect()
}
