//! The keys with which nodes join a swarm, trust each other and read its state.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::Request;

pub static RULE: Rule = Rule {
    id: "swarm-keys",
    title: "changes keys of the swarm",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "New join tokens end the old ones, which scripts and images may hold. A new root certificate is given to every node, one \
          after the other; a node that cannot be reached then is cut off. Autolock decides whether a manager that restarts waits \
          for a key, and whether the key of the swarm's state is on its disk unprotected.",
    instead: "change keys when all nodes are ready (docker node ls), and store the new key before a manager restarts",
    references: &[
        "https://docs.docker.com/engine/swarm/swarm_manager_locking/",
        "https://docs.docker.com/reference/cli/docker/swarm/ca/",
    ],
    fires: &[
        "swarm ca --rotate",
        "swarm join-token --rotate worker",
        "swarm unlock-key --rotate",
        "swarm update --autolock=false",
        "swarm update --autolock",
    ],
    quiet: &["swarm ca", "swarm join-token worker", "swarm unlock-key", "swarm update --task-history-limit 3"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    case.requests().filter(|request| request.is("POST", "/swarm/update")).flat_map(in_request).collect()
}

fn in_request(request: &Request) -> Vec<Finding> {
    let mut findings = Vec::new();
    let rotates = |name: &str| request.value(name) == Some("true");
    let found = |title: &str, part: &str| RULE.found(&request.origins_of(part)).titled(title);
    if rotates("rotateWorkerToken") || rotates("rotateManagerToken") {
        findings.push(found("ends the join token of the swarm and makes a new one", "rotate"));
    } else if rotates("rotateManagerUnlockKey") {
        findings.push(found("ends the key that unlocks managers and makes a new one", "rotate"));
    } else if request.parts.get("rotate").is_some() {
        findings.push(found("gives every node of the swarm a new root certificate", "rotate"));
    }
    match request.body_json().pointer("/EncryptionConfig/AutoLockManagers").and_then(serde_json::Value::as_bool) {
        Some(true) => findings.push(found("managers that restart wait for a key", "EncryptionConfig")),
        Some(false) => {
            findings
                .push(found("the key of the swarm's state is unprotected on the managers' disks", "EncryptionConfig"));
        }
        None => {}
    }
    findings
}
