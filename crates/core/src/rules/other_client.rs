//! A command of podman's or nerdctl's that docker does not have.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::engine::ClientProduct;
use crate::text::first_words;

pub static RULE: Rule = Rule {
    id: "other-client",
    title: "a command that docker does not have, of another client behind the name docker",
    class: Class::Loss,
    confidence: Confidence::Likely,
    why: "The program behind the name docker is podman or nerdctl, or does not say that it is docker's client. fender knows docker's commands: what this one starts, changes or deletes \
          it cannot say, and nothing of it is kept for undo.",
    instead: "read what the command does in its own help; run it under its own name if it is meant",
    references: &["https://docs.podman.io/en/latest/Commands.html"],
    fires: &[
        "-H unix:///run/podman/podman.sock pod rm -f web",
        "-H unix:///run/podman/podman.sock kube play web.yaml",
        "-H unix:///run/podman/podman.sock system reset -f",
    ],
    quiet: &["-H unix:///run/podman/podman.sock pod ps", "pod rm -f web", "-H unix:///run/podman/podman.sock ps"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let product = case.facts.product();
    let Some(command) = case.lowered.unknown_command.as_ref().filter(|_| product != ClientProduct::Docker) else {
        return Vec::new();
    };
    let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
    if ClientProduct::only_reads(&words) {
        return Vec::new();
    }
    let title = format!("docker is {} here, and docker has no command {}", product.name(), first_words(&words));
    vec![RULE.found(&command.origins).titled(title).at_least_asked()]
}
