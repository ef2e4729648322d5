//! Engine plugins are programs of the host.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "plugin-install",
    title: "engine plugin runs on the host",
    class: Class::Escape,
    confidence: Confidence::Certain,
    why: "An engine plugin runs on the host with the privileges that it asks for, often all of them. It sees all \
          data of the volumes or networks that it serves.",
    instead: "a plugin from a publisher that you know, by digest, after reading the privileges that docker lists",
    references: &["https://docs.docker.com/engine/extend/"],
    fires: &[
        "plugin install vieux/sshfs",
        "plugin install --grant-all-permissions a/b:1",
        "plugin upgrade sshfs",
        "plugin enable sshfs",
        "plugin set sshfs mount.source=/",
    ],
    quiet: &["plugin ls", "plugin inspect sshfs"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let asked = case.requests().filter(|request| {
        request.is("POST", "/plugins/pull")
            || request.is("POST", "/plugins/create")
            || request.is("POST", "/plugins/*/upgrade")
            || request.is("POST", "/plugins/*/enable")
            || request.is("POST", "/plugins/*/set")
    });
    asked
        .map(|request| {
            let mut origins = request.origins.clone();
            let granted = request.origins_of("grant");
            if granted != request.origins {
                origins.extend(granted);
            }
            let name = |end: &str| request.object("/plugins/", end);
            let found = RULE.found(&origins);
            if let Some(name) = name("/enable") {
                found.titled(format!("starts the engine plugin {name} on the host"))
            } else if let Some(name) = name("/set") {
                found.titled(format!("changes what the engine plugin {name} may reach on the host"))
            } else {
                found
            }
        })
        .collect()
}
