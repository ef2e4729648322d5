//! A plugin of the client that fender does not know.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::{Effect, Runs};

pub static RULE: Rule = Rule {
    id: "unknown-program",
    title: "a program that fender does not know",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "This docker command starts a plugin of the client. fender does not know what the plugin does with these \
          arguments and cannot judge it.",
    instead: "read the plugin's --help; allow it in the policy if you trust it",
    references: &["https://docs.docker.com/engine/cli/plugins/"],
    fires: &["scout cves app:1"],
    quiet: &["compose ps", "buildx ls"],
    check,
    ..COMMON
};

/// Docker's own plugins, and what each can reach.
const OF_DOCKER: &[(&str, &str)] = &[
    (
        "ai",
        "It answers with a model of Docker's and can run docker commands and read files of the folder that it works in.",
    ),
    ("debug", "It opens a shell as root in any container or image, with all files and processes of the container."),
    ("desktop", "It starts, stops and restarts Docker Desktop, and with it every container of its engine."),
    ("init", "It writes a Dockerfile, a compose file and a .dockerignore into the current folder."),
    (
        "mcp",
        "It starts servers for agents in containers on this engine and gives them the secrets and folders in their settings.",
    ),
    ("model", "It downloads models, runs them, and removes downloaded models."),
    ("offload", "It makes later docker commands go to an engine in Docker's cloud."),
    (
        "sandbox",
        "It runs an agent that can write to the folders that it is given, and removes its sandboxes with what is in them.",
    ),
    ("scout", "It reads what is in images and asks Docker's service about it."),
];

fn check(case: &Case) -> Vec<Finding> {
    let programs = case.lowered.effects.iter().filter_map(|effect| match effect {
        Effect::Runs(runs) if !runs.known => Some(runs),
        _ => None,
    });
    let found = |runs: &Runs| {
        let program = &runs.program;
        let name = program.strip_prefix("docker-").unwrap_or(program);
        match OF_DOCKER.iter().find(|(known, _)| *known == name) {
            Some((_, reach)) => RULE
                .found(&runs.origins)
                .titled(format!("runs Docker's own plugin {name}, whose arguments fender does not judge"))
                .because(*reach),
            None => RULE.found(&runs.origins).titled(format!("runs the plugin {program}, which fender does not know")),
        }
    };
    programs.map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockers_plugins_are_sorted_and_said_in_full_sentences() {
        assert!(OF_DOCKER.windows(2).all(|pair| matches!(pair, [one, other] if one.0 < other.0)));
        assert!(OF_DOCKER.iter().all(|(_, reach)| reach.starts_with("It ") && reach.ends_with('.')));
    }
}
