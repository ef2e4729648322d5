//! Networks that put containers on the host's own.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::Body;

pub static RULE: Rule = Rule {
    id: "network-reach",
    title: "containers get addresses on the host's network",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "With macvlan or ipvlan a container has its own address beside the host. It can reach every machine on \
          that network, the host's firewall does not apply, and its address may belong to another machine.",
    instead: "a bridge network and published ports",
    references: &["https://docs.docker.com/engine/network/drivers/macvlan/"],
    fires: &["network create -d macvlan lan", "network create --driver ipvlan lan"],
    quiet: &["network create front", "network create -d overlay mesh"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let created = case.requests().filter_map(|request| match &request.body {
        Body::Network(body) if matches!(body.driver.as_deref(), Some("macvlan" | "ipvlan")) => {
            Some(RULE.found(&request.origins_of("Driver")))
        }
        _ => None,
    });
    created.collect()
}
