//! Taking a container off a network.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "cuts-network",
    title: "disconnects a container from a network",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "The container's connections on this network break, and other containers cannot reach it there any more.",
    instead: "connect it to the new network first; disconnect it from the old one when nothing uses it any more",
    references: &["https://docs.docker.com/reference/cli/docker/network/disconnect/"],
    fires: &["network disconnect front web", "network disconnect -f front web"],
    quiet: &["network connect front web"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    RULE.one_for(case, "POST", "/networks/*/disconnect")
}
