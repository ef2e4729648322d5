//! Networks, removed.

use super::{Case, Class, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "removes-network",
    title: "removes a network",
    class: Class::Outage,
    why: "A stopped container that was on it cannot be started any more until a network of that name is there again.",
    instead: "docker network inspect shows who is on it; docker ps -a --filter network=NAME, who would be",
    references: &["https://docs.docker.com/reference/cli/docker/network/rm/"],
    fires: &["network rm front", "network remove a b"],
    quiet: &["network ls", "network create front"],
    files: &[],
    check,
};

fn check(case: &Case) -> Vec<Finding> {
    case.one_for(&RULE, "DELETE", "/networks/*")
}
