//! Checkpoints: the memory of a container, written to the host's disk.

use serde_json::Value;

use super::{COMMON, Case, Class, Confidence, Finding, Rule};

pub static RULE: Rule = Rule {
    id: "container-checkpoint",
    title: "makes or removes a checkpoint of a container",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "A checkpoint stops the container, unless --leave-running is given, and writes its whole memory to files of the host, with \
          every password and key that the program holds. A removed checkpoint cannot be restored.",
    instead: "docker pause to stop a container for a moment; a backup made by the program itself to save its data",
    references: &["https://docs.docker.com/reference/cli/docker/checkpoint/"],
    fires: &[
        "checkpoint create web one",
        "checkpoint create --leave-running --checkpoint-dir /x web one",
        "checkpoint rm web one",
        "checkpoint rm --checkpoint-dir /x web one",
    ],
    quiet: &["checkpoint ls web", "pause one"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for request in case.requests() {
        if request.is("POST", "/containers/*/checkpoints") {
            let body = request.body_json();
            let folder = body.get("CheckpointDir").and_then(Value::as_str).unwrap_or_default();
            // The engine stops the container unless the body says otherwise.
            let stops = body.get("Exit").and_then(Value::as_bool) != Some(false);
            let place = if folder.is_empty() { "the engine's folder".to_owned() } else { folder.to_owned() };
            let title = match stops {
                true => format!("stops the container and writes its memory to {place} on the host"),
                false => format!("writes the container's memory to {place} on the host"),
            };
            findings.push(RULE.found(&request.origins_of("CheckpointDir")).titled(title));
        } else if request.is("DELETE", "/containers/*") && request.path.contains("/checkpoints/") {
            findings.push(RULE.found(&request.origins).titled("removes a checkpoint of the container"));
        }
    }
    findings
}
