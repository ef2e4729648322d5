//! Networks, removed.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "removes-network",
    title: "removes a network",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "A stopped container that used this network cannot start until a network of that name exists again.",
    instead: "docker network inspect NAME shows the running containers on it, docker ps -a --filter network=NAME \
          all of them",
    references: &["https://docs.docker.com/reference/cli/docker/network/rm/"],
    fires: &["network rm front", "network remove a b"],
    quiet: &["network ls", "network create front"],
    check,
    about_deletion: true,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    RULE.one_for(case, "DELETE", "/networks/*")
}
