//! A port on every address of the host.

use super::not_deployed::is_for_tests;
use super::{COMMON, Case, Class, Confidence, Edit, Finding, Rule};
use crate::grammar::values::Published;
use crate::lower::{Origin, Origins, Workload, in_order};

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
    // A test's or a developer's own web server is meant to be called; a database that others can reach is not.
    let private = open.iter().find_map(|ports| private(&ports.name));
    let is_in_test = |origin: &Origin| origin.place().is_some_and(|place| is_for_tests(place.path()));
    if private.is_none() && !origins.is_empty() && origins.iter().all(is_in_test) {
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
    // Who put it on all addresses for others to use did not mean the database.
    if let Some((port, what)) = private {
        finding = finding.weighed_as(Class::Outage);
        finding.why = format!("Port {port} is the port of {what}. {}", RULE.why);
    }
    for ports in open {
        let Some(published) = &ports.published else { continue };
        if let Some(edit) = Edit::replace(&ports.origins, on_localhost(published), &["/HostConfig/PortBindings"]) {
            finding = finding.edit(edit);
            finding.only_alone |= is_for_everybody(published);
        }
    }
    Some(finding)
}

/// Ports that only the programs of a project or its administrators use, and whose they are.
const PRIVATE: &[(u16, &str)] = &[
    (22, "SSH"),
    (111, "rpcbind"),
    (389, "LDAP"),
    (445, "SMB"),
    (1433, "SQL Server"),
    (1521, "Oracle"),
    (2049, "NFS"),
    (2181, "ZooKeeper"),
    (2375, "the Docker engine without TLS"),
    (2376, "the Docker engine"),
    (2379, "etcd"),
    (2380, "etcd"),
    (3306, "MySQL"),
    (3389, "RDP"),
    (4369, "Erlang's port mapper"),
    (5005, "a Java debugger"),
    (5432, "PostgreSQL"),
    (5433, "PostgreSQL"),
    (5672, "RabbitMQ"),
    (5900, "VNC"),
    (5984, "CouchDB"),
    (6379, "Redis"),
    (6380, "Redis"),
    (7000, "Cassandra"),
    (7199, "Cassandra's JMX"),
    (7474, "Neo4j"),
    (7687, "Neo4j"),
    (8086, "InfluxDB"),
    (8123, "ClickHouse"),
    (8500, "Consul"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9229, "Node's debugger"),
    (9300, "Elasticsearch"),
    (10250, "a kubelet"),
    (11211, "memcached"),
    (15672, "RabbitMQ's administration"),
    (26257, "CockroachDB"),
    (26379, "Redis Sentinel"),
    (27017, "MongoDB"),
    (27018, "MongoDB"),
    (28015, "RethinkDB"),
    (33060, "MySQL"),
];

/// Whether the container's port is one of those: its number, and whose it is. A range counts where it is short.
fn private(name: &str) -> Option<(u16, &'static str)> {
    let ports = name.split('/').next().unwrap_or_default();
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    PRIVATE.iter().copied().find(|(port, _)| (first..=last).contains(port) && last - first < 100)
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

#[cfg(test)]
mod tests {
    use super::private;

    #[test]
    fn databases_and_administration_are_private() {
        for (port, _) in super::PRIVATE {
            assert!(private(&format!("{port}/tcp")).is_some(), "{port}");
        }
        assert!(private("6379-6381/tcp").is_some() && private("5430-5440/tcp").is_some());
        for name in [
            "80/tcp",
            "443/tcp",
            "8080/tcp",
            "3000/tcp",
            "8000/tcp",
            "8443/tcp",
            "5000/tcp",
            "9000/tcp",
            "4200/tcp",
            "5173/tcp",
            "3001/tcp",
            "8888/tcp",
            "53/udp",
            "1883/tcp",
            "25/tcp",
            "587/tcp",
            "51820/udp",
            "1-65535/tcp",
            "10000-20000/udp",
            "8081/tcp",
            "",
            "x",
        ] {
            assert_eq!(private(name), None, "{name}");
        }
    }
}
