//! Taking a container off a network.

use super::{Case, Class, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "cuts-network",
    title: "takes a container off a network",
    class: Class::Outage,
    why: "What the container had open on this network ends, and nobody reaches it there any more.",
    instead: "connect it to the new network first, and take the old one away when nothing uses it",
    references: &["https://docs.docker.com/reference/cli/docker/network/disconnect/"],
    fires: &["network disconnect front web", "network disconnect -f front web"],
    quiet: &["network connect front web"],
    files: &[],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    case.one_for(&RULE, "POST", "/networks/*/disconnect")
}
