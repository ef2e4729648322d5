//! What a build may do on the host.

use super::{Case, Class, Finding, Rule};
use crate::effects::Deed;

pub static RULE: Rule = Rule {
    id: "build-entitlement",
    title: "a build that may do what only root may",
    class: Class::Escape,
    why: "The steps of the build get more than a container gets: security.insecure is --privileged for every RUN that asks \
          for it, network.host is the host's network, device hands over hardware.",
    instead: "a build without it; what needs privileges belongs into a container that you start knowingly",
    references: &["https://docs.docker.com/reference/cli/docker/buildx/build/#allow"],
    fires: &["buildx build --allow security.insecure .", "buildx bake --allow network.host", "buildx bake --allow 'fs=*'"],
    quiet: &["buildx build .", "buildx bake --allow fs.read=./shared"],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    let allowed = case.deeds().filter_map(|(deed, words)| match deed {
        Deed::BuildEntitlement(name) if is_dangerous(name) => Some(RULE.found(words).titled(format!("the entitlement {name}"))),
        _ => None,
    });
    allowed.collect()
}

fn is_dangerous(name: &str) -> bool {
    match name.split_once('=') {
        Some((kind, place)) if kind.starts_with("fs") => matches!(place, "*" | "/"),
        _ => ["security.insecure", "network.host", "device"].iter().any(|known| name.starts_with(known)),
    }
}
