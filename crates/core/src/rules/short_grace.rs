//! A database that has ten seconds to end.

use super::by_id::running;
use super::stops_containers::kills;
use super::{COMMON, Case, Class, Confidence, Finding, Rule};
use crate::engine::Lookup;
use crate::grammar::values::reference;
use crate::lower::{Origin, PredictedOperation};
use crate::text::count;

/// Names of images whose program writes its data to disk before it ends. Also those of a publisher: `bitnami/postgresql`.
const DATABASES: &[&str] = &[
    "postgres",
    "postgresql",
    "postgis",
    "timescaledb",
    "mysql",
    "mariadb",
    "percona",
    "mongo",
    "mongodb",
    "redis",
    "valkey",
    "keydb",
    "elasticsearch",
    "opensearch",
    "influxdb",
    "cassandra",
    "scylla",
    "couchdb",
    "couchbase",
    "neo4j",
    "rabbitmq",
    "clickhouse",
    "clickhouse-server",
    "etcd",
    "arangodb",
    "cockroach",
    "oracle-xe",
    "mssql",
    "server",
];

pub static RULE: Rule = Rule {
    id: "short-grace",
    title: "a database has 10 seconds or less to end",
    class: Class::Outage,
    confidence: Confidence::Likely,
    why: "After its grace period, 10 seconds where nothing else is set, the engine kills the container. A database that is still writing then has to recover at its next start, which \
          can take minutes.",
    instead: "docker stop -t 60; for all later stops: --stop-timeout 60 of docker run, stop_grace_period in a compose file",
    references: &["https://docs.docker.com/reference/cli/docker/container/stop/"],
    fires: &[
        "stop orders-db",
        "restart orders-db",
        "stop hasty-db",
        "stop -t 5 patient-db",
        "compose -p ledger stop",
        "compose -p ledger restart db",
        "compose -p ledger down",
    ],
    quiet: &[
        "stop -t 60 orders-db",
        "stop patient-db",
        "stop serving",
        "pause orders-db",
        "compose -p ledger stop -t 60",
        "compose -p ledger stop web",
        "compose -p ledger stop slow-db",
    ],
    check,
    ..COMMON
};

/// The engine's grace period in seconds where a container has none of its own.
const USUAL: i64 = 10;

fn check(case: &Case) -> Vec<Finding> {
    let mut findings = Vec::new();
    for request in case.requests().filter(|request| request.method == "POST" && !kills(request)) {
        let ends = ["/stop", "/restart"].into_iter().find_map(|end| request.object("/containers/", end));
        let Some(typed) = ends else { continue };
        for container in running(case, std::iter::once(typed)) {
            let given = request.value("t").and_then(|text| text.parse().ok());
            let seconds = given.or(container.stop_timeout).unwrap_or(USUAL);
            findings.extend(found(&container.name, &container.image, seconds, &request.origins));
        }
    }
    for (operation, origins) in case.operations() {
        let PredictedOperation::EndsContainers { containers, seconds } = operation else { continue };
        // Each is asked for its own grace period; without that, and for more than these, the engine's counts.
        for (name, image) in containers.iter().filter(|(_, image)| is_database(image)).take(ASKED) {
            let own = || match case.facts.container(name) {
                Lookup::Found(container) => container.stop_timeout,
                Lookup::Missing | Lookup::NoEngine | Lookup::Unknown(_) => None,
            };
            let seconds = seconds.or_else(own).unwrap_or(USUAL);
            // At once is no grace period: `stops-containers` says it.
            findings.extend(found(name, image, seconds, origins).filter(|_| seconds > 0));
        }
    }
    findings
}

/// So many containers of a project are looked at.
const ASKED: usize = 16;

fn found(name: &str, image: &str, seconds: i64, origins: &[Origin]) -> Option<Finding> {
    // A negative one is no limit.
    let is_short = is_database(image) && (0..=USUAL).contains(&seconds);
    let time = count(usize::try_from(seconds).unwrap_or(0), "second");
    is_short.then(|| RULE.found(origins).titled(format!("{name} ({image}) has {time} to end")).less_strict())
}

fn is_database(image: &str) -> bool {
    let Ok(parsed) = reference(image) else { return false };
    let name = parsed.path.rsplit('/').next().unwrap_or_default();
    // Microsoft's is `mssql/server`.
    if name == "server" { parsed.path.ends_with("mssql/server") } else { DATABASES.contains(&name) }
}
