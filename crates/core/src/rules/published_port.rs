//! A port on every address of the host.

use super::{COMMON, Case, Class, Confidence, Edit, Finding, Rule};
use crate::grammar::values::Published;
use crate::lower::{Origins, Workload, in_order};

pub static RULE: Rule = Rule {
    id: "published-port",
    title: "port is open on all addresses of the host",
    class: Class::Hygiene,
    confidence: Confidence::Possible,
    of_services: "publish ports on all addresses of the host",
    why: "Everybody who can reach the host can reach this port. Docker's own rules come before those of ufw and \
          firewalld, so the host's firewall does not block it.",
    instead: "127.0.0.1: before the port if only this host needs it, or one address of the host",
    references: &[
        "CIS Docker Benchmark 5.14",
        "https://docs.docker.com/engine/network/packet-filtering-firewalls/",
        "docker/for-linux#690",
    ],
    fires: &["run -p 8080:80 safe:1", "run -p 0.0.0.0:8080:80 safe:1", "run -P safe:1", "run -p [::]:80:80 safe:1"],
    quiet: &["run -p 127.0.0.1:8080:80 safe:1", "run --expose 80 safe:1", "run -p 10.0.0.5:80:80 safe:1"],
    check,
    ..COMMON
};

fn check(case: &Case) -> Vec<Finding> {
    case.workloads().iter().filter_map(found).collect()
}

fn is_everywhere(address: &str) -> bool {
    matches!(address, "" | "0.0.0.0" | "::" | "0:0:0:0:0:0:0:0")
}

fn found(workload: &Workload) -> Option<Finding> {
    let open: Vec<_> = workload.ports.iter().filter(|ports| is_everywhere(&ports.address)).collect();
    let mut origins: Origins = open.iter().flat_map(|ports| ports.origins.clone()).collect();
    origins.extend(workload.publish_all.iter().flatten().cloned());
    let origins = in_order(origins);
    if open.is_empty() && workload.publish_all.is_none() {
        return None;
    }
    let title = match open.as_slice() {
        [] => "all exposed ports are open on all addresses of the host".to_owned(),
        [one] if one.count == 1 => format!("port {} of the container is open on all addresses of the host", one.name),
        [one] => format!("{} ports ({}) are open on all addresses of the host", one.count, one.name),
        several => {
            let count: usize = several.iter().map(|ports| ports.count).sum();
            format!("{count} ports are open on all addresses of the host")
        }
    };
    let mut finding = RULE.found(&origins).titled(title).about(workload);
    for ports in open {
        let Some(published) = &ports.published else { continue };
        if let Some(edit) = Edit::replace(&ports.origins, on_localhost(published), &["/HostConfig/PortBindings"]) {
            finding = finding.edit(edit);
            finding.only_alone |= is_for_everybody(published);
        }
    }
    Some(finding)
}

/// Whether one of the ports is the one that browsers call without being told: published so that others can reach it.
fn is_for_everybody(published: &Published) -> bool {
    published.host_ports.is_some_and(|(first, last)| [80, 443].iter().any(|port| (first..=last).contains(port)))
}

/// The same ports on the host's own address alone, as the flag is written.
fn on_localhost(published: &Published) -> String {
    let range = |(first, last): (u16, u16)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let host = published.host_ports.map(range).unwrap_or_default();
    let protocol = if published.protocol == "tcp" { String::new() } else { format!("/{}", published.protocol) };
    format!("127.0.0.1:{host}:{}{protocol}", range(published.ports))
}
