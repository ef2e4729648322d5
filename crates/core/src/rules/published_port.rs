//! A port on every address of the host.

use super::{COMMON, Case, Class, Edit, Finding, Rule};
use crate::grammar::parse::Invocation;
use crate::grammar::values;
use crate::lower::Workload;

pub static RULE: Rule = Rule {
    id: "published-port",
    title: "port is open on all addresses of the host",
    class: Class::Hygiene,
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
    case.workloads().iter().filter_map(|workload| found(case.invocation, workload)).collect()
}

fn is_everywhere(address: &str) -> bool {
    matches!(address, "" | "0.0.0.0" | "::" | "0:0:0:0:0:0:0:0")
}

fn found(invocation: &Invocation, workload: &Workload) -> Option<Finding> {
    let open: Vec<_> = workload.ports.iter().filter(|ports| is_everywhere(&ports.address)).collect();
    let mut words: Vec<usize> = open.iter().flat_map(|ports| ports.words.clone()).collect();
    words.extend(workload.publish_all.iter().flatten());
    words.sort_unstable();
    words.dedup();
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
    let mut finding = RULE.found(&words).titled(title).about(workload);
    for set in invocation.all(&["publish"]) {
        if let (Some((word, from)), Some(with)) = (set.at, on_localhost(&set.value)) {
            finding = finding.edit(Edit::Replace { word, from, with });
            finding.apart |= is_for_everybody(&set.value);
        }
    }
    Some(finding)
}

/// Whether a port is meant for everybody: a web server on 127.0.0.1 serves nobody.
fn is_for_everybody(typed: &str) -> bool {
    values::to_standard_notation(typed).and_then(|short| values::publish(&short)).is_ok_and(|published| {
        published.host_ports.is_some_and(|(first, last)| [80, 443].iter().any(|port| (first..=last).contains(port)))
    })
}

/// The same ports on 127.0.0.1; None for a value that names an address of its own.
fn on_localhost(typed: &str) -> Option<String> {
    let short = values::to_standard_notation(typed).ok()?;
    if !is_everywhere(&values::publish(&short).ok()?.host_ip) {
        return None;
    }
    let short = ["0.0.0.0:", "[::]:", ":::"].iter().find_map(|prefix| short.strip_prefix(prefix)).unwrap_or(&short);
    let ports = short.trim_start_matches(':');
    Some(if ports.contains(':') { format!("127.0.0.1:{ports}") } else { format!("127.0.0.1::{ports}") })
}
