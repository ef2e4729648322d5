//! A container in the host's own view of network, processes or users.

use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::lower::{Origins, PredictedOperation};

pub static RULE: Rule = Rule {
    id: "host-namespace",
    title: "shares a namespace of the host",
    class: Class::Outage,
    confidence: Confidence::Certain,
    why: "The container is not isolated from the host in this namespace. Network: it listens on all addresses of \
          the host and reaches services on the host's localhost. PID: it sees all processes of the host and can send \
          them signals. User: root in the container is root on the host.",
    instead: "published ports instead of the host's network; the namespace of one other container instead of the \
          host's",
    references: &["CIS Docker Benchmark 5.10, 5.16, 5.17, 5.21, 5.31"],
    fires: &[
        "run --network host tools:1.4",
        "run --pid=host tools:1.4",
        "run --ipc host tools:1.4",
        "run --userns host tools:1.4",
        "create --net=host tools:1.4",
        "service create --network host tools:1.4",
        "service update --network-add host web",
    ],
    quiet: &["run --network front tools:1.4", "run -p 127.0.0.1:80:80 tools:1.4", "run --pid container:web tools:1.4"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for workload in case.workloads() {
        let mut shared = Vec::new();
        let mut origins: Origins = Vec::new();
        if workload.network_mode == "host" {
            shared.push("network");
            origins.extend(workload.network_origins.clone());
        }
        for (name, _, these) in workload.namespaces.iter().filter(|(_, mode, _)| mode == "host") {
            shared.push(match *name {
                "pid" => "processes",
                "ipc" => "shared memory",
                "uts" => "host name",
                "userns" => "users",
                _ => "control groups",
            });
            origins.extend(these.iter().cloned());
        }
        if !shared.is_empty() {
            findings.push(RULE.found(&origins).titled(format!("shares the host's {}", shared.join(", "))));
        }
    }
    for request in
        case.requests().filter(|request| request.is("POST", "/build") && request.value("networkmode") == Some("host"))
    {
        findings.push(RULE.found(&request.origins_of("networkmode")).titled("build steps use the host's network"));
    }
    if let Some(origins) = case.origins_of_operation(&PredictedOperation::HostNetworkBuild) {
        findings.push(RULE.found(&origins).titled("build steps use the host's network"));
    }
    findings
}
